from libc.stdint cimport int32_t, uint8_t


cdef class TokenStrings:
    cdef readonly int32_t unknown_id
    cdef readonly bint marks_subwords
    cdef object _token
    cdef list _strings

    cpdef str string(self, int32_t token_id)


cdef class RowTokens:
    cdef TokenStrings _strings
    cdef const int32_t* _ids
    cdef Py_ssize_t _count
    cdef object _encoding
    cdef str _text
    cdef list _spans

    cdef int flag_special(self, uint8_t* out) except -1
    cdef int flag_subwords(self, uint8_t* out) except -1
    cdef int prepare_spans(self, Py_ssize_t lookups) except -1
    cdef tuple span(self, Py_ssize_t token)
    cdef str string(self, Py_ssize_t token)


cdef RowTokens row_tokens(
    TokenStrings strings, const int32_t* ids, Py_ssize_t count, encoding, text, str delimiter
)
