"""A loaded ONNX Runtime library: its function table, its environment and its messages.

`open_library` returns the same object for the same file. A process can have only one environment per
library, because a second one ignores its options. The library is never unloaded, because thread pools
and providers of ONNX Runtime do not survive that.
"""

import os
import threading

from libc.stdint cimport uint32_t
from hugot._ort.c_api cimport OrtApiBase, OrtLoggingFunction, OrtStatus, hugot_ort_bind

from hugot.errors import (
    CancelledError,
    InferenceError,
    ModelFormatError,
    ModelNotFoundError,
    ProviderError,
    RuntimeLibraryError,
)

cdef extern from "dynlib.h":
    void* hugot_dl_open(object name, int loaded_only) except? NULL
    void* hugot_dl_symbol(void* library, const char* name) nogil
    object hugot_dl_error()
    object hugot_dl_path(void* symbol)

cdef extern from "log_queue.h" nogil:
    ctypedef struct HugotMessage:
        HugotMessage* next
        double seconds
        int severity
        const char* place
        const char* text
    OrtLoggingFunction hugot_log_put
    int hugot_log_pending()
    HugotMessage* hugot_log_take()
    void hugot_log_free(HugotMessage*)
    long hugot_log_take_dropped()

cdef extern from *:
    """
    #ifndef HUGOT_LINKED_SONAME
    #define HUGOT_LINKED_SONAME ""
    #define HUGOT_LINKED_PATH ""
    #endif
    """
    const char* HUGOT_LINKED_SONAME
    const char* HUGOT_LINKED_PATH

# Set by CMake if hugot is linked against a system library (cmake/HugotLink.cmake), otherwise empty.
LINKED_SONAME = HUGOT_LINKED_SONAME.decode()
LINKED_PATH = HUGOT_LINKED_PATH.decode()

OLDEST_MINOR = 19   # older packages contain no library beside their Python module
NEWEST_API = 24     # the newest API version of which this binding uses a function

_ORT_LOGGING_LEVEL_ERROR = 3
_ORT_DEVICE_ALLOCATOR = 0
_ORT_MEM_TYPE_DEFAULT = 0

# OrtErrorCode → exception. For other codes, the caller of `Library.check` chooses the exception.
_EXCEPTIONS = {
    3: ModelNotFoundError,      # NO_SUCHFILE
    4: ModelFormatError,        # NO_MODEL
    7: ModelFormatError,        # INVALID_PROTOBUF
    10: ModelFormatError,       # INVALID_GRAPH
    11: ProviderError,          # EP_FAIL
    12: CancelledError,         # MODEL_LOAD_CANCELED
}

LOGGER = "hugot.onnxruntime"
_LOGGING_LEVELS = (10, 20, 30, 40, 50)  # of `logging`, by OrtLoggingLevel
_DEBUG = 10
# ONNX Runtime's message when hugot itself stops a run.
_STOPPED = "Exiting due to terminate flag"
# Beginning of its message about a failed run, which the caller gets as an exception as well.
_FAILED = "Non-zero status code returned while running"

_open_libraries = {}
_lock = threading.Lock()


def _after_fork_in_child():
    """Count the fork, so that objects from before it are recognised as those of the parent."""
    cdef Library library
    for library in _open_libraries.values():
        library.forks += 1
    _lock.release()


# The lock is held during a fork, so that no fork happens while an environment is being created.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release,
                        after_in_child=_after_fork_in_child)


cdef class Library:
    """A loaded ONNX Runtime. Created by `open_library`, never directly.

    Attributes:
        path: path of the file that was loaded.
        version: version of ONNX Runtime, such as ``"1.24.1"``.
        api_version: version of the C API in use, at most 24.
    """

    def __dealloc__(self):
        # The environment is not released: ONNX Runtime's threads may outlive this object at exit.
        if self.cpu_memory != NULL:
            self.api.ReleaseMemoryInfo(self.cpu_memory)

    def __reduce__(self):
        raise TypeError("a loaded library cannot be pickled")

    cdef int check(self, OrtStatus* status, object failure, str doing) except -1:
        """Log pending messages; free `status` and raise its exception, unless it is NULL.

        `failure` is the type of the exception for codes without a type of their own. `doing` describes
        the operation for the message, such as "loading model.onnx".
        """
        if status == NULL and not hugot_log_pending():
            return 0
        error = None if status == NULL else self._error(status, failure, doing)
        _forward_messages("" if error is None else str(error))
        if error is not None:
            raise error
        return 0

    cdef object _error(self, OrtStatus* status, object failure, str doing):
        """Return the exception for a status, and free the status."""
        cdef int code = self.api.GetErrorCode(status)
        cdef str message = self.api.GetErrorMessage(status).decode("utf-8", "replace")
        self.api.ReleaseStatus(status)
        return _EXCEPTIONS.get(code, failure)(f"ONNX Runtime {self.version}, {doing}: {message}")

    cdef str take_string(self, char* text):
        """Return a string that ONNX Runtime allocated, and free it."""
        if text == NULL:
            return ""
        cdef bytes copy = text
        self.check(self.api.AllocatorFree(self.allocator, text), InferenceError, "freeing a string")
        return copy.decode("utf-8", "replace")

    def available_providers(self):
        """Return the names of the built-in execution providers, in ONNX Runtime's order."""
        cdef char** names = NULL
        cdef int count = 0
        self.check(self.api.GetAvailableProviders(&names, &count), ProviderError,
                   "listing execution providers")
        try:
            return [names[i].decode() for i in range(count)]
        finally:
            self.check(self.api.ReleaseAvailableProviders(names, count), ProviderError,
                       "listing execution providers")

    @property
    def build_info(self):
        """ONNX Runtime's own description of its build."""
        return self.api.GetBuildInfoString().decode("utf-8", "replace")

    def __repr__(self):
        return f"<ONNX Runtime {self.version} from {self.path}>"


cdef int _forward_messages(str raised) except -1:
    """Log the messages of ONNX Runtime since the last call.

    Raises only exceptions that end a program, such as KeyboardInterrupt.
    """
    cdef HugotMessage* message = hugot_log_take()
    cdef HugotMessage* next_one
    cdef list messages = []
    while message != NULL:
        messages.append((message.seconds, message.severity,
                         message.place.decode("utf-8", "replace"),
                         message.text.decode("utf-8", "replace")))
        next_one = message.next
        hugot_log_free(message)
        message = next_one
    cdef long dropped = hugot_log_take_dropped()
    if not messages and not dropped:
        return 0
    try:
        log_messages(messages, dropped, raised)
    except Exception:   # from a filter of the program, or because modules are gone at exit
        pass
    return 0


def log_messages(messages, long dropped, str raised not None):
    """Log messages of ONNX Runtime to the logger ``hugot.onnxruntime``, with their original times.

    Args:
        messages: time in seconds since 1970, severity, place in ONNX Runtime's sources, text.
        dropped: number of messages that were lost because the queue was full.
        raised: text of the exception that is about to be raised, or ``""``. Messages that it contains
            are logged at level DEBUG, as are those about a failed or a stopped run.
    """
    import logging      # takes milliseconds, and most programs have nothing to log

    logger = logging.getLogger(LOGGER)
    for seconds, severity, place, text in messages:
        level = _LOGGING_LEVELS[severity]
        known = _STOPPED in text or text.startswith(_FAILED)
        if known or (raised and text.strip() in raised):
            level = _DEBUG
        if not logger.isEnabledFor(level):
            continue
        source, _, function = place.partition(" ")
        file, _, line = source.rpartition(":")
        record = logger.makeRecord(
            LOGGER, level, file, int(line) if line.isdigit() else 0, text, (), None, function)
        record.created = seconds
        record.msecs = seconds % 1 * 1000
        logger.handle(record)
    if dropped:
        logger.warning("%d messages of ONNX Runtime were lost: too many at once", dropped)


def open_library(str name, *, bint loaded_only=False, bint telemetry=False):
    """Load an ONNX Runtime library.

    Args:
        name: a path, or a name that the system's loader resolves.
        loaded_only: return None unless the process has already loaded the library, as it has a library
            that hugot is linked against.
        telemetry: allow telemetry, which ONNX Runtime 1.29 and later start with their environment. Only
            the first call for a library has an effect.

    Raises RuntimeLibraryError if the file does not exist, is not an ONNX Runtime, or is too old.
    """
    cdef void* handle = hugot_dl_open(name, loaded_only)
    if handle == NULL:
        if loaded_only:
            return None
        raise RuntimeLibraryError(
            f"the ONNX Runtime library {name!r} cannot be loaded: {hugot_dl_error()}")
    cdef void* symbol = hugot_dl_symbol(handle, "OrtGetApiBase")
    if symbol == NULL:
        raise RuntimeLibraryError(
            f"{name!r} is not an ONNX Runtime library: it has no function OrtGetApiBase. "
            "The file wanted is libonnxruntime.so, libonnxruntime.dylib or onnxruntime.dll.")
    cdef str path = hugot_dl_path(symbol)
    with _lock:
        if path not in _open_libraries:
            _open_libraries[path] = _bind(symbol, path, telemetry)
        return _open_libraries[path]


cdef Library _bind(void* symbol, str path, bint telemetry):
    cdef const OrtApiBase* base = (<const OrtApiBase* (*)() noexcept nogil> symbol)()
    cdef Library library = Library.__new__(Library)
    library.path = path
    library.version = base.GetVersionString().decode()
    # The version is read first: GetApi prints to stderr for a version that the library does not have.
    major, minor = (int(part) for part in library.version.split(".")[:2])
    if (major, minor) < (1, OLDEST_MINOR):
        raise RuntimeLibraryError(
            f"{path} is ONNX Runtime {library.version}; hugot needs 1.{OLDEST_MINOR} or newer. "
            "Install a newer onnxruntime, or name another library with onnxruntime_library=.")
    library.api_version = min(minor, NEWEST_API) if major == 1 else NEWEST_API
    cdef const void* table = base.GetApi(<uint32_t> library.api_version)
    if table == NULL:
        raise RuntimeLibraryError(
            f"{path}: ONNX Runtime {library.version} does not offer version {library.api_version} of "
            "its C API; install another release of onnxruntime.")
    hugot_ort_bind(&library.api, table, <uint32_t> library.api_version)
    _create_environment(library, telemetry)
    library.check(library.api.GetAllocatorWithDefaultOptions(&library.allocator),
                  RuntimeLibraryError, "getting the default allocator")
    library.check(
        library.api.CreateCpuMemoryInfo(
            _ORT_DEVICE_ALLOCATOR, _ORT_MEM_TYPE_DEFAULT, &library.cpu_memory),
        RuntimeLibraryError, "describing CPU memory")
    return library


cdef int _create_environment(Library library, bint telemetry) except -1:
    # The variable must be set before the environment is created: later, the telemetry thread has started
    # and has written to the user's cache folder.
    if not telemetry:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    cdef int level = _ORT_LOGGING_LEVEL_ERROR
    cdef OrtStatus* status
    with nogil:     # takes 15 ms, as it registers thousands of operators
        status = library.api.CreateEnvWithCustomLogger(
            hugot_log_put, NULL, level, "hugot", &library.env)
    return library.check(status, RuntimeLibraryError, "creating the environment")
