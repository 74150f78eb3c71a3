"""A checksum of large buffers that is as fast as memory can be read."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

# An odd number, so that multiplication by it is reversible modulo 2**64.
cdef uint64_t _FACTOR = 0x9E3779B97F4A7C15


def checksum(object data not None):
    """Return a checksum below 2**64 that detects accidental damage to a contiguous buffer.

    Four accumulators take the buffer's 64-bit words in turn, in the machine's byte order. The last
    block is padded with zeros, and the size is mixed in. Each step is reversible, so that any change
    within one word changes the checksum, as do several changes in one accumulator unless they cancel
    out. The checksum does not protect against deliberate changes.
    """
    cdef Py_buffer view
    cdef uint64_t result
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            result = _checksum(<const unsigned char*> view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return result


@cython.overflowcheck(False)
cdef uint64_t _checksum(const unsigned char* data, Py_ssize_t size) noexcept nogil:
    cdef uint64_t[4] lanes
    cdef unsigned char[32] end
    cdef uint64_t result = <uint64_t> size
    cdef Py_ssize_t i
    cdef Py_ssize_t whole = size - size % 32
    for i in range(4):
        lanes[i] = <uint64_t> i
    for i in range(0, whole, 32):
        _mix(lanes, data + i)
    memset(end, 0, 32)
    if whole < size:
        memcpy(end, data + whole, size - whole)
        _mix(lanes, end)
    for i in range(4):
        result = (result ^ lanes[i]) * _FACTOR
        result ^= result >> 32
    return result


@cython.overflowcheck(False)
cdef inline void _mix(uint64_t* lanes, const unsigned char* block) noexcept nogil:
    cdef uint64_t[4] words
    cdef uint64_t mixed
    cdef int i
    memcpy(words, block, 32)
    for i in range(4):
        mixed = (lanes[i] ^ words[i]) * _FACTOR
        lanes[i] = mixed ^ (mixed >> 32)
