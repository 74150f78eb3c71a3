from libc.stdint cimport int64_t

from hugot._ort.c_api cimport OrtTensorTypeAndShapeInfo, OrtValue
from hugot._ort.library cimport Library

cdef enum:
    MAX_DIMENSIONS = 16


cdef class Tensor:
    cdef Library library            # kept alive because its API frees the value
    cdef OrtValue* value
    cdef int forks                  # value of library.forks when the tensor was made
    cdef void* data
    cdef int element_type
    cdef int ndim
    cdef Py_ssize_t item_size
    cdef Py_ssize_t[MAX_DIMENSIONS] dims
    cdef Py_ssize_t[MAX_DIMENSIONS] strides
    cdef bytes format

    cdef int copy_data(self) except -1


cdef Tensor wrap_output(Library library, OrtValue* value, str name)
cdef str element_name(int element_type)
cdef Py_ssize_t element_size(int element_type)
cdef bint format_fits(int element_type, const char* format, Py_ssize_t item_size)
