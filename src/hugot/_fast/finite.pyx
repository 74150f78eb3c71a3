"""Whether numbers are finite, for any number of dimensions."""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdint cimport uint32_t

cdef extern from "finite.h" nogil:
    bint hugot_all_finite(const uint32_t* bits, Py_ssize_t count)


def all_finite(values not None):
    """Return whether a C-contiguous buffer of float32 has neither NaN nor infinity."""
    cdef Py_buffer view
    cdef bint finite
    PyObject_GetBuffer(values, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    try:
        if view.itemsize != sizeof(uint32_t) or view.format == NULL or view.format[0] != b"f":
            raise TypeError("all_finite takes a buffer of float32")
        with nogil:
            finite = hugot_all_finite(<const uint32_t*> view.buf, view.len // sizeof(uint32_t))
    finally:
        PyBuffer_Release(&view)
    return finite
