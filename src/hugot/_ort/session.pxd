from cpython.buffer cimport Py_buffer

from hugot._ort.c_api cimport OrtRunOptions, OrtSession, OrtTypeInfo, OrtValue
from hugot._ort.library cimport Library
from hugot._ort.session_options cimport HugotGate, SessionOptionsHandle

cdef enum:
    MAX_INPUTS = 192    # a decoder has two for the past of each layer
    MAX_OUTPUTS = 192


cdef class RunOptions:
    cdef Library library
    cdef OrtRunOptions* options
    cdef readonly bint terminated


cdef class InferenceSession:
    cdef readonly Library library
    cdef OrtSession* session
    cdef int forks              # value of library.forks when the session was made
    cdef Py_buffer model        # kept because the session may read its weights from the buffer
    cdef readonly bint from_buffer
    cdef readonly bint accelerated
    cdef HugotGate* gate        # NULL if the threads are not held
    cdef readonly object run_config
    cdef RunOptions run_defaults            # None if runs have no configuration entries
    cdef const OrtRunOptions* run_options   # the options of run_defaults, or NULL
    cdef bint profiling
    cdef readonly tuple inputs
    cdef readonly tuple outputs
    cdef int input_count
    cdef int output_count
    cdef list names             # owns the bytes that the two arrays of names point to
    cdef const char* input_names[MAX_INPUTS]
    cdef const char* output_names[MAX_OUTPUTS]
    cdef int[MAX_INPUTS] input_types

    cdef int _load_path(self, str path, SessionOptionsHandle options) except -1
    cdef int _load_buffer(self, object model, SessionOptionsHandle options) except -1
    cdef object _load_error(self)
    cdef int _describe(self, str model) except -1
    cdef object _describe_input(self, size_t i)
    cdef object _describe_output(self, size_t i)
    cdef object _take_spec(self, str name, OrtTypeInfo* info, int* element_type)
    cdef int _feed(self, _Run call, int i, object array) except -1


cdef class _Run:
    cdef Library library
    cdef int view_count
    cdef int output_count
    cdef Py_buffer[MAX_INPUTS] views
    cdef OrtValue* inputs[MAX_INPUTS]
    cdef OrtValue* outputs[MAX_OUTPUTS]

    cdef object take_output(self, int i, const char* name)
