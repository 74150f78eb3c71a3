"""The tokens of one row beside the text that they came from."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot._fast import aggregation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hugot.text.tokenizer import TextTokenizer


class Vocabulary:
    """Strings of the tokens that have occurred, and their lengths."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer
        self._lengths = np.empty(0, np.int32)
        self._strings: dict[int, str] = {}

    def string(self, token_id: int) -> str:
        """The string of a token, as the vocabulary has it."""
        string = self._strings.get(token_id)
        if string is None:
            string = self._strings[token_id] = self.tokenizer.token(token_id)
        return string

    def lengths(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Lengths of the tokens' strings by id; those of `ids` are filled in.

        The table grows with the ids that occur: a vocabulary may have gaps, and so more ids than
        entries. Another thread may exchange it meanwhile, so this call keeps to one.
        """
        lengths = self._lengths
        size = int(ids.max(initial=-1)) + 1
        if size > len(lengths):
            grown = np.full(max(size, 2 * len(lengths)), -1, np.int32)
            grown[: len(lengths)] = lengths
            self._lengths = lengths = grown
        for token_id in ids[lengths[ids] < 0].tolist():
            lengths[token_id] = len(self.string(token_id))
        return lengths


class RowTokens:
    """One row's tokens, with their place in the text.

    Attributes:
        text: the text; words are joined by the delimiter.
        ids: token ids, int32 [tokens].
        spans: first and past-the-end character of each token in the text.
        special: 1 for tokens that the tokenizer added, uint8 [tokens].
    """

    def __init__(
        self,
        text: Any,
        ids: NDArray[np.int32],
        encoding: Any,
        vocabulary: Vocabulary,
        delimiter: str,
    ) -> None:
        self.ids = ids
        self.special = np.array(encoding.special_tokens_mask, np.uint8)
        self._vocabulary = vocabulary
        self.spans: list[tuple[int, int]] = encoding.offsets
        if isinstance(text, list):
            # The tokenizer counts characters from the beginning of each word.
            starts = list(accumulate((len(word) + len(delimiter) for word in text), initial=0))
            self.spans = [
                span if word is None else (span[0] + starts[word], span[1] + starts[word])
                for span, word in zip(self.spans, encoding.word_ids, strict=True)
            ]
            text = delimiter.join(text)
        self.text: str = text

    def string(self, token: int) -> str:
        """The token's string as transformers prints it: the text itself for an unknown one."""
        token_id = int(self.ids[token])
        if token_id == self._vocabulary.tokenizer.unknown_id:
            start, end = self.spans[token]
            return self.text[start:end]
        return self._vocabulary.string(token_id)

    @cached_property
    def subwords(self) -> NDArray[np.uint8]:
        """1 for each token that continues a word."""
        tokenizer = self._vocabulary.tokenizer
        spans = np.array(self.spans, np.int32).reshape(-1, 2)
        flags = np.empty(len(self.ids), np.uint8)
        if tokenizer.marks_subwords:
            lengths = self._vocabulary.lengths(self.ids)
            aggregation.subwords_by_length(self.ids, spans, lengths, tokenizer.unknown_id, flags)
        else:
            points = np.frombuffer(self.text.encode("utf-32-le"), np.uint32)
            aggregation.subwords_by_blank(self.ids, spans, points, tokenizer.unknown_id, flags)
        return flags
