"""From ragged token ids to padded lines, attention masks and positions.

All take rows of a CSR layout: row r has the values ``values[offsets[r]:offsets[r + 1]]``. `rows` names
the rows of the group, in the order of the lines of `out` [group, width]; no row is longer than a line.
`left` puts the padding before the tokens.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

cdef extern from "padding.h" nogil:
    void hugot_pad_line(int64_t* line, int64_t* mask, const int32_t* ids, Py_ssize_t count,
                        Py_ssize_t width, int64_t pad_id, bint left)

ctypedef fused integer:
    int32_t
    int64_t


def pad(
    const int32_t[::1] values not None,
    const int64_t[::1] offsets not None,
    const int64_t[::1] rows not None,
    int64_t pad_value,
    bint left,
    integer[:, ::1] out not None,
):
    """Write each row's values to its line of `out`, and `pad_value` around them."""
    cdef Py_ssize_t width = out.shape[1]
    cdef Py_ssize_t i, j, begin, count, first
    with nogil:
        for i in range(rows.shape[0]):
            begin = offsets[rows[i]]
            count = offsets[rows[i] + 1] - begin
            first = width - count if left else 0
            for j in range(first):
                out[i, j] = <integer> pad_value
            for j in range(count):
                out[i, first + j] = <integer> values[begin + j]
            for j in range(first + count, width):
                out[i, j] = <integer> pad_value


def fill(
    const int32_t[::1] ids not None,
    const int64_t[::1] offsets not None,
    const int64_t[::1] rows not None,
    int64_t pad_id,
    bint left,
    int64_t[:, ::1] ids_out not None,
    int64_t[:, ::1] mask_out not None,
    int64_t[:, ::1] zeros_out = None,
):
    """What `pad` writes of ids and `mask` of the mask, in one call and for int64 alone.

    `zeros_out`, if given, gets zeros: the type ids of texts that are no pairs.
    """
    cdef Py_ssize_t width = ids_out.shape[1]
    cdef Py_ssize_t i, count
    cdef const int32_t* first = &ids[0] if ids.shape[0] > 0 else NULL
    if width == 0:
        return
    with nogil:
        for i in range(rows.shape[0]):
            count = offsets[rows[i] + 1] - offsets[rows[i]]
            hugot_pad_line(&ids_out[i, 0], &mask_out[i, 0], first + offsets[rows[i]], count, width,
                           pad_id, left)
        if zeros_out is not None and rows.shape[0] > 0:
            memset(&zeros_out[0, 0], 0, rows.shape[0] * width * sizeof(int64_t))


def mask(
    const int64_t[::1] offsets not None,
    const int64_t[::1] rows not None,
    bint left,
    integer[:, ::1] out not None,
):
    """Write 1 where a line of `out` has a token and 0 where it has padding."""
    cdef Py_ssize_t width = out.shape[1]
    cdef Py_ssize_t i, j, count, first
    with nogil:
        for i in range(rows.shape[0]):
            count = offsets[rows[i] + 1] - offsets[rows[i]]
            first = width - count if left else 0
            for j in range(first):
                out[i, j] = 0
            for j in range(first, first + count):
                out[i, j] = 1
            for j in range(first + count, width):
                out[i, j] = 0


def positions(
    const int64_t[::1] offsets not None,
    const int64_t[::1] rows not None,
    bint left,
    integer[:, ::1] out not None,
):
    """Write each token's position in its row, counted from 0, and 1 for padding.

    As `prepare_inputs_for_generation` of transformers derives position ids from the mask.
    """
    cdef Py_ssize_t width = out.shape[1]
    cdef Py_ssize_t i, j, count, first
    with nogil:
        for i in range(rows.shape[0]):
            count = offsets[rows[i] + 1] - offsets[rows[i]]
            first = width - count if left else 0
            for j in range(width):
                out[i, j] = 1
            for j in range(count):
                out[i, first + j] = <integer> j
