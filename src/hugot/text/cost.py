"""What running a group of rows is expected to cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupCost:
    """What a group of n rows of w tokens is expected to take: ``overhead + n w (1 + quadratic w)``.

    The unit is the time of one token among many short rows.

    Attributes:
        overhead: what a run takes whatever is in it: reading the weights, starting each node.
        quadratic: share of attention, which grows with the width, per token of width.
    """

    overhead: float = 12.0
    quadratic: float = 1e-3
