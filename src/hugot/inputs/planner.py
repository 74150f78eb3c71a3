"""Planning which rows run together."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from hugot._fast import grouping
from hugot.inputs.rows import Group
from hugot.inputs.shapes import EXACT, GroupCost, ShapePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hugot.inputs.rows import Rows

_NO_CAP = 2**62
# Fractions of the budget that are tried, in eighths.
_EIGHTHS = (8, 7, 6, 5, 4, 3, 2, 1)
# A plan is taken at once if no worker is done earlier than the others by more than this factor.
_EVEN_ENOUGH = 1.002


_DEFAULT_COST = GroupCost()


def plan(
    rows: Rows,
    token_budget: int,
    max_rows: int | None = None,
    *,
    pads: bool = True,
    workers: int = 1,
    cost: GroupCost = _DEFAULT_COST,
    shapes: ShapePolicy = EXACT,
) -> list[Group]:
    """Sort rows by length and cut them into groups, the most expensive first.

    A padded group holds at most `token_budget` tokens (a longer row is a group of its own) and at most
    `max_rows` rows; without `pads`, all its rows have one length. Every row is in exactly one group,
    except for rows without tokens, which cannot be run and are in none.

    Groups have the shapes of the policy `shapes`, which without `pads` has no widths.

    Several budgets up to `token_budget` are tried, and the plan with which `workers` are expected to
    finish first is used: large groups cost the least in total, and small ones are distributed more
    evenly.
    """
    offsets = rows.offsets
    order = np.empty(len(offsets) - 1, np.int64)
    grouping.sort_by_length(offsets, order)
    lengths = np.diff(offsets)
    if len(order) and lengths[order[-1]] == 0:
        order = order[: np.count_nonzero(lengths)]
    exact = shapes.exact
    if not exact:
        offsets = _padded_offsets(lengths, shapes)
    if shapes.rows is not None:
        # A group costs the same however many of its rows are copies.
        max_rows = min(max_rows or shapes.rows, shapes.rows)
        token_budget = max(token_budget, shapes.rows * int(np.diff(offsets).max(initial=1)))
        workers = 1  # so that groups are as large as they can be
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
        if workers == 1 or _fits_all_budgets(begins, lengths, order, token_budget):
            break
        for part in _evened(begins, costs, workers, cost.overhead):
            done = finished(sorted(part[1], reverse=True), workers)
            if best is None or done < best[0]:
                best = done, *part
        if best is not None and best[0] <= sum(costs) / workers * _EVEN_ENOUGH:
            break
    if best is not None:
        _, begins, costs = best
    in_turn = sorted(range(len(costs)), key=costs.__getitem__, reverse=True)
    groups = [
        Group(order[begins[i] : begins[i + 1]], int(lengths[order[begins[i]]])) for i in in_turn
    ]
    return groups if exact else [shaped(each, shapes, token_budget, max_rows) for each in groups]


def _fits_all_budgets(
    begins: list[int], lengths: NDArray[np.int64], order: NDArray[np.int64], token_budget: int
) -> bool:
    """Whether all rows fit into one group with every smaller budget too."""
    return len(begins) == 2 and len(order) * lengths[order[0]] <= token_budget // _EIGHTHS[0]


def shaped(
    group: Group, shapes: ShapePolicy, token_budget: int, max_rows: int | None = None
) -> Group:
    """Return a group with the next larger shape of a policy; it has no more rows than the policy."""
    width = shapes.width(group.width)
    rows = len(group.rows)
    padded = shapes.padded_rows(rows, width, token_budget, max_rows)
    return Group(group.rows, width, padded if padded > rows else None)


def fitted(group: Group, rows: Rows, shapes: ShapePolicy, token_budget: int) -> list[Group]:
    """Return rows that were chosen to run together as groups with shapes of a policy."""
    if shapes.exact:
        return [group]
    numbers, most = group.rows, shapes.rows or len(group.rows)
    lengths = rows.lengths
    parts = [numbers[begin : begin + most] for begin in range(0, len(numbers), most)]
    return [shaped(Group(part, int(lengths[part[0]])), shapes, token_budget) for part in parts]


def _padded_offsets(lengths: NDArray[np.int64], shapes: ShapePolicy) -> NDArray[np.int64]:
    """Return the offsets of the rows if each is padded to the next width of a policy."""
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
    """Yield the groups unchanged, then with the last one cut in two, then the last two, and so on.

    Workers then finish together without smaller groups, and thus more runs, everywhere. If there are
    few groups, none is cut: passing one to another thread costs about as much as it saves.
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
        # An upper bound: the second half may be narrower.
        each = (costs[place] - overhead) / rows
        begins.insert(place + 1, begins[place] + first)
        costs[place : place + 1] = [overhead + each * first, overhead + each * (rows - first)]
        place -= 1
        yield begins[:], costs[:]


def finished(costs: Sequence[float], workers: int) -> float:
    """Return the time at which `workers` that take groups of these costs in turn have run them all."""
    free_at = [0.0] * min(workers, max(1, len(costs)))
    for each in costs:
        heapq.heapreplace(free_at, free_at[0] + each)
    return max(free_at)
