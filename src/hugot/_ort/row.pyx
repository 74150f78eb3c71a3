"""Runs of a single row of tokens with little overhead, from Python integers to tensors.

With one text at a time, microseconds matter. All inputs are therefore built in one block of memory,
without numpy arrays. Inputs other than token ids and type ids follow from the number of tokens.
"""

cimport cython
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_AsLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from hugot._ort.c_api cimport OrtRunOptions, OrtStatus, OrtValue
from hugot._ort.library cimport Library
from hugot._ort.session cimport MAX_INPUTS, MAX_OUTPUTS, InferenceSession, RunOptions
from hugot._ort.tensor cimport Tensor, wrap_output

from hugot.errors import CancelledError, InferenceError, InputError

cdef enum:
    INT32 = 6           # ONNXTensorElementDataType
    INT64 = 7
    IDS = 0
    ONES = 1
    TYPE_IDS = 2
    POSITIONS = 3

_VALUES = {
    "input_ids": IDS,
    "attention_mask": ONES,
    "token_type_ids": TYPE_IDS,
    "position_ids": POSITIONS,
}


@cython.final
cdef class RowRunner:
    """Runs single rows of tokens through a session.

    Args:
        session: a session whose inputs are those of a transformer, int32 or int64: ``input_ids`` and,
            optionally, ``attention_mask``, ``token_type_ids`` and ``position_ids``.
        names: names to use for the inputs instead of their own.

    Raises InputError for any other input; use `InferenceSession.run` for such models.
    """

    cdef InferenceSession session
    cdef int[MAX_INPUTS] values

    def __cinit__(self, InferenceSession session not None, names=None):
        cdef int i
        self.session = session
        for i in range(session.input_count):
            name = session.inputs[i].name if names is None else names[i]
            if name not in _VALUES or session.input_types[i] not in (INT32, INT64):
                raise InputError(f"input {name!r} of {session.inputs[i].dtype} is not one of a row")
            self.values[i] = _VALUES[name]

    def run(self, list ids not None, list type_ids, outputs not None, RunOptions stop=None):
        """Run the model on one row of tokens, [1, tokens].

        Args:
            ids: token ids.
            type_ids: token type ids, or None if all are 0.
            outputs: indices of the outputs to compute.
            stop: run options that can stop the run.

        Returns a list of `Tensor`, one per output. Raises CancelledError if the run was stopped and
        InferenceError for all other errors of ONNX Runtime.
        """
        cdef InferenceSession session = self.session
        cdef Library library = session.library
        cdef OrtValue* inputs[MAX_INPUTS]
        cdef OrtValue* results[MAX_OUTPUTS]
        cdef const char* wanted[MAX_OUTPUTS]
        cdef int wanted_count = 0
        cdef int made = 0
        cdef int taken = 0
        cdef int i
        cdef Py_ssize_t count = PyList_GET_SIZE(ids)
        cdef Py_ssize_t line = count * sizeof(int64_t)
        cdef int64_t[2] dims
        cdef const OrtRunOptions* options = (
            session.run_options if stop is None else stop.options)
        cdef OrtStatus* status
        cdef Tensor tensor
        if type_ids is not None and PyList_GET_SIZE(type_ids) != count:
            raise InputError(f"{PyList_GET_SIZE(type_ids)} token type ids for {count} tokens")
        for number in outputs:
            i = number
            if not 0 <= i < session.output_count or wanted_count == MAX_OUTPUTS:
                raise InputError(f"output {i} is not one of the {session.output_count} outputs")
            wanted[wanted_count] = session.output_names[i]
            results[wanted_count] = NULL
            wanted_count += 1
        cdef char* block = <char*> PyMem_Malloc(session.input_count * line + 1)
        if block == NULL:
            raise MemoryError()
        dims[0] = 1
        dims[1] = count
        found = []
        try:
            for i in range(session.input_count):
                self._fill(i, ids, type_ids, block + i * line)
                library.check(
                    library.api.CreateTensorWithDataAsOrtValue(
                        library.cpu_memory, block + i * line, count * _size(session.input_types[i]),
                        dims, 2, session.input_types[i], &inputs[i]),
                    InferenceError, "reading a row")
                made += 1
            with nogil:
                status = library.api.Run(
                    session.session, options, session.input_names,
                    <const OrtValue* const*> inputs, session.input_count,
                    wanted, wanted_count, results)
            # Called after a successful run as well, because it also logs pending messages.
            stopped = stop is not None and stop.terminated
            library.check(status, CancelledError if stopped else InferenceError,
                          "running the model")
            for i in range(wanted_count):
                taken += 1      # owned by the tensor from now on, even if wrap_output raises
                tensor = wrap_output(library, results[i], wanted[i].decode())
                # An output that is an input passed through lies in `block`, which is freed below.
                if block <= <char*> tensor.data < block + session.input_count * line:
                    tensor.copy_data()
                found.append(tensor)
        finally:
            for i in range(taken, wanted_count):
                if results[i] != NULL:
                    library.api.ReleaseValue(results[i])
            for i in range(made):
                library.api.ReleaseValue(inputs[i])
            PyMem_Free(block)
        return found

    cdef int _fill(self, int number, list ids, list type_ids, char* line) except -1:
        cdef int values = self.values[number]
        cdef bint wide = self.session.input_types[number] == INT64
        cdef Py_ssize_t count = PyList_GET_SIZE(ids)
        cdef list source = ids if values == IDS else type_ids
        cdef Py_ssize_t i
        cdef int64_t value
        if values == TYPE_IDS and type_ids is None:
            memset(line, 0, count * (sizeof(int64_t) if wide else sizeof(int32_t)))
            return 0
        for i in range(count):
            if values == ONES:
                value = 1
            elif values == POSITIONS:
                value = i
            else:
                value = PyLong_AsLongLong(<object> <PyObject*> PyList_GET_ITEM(source, i))
            if wide:
                (<int64_t*> line)[i] = value
            elif value == <int32_t> value:
                (<int32_t*> line)[i] = <int32_t> value
            else:
                raise InputError(f"the token id {value} does not fit into the graph's 32 bits")
        return 0


cdef inline Py_ssize_t _size(int element_type) noexcept:
    return sizeof(int64_t) if element_type == INT64 else sizeof(int32_t)
