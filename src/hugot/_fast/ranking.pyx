"""The best labels of text classification, from logits.

Equal scores keep the order of their labels, as with Python's stable sort in transformers; NaN comes
last.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc

cdef extern from "activations.h" nogil:
    void hugot_softmax(float* x, Py_ssize_t rows, Py_ssize_t cols)
    void hugot_sigmoid(float* x, Py_ssize_t count)

cdef extern from "ranking.h" nogil:
    void hugot_top_k(const float* scores, Py_ssize_t count, Py_ssize_t k, uint64_t* ranks,
                     int32_t* order)

cdef enum:
    NO_FUNCTION = 0
    SOFTMAX = 1
    SIGMOID = 2

FUNCTIONS = {"none": NO_FUNCTION, "softmax": SOFTMAX, "sigmoid": SIGMOID}


def top_k(
    const float[:, ::1] scores not None,
    int32_t[:, ::1] order not None,
    float[:, ::1] values not None,
):
    """Write the labels with the k highest scores of each row, best first, and their scores.

    Args:
        scores: float32 [rows, labels].
        order: output; indices of the labels, int32 [rows, k] with k at most the number of labels.
        values: output; scores, float32 [rows, k].
    """
    cdef Py_ssize_t labels = scores.shape[1]
    cdef Py_ssize_t k = order.shape[1]
    cdef Py_ssize_t i, j
    cdef uint64_t* ranks
    if scores.shape[0] == 0 or k == 0:
        return
    ranks = <uint64_t*> malloc(labels * sizeof(uint64_t))
    if ranks == NULL:
        raise MemoryError()
    with nogil:
        for i in range(scores.shape[0]):
            hugot_top_k(&scores[i, 0], labels, k, ranks, &order[i, 0])
            for j in range(k):
                values[i, j] = scores[i, order[i, j]]
        free(ranks)


def classify(
    float[:, ::1] logits not None,
    const int64_t[::1] rows,
    int function,
    Py_ssize_t k,
    list labels not None,
    list results not None,
):
    """Store the best labels of each row of a group in `results`.

    Args:
        logits: float32 [group, labels]; overwritten with scores.
        rows: indices of the rows in `results`, int64 [group]; None for 0, 1, 2 and so on.
        function: a value of `FUNCTIONS`.
        k: number of labels in the list of a row, best first. With 0, the result of a row is the best
            label alone, and NaN counts as the highest score, as in numpy's argmax.
        labels: names of the labels.
        results: list with an element for each row of the batch.
    """
    cdef Py_ssize_t count = logits.shape[1]
    cdef Py_ssize_t i, j
    cdef uint64_t* ranks
    cdef int32_t* order
    cdef list best
    if logits.shape[0] == 0 or count == 0:
        return
    with nogil:
        if function == SOFTMAX:
            hugot_softmax(&logits[0, 0], logits.shape[0], count)
        elif function == SIGMOID:
            hugot_sigmoid(&logits[0, 0], logits.shape[0] * count)
    if k == 0:
        for i in range(logits.shape[0]):
            j = _argmax(&logits[i, 0], count)
            results[i if rows is None else rows[i]] = {
                "label": labels[j], "score": <double> logits[i, j],
            }
        return
    k = min(k, count)
    ranks = <uint64_t*> malloc(count * sizeof(uint64_t) + k * sizeof(int32_t))
    if ranks == NULL:
        raise MemoryError()
    order = <int32_t*> (ranks + count)
    try:
        for i in range(logits.shape[0]):
            hugot_top_k(&logits[i, 0], count, k, ranks, order)
            best = []
            for j in range(k):
                best.append({"label": labels[order[j]], "score": <double> logits[i, order[j]]})
            results[i if rows is None else rows[i]] = best
    finally:
        free(ranks)


cdef Py_ssize_t _argmax(const float* row, Py_ssize_t count) noexcept nogil:
    """Return the index of the first NaN or, without NaN, of the highest score."""
    cdef Py_ssize_t best = 0
    cdef Py_ssize_t i
    for i in range(count):
        if row[i] != row[i]:
            return i
        if row[i] > row[best]:
            best = i
    return best
