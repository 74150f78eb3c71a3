"""Tokenizing texts, with tokenizers that are configured once and never changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from hugot.errors import InputError, TokenizerError
from hugot.inputs.pool import start_pool
from hugot.inputs.rows import TokenRow, TokenRows, rows_from_encodings
from hugot.inputs.tokenizer_files import raise_others, read_tokenizer_files, token_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokenizers import Encoding

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

# Long lists are tokenized in native calls of about this many characters, because Python handles an
# interrupt only between two of them. One takes some 15 ms, and several times as long if workers use the
# CPUs.
_CHARACTERS_PER_CALL = 40_000

# If many texts may be too long, only their beginnings are tokenized first: this many characters for each
# token of a row and of a margin. In nearly every language, such a beginning has more tokens than the row
# takes; the margin is needed because the cut may change the last tokens. Few texts are always tokenized
# completely, so that the error can state their length.
_CHARACTERS_PER_TOKEN = 6
_MARGIN = 16
_FEW = 8

# A text, a pair of texts, or a text as a list of words.
Text: TypeAlias = str | tuple[str, str] | list[str]


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
    ) -> None:
        files = read_tokenizer_files(bundle)
        tokenizer = files.tokenizer
        self._types_in_single = files.types_in_single
        if lowercase:
            from tokenizers import normalizers

            first = normalizers.Lowercase()
            rest = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
            tokenizer.normalizer = normalizers.Sequence([first, *rest])
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
        if truncate and check is None and (allow_empty or self.adds_special_tokens):
            if len(texts) == 1 and type(texts[0]) is str:
                row = self._encode_row(texts[0], type_ids)
                if row is not None:
                    return row, {}
            encodings, refused = self._encode(texts, spans, words, numbers)
        else:
            given, texts = texts, texts if truncate else self._beginnings(texts)
            encodings, refused = self._encode(texts, spans, words, numbers)
            if texts is not given:
                self._refuse_beginnings(given, texts, encodings, refused, spans, numbers)
            self._refuse(encodings, refused, truncate, allow_empty, check, numbers)
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

    @property
    def window_length(self) -> int:
        """Number of tokens of a single text that fit into a row, special ones excluded."""
        return (self.max_length or 0) - self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def prompt_length(self, prompt: str) -> int:
        """Return the number of tokens of a prompt, without a special token at its end.

        As `_get_prompt_length` of sentence-transformers.
        """
        mask = self._tokenizer.encode(prompt).special_tokens_mask
        return len(mask) - mask[-1] if mask else 0

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

    def join(self, tokens: list[str]) -> str:
        """Return the text of tokens, as `convert_tokens_to_string` of transformers."""
        return self._decoder.decode(tokens) if self._decoder is not None else " ".join(tokens)

    def _beginnings(self, texts: Sequence[Text]) -> Sequence[Text]:
        """Return the texts; if many may be too long, return only the beginnings of those."""
        if self.max_length is None:
            return texts
        longest = (self.max_length + _MARGIN) * _CHARACTERS_PER_TOKEN
        if sum(type(text) is str and len(text) > longest for text in texts) <= _FEW:
            return texts
        return [_cut(text, longest) if type(text) is str else text for text in texts]

    def _refuse_beginnings(
        self,
        texts: Sequence[Text],
        beginnings: Sequence[Text],
        encodings: list[Any],
        refused: dict[int, InputError],
        spans: bool,
        numbers: Sequence[int],
    ) -> None:
        """Refuse the texts whose beginning is too long already, and tokenize the others completely."""
        for place, (text, beginning) in enumerate(zip(texts, beginnings, strict=True)):
            if text is beginning or place in refused:
                continue
            number = numbers[place]
            if self._token_count(encodings[place]) > (self.max_length or 0) + _MARGIN:
                refused[place] = InputError(
                    f"input {number} has more than {self.max_length} tokens, which is what the model "
                    "takes. Shorten it, or let truncation=True cut it.",
                    number,
                )
                continue
            found, more = self._encode([text], spans, False, [number])
            encodings[place] = found[0]
            refused.update((place, error) for error in more.values())

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
        if self._pool_threads is not None:
            start_pool(self._tokenizer, self._pool_threads)
            self._pool_threads = None
        encode_batch = self._tokenizer.encode_batch if spans else self._tokenizer.encode_batch_fast
        encodings: list[Any] = []
        refused: dict[int, InputError] = {}
        for begin, end in _portions(texts):
            portion = texts[begin:end]
            try:
                encodings += encode_batch(portion, is_pretokenized=words)
            except BaseException as error:
                raise_others(error)
                found, more = self._encode_each(portion, words, error, numbers[begin:end])
                encodings += found
                refused.update((begin + place, each) for place, each in more.items())
        return encodings, refused

    def _encode_each(
        self, texts: Sequence[Text], words: bool, error: BaseException, numbers: Sequence[int]
    ) -> tuple[list[Any], dict[int, InputError]]:
        """Tokenize texts one by one after an error, to find those that cause it."""
        encodings: list[Any] = []
        refused: dict[int, InputError] = {}
        for place, text in enumerate(texts):
            try:
                encodings += self._tokenizer.encode_batch([text], is_pretokenized=words)
            except BaseException as cause:
                raise_others(cause)
                encodings.append(None)
                number = numbers[place]
                refused[place] = InputError(
                    f"input {number} cannot be tokenized: {_reason(text, cause)}", number
                )
        if not refused:
            raise TokenizerError(f"the tokenizer failed: {error}") from error
        return encodings, refused

    def _refuse(
        self,
        encodings: Sequence[Any],
        refused: dict[int, InputError],
        truncate: bool,
        allow_empty: bool,
        check: Callable[[Encoding], str | None] | None,
        numbers: Sequence[int],
    ) -> None:
        """Refuse truncated texts, texts without tokens, and those that `check` refuses; see `encode`."""
        for place, encoding in enumerate(encodings):
            if place in refused:
                continue
            number = numbers[place]
            if not truncate and self._is_cut(encoding):
                refused[place] = InputError(
                    f"input {number} has {self._token_count(encoding)} tokens; the model takes "
                    f"{self.max_length}. Shorten it, or let truncation=True cut it.",
                    number,
                )
            elif not allow_empty and not len(encoding):
                refused[place] = InputError(
                    f"input {number} has no tokens: it is empty, and the tokenizer adds no special "
                    "tokens",
                    number,
                )
            elif check is not None and (reason := check(encoding)) is not None:
                refused[place] = InputError(f"input {number} {reason}", number)

    def _is_cut(self, encoding: Any) -> bool:
        return len(encoding) == self.max_length and bool(encoding.overflowing)


class LoadTokenizer(Protocol):
    """A function that returns a model's tokenizer with the given settings; see `TextTokenizer`."""

    def __call__(
        self, max_length: int | None, *, lowercase: bool = False, stride: int = 0
    ) -> TextTokenizer:
        """Return the tokenizer with these settings."""


class TokenizerCache:
    """The tokenizers of a session, each made once.

    Args:
        threads: most threads for a list of texts.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._made: dict[tuple[str, int | None, bool, int], TextTokenizer] = {}
        self._lock = threading.Lock()

    def load(
        self,
        bundle: ModelBundle,
        max_length: int | None,
        *,
        lowercase: bool = False,
        stride: int = 0,
    ) -> TextTokenizer:
        """Return the tokenizer of a bundle with these settings."""
        key = (str(bundle.tokenizer_path.resolve()), max_length, lowercase, stride)
        with self._lock:
            if key not in self._made:
                self._made[key] = TextTokenizer(
                    bundle, max_length, lowercase=lowercase, stride=stride, threads=self._threads
                )
            return self._made[key]


def _cut(text: str, longest: int) -> str:
    """Return a text, or its beginning up to a space if it has more than `longest` characters."""
    if len(text) <= longest:
        return text
    blank = text.rfind(" ", longest // 2, longest)
    return text[: blank if blank > 0 else longest]


def _portions(texts: Sequence[Text]) -> Iterator[tuple[int, int]]:
    """Yield the begin and end of portions of about `_CHARACTERS_PER_CALL` characters."""
    begin = characters = 0
    for number, text in enumerate(texts, 1):
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if characters >= _CHARACTERS_PER_CALL:
            yield begin, number
            begin, characters = number, 0
    if begin < len(texts):
        yield begin, len(texts)


def _reason(text: Any, cause: BaseException) -> str:
    for part in text if isinstance(text, tuple | list) else (text,):
        if not isinstance(part, str):
            return f"it is of type {type(part).__name__}, not str"
        try:
            part.encode("utf-8")
        except UnicodeEncodeError as error:
            return (
                f"character {error.start} is a lone surrogate ({part[error.start]!a}), which no "
                "encoding of text has; decode the source with errors='replace'"
            )
    return str(cause)
