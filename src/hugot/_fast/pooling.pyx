"""Pooling of token vectors to one vector per row.

The formulas are those of `sentence_transformers.models.Pooling`. Padding is never read. The result for a
row without tokens is zeros.
"""

from libc.math cimport sqrtf
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

cdef extern from "vectors.h" nogil:
    void hugot_add_scaled(float* out, const float* x, float weight, Py_ssize_t dim)
    void hugot_sum_rows(float* out, const float* x, Py_ssize_t tokens, Py_ssize_t dim)
    void hugot_max_into(float* out, const float* x, Py_ssize_t dim)
    void hugot_scale(float* x, float factor, Py_ssize_t dim)
    float hugot_sum_squares(const float* x, Py_ssize_t dim)

cdef enum:
    MEAN = 0
    CLS = 1
    MAX = 2
    MEAN_SQRT_LEN = 3
    WEIGHTED_MEAN = 4
    LAST_TOKEN = 5

MODES = {
    "mean": MEAN,
    "cls": CLS,
    "max": MAX,
    "mean_sqrt_len": MEAN_SQRT_LEN,
    "weightedmean": WEIGHTED_MEAN,
    "lasttoken": LAST_TOKEN,
}


def pool(
    const float[:, :, ::1] hidden_state not None,
    const int64_t[::1] offsets not None,
    const int64_t[::1] rows not None,
    bint left,
    int64_t skip,
    int mode,
    bint normalized,
    float[:, :] out not None,
):
    """Pool the tokens of each row of a group into ``out[rows[i]]``.

    Args:
        hidden_state: token vectors, float32 [group, width, dim].
        offsets: row r of the batch has ``offsets[r + 1] - offsets[r]`` tokens, int64 [n + 1].
        rows: indices of the rows of the group, int64 [group].
        left: whether the padding is before the tokens.
        skip: number of tokens at the beginning of each row (those of a prompt) to leave out.
        mode: a value of `MODES`.
        normalized: whether to normalize each result as `normalize` does.
        out: output, float32 [n, dim]; the rows may be slices of longer ones, but are contiguous.
    """
    cdef Py_ssize_t dim = hidden_state.shape[2]
    cdef Py_ssize_t i, start, stop
    cdef const float* line = NULL
    if dim == 0:
        return
    with nogil:
        for i in range(hidden_state.shape[0]):
            if hidden_state.shape[1] > 0:
                line = &hidden_state[i, 0, 0]
            start = 0
            stop = offsets[rows[i] + 1] - offsets[rows[i]]
            if left:
                start = hidden_state.shape[1] - stop
                stop = hidden_state.shape[1]
            _pool_row(line, start, stop, skip, dim, mode, &out[rows[i], 0])
            if normalized:
                _normalize_row(&out[rows[i], 0], dim)


cdef void _pool_row(
    const float* line, int64_t start, int64_t stop, int64_t skip, Py_ssize_t dim, int mode,
    float* out
) noexcept nogil:
    cdef int64_t count = stop - start - skip
    cdef int64_t t
    cdef const float* first
    cdef float weights = 0.0
    if count <= 0:
        memset(out, 0, dim * sizeof(float))
        return
    first = line + (start + skip) * dim
    if mode == CLS:
        memcpy(out, first, dim * sizeof(float))
    elif mode == LAST_TOKEN:
        memcpy(out, line + (stop - 1) * dim, dim * sizeof(float))
    elif mode == MAX:
        memcpy(out, first, dim * sizeof(float))
        for t in range(1, count):
            hugot_max_into(out, first + t * dim, dim)
    elif mode == WEIGHTED_MEAN:
        # The weight of a token is its position in the row, from 1, including the prompt.
        memset(out, 0, dim * sizeof(float))
        for t in range(count):
            hugot_add_scaled(out, first + t * dim, <float> (skip + t + 1), dim)
            weights += <float> (skip + t + 1)
        hugot_scale(out, 1.0 / weights, dim)
    else:
        hugot_sum_rows(out, first, count, dim)
        if mode == MEAN_SQRT_LEN:
            hugot_scale(out, 1.0 / sqrtf(<float> count), dim)
        else:
            hugot_scale(out, 1.0 / <float> count, dim)


def pool_row(
    const float[:, :, ::1] hidden_state not None,
    int64_t skip,
    int mode,
    bint normalized,
    float[::1] out not None,
):
    """Pool a single row without padding, [1, tokens, dim], into `out` [dim], as `pool` does."""
    cdef Py_ssize_t dim = hidden_state.shape[2]
    cdef const float* line = NULL
    if dim == 0:
        return
    with nogil:
        if hidden_state.shape[1] > 0:
            line = &hidden_state[0, 0, 0]
        _pool_row(line, 0, hidden_state.shape[1], skip, dim, mode, &out[0])
        if normalized:
            _normalize_row(&out[0], dim)


def normalize(float[:, ::1] x not None):
    """Divide each row of `x` [n, dim] by its Euclidean length, in place.

    The length is at least 1e-12, as in `torch.nn.functional.normalize`, so that zeros stay zeros.
    """
    cdef Py_ssize_t i
    if x.shape[1] == 0:
        return
    with nogil:
        for i in range(x.shape[0]):
            _normalize_row(&x[i, 0], x.shape[1])


cdef void _normalize_row(float* row, Py_ssize_t dim) noexcept nogil:
    cdef float length = sqrtf(hugot_sum_squares(row, dim))
    hugot_scale(row, 1.0 / (length if not length < 1e-12 else 1e-12), dim)
