"""Long lists of texts, cut into portions that are tokenized by one native call each.

Python hears of an interrupt only between two native calls, so none of them is to take long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugot.text.tokenizer import Text

# Tokenizing so many takes some 15 ms, and several times that while workers have the CPUs.
CHARACTERS = 40_000


def portions(texts: list[Text]) -> Iterator[list[Text]]:
    """The texts in order, in lists of about `CHARACTERS` characters; a text is never cut."""
    start = characters = 0
    for number, text in enumerate(texts, 1):
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if characters >= CHARACTERS:
            yield texts[start:number]
            start, characters = number, 0
    if start < len(texts):
        yield texts[start:] if start else texts
