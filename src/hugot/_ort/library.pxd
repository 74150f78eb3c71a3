from hugot._ort.c_api cimport (
    HugotOrtApi,
    OrtAllocator,
    OrtEnv,
    OrtMemoryInfo,
    OrtStatus,
)


cdef class Library:
    cdef HugotOrtApi api
    cdef OrtEnv* env
    cdef OrtAllocator* allocator    # ONNX Runtime's default allocator, owned by the library
    cdef OrtMemoryInfo* cpu_memory
    cdef readonly str path
    cdef readonly str version
    cdef readonly int api_version
    cdef int forks      # number of forks between the process that loaded the library and this one

    cdef int check(self, OrtStatus* status, object failure, str doing) except -1
    cdef object _error(self, OrtStatus* status, object failure, str doing)
    cdef str take_string(self, char* text)
