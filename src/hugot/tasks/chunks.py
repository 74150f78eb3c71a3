"""Texts that are too long in windows, whose results are pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hugot.errors import InputError
from hugot.inputs.rows import TokenRows
from hugot.tasks.text import TextOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hugot.inputs.native import Text
    from hugot.inputs.rows import Rows
    from hugot.inputs.tokenizer import TextTokenizer


@dataclass(frozen=True, kw_only=True)
class ChunkOptions(TextOptions):
    """Options of tasks that can pool the results of a text's windows.

    Attributes:
        chunk_overlap: number of tokens by which neighbouring windows overlap, if `chunks` is given.
    """

    chunk_overlap: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.chunk_overlap) is not int or self.chunk_overlap < 0:
            raise InputError(
                f"chunk_overlap={self.chunk_overlap!r}; it must be a whole number of at least 0"
            )


class Chunks:
    """Splits texts that are too long for a row into windows of tokens.

    Each window holds the special tokens and the prompt of the text, and as many of its other tokens as
    fit into the row.

    Args:
        tokenizer: the tokenizer, with the longest row.
        overlap: number of tokens by which neighbouring windows overlap.
        prompt: the text before every input.

    Raises InputError if a window has no room, or none beside the overlap.
    """

    def __init__(self, tokenizer: TextTokenizer, overlap: int, prompt: str = "") -> None:
        before, self._behind = tokenizer.special_tokens
        self._before = before + tokenizer.common_length(prompt)
        self._longest = tokenizer.max_length
        self._tokenizer = tokenizer.without_limit()
        if self._longest is not None:
            width = self._longest - self._before - self._behind
            if width < 1:
                raise InputError(
                    f"chunks: the prompt and the special tokens leave no room in a row of "
                    f"{self._longest} tokens"
                )
            if overlap >= width:
                raise InputError(
                    f"chunk_overlap={overlap}; it must be below {width}, the tokens that a row holds "
                    "beside the special ones and the prompt"
                )
            self._width, self._step = width, width - overlap

    def make_rows(
        self, texts: Sequence[Text], *, type_ids: bool, allow_empty: bool, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize texts to as many rows as each needs; see `TextTokenizer.encode`."""
        rows, refused = self._tokenizer.encode(
            texts, type_ids=type_ids, allow_empty=allow_empty, numbers=numbers
        )
        longest = self._longest
        if longest is None or rows.size <= longest or rows.lengths.max() <= longest:
            return rows, refused
        offsets = rows.offsets.tolist()
        spans: list[list[slice]] = []
        sources: list[int] = []
        for source in range(len(rows)):
            windows = self._windows(offsets[source], offsets[source + 1])
            spans += windows
            sources += [source] * len(windows)
        lengths = [sum([part.stop - part.start for part in parts]) for parts in spans]
        return (
            TokenRows(
                _joined(rows.ids, spans),
                np.concatenate([[0], np.cumsum(lengths)]),
                None if rows.type_ids is None else _joined(rows.type_ids, spans),
                (),
                rows.padding,
                sources,
            ),
            refused,
        )

    def weights(self, rows: Rows) -> NDArray[np.int64]:
        """Return the number of tokens of each row beside the special ones and the prompt; at least 1."""
        return np.maximum(rows.lengths - (self._before + self._behind), 1)

    def _windows(self, begin: int, end: int) -> list[list[slice]]:
        """Return the parts of each window of a text, whose tokens are those from `begin` to `end`."""
        if self._longest is None or end - begin <= self._longest:
            return [[slice(begin, end)]]
        first, last = begin + self._before, end - self._behind
        starts = range(first, max(last - self._width, first) + self._step, self._step)
        return [
            [
                slice(begin, first),
                slice(start, min(start + self._width, last)),
                slice(last, end),
            ]
            for start in starts
        ]


def mean_of_windows(
    values: NDArray[np.float32], sources: Sequence[int], weights: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the weighted mean [inputs, n] of the values of each input's windows [windows, n]."""
    starts = _starts(sources)
    # In double precision, the mean of a single window is exactly its value.
    total = np.add.reduceat(values * weights[:, None].astype(np.float64), starts)
    return (total / np.add.reduceat(weights, starts)[:, None]).astype(np.float32)


def max_of_windows(values: NDArray[np.float32], sources: Sequence[int]) -> NDArray[np.float32]:
    """Return the largest values [inputs, n] of each input's windows [windows, n]."""
    largest: NDArray[np.float32] = np.maximum.reduceat(values, _starts(sources))
    return largest


def _starts(sources: Sequence[int]) -> NDArray[np.int64]:
    """Return the first window of each input."""
    return np.flatnonzero(np.diff(sources, prepend=-1))


def _joined(tokens: NDArray[np.int32], spans: Sequence[Sequence[slice]]) -> NDArray[np.int32]:
    return np.concatenate([tokens[part] for parts in spans for part in parts])
