"""Native session options, including execution providers."""

import os

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc

from hugot._ort.c_api cimport (
    ORTCHAR_T,
    HugotOrtApi,
    OrtCUDAProviderOptionsV2,
    OrtEpDevice,
    OrtSessionOptions,
    OrtStatus,
    OrtTensorRTProviderOptionsV2,
)
from hugot._ort.devices cimport Device
from hugot._ort.library cimport Library

from hugot.errors import InferenceError, InputError, ProviderError

cdef extern from "dynlib.h":
    ORTCHAR_T* hugot_native_path(object path) except NULL

cdef extern from "held_threads.h" nogil:
    OrtStatus* hugot_hold_threads(HugotOrtApi*, OrtSessionOptions*, HugotGate*)

_GRAPH_OPTIMIZATION_LEVELS = {"disabled": 0, "basic": 1, "extended": 2, "layout": 3, "all": 99}

# Short names of providers: older versions of SessionOptionsAppendExecutionProvider accept no full names.
_GENERIC_NAMES = {
    "AzureExecutionProvider": "AZURE",
    "CoreMLExecutionProvider": "CoreML",
    "DmlExecutionProvider": "DML",
    "MIGraphXExecutionProvider": "MIGraphX",
    "NvTensorRTRTXExecutionProvider": "NvTensorRtRtx",
    "OpenVINOExecutionProvider": "OpenVINO",
    "QNNExecutionProvider": "QNN",
    "VitisAIExecutionProvider": "VitisAI",
    "WebGpuExecutionProvider": "WebGPU",
    "XnnpackExecutionProvider": "XNNPACK",
}


# no_gc for the reason given in session.pyx.
@cython.final
@cython.no_gc
cdef class SessionOptionsHandle:
    """Owner of the OrtSessionOptions with which a session is created."""

    def __cinit__(self, Library library not None):
        self.library = library
        library.check(library.api.CreateSessionOptions(&self.options), InferenceError,
                      "creating session options")

    def __dealloc__(self):
        if self.options != NULL:
            self.library.api.ReleaseSessionOptions(self.options)

    cdef int apply(self, object options) except -1:
        """Set all values of a `hugot._ort.settings.SessionOptions`."""
        cdef Library library = self.library
        cdef OrtSessionOptions* native = self.options
        doing = "setting session options"
        library.check(library.api.SetIntraOpNumThreads(native, options.intra_op_num_threads),
                      InputError, doing)
        library.check(library.api.SetInterOpNumThreads(native, options.inter_op_num_threads),
                      InputError, doing)
        library.check(library.api.SetSessionExecutionMode(
            native, options.execution_mode == "parallel"), InputError, doing)
        library.check(library.api.SetSessionGraphOptimizationLevel(
            native, _GRAPH_OPTIMIZATION_LEVELS[options.graph_optimization_level]),
            InputError, doing)
        library.check(library.api.SetSessionLogSeverityLevel(native, options.log_severity_level),
                      InputError, doing)
        if options.enable_cpu_mem_arena:
            library.check(library.api.EnableCpuMemArena(native), InputError, doing)
        else:
            library.check(library.api.DisableCpuMemArena(native), InputError, doing)
        if options.enable_mem_pattern:
            library.check(library.api.EnableMemPattern(native), InputError, doing)
        else:
            library.check(library.api.DisableMemPattern(native), InputError, doing)
        for name, size in options.free_dimensions.items():
            library.check(library.api.AddFreeDimensionOverrideByName(native, name.encode(), size),
                          InputError, f"fixing the dimension {name!r}")
        for denotation, size in options.free_dimension_denotations.items():
            library.check(library.api.AddFreeDimensionOverride(native, denotation.encode(), size),
                          InputError, f"fixing dimensions of {denotation!r}")
        for key, value in options.session_config.items():
            library.check(library.api.AddSessionConfigEntry(native, key.encode(), value.encode()),
                          InputError, f"setting session configuration {key!r}")
        for path in options.custom_op_libraries:
            self._register_custom_ops(path)
        if options.optimized_model_path is not None:
            self.write_optimized(options.optimized_model_path)
        if options.profiling is not None:
            self._profile(options.profiling)
        return 0

    cdef int _register_custom_ops(self, str path) except -1:
        # The full path, because the system's loader searches other folders for a bare name.
        cdef ORTCHAR_T* native = hugot_native_path(os.path.abspath(path))
        cdef OrtStatus* status
        try:
            with nogil:
                status = self.library.api.RegisterCustomOpsLibrary_V2(self.options, native)
        finally:
            PyMem_Free(native)
        return self.library.check(status, InputError, f"loading the operators of {path}")

    cdef int _profile(self, str prefix) except -1:
        cdef ORTCHAR_T* native = hugot_native_path(prefix)
        try:
            return self.library.check(self.library.api.EnableProfiling(self.options, native),
                                      InputError, f"profiling into {prefix}")
        finally:
            PyMem_Free(native)

    cdef int hold_threads(self, HugotGate* gate) except -1:
        """Let the session's threads wait until the gate is opened. The gate must outlive the session."""
        return self.library.check(
            hugot_hold_threads(&self.library.api, self.options, gate), InferenceError,
            "holding threads back")

    cdef int write_optimized(self, str path) except -1:
        """Let the session write its optimised graph to a file when it is created."""
        cdef ORTCHAR_T* native = hugot_native_path(path)
        try:
            return self.library.check(
                self.library.api.SetOptimizedModelFilePath(self.options, native),
                InputError, f"choosing {path} for the optimised graph")
        finally:
            PyMem_Free(native)

    cdef int record_placement(self) except -1:
        """Let the session record the placement of nodes on providers, if the library supports it."""
        if self.library.api_version < 24:
            return 0
        return self.library.check(
            self.library.api.AddSessionConfigEntry(
                self.options, "session.record_ep_graph_assignment_info", "1"),
            InferenceError, "asking for the placement of nodes")

    def add_provider(self, str name not None, settings, tuple devices=()):
        """Append one execution provider.

        Args:
            name: ONNX Runtime's name, such as ``"CUDAExecutionProvider"``.
            settings: settings of the provider, by name.
            devices: the devices to use, for a provider of a plugin.

        Returns False for the provider of the CPU, which is always present and last, otherwise True.

        Raises ProviderError with ONNX Runtime's message for invalid settings.
        """
        if name == "CPUExecutionProvider":
            return False
        cdef list keys = [str(key).encode() for key in settings]
        cdef list values = [str(value).encode() for value in settings.values()]
        cdef size_t count = len(keys)
        cdef const char** key_pointers = <const char**> PyMem_Malloc((count + 1) * sizeof(char*))
        cdef const char** value_pointers = <const char**> PyMem_Malloc((count + 1) * sizeof(char*))
        cdef size_t i
        if key_pointers == NULL or value_pointers == NULL:
            PyMem_Free(key_pointers)
            PyMem_Free(value_pointers)
            raise MemoryError()
        try:
            for i in range(count):
                key_pointers[i] = keys[i]
                value_pointers[i] = values[i]
            self._append(name, devices, key_pointers, value_pointers, count)
        except ProviderError as error:
            given = ", ".join([f"{key}={value}" for key, value in settings.items()])
            raise ProviderError(
                f"{error}. Its settings were: {given or 'none'}; ONNX Runtime's log may "
                "have more details.") from None
        finally:
            PyMem_Free(key_pointers)
            PyMem_Free(value_pointers)
        return True

    cdef int _append(
        self, str name, tuple devices, const char** keys, const char** values, size_t count
    ) except -1:
        cdef Library library = self.library
        doing = f"adding {name}"
        if devices:
            return self._add_devices(name, devices, keys, values, count)
        if name == "CUDAExecutionProvider":
            return self._add_cuda(keys, values, count)
        if name == "TensorrtExecutionProvider":
            return self._add_tensorrt(keys, values, count)
        if name == "DmlExecutionProvider":
            # DirectML supports neither memory patterns nor parallel execution.
            library.check(library.api.DisableMemPattern(self.options), ProviderError, doing)
            library.check(library.api.SetSessionExecutionMode(self.options, 0), ProviderError, doing)
        short = _GENERIC_NAMES.get(name, name)
        return library.check(
            library.api.SessionOptionsAppendExecutionProvider(
                self.options, short.encode(), keys, values, count),
            ProviderError, doing)

    cdef int _add_devices(
        self, str name, tuple devices, const char** keys, const char** values, size_t count
    ) except -1:
        cdef Library library = self.library
        cdef size_t number = len(devices)
        cdef size_t i
        cdef Device device
        cdef const OrtEpDevice** handles = <const OrtEpDevice**> PyMem_Malloc(
            number * sizeof(OrtEpDevice*))
        if handles == NULL:
            raise MemoryError()
        try:
            for i in range(number):
                device = devices[i]
                if device.library is not library:
                    raise ProviderError(f"{device!r} belongs to another ONNX Runtime")
                handles[i] = device.handle
            return library.check(
                library.api.SessionOptionsAppendExecutionProvider_V2(
                    self.options, library.env, <const OrtEpDevice* const*> handles, number, keys,
                    values, count),
                ProviderError, f"adding {name}")
        finally:
            PyMem_Free(handles)

    cdef int _add_cuda(self, const char** keys, const char** values, size_t count) except -1:
        cdef OrtCUDAProviderOptionsV2* settings = NULL
        cdef Library library = self.library
        doing = "adding CUDAExecutionProvider"
        library.check(library.api.CreateCUDAProviderOptions(&settings), ProviderError, doing)
        try:
            library.check(library.api.UpdateCUDAProviderOptions(settings, keys, values, count),
                          ProviderError, doing)
            return library.check(
                library.api.SessionOptionsAppendExecutionProvider_CUDA_V2(self.options, settings),
                ProviderError, doing)
        finally:
            library.api.ReleaseCUDAProviderOptions(settings)

    cdef int _add_tensorrt(self, const char** keys, const char** values, size_t count) except -1:
        cdef OrtTensorRTProviderOptionsV2* settings = NULL
        cdef Library library = self.library
        doing = "adding TensorrtExecutionProvider"
        library.check(library.api.CreateTensorRTProviderOptions(&settings), ProviderError, doing)
        try:
            library.check(library.api.UpdateTensorRTProviderOptions(settings, keys, values, count),
                          ProviderError, doing)
            return library.check(
                library.api.SessionOptionsAppendExecutionProvider_TensorRT_V2(
                    self.options, settings),
                ProviderError, doing)
        finally:
            library.api.ReleaseTensorRTProviderOptions(settings)
