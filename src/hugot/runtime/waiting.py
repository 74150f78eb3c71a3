"""The requests that wait, and which of their texts run together.

    requests, the oldest first        ┌ r1 ┐ ┌ r2 ┐ ┌ r3: a b c ┐ ┌ r4 ┐ …
    lanes, one for each set of options   texts by their number of tokens: 7: r1  9: r4 a  12: b  14: r2 …

A group is made around the oldest request's text, so none waits for ever, out of texts of its lane that
are about as long. With a group taken, a request of many texts goes behind the others: a long list does
not hold up what comes after it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugot.runtime.request import Item, Request

# A row joins a group where padding it costs less than it would with rows that come later: at most a
# fifth of the width may be padding, or what the row saves where that is more. The rate of 8 to 128
# clients differs by less than 1 % between 0.75 and 0.85.
_LEAST_FILLED = 0.8
# The part of a run's overhead that a row saves by joining a group.
_SAVED_PART = 1 / 8
_NO_CAP = 2**62


class WaitingRequests:
    """Requests in the order of their arrival, and their texts by length. Not thread-safe.

    Args:
        overhead: what a run costs whatever is in it, in tokens.
        pads: whether texts of different lengths may share a group.
        alone: whether every request runs alone.

    Attributes:
        tokens: tokens of all texts that wait.
        texts: number of texts that wait.
    """

    def __init__(self, overhead: float = 12.0, *, pads: bool = True, alone: bool = False) -> None:
        self._saved = overhead * _SAVED_PART
        self._pads = pads
        self._alone = alone
        self._requests: OrderedDict[Request, None] = OrderedDict()
        self._lanes: list[_Lane] = []
        self.tokens = 0
        self.texts = 0

    def add(self, request: Request) -> None:
        """Queue the texts of a request, which has some."""
        self._requests[request] = None
        lane = self._lane(request.options)
        for item in request.items:
            lane.add(item)
            self.tokens += item.tokens
        self.texts += len(request.items)

    def remove(self, request: Request) -> None:
        """Forget the texts of a request that have not begun."""
        if self._requests.pop(request, self) is self:
            return
        lane = self._lane(request.options)
        for item in request.items:
            if item.waits:
                self._take_out(item, lane)
        self._drop_if_empty(lane)

    def take(self, sharers: int = 1) -> list[Item]:
        """The texts to run next, out of the queue; none where none waits.

        Args:
            sharers: how many could take a group at this moment; a part is left to each.
        """
        if not self._requests:
            return []
        request = next(iter(self._requests))
        lane = self._lane(request.options)
        if self._alone:
            taken = list(request.items)
        else:
            anchor = request.first_waiting()
            room = min(request.token_budget, -(-self.tokens // sharers))
            taken = [anchor, *lane.companions(anchor, room, pads=self._pads)]
        for item in taken:
            self._take_out(item, lane)
            if not item.request.waiting:
                del self._requests[item.request]
        if request.waiting:
            self._requests.move_to_end(request)
        self._drop_if_empty(lane)
        return taken

    def _take_out(self, item: Item, lane: _Lane) -> None:
        lane.remove(item)
        item.waits = False
        item.request.waiting -= 1
        self.tokens -= item.tokens
        self.texts -= 1

    def _lane(self, options: Any) -> _Lane:
        for lane in self._lanes:
            if _equal(lane.options, options):
                return lane
        lane = _Lane(options, self._saved)
        self._lanes.append(lane)
        return lane

    def _drop_if_empty(self, lane: _Lane) -> None:
        if not lane.lengths:
            self._lanes.remove(lane)


class _Lane:
    """The waiting texts of requests with equal options.

    Args:
        options: the options.
        saved: tokens that a row saves by joining a group.

    Attributes:
        options: the options.
        lengths: the lengths of which there is a text, ascending.
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
        """The texts that gain most by running with `anchor` in `room` padded tokens."""
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
        """Texts of at most `width` tokens, the longest first, and what is gained by them."""
        found: list[Item] = []
        rows, tokens = anchor.rows, float(anchor.tokens)
        for item in self._descending(width, shortest):
            if item is anchor:
                continue
            if (rows + item.rows) * width > room or rows + item.rows > self._most_rows:
                break
            found.append(item)
            rows += item.rows
            tokens += item.tokens + self._saved
        alone = anchor.tokens - _LEAST_FILLED * anchor.rows * anchor.longest
        return found, tokens - _LEAST_FILLED * rows * width - alone

    def _descending(self, longest: int, shortest: float) -> Iterator[Item]:
        place = bisect_left(self.lengths, longest)
        while place >= 0 and self.lengths[place] >= shortest:
            yield from self._by_length[self.lengths[place]]
            place -= 1


def _equal(one: Any, other: Any) -> bool:
    """Whether options are the same, down to the types of their values."""
    if one is other:
        return True
    try:
        pairs = zip(vars(one).values(), vars(other).values(), strict=True)
        return all(type(a) is type(b) and bool(a == b) for a, b in pairs)
    except (TypeError, ValueError):  # values without an order of their own, such as arrays
        return False
