"""Pairs of texts, joined from the tokens of each as the tokenizer joins them.

A text that is part of many pairs is tokenized once. The place of the special tokens and the token type
ids are those of a pair that the tokenizer has encoded.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hugot.errors import TokenizerError
from hugot.inputs.rows import TokenRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

    from hugot.inputs.rows import Padding

    Ids = NDArray[np.int32]

# Any texts that have tokens; the first ones differ, so that they are told apart.
_FIRST = "a"
_SECOND = "b"


class Surrounding(NamedTuple):
    """The tokens of a pair around those of its first text: its second text and the special tokens.

    Attributes:
        before: ids of the tokens before the first text.
        after: ids of the tokens behind it.
        types_before: token type ids of the tokens before it.
        types_after: token type ids of the tokens behind it.
        second: number of tokens of the second text.
    """

    before: Ids
    after: Ids
    types_before: Ids
    types_after: Ids
    second: int

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.before) + len(self.after)


class _Run(NamedTuple):
    """Neighbouring tokens of a pair with one origin.

    Attributes:
        sequence: 0 and 1 for the tokens of the first and of the second text, None for special ones.
        ids: their ids.
        types: their token type ids.
    """

    sequence: int | None
    ids: list[int]
    types: list[int]


class PairTemplate:
    """The way in which a tokenizer joins two texts to a row.

    Args:
        tokenizer: the native tokenizer, without truncation.

    Attributes:
        special: number of special tokens in a row.
        first_type: token type id of the tokens of the first text.

    Raises TokenizerError if a row has the tokens of its first text in another form than once, in order.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        pair = tokenizer.encode(_FIRST, _SECOND)
        alone = [tokenizer.encode(text, add_special_tokens=False).ids for text in (_FIRST, _SECOND)]
        runs = _runs(pair)
        firsts = [place for place, run in enumerate(runs) if run.sequence == 0]
        texts = [run for run in runs if run.sequence is not None]
        self.special = len(pair) - sum(len(run.ids) for run in texts)
        if (
            len(firsts) != 1
            or len(texts) != 2
            or any(run.ids != alone[run.sequence] for run in texts if run.sequence is not None)
            or any(len({*run.types}) != 1 for run in texts)
            or self.special != tokenizer.num_special_tokens_to_add(is_pair=True)
        ):
            raise TokenizerError(
                "the tokenizer joins pairs of texts in a way that hugot does not follow: "
                f"{_FIRST!r} and {_SECOND!r} become {pair.tokens}"
            )
        self._before, self._after = runs[: firsts[0]], runs[firsts[0] + 1 :]
        self.first_type = runs[firsts[0]].types[0]

    def around(self, second: Sequence[int]) -> Surrounding:
        """Return what a row has around its first text, for the tokens of the second one."""
        before, types_before = _filled(self._before, second)
        after, types_after = _filled(self._after, second)
        return Surrounding(before, after, types_before, types_after, len(second))


class PairRows:
    """Rows of pairs, added one after another.

    Args:
        template: the way in which the tokenizer joins pairs.
        padding: the padding of shorter rows.
        type_ids: whether the graph takes token type ids.
    """

    def __init__(self, template: PairTemplate, padding: Padding, *, type_ids: bool) -> None:
        self._first_type = template.first_type
        self._padding = padding
        self._takes_types = type_ids
        self._ids: list[Ids] = []
        self._types: list[Ids] = []
        self._lengths: list[int] = []
        self._sources: list[int] = []

    def add(self, source: int, first: Ids, around: Surrounding) -> None:
        """Add a row.

        Args:
            source: number of the input that it belongs to.
            first: ids of the tokens of its first text.
            around: the other tokens.
        """
        self._ids += (around.before, first, around.after)
        self._lengths.append(len(first) + around.size)
        self._sources.append(source)
        if self._takes_types:
            types = np.full(len(first), self._first_type, np.int32)
            self._types += (around.types_before, types, around.types_after)

    def rows(self) -> TokenRows:
        """Return the rows that were added."""
        offsets = np.zeros(len(self._lengths) + 1, np.int64)
        np.cumsum(self._lengths, out=offsets[1:])
        types = _concatenated(self._types) if self._types else None
        if types is not None and not types.any():
            types = None
        ids = _concatenated(self._ids)
        return TokenRows(ids, offsets, types, (), self._padding, self._sources)


def _runs(pair: Encoding) -> list[_Run]:
    """Return the runs of a pair's tokens."""
    tokens: Any = zip(pair.sequence_ids, pair.ids, pair.type_ids, strict=True)
    runs = []
    for sequence, items in groupby(tokens, key=lambda item: item[0]):
        listed = list(items)
        runs.append(_Run(sequence, [item[1] for item in listed], [item[2] for item in listed]))
    return runs


def _filled(runs: Sequence[_Run], second: Sequence[int]) -> tuple[Ids, Ids]:
    """Return ids and token type ids of runs in which other tokens take the place of the second text."""
    ids: list[int] = []
    types: list[int] = []
    for run in runs:
        if run.sequence is None:
            ids += run.ids
            types += run.types
        else:
            ids += second
            types += run.types[:1] * len(second)
    return np.array(ids, np.int32), np.array(types, np.int32)


def _concatenated(parts: Sequence[Ids]) -> Ids:
    return np.concatenate(parts) if parts else np.empty(0, np.int32)
