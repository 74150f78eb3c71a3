"""Rows of similar length into groups under a budget of padded tokens."""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free


def sort_by_length(const int64_t[::1] offsets not None, int64_t[::1] order not None):
    """Write the rows' numbers into `order`, the longest first, equal ones in their own order.

    Row r has ``offsets[r + 1] - offsets[r]`` tokens. A counting sort: linear in rows and length.
    """
    cdef Py_ssize_t count = order.shape[0]
    cdef Py_ssize_t i
    cdef int64_t length, longest = 0
    cdef int64_t* place
    for i in range(count):
        length = offsets[i + 1] - offsets[i]
        longest = length if length > longest else longest
    # place[n]: where the next row of longest - n tokens goes
    place = <int64_t*> calloc(longest + 2, sizeof(int64_t))
    if place == NULL:
        raise MemoryError()
    with nogil:
        for i in range(count):
            place[longest - (offsets[i + 1] - offsets[i]) + 1] += 1
        for i in range(1, longest + 2):
            place[i] += place[i - 1]
        for i in range(count):
            length = longest - (offsets[i + 1] - offsets[i])
            order[place[length]] = i
            place[length] += 1
        free(place)


def cut_groups(
    const int64_t[::1] offsets not None,
    const int64_t[::1] order not None,
    int64_t token_budget,
    int64_t max_rows,
    bint pads,
):
    """Cut `order` (longest first) into groups; returns where each begins, and at the end the count.

    A group has at most `max_rows` rows and at most `token_budget` tokens once padded to its first,
    longest row; a row longer than the budget has a group of its own. Without `pads`, all rows of a
    group have one length.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t count = order.shape[0]
    cdef int64_t begin = 0
    cdef int64_t width = 0
    cdef int64_t length
    cdef list begins = []
    for i in range(count):
        length = offsets[order[i] + 1] - offsets[order[i]]
        if (i == 0 or (i - begin + 1) * width > token_budget or i - begin == max_rows
                or not (pads or length == width)):
            begin = i
            width = length
            begins.append(i)
    begins.append(count)
    return begins
