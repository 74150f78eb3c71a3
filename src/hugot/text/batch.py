"""Token ids of many rows in flat arrays."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot._fast import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Encoding


class TokenBatch:
    """Rows of tokens, one after another (CSR): row r is ``ids[offsets[r]:offsets[r + 1]]``.

    Attributes:
        ids: token ids, int32 [tokens].
        offsets: where each row begins, and at the end the number of tokens, int64 [rows + 1].
        type_ids: token type ids, int32 [tokens], or None where all are 0.
        encodings: what the tokenizer gave for each row, for tasks that need more of it.
        sources: the number of each row's text, where one text may own many rows; else None, and
            row i is text i.
        truncated: number of texts that were cut.
    """

    __slots__ = ("encodings", "ids", "offsets", "sources", "truncated", "type_ids")

    def __init__(
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        type_ids: NDArray[np.int32] | None,
        encodings: Sequence[Encoding],
        sources: Sequence[int] | None = None,
    ) -> None:
        self.ids = ids
        self.offsets = offsets
        self.type_ids = type_ids
        self.encodings = encodings
        self.sources = sources
        self.truncated = 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def token_count(self) -> int:
        """Number of tokens in all rows."""
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each row, int64 [rows]."""
        return np.diff(self.offsets)


class RowBatch(TokenBatch):
    """A batch of a single row, as the tokenizer gave it; arrays are made when they are asked for.

    Attributes:
        row_ids: token ids.
        row_type_ids: token type ids, or None where all are 0.
    """

    __slots__ = ("row_ids", "row_type_ids")

    def __init__(self, encoding: Encoding, *, with_type_ids: bool) -> None:
        self.encodings = (encoding,)
        self.sources = None
        self.row_ids: list[int] = encoding.ids
        self.row_type_ids: list[int] | None = encoding.type_ids if with_type_ids else None
        self.truncated = 0

    def __len__(self) -> int:
        return 1

    @property
    def ids(self) -> NDArray[np.int32]:  # type: ignore[override]
        """As that of `TokenBatch`."""
        return np.array(self.row_ids, np.int32)

    @property
    def offsets(self) -> NDArray[np.int64]:  # type: ignore[override]
        """As that of `TokenBatch`."""
        return np.array((0, len(self.row_ids)), np.int64)

    @property
    def type_ids(self) -> NDArray[np.int32] | None:  # type: ignore[override]
        """As that of `TokenBatch`."""
        return None if self.row_type_ids is None else np.array(self.row_type_ids, np.int32)

    @property
    def token_count(self) -> int:
        """As that of `TokenBatch`."""
        return len(self.row_ids)


def batch_from_encodings(
    encodings: list[Any], *, with_type_ids: bool, sources: Sequence[int] | None = None
) -> TokenBatch:
    """Flatten encodings, one row each; type ids only where they may differ from 0."""
    if len(encodings) == 1 and sources is None:
        return RowBatch(encodings[0], with_type_ids=with_type_ids)
    offsets = np.empty(len(encodings) + 1, np.int64)
    encode.row_offsets(encodings, offsets)
    count = int(offsets[-1])
    ids = np.empty(count, np.int32)
    encode.gather(encodings, "ids", ids)
    type_ids = None
    if with_type_ids:
        type_ids = np.empty(count, np.int32)
        encode.gather(encodings, "type_ids", type_ids)
    return TokenBatch(ids, offsets, type_ids, encodings, sources)


def rows_of(batch: TokenBatch, begin: int, end: int) -> TokenBatch:
    """Rows `begin` to `end` as a batch of one text, over the same memory."""
    first, last = int(batch.offsets[begin]), int(batch.offsets[end])
    return TokenBatch(
        batch.ids[first:last],
        batch.offsets[begin : end + 1] - first,
        None if batch.type_ids is None else batch.type_ids[first:last],
        batch.encodings[begin:end],
        None if batch.sources is None else [0] * (end - begin),
    )


def concatenate(batches: Sequence[TokenBatch]) -> TokenBatch:
    """The rows of several batches one after another, their texts numbered through."""
    if len(batches) == 1:
        return batches[0]
    offsets = np.zeros(sum(map(len, batches)) + 1, np.int64)
    if all(type(batch) is RowBatch for batch in batches):
        rows = [batch.row_ids for batch in batches if type(batch) is RowBatch]
        ids = np.array([*chain.from_iterable(rows)], np.int32)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
    else:
        ids = np.concatenate([batch.ids for batch in batches])
        np.cumsum(np.concatenate([batch.lengths for batch in batches]), out=offsets[1:])
    type_ids = None
    if any(batch.type_ids is not None for batch in batches):
        type_ids = np.concatenate(
            [np.zeros(x.token_count, np.int32) if (t := x.type_ids) is None else t for x in batches]
        )
    encodings = [encoding for batch in batches for encoding in batch.encodings]
    return TokenBatch(ids, offsets, type_ids, encodings, _joined_sources(batches))


def _joined_sources(batches: Sequence[TokenBatch]) -> list[int] | None:
    if all(batch.sources is None for batch in batches):
        return None
    joined: list[int] = []
    for batch in batches:
        sources = range(len(batch)) if batch.sources is None else batch.sources
        first = joined[-1] + 1 if joined else 0
        joined += [first + source for source in sources]
    return joined
