"""Aggregation of the tokens of one row, for kernels that allocate the arrays themselves."""

from libc.stdint cimport int32_t, uint8_t

cdef enum Strategy:
    NONE = 0
    SIMPLE = 1
    FIRST = 2
    AVERAGE = 3
    MAX = 4

# The output arrays for a row of n tokens, and the number of their used elements; see `aggregate`.
cdef struct Found:
    int32_t* tokens  # [n]
    int32_t* units  # [n, 3]
    float* unit_scores  # [n]
    int32_t* entities  # [n, 2]
    float* entity_scores  # [n]
    Py_ssize_t unit_count
    Py_ssize_t entity_count

# Properties of the labels; see `aggregate`.
cdef struct Labels:
    const int32_t* tags
    const uint8_t* begins
    Py_ssize_t count

cdef void aggregate_row(
    const float* scores,
    const uint8_t* special,
    const uint8_t* subword,
    Py_ssize_t count,
    int strategy,
    const Labels* labels,
    Found* found,
) noexcept nogil
