"""Softmax and sigmoid over float32, in place."""

cdef extern from "activations.h" nogil:
    void hugot_softmax(float* x, Py_ssize_t rows, Py_ssize_t cols)
    void hugot_sigmoid(float* x, Py_ssize_t count)


def softmax(float[:, ::1] x not None):
    """Replace each row of `x` [rows, labels] by its softmax.

    The maximum of the row is subtracted first, as in `softmax` of transformers' text classification
    pipeline. A row with NaN becomes NaN.
    """
    if x.shape[0] == 0 or x.shape[1] == 0:
        return
    with nogil:
        hugot_softmax(&x[0, 0], x.shape[0], x.shape[1])


def sigmoid(float[:, ::1] x not None):
    """Replace each element of `x` by 1 / (1 + e**-x)."""
    if x.shape[0] == 0 or x.shape[1] == 0:
        return
    with nogil:
        hugot_sigmoid(&x[0, 0], x.shape[0] * x.shape[1])
