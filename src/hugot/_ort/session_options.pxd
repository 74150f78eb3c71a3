from hugot._ort.c_api cimport OrtSessionOptions
from hugot._ort.library cimport Library

cdef extern from "held_threads.h" nogil:
    ctypedef struct HugotGate:
        pass
    HugotGate* hugot_gate_new()
    void hugot_gate_open(HugotGate*)
    void hugot_gate_free(HugotGate*)


cdef class SessionOptionsHandle:
    cdef Library library
    cdef OrtSessionOptions* options

    cdef int apply(self, object options) except -1
    cdef int _register_custom_ops(self, str path) except -1
    cdef int _profile(self, str prefix) except -1
    cdef int hold_threads(self, HugotGate* gate) except -1
    cdef int write_optimized(self, str path) except -1
    cdef int record_placement(self) except -1
    cdef int _append(
        self, str name, tuple devices, const char** keys, const char** values, size_t count
    ) except -1
    cdef int _add_devices(
        self, str name, tuple devices, const char** keys, const char** values, size_t count
    ) except -1
    cdef int _add_cuda(self, const char** keys, const char** values, size_t count) except -1
    cdef int _add_tensorrt(self, const char** keys, const char** values, size_t count) except -1
