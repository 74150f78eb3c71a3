"""Rows of pairs of texts in which texts are repeated, such as a query with each of many documents."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from hugot.inputs.pairs import PairRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from hugot.errors import InputError
    from hugot.inputs.rows import TokenRows
    from hugot.inputs.tokenizer import TextTokenizer

    Pair = tuple[str, str]


class _Tokens(NamedTuple):
    """Tokens of a text, without special ones.

    Attributes:
        text: the text.
        ids: their ids, of a text that is too long as many as a row for it alone takes.
        goes_on: whether the text has more of them.
    """

    text: str
    ids: NDArray[np.int32]
    goes_on: bool


def join_pairs(
    tokenizer: TextTokenizer,
    pairs: Sequence[Pair],
    sources: Sequence[int],
    *,
    type_ids: bool,
    truncate: bool,
) -> tuple[TokenRows, dict[int, str]]:
    """Return the rows that the tokenizer makes of pairs of texts; each text is tokenized once.

    A pair that is too long is cut longest-first, as by the tokenizer.

    Args:
        tokenizer: the tokenizer, whose rows have room for a token beside the special ones of a pair.
        pairs: the pairs.
        sources: number of the input that each belongs to, ascending.
        type_ids: whether the graph takes token type ids.
        truncate: whether a pair that is too long is cut, rather than refused.

    Returns the rows, and the reason to refuse a pair by its place; they are of use if none is refused.
    """
    texts, wrong = _tokenize(tokenizer, pairs)
    refused = {
        place: reason
        for place, pair in enumerate(pairs)
        if (reason := wrong.get(pair[0]) or wrong.get(pair[1]))
    }
    template, longest = tokenizer.pair_template, tokenizer.max_length
    joined = PairRows(template, tokenizer.padding, type_ids=type_ids)
    cut = set()
    for place, pair in enumerate(pairs):
        if place in refused:
            continue
        first, second = texts[pair[0]], texts[pair[1]]
        size = len(first.ids) + len(second.ids) + template.special
        if not size:
            refused[place] = "has no tokens: it is empty, and the tokenizer adds no special tokens"
            continue
        first_ids, second_ids = first.ids, second.ids
        if longest is not None and (size > longest or first.goes_on or second.goes_on):
            if not truncate:
                refused[place] = (
                    f"has {tokenizer.count(pair)} tokens; a row takes {longest}. Shorten it, or let "
                    "truncation=True cut it."
                )
                continue
            kept = _kept(tokenizer, first, second, longest - template.special)
            first_ids = _part(tokenizer, first_ids, kept[0])
            second_ids = _part(tokenizer, second_ids, kept[1])
            cut.add(sources[place])
        joined.add(sources[place], first_ids, template.around(second_ids.tolist()))
    rows = joined.rows()
    rows.truncated = len(cut)
    return rows, refused


def without_number(error: InputError) -> str:
    """Return the reason to refuse a text, without the number of the text."""
    return str(error).removeprefix(f"input {error.index} ")


def _tokenize(
    tokenizer: TextTokenizer, pairs: Sequence[Pair]
) -> tuple[dict[str, _Tokens], dict[str, str]]:
    """Return the tokens of each text, or the reason why it cannot be tokenized."""
    texts = list(dict.fromkeys(chain.from_iterable(pairs)))
    rows, refused = tokenizer.encode(texts, type_ids=False)
    before, after = tokenizer.special_tokens
    ids, longest = rows.ids, tokenizer.max_length
    accepted = [text for place, text in enumerate(texts) if place not in refused]
    spans = pairwise(rows.offsets.tolist())
    found = {}
    for text, encoding, (begin, end) in zip(accepted, rows.encodings, spans, strict=True):
        goes_on = end - begin == longest and bool(encoding.overflowing)
        found[text] = _Tokens(text, ids[begin + before : end - after], goes_on)
    return found, {texts[place]: without_number(error) for place, error in refused.items()}


def _kept(tokenizer: TextTokenizer, first: _Tokens, second: _Tokens, room: int) -> tuple[int, int]:
    """Return how many tokens of each text are kept, as the strategy longest_first of `tokenizers`."""
    # A text that goes on has more tokens than are known, and more than any other that does not.
    one, other = len(first.ids) + first.goes_on, len(second.ids) + second.goes_on
    if first.goes_on and second.goes_on and room % 2:
        one, other = len(tokenizer.pieces(first.text)), len(tokenizer.pieces(second.text))
    small, large = sorted((one, other))
    large = small if small > room else max(small, room - small)
    if small + large > room:
        small = room // 2
        large = room - small
    return (large, small) if one > other else (small, large)


def _part(tokenizer: TextTokenizer, ids: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    return ids[len(ids) - count :] if tokenizer.truncates_left else ids[:count]
