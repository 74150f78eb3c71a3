cdef class TokenJoiner:
    cdef object _decode
    cdef bint _by_token
    cdef dict _first
    cdef dict _rest
    cpdef str join(self, list tokens)
    cdef str _piece(self, str token, dict pieces)
