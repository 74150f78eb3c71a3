from hugot._ort.c_api cimport OrtSession
from hugot._ort.library cimport Library


cdef object read_metadata(Library library, const OrtSession* session)
