"""Padded ids, attention masks and positions of rows of different lengths.

Rows have a CSR layout: row r has the values ``values[offsets[r]:offsets[r + 1]]``. `rows` has the
indices of the rows of a group. Row ``rows[i]`` is written to line i of `out` [group, width], and no row
is longer than a line. If `left` is true, the padding is before the tokens.
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
    """Write the values of each row to its line of `out`, padded with `pad_value`."""
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
    """Write padded ids as `pad` and the mask as `mask`, in one call and for int64 only.

    `zeros_out`, if given, is filled with zeros, the type ids of texts that are not pairs.
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
    """Write 1 for tokens and 0 for padding to `out`."""
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
    """Write the position of each token in its row, from 0, and 1 for padding to `out`.

    These are the position ids that transformers' `prepare_inputs_for_generation` derives from the mask.
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
