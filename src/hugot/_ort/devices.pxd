from hugot._ort.c_api cimport OrtEpDevice, OrtSession
from hugot._ort.library cimport Library


cdef class Device:
    cdef readonly Library library
    cdef const OrtEpDevice* handle
    cdef readonly str provider
    cdef readonly str device_type
    cdef readonly str vendor
    cdef readonly dict metadata


cdef object read_placement(Library library, OrtSession* session)
