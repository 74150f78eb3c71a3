"""Output tensors: arrays over ONNX Runtime's memory, without a copy."""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, strchr

from hugot._ort.c_api cimport OrtTensorTypeAndShapeInfo, OrtValue
from hugot._ort.library cimport Library

from hugot.errors import InferenceError

# ONNXTensorElementDataType → (name, bytes per element, buffer format). Types that numpy does not have
# are exposed as unsigned integers of the same bits; `Tensor.numpy` converts them. The four-bit types
# have two elements in a byte.
_ELEMENTS = {
    1: ("float32", 4, b"f"),
    2: ("uint8", 1, b"B"),
    3: ("int8", 1, b"b"),
    4: ("uint16", 2, b"H"),
    5: ("int16", 2, b"h"),
    6: ("int32", 4, b"i"),
    7: ("int64", 8, b"q"),
    8: ("string", 0, b""),
    9: ("bool", 1, b"?"),
    10: ("float16", 2, b"e"),
    11: ("float64", 8, b"d"),
    12: ("uint32", 4, b"I"),
    13: ("uint64", 8, b"Q"),
    14: ("complex64", 8, b"Zf"),
    15: ("complex128", 16, b"Zd"),
    16: ("bfloat16", 2, b"H"),
    17: ("float8e4m3fn", 1, b"B"),
    18: ("float8e4m3fnuz", 1, b"B"),
    19: ("float8e5m2", 1, b"B"),
    20: ("float8e5m2fnuz", 1, b"B"),
    21: ("uint4", 1, b"B"),
    22: ("int4", 1, b"B"),
}
cdef enum:
    STRING = 8
    BFLOAT16 = 16
    UINT4 = 21
    INT4 = 22
    ONNX_TYPE_TENSOR = 1

_ONNX_TYPES = {0: "unknown", 2: "sequence", 3: "map", 4: "opaque", 5: "sparse tensor", 6: "optional"}


cdef str element_name(int element_type):
    entry = _ELEMENTS.get(element_type)
    return entry[0] if entry is not None else f"element type {element_type}"


cdef Py_ssize_t element_size(int element_type):
    entry = _ELEMENTS.get(element_type)
    return entry[1] if entry is not None else 0


cdef bint format_fits(int element_type, const char* format, Py_ssize_t item_size):
    """Whether a buffer format means elements of this type, by size and kind of number."""
    if item_size != element_size(element_type) or item_size == 0:
        return False
    # A leading "=", "<" or "@" is the byte order; every supported machine is little-endian.
    if format != NULL and format[0] in (b"<", b"=", b"@"):
        format += 1
    if format == NULL or format[0] == 0:
        return element_type == 2
    cdef const char* kinds
    if element_type in (3, 5, 6, 7):
        kinds = "bhilqn"
    elif element_type in (2, 4, 12, 13) or element_type >= BFLOAT16:
        kinds = "BHILQN"
    elif element_type in (1, 10, 11):
        kinds = "efd"
    elif element_type == 9:
        kinds = "?"
    elif element_type in (14, 15):
        kinds = "Z"
    else:
        return False
    return strchr(kinds, format[0]) != NULL


# no_gc: the garbage collector would clear `library` before __dealloc__ needs it.
@cython.final
@cython.no_gc
cdef class Tensor:
    """An output of a run, with support for the buffer protocol.

    The memory belongs to ONNX Runtime and stays valid as long as this object or any view of it.
    """

    def __dealloc__(self):
        if self.value == NULL:
            PyMem_Free(self.data)
        elif self.forks == self.library.forks:
            # Not in a forked child: a thread that only the parent has may hold the allocator's lock.
            self.library.api.ReleaseValue(self.value)

    cdef int copy_data(self) except -1:
        """Copy the data into memory of this object, and release ONNX Runtime's."""
        cdef void* own = PyMem_Malloc(self.item_size * self.size)
        if own == NULL:
            raise MemoryError()
        memcpy(own, self.data, self.item_size * self.size)
        self.data = own
        self.library.api.ReleaseValue(self.value)
        self.value = NULL
        return 0

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if self.element_type == STRING:
            raise BufferError("a tensor of strings has no buffer; use numpy()")
        if self.element_type in (UINT4, INT4):
            raise BufferError("four-bit elements have no buffer; use numpy()")
        buffer.buf = self.data
        buffer.obj = self
        buffer.len = self.item_size * self.size
        buffer.readonly = 0
        buffer.format = <char*> self.format if flags & PyBUF_FORMAT else NULL
        buffer.ndim = self.ndim
        buffer.shape = self.dims
        buffer.strides = self.strides
        buffer.suboffsets = NULL
        buffer.itemsize = self.item_size
        buffer.internal = NULL

    def __releasebuffer__(self, Py_buffer* buffer):
        pass

    def is_shaped(self, int rank, Py_ssize_t rows, Py_ssize_t width):
        """Whether the shape is [rows, n] with rank 2, or [rows, width, n] with rank 3."""
        return (self.ndim == rank and self.dims[0] == rows
                and (rank == 2 or self.dims[1] == width))

    @property
    def shape(self):
        """Dimensions, as a tuple of int."""
        cdef int i
        return tuple([self.dims[i] for i in range(self.ndim)])

    @property
    def dtype(self):
        """Name of the element type, such as ``"float32"`` or ``"bfloat16"``."""
        return element_name(self.element_type)

    @property
    def size(self):
        """Number of elements."""
        cdef Py_ssize_t count = 1
        cdef int i
        for i in range(self.ndim):
            count *= self.dims[i]
        return count

    def keep_rows(self, Py_ssize_t count):
        """Shorten the first dimension to `count`; the memory is not reallocated."""
        if self.ndim == 0 or not 0 <= count <= self.dims[0]:
            raise InferenceError(f"an output of shape {list(self.shape)} has no {count} rows")
        self.dims[0] = count

    def numpy(self):
        """Return the tensor as a numpy array.

        Arrays of types that numpy has share ONNX Runtime's memory. Other types are converted: bfloat16
        to float32 (exact), four-bit integers to int8 or uint8, strings to an array of str. 8-bit floats
        are returned as their bits, in uint8.
        """
        import numpy as np

        if self.element_type == STRING:
            return np.array(self._strings(), dtype=object).reshape(self.shape)
        if self.element_type in (UINT4, INT4):
            return self._nibbles(np)
        array = np.asarray(self)
        if self.element_type == BFLOAT16:
            # A bfloat16 is the upper half of the float32 of the same value. The dtype is explicit
            # because numpy 1 widens arrays without dimensions.
            widened = np.left_shift(array.astype(np.uint32), 16, dtype=np.uint32)
            return np.asarray(widened).view(np.float32)
        return array

    def _nibbles(self, np):
        cdef Py_ssize_t byte_count = (self.size + 1) // 2
        packed = np.frombuffer((<char*> self.data)[:byte_count], np.uint8)
        both = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)[:self.size]
        if self.element_type == INT4:
            both = ((both ^ 8).astype(np.int8) - 8).astype(np.int8)
        return both.reshape(self.shape)

    def _strings(self):
        cdef size_t total = 0
        cdef size_t count = self.size
        cdef size_t i
        cdef Library library = self.library
        library.check(library.api.GetStringTensorDataLength(self.value, &total), InferenceError,
                      "reading strings")
        cdef char* text = <char*> malloc(total + 1)
        cdef size_t* starts = <size_t*> malloc((count + 1) * sizeof(size_t))
        if text == NULL or starts == NULL:
            free(text)
            free(starts)
            raise MemoryError()
        try:
            library.check(
                library.api.GetStringTensorContent(self.value, text, total, starts, count),
                InferenceError, "reading strings")
            starts[count] = total
            return [text[starts[i]:starts[i + 1]].decode("utf-8", "replace") for i in range(count)]
        finally:
            free(text)
            free(starts)

    def __repr__(self):
        return f"<Tensor {self.dtype} {self.shape}>"


cdef Tensor wrap_output(Library library, OrtValue* value, str name):
    """Return a tensor that owns `value`."""
    cdef Tensor tensor = Tensor.__new__(Tensor)
    tensor.library = library
    tensor.value = value
    tensor.forks = library.forks
    cdef int onnx_type = 0
    library.check(library.api.GetValueType(value, &onnx_type), InferenceError, "reading an output")
    if onnx_type != ONNX_TYPE_TENSOR:
        raise InferenceError(
            f"output {name!r} is a {_ONNX_TYPES.get(onnx_type, onnx_type)}, not a tensor; "
            "export the model with tensor outputs only")
    cdef OrtTensorTypeAndShapeInfo* info = NULL
    library.check(library.api.GetTensorTypeAndShape(value, &info), InferenceError,
                  "reading an output")
    try:
        _describe(tensor, info, name)
    finally:
        library.api.ReleaseTensorTypeAndShapeInfo(info)
    if tensor.element_type != STRING:
        library.check(library.api.GetTensorMutableData(value, &tensor.data), InferenceError,
                      "reading an output")
    return tensor


cdef int _describe(Tensor tensor, OrtTensorTypeAndShapeInfo* info, str name) except -1:
    cdef Library library = tensor.library
    cdef size_t count = 0
    cdef int64_t[MAX_DIMENSIONS] dims
    cdef Py_ssize_t stride
    cdef int i
    library.check(library.api.GetTensorElementType(info, &tensor.element_type), InferenceError,
                  "reading an output")
    library.check(library.api.GetDimensionsCount(info, &count), InferenceError, "reading an output")
    if count > MAX_DIMENSIONS:
        raise InferenceError(f"output {name!r} has {count} dimensions; at most {MAX_DIMENSIONS} work")
    library.check(library.api.GetDimensions(info, dims, count), InferenceError, "reading an output")
    entry = _ELEMENTS.get(tensor.element_type)
    if entry is None:
        raise InferenceError(f"output {name!r} has an unknown element type, {tensor.element_type}")
    tensor.item_size = entry[1]
    tensor.format = entry[2]
    tensor.ndim = <int> count
    stride = tensor.item_size
    for i in range(tensor.ndim - 1, -1, -1):
        tensor.dims[i] = <Py_ssize_t> dims[i]
        tensor.strides[i] = stride
        stride *= tensor.dims[i]
    return 0
