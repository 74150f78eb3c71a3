"""Sessions: loaded models with their inputs and outputs, run without the GIL."""

import os
from collections import namedtuple

cimport cython
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_SIMPLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.mem cimport PyMem_Free
from libc.stdint cimport int64_t

from hugot._ort.c_api cimport (
    ORTCHAR_T,
    OrtRunOptions,
    OrtStatus,
    OrtTensorTypeAndShapeInfo,
    OrtTypeInfo,
    OrtValue,
)
from hugot._ort.devices cimport read_placement
from hugot._ort.library cimport Library
from hugot._ort.metadata cimport read_metadata
from hugot._ort.session_options cimport (
    SessionOptionsHandle,
    hugot_gate_free,
    hugot_gate_new,
    hugot_gate_open,
)
from hugot._ort.tensor cimport (
    MAX_DIMENSIONS,
    Tensor,
    element_name,
    format_fits,
    wrap_output,
)

from hugot.errors import (
    CancelledError,
    InferenceError,
    InputError,
    ModelFormatError,
    ProviderError,
)

cdef extern from "dynlib.h":
    ORTCHAR_T* hugot_native_path(object path) except NULL


class TensorSpec(namedtuple("TensorSpec", ["name", "dtype", "shape"])):
    """An input or output of a graph.

    Attributes:
        name: name in the graph.
        dtype: element type, such as ``"int64"``.
        shape: dimensions: an int if fixed, a str if named, None if unknown.
    """

    __slots__ = ()


# no_gc: __dealloc__ needs the library to free native objects, and the garbage collector would clear that
# reference first. None of these classes can be part of a reference cycle.
@cython.final
@cython.no_gc
cdef class RunOptions:
    """Options of runs: configuration entries, and a way to stop the runs from another thread."""

    def __cinit__(self, Library library not None, run_config=None):
        self.library = library
        library.check(library.api.CreateRunOptions(&self.options), InferenceError,
                      "creating run options")
        if run_config:
            for key, value in run_config.items():
                library.check(
                    library.api.AddRunConfigEntry(self.options, key.encode(), value.encode()),
                    InputError, f"setting run configuration {key!r}")

    def __dealloc__(self):
        if self.options != NULL:
            self.library.api.ReleaseRunOptions(self.options)

    def terminate(self):
        """Stop the runs with these options at their next node, and all later ones at once."""
        self.terminated = True
        self.library.check(self.library.api.RunOptionsSetTerminate(self.options), InferenceError,
                           "stopping a run")


@cython.final
@cython.no_gc
cdef class InferenceSession:
    """A model loaded by ONNX Runtime.

    Args:
        library: the ONNX Runtime to use.
        model: path of an ``.onnx`` file (external weight files are found beside it), or the bytes of
            a model in any read-only buffer, such as a memory-mapped file. The session keeps a reference
            to the buffer.
        options: a `hugot._ort.settings.SessionOptions`.
        providers: execution providers in order of preference, each as ONNX Runtime's name, settings and,
            for a provider of a plugin, devices.
        optimized_path: file to which the optimised graph is written, or None. The session configuration
            chooses the format.
        hold_threads: let the threads of the pool sleep until `start_threads` is called; otherwise they
            spin as soon as they are created. Until then, runs use the calling thread alone.

    Attributes:
        library: the ONNX Runtime in use.
        inputs: a `TensorSpec` for each input of the graph.
        outputs: a `TensorSpec` for each output of the graph.
        run_config: configuration entries of runs without run options of their own.
        from_buffer: whether the model was loaded from a buffer.
        accelerated: whether the session has a provider other than that of the CPU.
    """

    def __cinit__(
        self,
        Library library not None,
        object model,
        object options,
        providers=(),
        str optimized_path=None,
        bint hold_threads=False,
    ):
        self.library = library
        self.run_config = options.run_config
        if self.run_config:
            self.run_defaults = RunOptions(library, self.run_config)
            self.run_options = self.run_defaults.options
        self.profiling = options.profiling is not None
        self.forks = library.forks
        cdef SessionOptionsHandle session_options = SessionOptionsHandle(library)
        session_options.apply(options)
        for provider in providers:
            if session_options.add_provider(*provider):
                self.accelerated = True
        if self.accelerated:
            session_options.record_placement()
        if hold_threads:
            self.gate = hugot_gate_new()
        if self.gate != NULL:
            session_options.hold_threads(self.gate)
        if optimized_path is not None:
            session_options.write_optimized(optimized_path)
        if not isinstance(model, (str, os.PathLike)):
            self._load_buffer(model, session_options)
            self._describe("the model")
            return
        path = os.fspath(model)
        if not isinstance(path, str):
            raise TypeError(f"the path of a model is a str, not {type(path).__name__}")
        self._load_path(path, session_options)
        self._describe(path)

    def __dealloc__(self):
        if self.library is None or self.forks != self.library.forks:
            return      # in a forked child, the release would wait for threads that do not exist
        if self.session != NULL:
            self.library.api.ReleaseSession(self.session)
        if self.gate != NULL:
            hugot_gate_free(self.gate)  # after the session, which has joined the threads
        if self.from_buffer:
            PyBuffer_Release(&self.model)

    def __reduce__(self):
        raise TypeError("a loaded model cannot be pickled")

    cdef int _load_path(self, str path, SessionOptionsHandle options) except -1:
        cdef ORTCHAR_T* native = hugot_native_path(path)
        cdef OrtStatus* status
        try:
            with nogil:
                status = self.library.api.CreateSession(
                    self.library.env, native, options.options, &self.session)
        finally:
            PyMem_Free(native)
        return self.library.check(status, self._load_error(), f"loading {path}")

    cdef int _load_buffer(self, object model, SessionOptionsHandle options) except -1:
        cdef OrtStatus* status
        try:
            PyObject_GetBuffer(model, &self.model, PyBUF_SIMPLE)
        except (TypeError, BufferError) as error:
            raise TypeError("a model is a path, or a contiguous buffer with the bytes of one, not "
                            f"{type(model).__name__}: {error}") from error
        self.from_buffer = True
        if not self.model.readonly:
            raise TypeError(f"the bytes of a model must be read-only; {type(model).__name__} can be "
                            "changed while the session reads its weights from there")
        with nogil:
            status = self.library.api.CreateSessionFromArray(
                self.library.env, self.model.buf, self.model.len, options.options, &self.session)
        return self.library.check(status, self._load_error(), "loading a model from bytes")

    cdef object _load_error(self):
        # Errors of the model have codes of their own, so the others are those of a provider, if any.
        return ProviderError if self.accelerated else ModelFormatError

    cdef int _describe(self, str model) except -1:
        cdef Library library = self.library
        cdef size_t count = 0
        cdef size_t i
        self.names = []
        library.check(library.api.SessionGetInputCount(self.session, &count), ModelFormatError,
                      "reading the inputs")
        if count > MAX_INPUTS:
            raise ModelFormatError(f"{model} has {count} inputs; at most {MAX_INPUTS} work")
        self.input_count = <int> count
        self.inputs = tuple([self._describe_input(i) for i in range(count)])
        library.check(library.api.SessionGetOutputCount(self.session, &count), ModelFormatError,
                      "reading the outputs")
        if count > MAX_OUTPUTS:
            raise ModelFormatError(f"{model} has {count} outputs; at most {MAX_OUTPUTS} work")
        self.output_count = <int> count
        self.outputs = tuple([self._describe_output(i) for i in range(count)])
        return 0

    cdef object _describe_input(self, size_t i):
        cdef char* text = NULL
        cdef OrtTypeInfo* info = NULL
        cdef Library library = self.library
        library.check(library.api.SessionGetInputName(self.session, i, library.allocator, &text),
                      ModelFormatError, "reading the inputs")
        cdef bytes name = library.take_string(text).encode()
        self.names.append(name)
        self.input_names[i] = name
        library.check(library.api.SessionGetInputTypeInfo(self.session, i, &info),
                      ModelFormatError, "reading the inputs")
        return self._take_spec(name.decode(), info, &self.input_types[i])

    cdef object _describe_output(self, size_t i):
        cdef char* text = NULL
        cdef OrtTypeInfo* info = NULL
        cdef int element_type = 0
        cdef Library library = self.library
        library.check(library.api.SessionGetOutputName(self.session, i, library.allocator, &text),
                      ModelFormatError, "reading the outputs")
        cdef bytes name = library.take_string(text).encode()
        self.names.append(name)
        self.output_names[i] = name
        library.check(library.api.SessionGetOutputTypeInfo(self.session, i, &info),
                      ModelFormatError, "reading the outputs")
        return self._take_spec(name.decode(), info, &element_type)

    cdef object _take_spec(self, str name, OrtTypeInfo* info, int* element_type):
        """Return the specification for a type info, and free the type info."""
        cdef Library library = self.library
        cdef const OrtTensorTypeAndShapeInfo* tensor = NULL
        cdef size_t count = 0
        cdef size_t i
        cdef int64_t[MAX_DIMENSIONS] dims
        cdef const char* symbols[MAX_DIMENSIONS]
        doing = f"reading the type of {name!r}"
        try:
            library.check(library.api.CastTypeInfoToTensorInfo(info, &tensor), ModelFormatError,
                          doing)
            if tensor == NULL:      # a sequence or a map: no element type, no shape
                element_type[0] = 0
                return TensorSpec(name, "not a tensor", ())
            library.check(library.api.GetTensorElementType(tensor, element_type),
                          ModelFormatError, doing)
            library.check(library.api.GetDimensionsCount(tensor, &count), ModelFormatError, doing)
            if count > MAX_DIMENSIONS:
                raise ModelFormatError(f"{name!r} has {count} dimensions")
            library.check(library.api.GetDimensions(tensor, dims, count), ModelFormatError, doing)
            library.check(library.api.GetSymbolicDimensions(tensor, symbols, count),
                          ModelFormatError, doing)
            shape = tuple([dims[i] if dims[i] >= 0 else (symbols[i].decode("utf-8", "replace") or None)
                           for i in range(count)])
            return TensorSpec(name, element_name(element_type[0]), shape)
        finally:
            library.api.ReleaseTypeInfo(info)

    @property
    def placement(self):
        """Number of nodes on each provider, by its name, or None if it is not known.

        It is known for sessions with providers other than that of the CPU, from ONNX Runtime 1.24 on.
        """
        return read_placement(self.library, self.session) if self.accelerated else None

    def start_threads(self):
        """Start the threads that were held."""
        if self.gate != NULL:
            hugot_gate_open(self.gate)

    def end_profiling(self):
        """Complete the profile and return its path; None without profiling and after the first call."""
        if not self.profiling:
            return None
        cdef char* path = NULL
        self.profiling = False
        self.library.check(
            self.library.api.SessionEndProfiling(self.session, self.library.allocator, &path),
            InferenceError, "writing a profile")
        return self.library.take_string(path) or None

    @property
    def metadata(self):
        """Metadata of the model, a `hugot._ort.metadata.ModelMetadata`."""
        return read_metadata(self.library, self.session)

    def run(self, inputs, outputs=None, RunOptions run_options=None):
        """Run the model on buffers of the caller.

        Args:
            inputs: one C-contiguous buffer per input of the graph, in the order of `self.inputs` and of
                the dtype of the input. They must not change during the call.
            outputs: indices into `self.outputs` of the outputs to compute; all by default.
            run_options: run options that can stop the run.

        Returns a list of `Tensor`, one per output, over ONNX Runtime's memory.

        Raises InputError for a buffer of another dtype, CancelledError if the run was stopped through
        `run_options`, and InferenceError for all other errors of ONNX Runtime.
        """
        cdef _Run call = _Run.__new__(_Run)
        call.library = self.library
        if len(inputs) != self.input_count:
            raise InputError(f"the model has {self.input_count} inputs "
                             f"({', '.join(spec.name for spec in self.inputs)}); "
                             f"{len(inputs)} were given")
        cdef int i
        for i in range(self.input_count):
            self._feed(call, i, inputs[i])
        cdef const char* wanted[MAX_OUTPUTS]
        cdef int wanted_count = 0
        cdef int number
        if outputs is None:
            outputs = range(self.output_count)
        for number in outputs:
            if not 0 <= number < self.output_count or wanted_count == MAX_OUTPUTS:
                raise InputError(f"output {number} is not one of the {self.output_count} outputs")
            wanted[wanted_count] = self.output_names[number]
            wanted_count += 1
        cdef const OrtRunOptions* options = (
            self.run_options if run_options is None else run_options.options)
        cdef OrtStatus* status
        call.output_count = wanted_count
        with nogil:
            status = self.library.api.Run(
                self.session, options, self.input_names, <const OrtValue* const*> call.inputs,
                self.input_count, wanted, wanted_count, call.outputs)
        if status != NULL:
            stopped = run_options is not None and run_options.terminated
            self.library.check(status, CancelledError if stopped else InferenceError,
                               "running the model")
        return [call.take_output(i, wanted[i]) for i in range(wanted_count)]

    cdef int _feed(self, _Run call, int i, object array) except -1:
        cdef Py_buffer* view = &call.views[i]
        cdef int64_t[MAX_DIMENSIONS] dims
        cdef int axis
        try:
            PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
        except (TypeError, ValueError, BufferError) as error:
            raise InputError(f"input {self.inputs[i].name!r} needs a C-contiguous buffer of "
                             f"{self.inputs[i].dtype}: {error}") from error
        call.view_count = i + 1
        if not format_fits(self.input_types[i], view.format, view.itemsize):
            raise InputError(
                f"input {self.inputs[i].name!r} is {self.inputs[i].dtype} in the graph; a buffer of "
                f"format {view.format.decode()!r} was given")
        if view.ndim > MAX_DIMENSIONS:
            raise InputError(f"input {self.inputs[i].name!r} has {view.ndim} dimensions")
        for axis in range(view.ndim):
            dims[axis] = view.shape[axis]
        return self.library.check(
            self.library.api.CreateTensorWithDataAsOrtValue(
                self.library.cpu_memory, view.buf, view.len, dims, view.ndim, self.input_types[i],
                &call.inputs[i]),
            InputError, f"reading input {self.inputs[i].name!r}")


@cython.final
@cython.no_gc
cdef class _Run:
    """Resources of one run: the caller's buffers, the native values over them, and the outputs.

    All are released with this object, whether the run succeeds or fails.
    """

    def __dealloc__(self):
        cdef int i
        for i in range(self.view_count):
            # The value before the buffer, which it points into.
            if self.inputs[i] != NULL:
                self.library.api.ReleaseValue(self.inputs[i])
            PyBuffer_Release(&self.views[i])
        for i in range(self.output_count):
            if self.outputs[i] != NULL:
                self.library.api.ReleaseValue(self.outputs[i])

    cdef object take_output(self, int i, const char* name):
        cdef OrtValue* value = self.outputs[i]
        self.outputs[i] = NULL      # owned by the tensor from now on
        cdef Tensor tensor = wrap_output(self.library, value, name.decode())
        cdef char* data = <char*> tensor.data
        cdef char* begin
        cdef int k
        # An output that is an input passed through lies in the caller's memory, which the caller may
        # change or free.
        for k in range(self.view_count):
            begin = <char*> self.views[k].buf
            if data != NULL and begin <= data < begin + self.views[k].len:
                tensor.copy_data()
                break
        return tensor
