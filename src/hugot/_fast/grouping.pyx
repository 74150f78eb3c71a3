"""Division of rows into groups of similar length with a maximum number of padded tokens."""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc


def sort_by_length(const int64_t[::1] offsets not None, int64_t[::1] order not None):
    """Write the indices of the rows to `order`, longest row first; the sort is stable.

    Row r has ``offsets[r + 1] - offsets[r]`` tokens. The counting sort takes time linear in the number
    of rows and the maximum length.
    """
    cdef Py_ssize_t count = order.shape[0]
    cdef Py_ssize_t i
    cdef int64_t length, longest = 0
    cdef int64_t* place
    for i in range(count):
        length = offsets[i + 1] - offsets[i]
        longest = length if length > longest else longest
    # place[n]: index in `order` for the next row of longest - n tokens
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
    double overhead,
    double quadratic,
):
    """Divide `order` (longest row first) into groups with the lowest total cost.

    A group of n rows, the longest of w tokens, costs ``overhead + n w (1 + quadratic w)``; the unit is a
    token of a short row. A group has at most `max_rows` rows and at most `token_budget` tokens with
    padding, except that a row longer than the budget is a group of its own. Without `pads`, all rows of
    a group have the same length.

    Returns the begin of each group in `order`, followed by the number of rows, and the cost of each
    group.
    """
    cdef Py_ssize_t count = order.shape[0]
    cdef Py_ssize_t first, stop
    cdef int64_t width
    cdef double cost
    # best[n]: lowest cost of the first n rows; begin[n]: begin of the last of their groups at that cost
    cdef double* best = <double*> malloc((count + 1) * sizeof(double))
    cdef Py_ssize_t* begin = <Py_ssize_t*> malloc((count + 1) * sizeof(Py_ssize_t))
    if best == NULL or begin == NULL:
        free(best)
        free(begin)
        raise MemoryError()
    cdef list begins = []
    cdef list costs = []
    try:
        with nogil:
            best[0] = 0.0
            for stop in range(1, count + 1):
                first = stop - 1
                while True:
                    width = offsets[order[first] + 1] - offsets[order[first]]
                    if stop - first > 1 and not _fits(
                            offsets, order, first, stop, width, token_budget, max_rows, pads):
                        break
                    cost = best[first] + _cost(stop - first, width, overhead, quadratic)
                    # Fewer groups if the costs are equal.
                    if first == stop - 1 or cost <= best[stop]:
                        best[stop] = cost
                        begin[stop] = first
                    if first == 0:
                        break
                    first -= 1
        stop = count
        while stop > 0:
            first = begin[stop]
            width = offsets[order[first] + 1] - offsets[order[first]]
            begins.append(first)
            costs.append(_cost(stop - first, width, overhead, quadratic))
            stop = first
    finally:
        free(best)
        free(begin)
    begins.reverse()
    costs.reverse()
    begins.append(count)
    return begins, costs


cdef inline double _cost(
    Py_ssize_t rows, int64_t width, double overhead, double quadratic
) noexcept nogil:
    return overhead + <double> rows * <double> width * (1.0 + quadratic * <double> width)


cdef inline bint _fits(
    const int64_t[::1] offsets, const int64_t[::1] order, Py_ssize_t first, Py_ssize_t stop,
    int64_t width, int64_t token_budget, int64_t max_rows, bint pads
) noexcept nogil:
    return (
        (stop - first) * width <= token_budget
        and stop - first <= max_rows
        and (pads or width == offsets[order[stop - 1] + 1] - offsets[order[stop - 1]])
    )
