"""The part of a long text that determines its row, so that the rest need not be tokenized.

A row takes the first tokens of a text (the last ones, if the tokenizer truncates on the left). They are
taken from a piece of the text if it is certain that the whole text would begin with the same tokens:

* Every step of the tokenizer works from left to right and looks only a few characters ahead, or to the
  end of a run of spaces. The steps for which this is known are listed below; a tokenizer with any other
  step gets whole texts.
* The piece ends between two characters that no normalizer combines.
* After the last token of the row, the piece holds the rest of its word, a character that is no space,
  further words, and more characters than the tokenizer looks ahead.

Otherwise a longer piece is tried, and finally the whole text.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from hugot.inputs.native import copy_tokenizer, portions, raise_others

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokenizers import Encoding, Tokenizer

    from hugot.inputs.native import Text

# In nearly every language, a text of this many characters for each token of a row and of a margin has
# more tokens than the row takes.
_CHARACTERS_PER_TOKEN: Final = 6
_MARGIN: Final = 16
# Texts of up to this many times the first piece are not cut: it would save little.
_WORTH_CUTTING: Final = 2
# Each piece is longer than the one before by this factor.
_GROWTH: Final = 4
# Words of a piece that must follow the word of the row's last token.
_WORDS_BEHIND: Final = 3
# Characters that a step may look ahead, beside the added tokens.
_LOOK_AHEAD: Final = 32
# Characters of the end of a piece that are searched for a place to cut.
_SEARCHED: Final = 512

_NORMALIZERS: Final = frozenset(
    {
        "BertNormalizer",
        "ByteLevel",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Nmt",
        "Precompiled",
        "Prepend",
        "Strip",
        "StripAccents",
    }
)
_PRE_TOKENIZERS: Final = frozenset(
    {
        "BertPreTokenizer",
        "ByteLevel",
        "CharDelimiterSplit",
        "Digits",
        "Metaspace",
        "Punctuation",
        "Whitespace",
        "WhitespaceSplit",
    }
)
# Models split a word without regard to its neighbours.
_MODELS: Final = frozenset({"BPE", "Unigram", "WordLevel", "WordPiece"})
# The patterns of pre-tokenizers of the type Split that look ahead by no more than the others: those of
# GPT-2, of Qwen 2 and 3, and of Llama 3 (as GPT-4).
_CONTRACTIONS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLIT_PATTERNS: Final = frozenset(
    {
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        _CONTRACTIONS + r"\p{N}" + _REST,
        _CONTRACTIONS + r"\p{N}{1,3}" + _REST,
    }
)
# Patterns of normalizers of the type Replace that match spaces only.
_REPLACED_PATTERNS: Final = frozenset({" {2,}", " +", r"\s+", r"\s", r"\n", r"\r\n", r"[\r\n]"})

# Characters that begin a grapheme cluster of their own whatever precedes them, end it unless a mark
# follows, and are composed with no preceding character by any normalization form: ASCII; letters of the
# Latin, Greek, Cyrillic, Armenian, Hebrew and Arabic alphabets, of Devanagari and Thai; kana,
# ideographs, Hangul syllables, full-width forms and emoji.
_ALONE: Final = (
    "\x20-\x7e\u00c0-\u024f\u0391-\u03a1\u03a3-\u03ff\u0400-\u0481\u048a-\u052f\u0531-\u0556"
    "\u0561-\u0587\u05d0-\u05ea\u0620-\u064a\u0904-\u0939\u0e01-\u0e30\u2010-\u2027\u3001-\u3002"
    "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff"
)
# The character before a cut is no space, so that no run of spaces is cut.
_CUT: Final = re.compile(f"(?! )[{_ALONE}](?=[{_ALONE}])")
_CUT_BEFORE_SPACE: Final = re.compile(f"(?! )[{_ALONE}](?= )")


class Beginnings:
    """Tokenizes the part of long texts that their rows need.

    Args:
        tokenizer: the native tokenizer, with truncation enabled.
        max_length: most tokens in a row.
        left: whether texts lose their beginning.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, *, left: bool) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._left = left
        self._first = (max_length + _MARGIN) * _CHARACTERS_PER_TOKEN
        self._longest = _WORTH_CUTTING * self._first

    def encode(self, texts: Sequence[Text], *, spans: bool, words: bool) -> dict[int, Encoding]:
        """Return the encoding of each long text whose row is certain from a piece of it, by its place.

        These texts have more tokens than a row takes. The overflowing tokens of such an encoding are not
        all of those that the text has.

        Args:
            texts: the texts.
            spans: whether character offsets are needed.
            words: whether each text is a list of words.
        """
        if words:
            longest = self._longest // _CHARACTERS_PER_TOKEN
            long: dict[int, Any] = {
                place: text for place, text in enumerate(texts) if len(text) > longest
            }
            usable = not self._left
        else:
            long = {
                place: text
                for place, text in enumerate(texts)
                if isinstance(text, str) and len(text) > self._longest
            }
            # Offsets would be those in the end of a text.
            usable = not (self._left and spans)
        if not long or not usable or not self._is_local:
            return {}
        found = self._encode({place: text for place, text in long.items() if _is_unicode(text)})
        return {place: encoding for place, (encoding, _) in found.items()}

    def shorten_pairs(self, texts: Sequence[Text]) -> dict[int, tuple[str, str]]:
        """Return shorter pairs for those that have the same row then, by their place among texts.

        These pairs have more tokens than a row takes. Of a pair of two long texts, the tokenizer makes a
        window for each combination of their parts, whose number grows with the square of the length.
        """
        longest = self._longest
        places = [
            place
            for place, pair in enumerate(texts)
            if isinstance(pair, tuple) and max(map(len, pair)) > longest
        ]
        if not places or self._left or not self._is_local:
            return {}
        shortened = {}
        for place in places:
            pair: Any = texts[place]
            if (shorter := self._shorten_pair(pair)) != pair:
                shortened[place] = shorter
        return shortened

    def _shorten_pair(self, pair: tuple[str, str]) -> tuple[str, str]:
        """Return the pieces of a pair that lead to the same row, or the pair itself."""
        if not all(map(_is_unicode, pair)):
            return pair
        found = self._encode({i: text for i, text in enumerate(pair) if len(text) > self._longest})
        pieces = [found[i][1] if i in found else text for i, text in enumerate(pair)]
        special = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        if not found or (self._max_length - special) % 2 == 0:
            return pieces[0], pieces[1]
        # If both texts are longer than half a row, the longer one keeps one token more.
        counts = [*map(self._count, pieces)]
        known = [i for i in found if counts[i] > counts[1 - i]]
        if len(found) == 1 and known:
            return pieces[0], pieces[1]
        more = self._count(pair[0]) > self._count(pair[1])
        larger = 0 if more else 1
        length = len(pieces[larger])
        while (self._count(pieces[0]) > self._count(pieces[1])) != more:
            length *= _GROWTH
            pieces[larger] = self._piece(pair[larger], length) or pair[larger]
        return pieces[0], pieces[1]

    def _count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        (encoding,) = self._untruncated.encode_batch_fast([text], add_special_tokens=False)
        return len(encoding)

    @cached_property
    def _untruncated(self) -> Tokenizer:
        return copy_tokenizer(self._tokenizer)

    def _encode(self, waiting: Mapping[int, Any]) -> dict[int, tuple[Encoding, Any]]:
        """Return encodings and pieces of the texts whose rows are certain from at most half of them."""
        found: dict[int, tuple[Encoding, Any]] = {}
        length = self._first
        while waiting:
            pieces = {
                place: piece
                for place, text in waiting.items()
                if (piece := self._piece(text, length)) is not None
            }
            for place, encoding in self._encode_pieces(pieces).items():
                if self._is_certain(encoding, pieces[place]):
                    found[place] = encoding, pieces[place]
            waiting = {place: waiting[place] for place in pieces if place not in found}
            length *= _GROWTH
        return found

    def _encode_pieces(self, pieces: Mapping[int, Any]) -> dict[int, Encoding]:
        """Tokenize pieces; leave out those that cannot be tokenized, and their neighbours."""
        places, texts = [*pieces], [*pieces.values()]
        found: dict[int, Encoding] = {}
        for begin, end in portions(texts):
            portion = texts[begin:end]
            try:
                encodings = self._tokenizer.encode_batch(
                    portion, is_pretokenized=isinstance(portion[0], list)
                )
            except BaseException as error:
                raise_others(error)
                continue
            found.update(zip(places[begin:end], encodings, strict=True))
        return found

    def _piece(self, text: Any, length: int) -> Any:
        """Return the beginning of a text, or its end, of about this many characters.

        Returns None if it has no place to cut, or if the piece would be more than half of it.
        """
        if isinstance(text, list):
            count = length // _CHARACTERS_PER_TOKEN
            return text[:count] if count * 2 <= len(text) else None
        if length * 2 > len(text):
            return None
        if self._left:
            begin = len(text) - length
            cut = _CUT_BEFORE_SPACE.search(text, begin, begin + _SEARCHED)
            return None if cut is None else text[cut.end() :]
        ends = [cut.end() for cut in _CUT.finditer(text, max(length - _SEARCHED, 0), length)]
        return text[: ends[-1]] if ends else None

    def _is_certain(self, encoding: Encoding, piece: Any) -> bool:
        """Whether the whole text has the tokens of the piece's row; see above."""
        more = encoding.overflowing
        words = [word for word in encoding.word_ids if word is not None]
        if not more or not words:
            return False
        if isinstance(piece, list):
            return True  # words are tokenized one by one
        all_words = words + [word for part in more for word in part.word_ids if word is not None]
        if self._left:
            begin = min(
                begin
                for (begin, _), word in zip(encoding.offsets, encoding.word_ids, strict=True)
                if word is not None
            )
            return words[0] - min(all_words) >= _WORDS_BEHIND and bool(
                piece[self._look_ahead : begin].strip()
            )
        end = max(
            end
            for part in (encoding, *more)
            for (_, end), word in zip(part.offsets, part.word_ids, strict=True)
            if word == words[-1]
        )
        return max(all_words) - words[-1] >= _WORDS_BEHIND and bool(
            piece[end : max(end, len(piece) - self._look_ahead)].strip()
        )

    @cached_property
    def _look_ahead(self) -> int:
        """Characters at the end of a piece that may belong to other tokens in the whole text."""
        added = self._tokenizer.get_added_tokens_decoder().values()
        # The characters of a token may be several ones before normalization.
        return _LOOK_AHEAD + 4 * max((len(token.content) for token in added), default=0)

    @cached_property
    def _is_local(self) -> bool:
        """Whether all steps are among those listed above."""
        tokenizer = self._tokenizer
        model: Any = tokenizer.model
        if type(model).__name__ not in _MODELS or getattr(model, "dropout", None):
            return False
        normalizers, pre_tokenizers = _steps(tokenizer.normalizer), _steps(tokenizer.pre_tokenizer)
        # A run of characters that is cut at its beginning may be divided in another way. The end of a
        # text is cut at a space, so no run is cut if none holds a space and something else.
        if self._left and (
            any(
                " " in token.content or token.normalized
                for token in tokenizer.get_added_tokens_decoder().values()
            )
            or any(" " in _string(step) for step in normalizers + pre_tokenizers)
        ):
            return False
        return all(map(_is_local_normalizer, normalizers)) and all(
            map(_is_local_pre_tokenizer, pre_tokenizers)
        )


def _is_unicode(text: str | list[str]) -> bool:
    """Whether a text can be tokenized; another one is refused, even for a surrogate far behind."""
    text = text if isinstance(text, str) else "".join(text)
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _steps(component: Any) -> list[dict[str, Any]]:
    """Return the steps of a normalizer or a pre-tokenizer, as in ``tokenizer.json``."""
    if component is None:
        return []
    try:
        return _flat(json.loads(component.__getstate__()))
    except Exception:  # a component that is written in Python
        return [{"type": "custom"}]


def _flat(step: dict[str, Any]) -> list[dict[str, Any]]:
    if step["type"] != "Sequence":
        return [step]
    inner = step["normalizers" if "normalizers" in step else "pretokenizers"]
    return [each for part in inner for each in _flat(part)]


def _is_local_normalizer(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Replace":
        return _has_local_pattern(step, _REPLACED_PATTERNS)
    return step["type"] in _NORMALIZERS


def _is_local_pre_tokenizer(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Split":
        return _has_local_pattern(step, _SPLIT_PATTERNS)
    return step["type"] in _PRE_TOKENIZERS


def _has_local_pattern(step: Mapping[str, Any], known: frozenset[str]) -> bool:
    """Whether a step looks for a short string, or for one of the known regular expressions."""
    if "String" in step["pattern"]:
        return len(_string(step)) <= _LOOK_AHEAD // 2
    return step["pattern"].get("Regex") in known


def _string(step: Mapping[str, Any]) -> str:
    """Return the string that a step looks for, "" if it looks for none."""
    pattern = step.get("pattern")
    return str(pattern.get("String", "")) if isinstance(pattern, dict) else ""
