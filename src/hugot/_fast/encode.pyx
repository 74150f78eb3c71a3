"""Conversion of `tokenizers.Encoding` objects to flat arrays of integers."""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_AsLongLong
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from hugot.errors import TokenizerError


def row_offsets(list encodings not None, int64_t[::1] offsets not None):
    """Write the offsets of the encodings' tokens in the flat arrays, and the total number at the end.

    `offsets` is int64 [rows + 1].
    """
    cdef Py_ssize_t i
    cdef int64_t total = 0
    offsets[0] = 0
    for i in range(len(encodings)):
        total += len(encodings[i])
        offsets[i + 1] = total


def gather(list encodings not None, str field not None, int32_t[::1] out not None):
    """Write the lists in the attribute `field` of the encodings one after another, None as -1."""
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t j
    cdef list values
    cdef PyObject* value
    cdef int64_t number
    for encoding in encodings:
        values = getattr(encoding, field)
        for j in range(PyList_GET_SIZE(values)):
            value = PyList_GET_ITEM(values, j)
            # None is the word and the sequence of special tokens.
            number = -1 if <object> value is None else PyLong_AsLongLong(<object> value)
            if number != <int32_t> number:
                raise TokenizerError(f"{number} in the {field} of a text does not fit into 32 bits")
            out[position] = <int32_t> number
            position += 1
