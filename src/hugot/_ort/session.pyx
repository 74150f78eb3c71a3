"""A loaded model: its inputs and outputs, and runs without the GIL."""

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
        name: its name in the graph.
        dtype: its element type, such as ``"int64"``.
        shape: its dimensions: an int where fixed, a str where named, None where unknown.
    """

    __slots__ = ()


# The classes that free something in __dealloc__ need their library there. The garbage collector would
# clear that reference first, so it is kept away from them: none can be part of a cycle.
@cython.final
@cython.no_gc
cdef class RunOptions:
    """A handle on runs, to stop them from another thread; with configuration entries for them."""

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
        """Stop the runs that use this handle at their next node, and every later one at once."""
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
            a model in any read-only buffer, such as a memory-mapped file. The buffer is kept for as
            long as the session lives.
        options: a `hugot._ort.settings.SessionOptions`.
        providers: each ONNX Runtime's name of a provider and its settings, and for a plugin's provider
            its devices, in order of preference.
        optimized_path: where to write the graph as the session has optimised it, or None. The session
            configuration chooses the format.
        hold_threads: let the pool's threads sleep until `start_threads` is called, where a thread of
            the pool would else spin from the start. Without it, a run works, on the calling thread.

    Attributes:
        library: the ONNX Runtime in use.
        inputs: a `TensorSpec` for each input of the graph.
        outputs: the same for the outputs.
        run_config: configuration entries of runs that have no run options of their own.
        from_buffer: whether the model came from a buffer.
        accelerated: whether it was made with another provider than the CPU's.
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
            return      # in a forked child it would wait for threads that are not there
        if self.session != NULL:
            self.library.api.ReleaseSession(self.session)
        if self.gate != NULL:
            hugot_gate_free(self.gate)  # after the threads, which ended with the session
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
        # What is wrong with a model has error codes of its own; the others are left to providers.
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
        """Read a type info, and free it."""
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
        """Number of nodes that each provider runs, by its name; None where that is not known.

        It is known for sessions with other providers than the CPU's, from ONNX Runtime 1.24 on.
        """
        return read_placement(self.library, self.session) if self.accelerated else None

    def start_threads(self):
        """Let threads that were held begin to work."""
        if self.gate != NULL:
            hugot_gate_open(self.gate)

    def end_profiling(self):
        """Write the profile to its end; gives the file's path, or None where there is none (more)."""
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
        """The model's `hugot._ort.metadata.ModelMetadata`."""
        return read_metadata(self.library, self.session)

    def run(self, inputs, outputs=None, RunOptions run_options=None):
        """Run the model on buffers of the caller.

        Args:
            inputs: one C-contiguous buffer per input of the graph, in the order of `self.inputs`,
                each of the dtype of that input. They must not change while the call runs.
            outputs: numbers of the wanted outputs, in the order of `self.outputs`; all by default.
            run_options: a handle that can stop the run.

        Returns a list of `Tensor`, one per wanted output, over ONNX Runtime's memory.

        Raises InputError for a buffer of another dtype, CancelledError when stopped through
        `run_options`, InferenceError for everything that ONNX Runtime reports.
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
    """What one run holds: the caller's buffers, the values made over them, and the outputs.

    Everything that was taken is given back when this goes, on whichever way the run ends.
    """

    def __dealloc__(self):
        cdef int i
        for i in range(self.view_count):
            # The value first: it points into the buffer.
            if self.inputs[i] != NULL:
                self.library.api.ReleaseValue(self.inputs[i])
            PyBuffer_Release(&self.views[i])
        for i in range(self.output_count):
            if self.outputs[i] != NULL:
                self.library.api.ReleaseValue(self.outputs[i])

    cdef object take_output(self, int i, const char* name):
        cdef OrtValue* value = self.outputs[i]
        self.outputs[i] = NULL      # the tensor owns it from here on
        cdef Tensor tensor = wrap_output(self.library, value, name.decode())
        cdef char* data = <char*> tensor.data
        cdef char* begin
        cdef int k
        # A graph that hands an input through gives the caller's own memory back, which the caller may
        # change or free.
        for k in range(self.view_count):
            begin = <char*> self.views[k].buf
            if data != NULL and begin <= data < begin + self.views[k].len:
                tensor.copy_data()
                break
        return tensor
