"""Which rows run together."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from hugot._fast import grouping
from hugot.text.cost import GroupCost
from hugot.text.shapes import EXACT, ShapePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hugot.text.batch import TokenBatch

_NO_CAP = 2**62
# Parts of the budget that are tried, in eighths.
_EIGHTHS = (8, 7, 6, 5, 4, 3, 2, 1)
# A plan is taken at once if no worker is done earlier than the others by more than this factor.
_EVEN_ENOUGH = 1.002


class Group:
    """Rows that are padded to one width and run together.

    Attributes:
        rows: numbers of the rows, the longest first, int64 [group].
        width: tokens of the longest row, or the width of the policy that it is padded to.
        lines: rows that the model is run on, where those are more: the rest are copies of the last.
    """

    __slots__ = ("lines", "rows", "width")

    def __init__(self, rows: NDArray[np.int64], width: int, lines: int | None = None) -> None:
        self.rows = rows
        self.width = width
        self.lines = lines

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and width that the model is run on."""
        return self.lines or len(self.rows), self.width


def plan(
    batch: TokenBatch,
    token_budget: int,
    max_rows: int | None = None,
    *,
    pads: bool = True,
    workers: int = 1,
    cost: GroupCost | None = None,
    shapes: ShapePolicy = EXACT,
) -> list[Group]:
    """Sort rows by length and cut them into groups, the most expensive first.

    A group, padded, holds at most `token_budget` tokens (a longer row stands alone) and at most
    `max_rows` rows; without `pads`, only rows of one length. Every row is in exactly one group, but
    rows without tokens, which cannot be run, are in none.

    Groups have the shapes of the policy `shapes`, which is left aside without `pads`.

    Among the budgets up to `token_budget` that one is taken with which `workers` are expected to be
    done first: large groups cost least in sum, small ones are spread more evenly.
    """
    cost = cost or GroupCost()
    order = np.empty(len(batch), np.int64)
    grouping.sort_by_length(batch.offsets, order)
    lengths = batch.lengths
    if len(order) and lengths[order[-1]] == 0:
        order = order[: np.count_nonzero(lengths)]
    exact = shapes.exact or not pads
    offsets = batch.offsets if exact else _padded_offsets(lengths, shapes)
    best: tuple[float, list[int], list[float]] | None = None
    for eighths in _EIGHTHS if workers > 1 else _EIGHTHS[:1]:
        begins, costs = grouping.cut_groups(
            offsets,
            order,
            token_budget * eighths // 8,
            max_rows or _NO_CAP,
            pads,
            cost.overhead,
            cost.quadratic,
        )
        for part in _evened(begins, costs, workers, cost.overhead):
            done = finished(sorted(part[1], reverse=True), workers)
            if best is None or done < best[0]:
                best = done, *part
        if best is not None and best[0] <= sum(costs) / workers * _EVEN_ENOUGH:
            break
    assert best is not None
    _, begins, costs = best
    in_turn = sorted(range(len(costs)), key=costs.__getitem__, reverse=True)
    groups = [
        Group(order[begins[i] : begins[i + 1]], int(lengths[order[begins[i]]])) for i in in_turn
    ]
    return groups if exact else [shaped(each, shapes, token_budget, max_rows) for each in groups]


def shaped(
    group: Group, shapes: ShapePolicy, token_budget: int, max_rows: int | None = None
) -> Group:
    """A group in the next shape of a policy."""
    width = shapes.width(group.width)
    rows = len(group.rows)
    lines = shapes.lines(rows, width, token_budget, max_rows)
    return Group(group.rows, width, lines if lines > rows else None)


def _padded_offsets(lengths: NDArray[np.int64], shapes: ShapePolicy) -> NDArray[np.int64]:
    """Offsets of rows that have the widths of a policy."""
    widths = np.array([0, *shapes.widths], np.int64)
    place = np.searchsorted(widths, lengths)
    known = place < len(widths)
    padded = lengths.copy()
    padded[known] = widths[place[known]]
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(padded, out=offsets[1:])
    return offsets


def _evened(
    begins: list[int], costs: list[float], workers: int, overhead: float
) -> Iterator[tuple[list[int], list[float]]]:
    """The groups as they are, then with the last one cut in two, then with the last two, and so on.

    So the workers come to an even end without smaller groups, and more runs, everywhere. Work for few
    runs is left as it is: handing it to another thread costs about as much.
    """
    yield begins, costs
    if not 1 < workers < len(costs):
        return
    begins, costs = begins[:], costs[:]
    place = len(costs) - 1
    for _ in range(workers):
        while place >= 0 and begins[place + 1] - begins[place] < 2:
            place -= 1
        if place < 0:
            return
        rows = begins[place + 1] - begins[place]
        first = rows - rows // 2
        # The second half may be narrower than this takes it to be.
        each = (costs[place] - overhead) / rows
        begins.insert(place + 1, begins[place] + first)
        costs[place : place + 1] = [overhead + each * first, overhead + each * (rows - first)]
        place -= 1
        yield begins[:], costs[:]


def finished(costs: Sequence[float], workers: int) -> float:
    """When `workers` that take groups of these costs in turn have done them all."""
    free_at = [0.0] * min(workers, max(1, len(costs)))
    for each in costs:
        heapq.heapreplace(free_at, free_at[0] + each)
    return max(free_at)
