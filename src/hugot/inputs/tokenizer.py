"""Tokenizing texts, with tokenizers that are configured once and never changed."""

from __future__ import annotations

import threading
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from hugot.errors import InputError, TokenizerError
from hugot.inputs.native import copy_tokenizer, encode_texts, raise_others
from hugot.inputs.pool import start_pool
from hugot.inputs.rows import TokenRow, TokenRows, rows_from_encodings
from hugot.inputs.tokenizer_files import read_tokenizer_files, token_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokenizers import Encoding

    from hugot.inputs.beginnings import Beginnings
    from hugot.inputs.native import Text
    from hugot.inputs.pairs import PairTemplate
    from hugot.models.bundle import ModelBundle

# Decoders for which the text of a token depends only on the token and on whether it is the first. This
# holds for ByteLevel if the bytes of a character are not spread over several tokens.
_DECODERS_BY_TOKEN = ("ByteLevel", "Metaspace", "NoneType", "WordPiece")

# The spaces that transformers removes from decoded text (`clean_up_tokenization`), in this order.
_CLEAN_UP = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)

# The first length that does not fit into 32 bits.
_TOO_LARGE = 2**31

# The usual call for one text keeps the GIL, some 0.3 ms for 1000 characters. Longer texts are tokenized
# by the call for lists, during which other threads go on.
_LONGEST_HELD = 4096

# The error for a text that is too long states its length, unless many texts are too long or it is very
# long: counting its tokens would take longer than refusing it.
_FEW = 8
_COUNTED = 100_000

# Lengths and strides whose tokenizer is kept for the next call.
_KEPT = 8


class TextTokenizer:
    """The tokenizer of a model, cutting rows at `max_length` tokens.

    The tokenizer is configured as `hugot.inputs.tokenizer_files` describes. Padding and truncation in
    ``tokenizer.json`` are switched off: exports often have a fixed padding to 128 tokens there. A
    tokenizer that threads share cannot be reconfigured while it works, so each length, stride and casing
    has a tokenizer of its own.

    Args:
        bundle: the model's files.
        max_length: see below.
        lowercase: whether texts are lower-cased first.
        stride: tokens that neighbouring windows of `encode_windows` share.
        threads: most threads for a list of texts; None for the number that `tokenizers` chooses.
        special_tokens: whether the special tokens of the model are added to those of a text.

    Attributes:
        max_length: most tokens in a row, special ones included; None for no limit.
        padding: the padding of shorter rows.
        truncates_left: whether texts that are too long lose their beginning.
        unknown_id: id of the unknown token, -1 if there is none.
        adds_special_tokens: whether special tokens are added to those of a text.
        marks_subwords: whether the vocabulary marks tokens that continue a word, such as ``##ing``.
        joins_by_token: whether the text that `join` makes of a token is independent of its neighbours;
            it may contain the replacement character for a part of a character.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        max_length: int | None,
        *,
        lowercase: bool = False,
        stride: int = 0,
        threads: int | None = None,
        special_tokens: bool = True,
    ) -> None:
        files = read_tokenizer_files(bundle)
        tokenizer = files.tokenizer
        self._types_in_single = files.types_in_single
        if lowercase:
            from tokenizers import normalizers

            first = normalizers.Lowercase()
            rest = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
            tokenizer.normalizer = normalizers.Sequence([first, *rest])
        if not special_tokens:
            from tokenizers import processors

            tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B")
        special = tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_length is not None:
            if not special <= max_length < _TOO_LARGE:
                raise TokenizerError(
                    f"{bundle.folder} allows {max_length} tokens in a row, of which {special} are "
                    "special; see max_position_embeddings in config.json, model_max_length in "
                    "tokenizer_config.json, max_seq_length in sentence_bert_config.json"
                )
            tokenizer.enable_truncation(
                max_length,
                stride=stride,
                strategy="longest_first",
                direction="left" if files.truncates_left else "right",
            )
        self._tokenizer = tokenizer
        self._special_tokens = files.special_tokens
        self._all_special_tokens = files.all_special_tokens
        self._cleans_up_spaces = files.cleans_up_spaces
        self._pool_threads = threads
        self.truncates_left = files.truncates_left
        self.max_length = max_length
        self.padding = files.padding
        unknown = self.special_token_id("unk_token")
        self.unknown_id = -1 if unknown is None else unknown
        self.marks_subwords = bool(getattr(tokenizer.model, "continuing_subword_prefix", None))
        self._decoder = tokenizer.decoder
        self.joins_by_token = type(self._decoder).__name__ in _DECODERS_BY_TOKEN
        self.adds_special_tokens = special > 0
        self._beginnings: Beginnings | None = None
        self._shortened = False
        self._kept: dict[tuple[int | None, int], TextTokenizer] = {}
        self._unlimited: TextTokenizer | None = None

    def encode(
        self,
        texts: Sequence[Text],
        *,
        type_ids: bool,
        spans: bool = False,
        words: bool = False,
        truncate: bool = True,
        allow_empty: bool = True,
        check: Callable[[Encoding], str | None] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize texts or pairs of texts to one row each.

        Args:
            texts: the texts.
            type_ids: whether the graph takes token type ids.
            spans: whether character offsets are needed; tokenizing is faster without.
            words: whether each text is a list of words.
            truncate: whether a text that is too long is cut, rather than refused.
            allow_empty: whether a text may have no tokens.
            check: returns the reason to refuse a text for its tokens, or None.
            numbers: number of each text among the caller's inputs, for messages.

        Returns the rows, and the error of each refused text by its place; refused texts have no row.
        """
        numbers = range(len(texts)) if numbers is None else numbers
        checked = not truncate or check is not None or not (allow_empty or self.adds_special_tokens)
        if (
            not checked
            and len(texts) == 1
            and type(text := texts[0]) is str
            and len(text) <= _LONGEST_HELD
            and (row := self._encode_row(text, type_ids)) is not None
        ):
            return row, {}
        encodings, refused, cut = self._encode_rows(texts, spans, words, numbers)
        if self._shortened and tuple in map(type, texts):
            self._refuse_pairs(texts, refused, numbers)
        if checked:
            self._refuse(texts, encodings, refused, cut, truncate, allow_empty, check, numbers)
        if refused:
            encodings = [each for place, each in enumerate(encodings) if place not in refused]
        differ = type_ids and (self._types_in_single or tuple in map(type, texts))
        rows = rows_from_encodings(encodings, self.padding, with_type_ids=differ)
        longest = self.max_length
        rows.truncated = sum([len(x) == longest and bool(x.overflowing) for x in encodings])
        return rows, refused

    def encode_windows(
        self,
        texts: Sequence[Text],
        *,
        type_ids: bool,
        words: bool = False,
        numbers: Sequence[int] | None = None,
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize texts to as many rows each as are needed to hold the whole text.

        Each further row of a text begins `stride` tokens before the end of the previous one. Arguments
        and results are those of `encode`.
        """
        numbers = range(len(texts)) if numbers is None else numbers
        encodings, refused = self._encode(texts, True, words, numbers)
        rows: list[Any] = []
        sources: list[int] = []
        accepted = [each for place, each in enumerate(encodings) if place not in refused]
        for number, encoding in enumerate(accepted):
            windows = [encoding, *encoding.overflowing]
            rows += windows
            sources += [number] * len(windows)
        differ = type_ids and self._types_in_single
        made = rows_from_encodings(rows, self.padding, with_type_ids=differ, sources=sources)
        return made, refused

    def with_length(self, max_length: int | None, *, stride: int = 0) -> TextTokenizer:
        """Return the same tokenizer for another length of rows, which shares the vocabulary.

        Args:
            max_length: most tokens in a row, if it is less than that of this tokenizer; None for that.
            stride: tokens that neighbouring windows share.

        Raises InputError if a row has no room for a token of a text.
        """
        limits = [limit for limit in (max_length, self.max_length) if limit is not None]
        key = min(limits, default=None), stride
        if key == (self.max_length, 0):
            return self
        found = self._kept.get(key)
        if found is None:
            found = self._with_length(*key)
            if len(self._kept) >= _KEPT:
                self._kept.clear()  # lengths that come from users do not pile up
            self._kept[key] = found
        return found

    def without_limit(self) -> TextTokenizer:
        """Return the same tokenizer without a longest row."""
        if self.max_length is None:
            return self
        if self._unlimited is None:
            self._unlimited = self._with_length(None, 0)
        return self._unlimited

    def _with_length(self, max_length: int | None, stride: int) -> TextTokenizer:
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        native = copy_tokenizer(self._tokenizer)
        if max_length is not None:
            if max_length <= special:
                raise InputError(
                    f"max_length={max_length} leaves no room for the tokens of a text; {special} "
                    "tokens of a row are special"
                )
            native.enable_truncation(
                max_length,
                stride=stride,
                strategy="longest_first",
                direction="left" if self.truncates_left else "right",
            )
        made = copy(self)
        vars(made).update(
            _tokenizer=native,
            max_length=max_length,
            _shortened=max_length != self.max_length,
            _beginnings=None,
            _kept={},
            _unlimited=None,
        )
        return made

    @property
    def special_tokens(self) -> tuple[int, int]:
        """Number of special tokens before and after those of a single text."""
        mask = self._tokenizer.encode("a").special_tokens_mask
        if 0 not in mask:
            return 0, len(mask)
        return mask.index(0), mask[::-1].index(0)

    @cached_property
    def pair_template(self) -> PairTemplate:
        """The way in which two texts become a row; see `PairTemplate`."""
        from hugot.inputs.pairs import PairTemplate  # few tasks join pairs

        return PairTemplate(copy_tokenizer(self._tokenizer))

    @property
    def window_length(self) -> int:
        """Number of tokens of a single text that fit into a row, special ones excluded."""
        return (self.max_length or 0) - self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def prompt_length(self, prompt: str) -> int:
        """Return the number of tokens of a prompt, without a special token at its end.

        As `_get_prompt_length` of sentence-transformers.
        """
        tokens = self._tokenizer.encode(prompt).tokens
        return len(tokens) - (tokens[-1] in self._all_special_tokens) if tokens else 0

    def common_length(self, prompt: str) -> int:
        """Return the number of tokens that a prompt has before any text, without special tokens.

        A tokenizer may join the end of a prompt, such as a space, to the first token of the text.
        """
        alone, together = self.pieces(prompt), self.pieces(prompt + "a")
        pairs = zip(alone, together, strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), len(alone))

    def token(self, token_id: int) -> str:
        """Return the string of a token in the vocabulary."""
        return self._tokenizer.id_to_token(token_id) or ""

    def token_id(self, token: str) -> int | None:
        """Return the id of a token of the vocabulary, None if it has no such token."""
        return token_id(self._tokenizer, token)

    def special_token_id(self, name: str) -> int | None:
        """Return the id of a special token, such as ``"mask_token"``; None if the model has none."""
        token = self._special_tokens.get(name)
        return None if token is None else token_id(self._tokenizer, token)

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """Return the text of token ids, as `decode` of transformers' fast tokenizers."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        if self._cleans_up_spaces:
            for written, meant in _CLEAN_UP:
                text = text.replace(written, meant)
        return text

    def pieces(self, text: str) -> list[int]:
        """Return all token ids of a text, without special tokens and without truncation."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return [*encoding.ids, *(each for more in encoding.overflowing for each in more.ids)]

    def count(self, text: Text) -> int:
        """Return the number of tokens of a text, a pair or a list of words, without truncation.

        Special tokens are included. Raises InputError for a text that cannot be tokenized.
        """
        parts = list(text) if isinstance(text, tuple) else [text]
        encodings, refused = self._encode(parts, False, isinstance(text, list), [0] * len(parts))
        if refused:
            raise refused[min(refused)]
        count, tokenizer = sum(map(self._token_count, encodings)), self._tokenizer
        if len(parts) > 1:
            count += tokenizer.num_special_tokens_to_add(is_pair=True)
            count -= tokenizer.num_special_tokens_to_add(is_pair=False) * len(parts)
        return count

    def join(self, tokens: list[str]) -> str:
        """Return the text of tokens, as `convert_tokens_to_string` of transformers."""
        return self._decoder.decode(tokens) if self._decoder is not None else " ".join(tokens)

    def _token_count(self, encoding: Encoding) -> int:
        """Return the number of tokens of a text, including truncated ones."""
        special = sum(encoding.special_tokens_mask)
        return len(encoding) + sum([len(more) - special for more in encoding.overflowing])

    def _encode_row(self, text: str, type_ids: bool) -> TokenRow | None:
        """Tokenize one text without the thread pool of `tokenizers`; return None if it fails."""
        try:
            encoding = self._tokenizer.encode(text)
        except BaseException as error:
            raise_others(error)
            return None
        row = TokenRow(encoding, self.padding, type_ids and self._types_in_single)
        if row.size == self.max_length and encoding.overflowing:
            row.truncated = 1
        return row

    def _encode(
        self, texts: Sequence[Text], spans: bool, words: bool, numbers: Sequence[int]
    ) -> tuple[list[Any], dict[int, InputError]]:
        """Tokenize texts completely; see `encode_texts`."""
        self._start_pool()
        return encode_texts(self._tokenizer, texts, spans=spans, words=words, numbers=numbers)

    def _start_pool(self) -> None:
        if self._pool_threads is not None:
            start_pool(self._tokenizer, self._pool_threads)
            self._pool_threads = None

    def _encode_rows(
        self, texts: Sequence[Text], spans: bool, words: bool, numbers: Sequence[int]
    ) -> tuple[list[Any], dict[int, InputError], set[int]]:
        """Tokenize as much of each text as its row needs.

        Returns encodings and refusals as `encode_texts`, and the places of texts of which only a part
        was tokenized, although they have more tokens than a row takes.
        """
        beginnings = self._beginnings_of(texts)
        if beginnings is None:
            return *self._encode(texts, spans, words, numbers), set()
        self._start_pool()
        cut = beginnings.encode(texts, spans=spans, words=words)
        pairs = beginnings.shorten_pairs(texts)
        texts = [pairs.get(place, text) for place, text in enumerate(texts)]
        whole = [place for place in range(len(texts)) if place not in cut]
        found, more = self._encode(
            [texts[place] for place in whole], spans, words, [numbers[place] for place in whole]
        )
        encodings: dict[int, Any] = {**cut, **dict(zip(whole, found, strict=True))}
        refused = {whole[place]: error for place, error in more.items()}
        return [encodings[place] for place in range(len(texts))], refused, {*cut, *pairs}

    def _beginnings_of(self, texts: Sequence[Text]) -> Beginnings | None:
        """Return what tokenizes long texts, None if there are none."""
        if self.max_length is None or not (
            max(map(len, texts), default=0) > _LONGEST_HELD or tuple in map(type, texts)
        ):
            return None
        if self._beginnings is None:
            from hugot.inputs.beginnings import Beginnings  # most programs have no such text

            self._beginnings = Beginnings(
                self._tokenizer, self.max_length, left=self.truncates_left
            )
        return self._beginnings

    def _refuse(
        self,
        texts: Sequence[Text],
        encodings: list[Any],
        refused: dict[int, InputError],
        cut: set[int],
        truncate: bool,
        allow_empty: bool,
        check: Callable[[Encoding], str | None] | None,
        numbers: Sequence[int],
    ) -> None:
        """Refuse truncated texts, texts without tokens, and those that `check` refuses; see `encode`.

        `cut` holds the places of texts of which only a part was tokenized.
        """
        for place, number in enumerate(numbers):
            if place in refused:
                continue
            encoding, text, reason = encodings[place], texts[place], None
            if not truncate and self._is_cut(encoding):
                known = place not in cut
                if not known and len(cut) <= _FEW and len(text) <= _COUNTED:
                    found, _ = self._encode([text], False, type(text) is list, [number])
                    encoding, known = found[0], True
                # The windows of a pair hold tokens of one text several times.
                is_pair = type(text) is tuple
                counted = self.count(text) if known and is_pair else self._token_count(encoding)
                reason = self._too_long(counted if known else None)
            elif not allow_empty and not len(encoding):
                reason = "has no tokens: it is empty, and the tokenizer adds no special tokens"
            elif check is not None and (reason := check(encoding)) is not None and place in cut:
                # With all tokens, the reason may be another one.
                found, _ = self._encode([text], False, type(text) is list, [number])
                reason = check(found[0]) or reason
            if reason is not None:
                refused[place] = InputError(f"input {number} {reason}", number)

    def _refuse_pairs(
        self, texts: Sequence[Text], refused: dict[int, InputError], numbers: Sequence[int]
    ) -> None:
        """Refuse pairs if their special tokens fill a row; that a single text fits is known."""
        special = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        if self.max_length is None or special < self.max_length:
            return
        for place, text in enumerate(texts):
            if type(text) is tuple:
                refused[place] = InputError(
                    f"input {numbers[place]} is a pair of texts, for whose tokens max_length="
                    f"{self.max_length} leaves no room; {special} tokens of its row are special",
                    numbers[place],
                )

    def _too_long(self, tokens: int | None) -> str:
        """Return the reason to refuse a text that is too long; None stands for an unknown length."""
        count = f"more than {self.max_length}" if tokens is None else tokens
        limit = (
            f"max_length is {self.max_length}"
            if self._shortened
            else (f"the model takes {self.max_length}")
        )
        return f"has {count} tokens; {limit}. Shorten it, or let truncation=True cut it."

    def _is_cut(self, encoding: Any) -> bool:
        return len(encoding) == self.max_length and bool(encoding.overflowing)


class LoadTokenizer(Protocol):
    """A function that returns a model's tokenizer with the given settings; see `TextTokenizer`."""

    def __call__(
        self, max_length: int | None, *, lowercase: bool = False, special_tokens: bool = True
    ) -> TextTokenizer:
        """Return the tokenizer with these settings."""


class TokenizerCache:
    """The tokenizers of a session, each made once.

    Args:
        threads: most threads for a list of texts.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._made: dict[tuple[str, int | None, bool, bool], TextTokenizer] = {}
        self._lock = threading.Lock()

    def load(
        self,
        bundle: ModelBundle,
        max_length: int | None,
        *,
        lowercase: bool = False,
        special_tokens: bool = True,
    ) -> TextTokenizer:
        """Return the tokenizer of a bundle with these settings."""
        key = (str(bundle.tokenizer_path.resolve()), max_length, lowercase, special_tokens)
        with self._lock:
            if key not in self._made:
                self._made[key] = TextTokenizer(
                    bundle,
                    max_length,
                    lowercase=lowercase,
                    threads=self._threads,
                    special_tokens=special_tokens,
                )
            return self._made[key]
