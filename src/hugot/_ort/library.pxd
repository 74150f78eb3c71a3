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
    cdef OrtAllocator* allocator    # ONNX Runtime's default one, owned by the library
    cdef OrtMemoryInfo* cpu_memory
    cdef readonly str path
    cdef readonly str version
    cdef readonly int api_version
    cdef int forks      # how many forks lie between the process that loaded it and this one

    cdef int check(self, OrtStatus* status, object failure, str doing) except -1
    cdef object _error(self, OrtStatus* status, object failure, str doing)
    cdef str take_string(self, char* text)
