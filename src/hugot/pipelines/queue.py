"""The waiting requests, and the choice of the inputs that run together.

    requests, the oldest first           ┌ r1 ┐ ┌ r2 ┐ ┌ r3: a b c ┐ ┌ r4 ┐ …
    buckets, one for each set of options   inputs by their size: 7: r1  9: r4 a  12: b  14: r2 …

A group consists of the oldest request's first input, so that none waits for ever, and of inputs of its
bucket that are about as long. After each group, a request with further inputs moves behind the others,
so that a long list does not delay the requests after it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hugot.pipelines.request import Item, Request

# A row joins a group if padding it there is expected to cost less than running it with later rows: at
# most a fifth of the width may be padding, or the size that the row saves if that is more. The rate of 8
# to 128 clients differs by less than 1 % between 0.75 and 0.85.
_LEAST_FILLED = 0.8
# The part of a run's overhead that a row saves by joining a group.
_SAVED_PART = 1 / 8
_NO_CAP = 2**62


class RequestQueue:
    """Requests in the order of their arrival, and their inputs by size. Not thread-safe.

    Args:
        overhead: the fixed cost of a run, in units of size (tokens).
        pads: whether inputs of different sizes may share a group.
        alone: whether every request runs alone.

    Attributes:
        size: size of all inputs that wait.
        inputs: number of inputs that wait.
    """

    def __init__(self, overhead: float = 12.0, *, pads: bool = True, alone: bool = False) -> None:
        self._saved = overhead * _SAVED_PART
        self._pads = pads
        self._alone = alone
        self._requests: OrderedDict[Request, None] = OrderedDict()
        # Requests that are in no bucket yet. One that is taken before another arrives needs no bucket.
        self._unsorted: OrderedDict[Request, None] = OrderedDict()
        self._buckets: list[_Bucket] = []
        self.size = 0
        self.inputs = 0

    def add(self, request: Request) -> None:
        """Queue the inputs of a request, which must have at least one."""
        self._requests[request] = None
        self._unsorted[request] = None
        for item in request.items:
            self.size += item.size
        self.inputs += len(request.items)

    def remove(self, request: Request) -> None:
        """Drop the inputs of a request that have not begun."""
        if self._requests.pop(request, self) is self:
            return
        self._sort()
        bucket = self._bucket(request.options)
        for item in request.items:
            if item.waits:
                self._take_out(item, bucket)
        self._drop_if_empty(bucket)

    def take(self, sharers: int = 1) -> Sequence[Item]:
        """Remove and return the inputs to run next; an empty sequence if none waits.

        Args:
            sharers: number of workers that can take a group now; the inputs are shared among them.
        """
        if not self._requests:
            return ()
        if self.inputs == 1 and self._unsorted:
            return self._take_only()
        self._sort()
        request = next(iter(self._requests))
        bucket = self._bucket(request.options)
        if self._alone:
            taken = list(request.items)
        else:
            anchor = request.first_waiting()
            room = min(request.size_budget, -(-self.size // sharers))
            taken = [anchor, *bucket.companions(anchor, room, pads=self._pads)]
        for item in taken:
            self._take_out(item, bucket)
            if not item.request.waiting:
                del self._requests[item.request]
        if request.waiting:
            self._requests.move_to_end(request)
        self._drop_if_empty(bucket)
        return taken

    def _take_only(self) -> Sequence[Item]:
        """Remove and return the only waiting input, which is in no bucket."""
        request, _ = self._requests.popitem()
        self._unsorted.clear()
        request.waiting = self.size = self.inputs = 0
        request.items[0].waits = False
        return request.items

    def _sort(self) -> None:
        """Put every request into its bucket."""
        while self._unsorted:
            request, _ = self._unsorted.popitem(last=False)
            bucket = self._bucket(request.options)
            for item in request.items:
                bucket.add(item)

    def _take_out(self, item: Item, bucket: _Bucket) -> None:
        bucket.remove(item)
        item.waits = False
        item.request.waiting -= 1
        self.size -= item.size
        self.inputs -= 1

    def _bucket(self, options: Any) -> _Bucket:
        for bucket in self._buckets:
            if _equal(bucket.options, options):
                return bucket
        bucket = _Bucket(options, self._saved)
        self._buckets.append(bucket)
        return bucket

    def _drop_if_empty(self, bucket: _Bucket) -> None:
        if not bucket.lengths:
            self._buckets.remove(bucket)


class _Bucket:
    """The waiting inputs of requests with equal options.

    Args:
        options: the options.
        saved: size that a row saves by joining a group.

    Attributes:
        options: the options.
        lengths: the different lengths of the inputs, ascending.
    """

    def __init__(self, options: Any, saved: float) -> None:
        self.options = options
        self._saved = saved
        self.lengths: list[int] = []
        self._by_length: dict[int, OrderedDict[Item, None]] = {}
        self._most_rows = getattr(options, "batch_size", None) or _NO_CAP

    def add(self, item: Item) -> None:
        same = self._by_length.get(item.longest)
        if same is None:
            same = self._by_length[item.longest] = OrderedDict()
            insort(self.lengths, item.longest)
        same[item] = None

    def remove(self, item: Item) -> None:
        same = self._by_length[item.longest]
        del same[item]
        if not same:
            del self._by_length[item.longest]
            del self.lengths[bisect_left(self.lengths, item.longest)]

    def companions(self, anchor: Item, room: int, *, pads: bool) -> list[Item]:
        """Return the inputs that save most by running with `anchor` in a padded size of `room`."""
        best: list[Item] = []
        most = 0.0
        if not pads:
            return self._fill(anchor, anchor.longest, anchor.longest, room)[0]
        place = bisect_left(self.lengths, anchor.longest)
        for width in self.lengths[place:]:
            shortest = min(_LEAST_FILLED * width, width - self._saved)
            if anchor.longest < shortest:
                break
            found, gain = self._fill(anchor, width, shortest, room)
            if gain > most:
                best, most = found, gain
        return best

    def _fill(
        self, anchor: Item, width: int, shortest: float, room: int
    ) -> tuple[list[Item], float]:
        """Return inputs of at most `width`, the longest first, and the size that they save."""
        found: list[Item] = []
        rows, size = anchor.row_count, float(anchor.size)
        for item in self._descending(width, shortest):
            if item is anchor:
                continue
            if (rows + item.row_count) * width > room or rows + item.row_count > self._most_rows:
                break
            found.append(item)
            rows += item.row_count
            size += item.size + self._saved
        alone = anchor.size - _LEAST_FILLED * anchor.row_count * anchor.longest
        return found, size - _LEAST_FILLED * rows * width - alone

    def _descending(self, longest: int, shortest: float) -> Iterator[Item]:
        place = bisect_left(self.lengths, longest)
        while place >= 0 and self.lengths[place] >= shortest:
            yield from self._by_length[self.lengths[place]]
            place -= 1


def _equal(one: Any, other: Any) -> bool:
    """Whether options are equal, including the types of their values."""
    if one is other:
        return True
    try:
        pairs = zip(vars(one).values(), vars(other).values(), strict=True)
        return all(type(a) is type(b) and bool(a == b) for a, b in pairs)
    except (TypeError, ValueError):  # values whose comparison is not a bool, such as arrays
        return False
