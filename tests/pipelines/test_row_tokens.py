"""The table of token lengths that tells where words go on."""

from __future__ import annotations

import numpy as np

from hugot.pipelines.row_tokens import Vocabulary


class SparseTokenizer:
    """Three tokens, with ids far beyond their number."""

    tokens: dict[int, str] = {2: "one", 70_000: "seven", 5: ""}  # noqa: RUF012

    def token(self, token_id: int) -> str:
        return self.tokens[token_id]


def test_ids_beyond_the_number_of_entries_have_their_lengths() -> None:
    vocabulary = Vocabulary(SparseTokenizer())
    for ids in ([2], [70_000, 2], [5, 70_000]):
        lengths = vocabulary.lengths(np.array(ids, np.int32))
        assert [lengths[i] for i in ids] == [len(SparseTokenizer.tokens[i]) for i in ids]


def test_no_ids_have_no_lengths() -> None:
    assert len(Vocabulary(SparseTokenizer()).lengths(np.empty(0, np.int32))) == 0
