"""Which rows run together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hugot._fast import grouping

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hugot.text.batch import TokenBatch

_NO_CAP = 2**62


@dataclass(frozen=True)
class Group:
    """Rows that are padded to one width and run together.

    Attributes:
        rows: numbers of the rows, the longest first, int64 [group].
        width: tokens of the longest row.
    """

    rows: NDArray[np.int64]
    width: int


def plan(
    batch: TokenBatch, token_budget: int, max_rows: int | None = None, *, pads: bool = True
) -> list[Group]:
    """Sort rows by length and cut them into groups, the longest rows first.

    A group, padded, holds at most `token_budget` tokens (a longer row stands alone) and at most
    `max_rows` rows; without `pads`, only rows of one length. Every row is in exactly one group, but
    rows without tokens, which cannot be run, are in none.
    """
    order = np.empty(len(batch), np.int64)
    grouping.sort_by_length(batch.offsets, order)
    if batch.lengths[order[-1:]].sum() == 0:
        order = order[: np.count_nonzero(batch.lengths)]
    begins = grouping.cut_groups(batch.offsets, order, token_budget, max_rows or _NO_CAP, pads)
    lengths = batch.lengths
    return [
        Group(order[begin:end], int(lengths[order[begin]]))
        for begin, end in itertools.pairwise(begins)
    ]
