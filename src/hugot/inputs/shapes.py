"""The shapes of groups of rows, and the cost of running one.

Execution providers that prepare for each new shape get only a few different ones.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hugot.inputs.graph_inputs import FixedShape

ShapeName: TypeAlias = Literal["exact", "few", "fixed", "graph"]

# Powers of two and the middles between them: padding adds at most a half to a row, on average a fifth.
FEW_WIDTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
FIXED_WIDTHS = (16, 32, 64, 128, 256, 512)
# Numbers of rows of a fixed shape that is not full.
_PART_ROWS = (1, 8)


@dataclass(frozen=True)
class ShapePolicy:
    """The widths, and with ``"fixed"`` the numbers of rows, that groups are padded to.

    Attributes:
        name: ``"exact"`` pads a group to its longest row; ``"few"`` to the next of the widths;
            ``"fixed"`` fills it up with rows as well, whose answers are dropped; ``"graph"`` stands for
            fixed dimensions of the graph's inputs.
        widths: the widths, ascending; a longer row keeps its own.
        rows: the number of rows that each group is filled up to; None for that of `name`.
    """

    name: ShapeName = "exact"
    widths: tuple[int, ...] = ()
    rows: int | None = None

    @property
    def exact(self) -> bool:
        """Whether groups keep their own shapes."""
        return self.name == "exact"

    def width(self, tokens: int) -> int:
        """Return the width to which a row of this number of tokens is padded."""
        place = bisect_left(self.widths, tokens)
        return self.widths[place] if place < len(self.widths) else tokens

    def padded_rows(
        self, rows: int, width: int, token_budget: int, max_rows: int | None = None
    ) -> int:
        """Return the number of rows to which a group of this number and width is filled up."""
        if self.rows is not None:
            return self.rows
        if self.name != "fixed":
            return rows
        full = max(1, token_budget // width)
        if max_rows is not None:
            full = min(full, max_rows)
        fitting = (each for each in _PART_ROWS if rows <= each < full)
        return next(fitting, max(rows, full))

    def shapes(self, token_budget: int) -> Iterator[tuple[int, int]]:
        """Yield all shapes (rows, width) of a fixed policy; otherwise a full group of each width."""
        for width in self.widths:
            full = self.rows or max(1, token_budget // width)
            if self.rows is None and self.name == "fixed":
                yield from ((rows, width) for rows in _PART_ROWS if rows < full)
            yield full, width


EXACT = ShapePolicy()


def make_policy(
    name: ShapeName, widths: Sequence[int] | None = None, longest: int | None = None
) -> ShapePolicy:
    """Return a policy with the given or its own widths, up to the longest row of a model."""
    if name == "exact":
        return EXACT
    chosen = sorted(set(widths or (FEW_WIDTHS if name == "few" else FIXED_WIDTHS)))
    if longest is not None:
        chosen = [width for width in chosen if width < longest]
        chosen.append(longest)
    return ShapePolicy(name, tuple(chosen))


def fit_policy(policy: ShapePolicy, fixed: FixedShape, *, pads: bool) -> ShapePolicy:
    """Return a policy that obeys the fixed dimensions of a graph.

    Without `pads`, rows are never padded.
    """
    if fixed.rows is None and fixed.width is None:
        return policy if pads else EXACT
    if not pads:
        return ShapePolicy("graph", (), fixed.rows)
    widths = policy.widths if fixed.width is None else (fixed.width,)
    return ShapePolicy("graph" if policy.exact else policy.name, widths, fixed.rows)


@dataclass(frozen=True)
class GroupCost:
    """The expected cost of a group of n rows of w tokens: ``overhead + n w (1 + quadratic w)``.

    The unit is the time of one token among many short rows.

    Attributes:
        overhead: the fixed cost of a run: reading the weights, starting each node.
        quadratic: share of attention, which grows with the width, per token of width.
    """

    overhead: float = 12.0
    quadratic: float = 1e-3
