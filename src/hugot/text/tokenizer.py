"""Strings to token ids, with a tokenizer that is configured once and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from hugot.errors import InputError, TokenizerError
from hugot.models.files import get_typed
from hugot.text.batch import RowBatch, TokenBatch, batch_from_encodings
from hugot.text.pool import start_pool
from hugot.text.portions import portions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.models.bundle import ModelBundle

# Decoders that give a token a text of its own, which depends on nothing but the token and whether it is
# the first; ByteLevel does so where the bytes of a character are not spread over tokens.
_DECODERS_BY_TOKEN = ("ByteLevel", "Metaspace", "NoneType", "WordPiece")

# What does not fit into 32 bits.
_TOO_LARGE = 2**31

# A text, a pair of texts, or a text that comes as a list of words.
Text: TypeAlias = str | tuple[str, str] | list[str]


class TextTokenizer:
    """The tokenizer of a model, cutting rows at `max_length` tokens.

    Padding and truncation baked into ``tokenizer.json`` are switched off: exports carry a fixed
    padding to 128 tokens there. A tokenizer shared by threads cannot be reconfigured while it works,
    so this one never is; each length, stride and casing has one of its own.

    Args:
        bundle: the model's files.
        max_length: see below.
        lowercase: whether texts are lower-cased first.
        stride: tokens that neighbouring windows of `encode_windows` share.
        threads: most threads for a list of texts; None for as many as `tokenizers` likes.

    Attributes:
        max_length: most tokens in a row, special ones included; None for no limit.
        pad_id: id of the padding token.
        pad_type_id: token type id of padding.
        pads_left: whether padding goes before the tokens.
        unknown_id: id of the unknown token, -1 where there is none.
        adds_special_tokens: whether a row has tokens beside those of its text.
        marks_subwords: whether the vocabulary marks tokens that continue a word, as ``##ing``.
        joins_by_token: whether `join` gives each token a text of its own, whatever its neighbours;
            the replacement character may stand for a part of one.
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
        import tokenizers

        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(bundle.tokenizer_path))
            # A template gives every single text the same type ids; most give it none but 0.
            self._types_in_single = any(tokenizer.encode("a").type_ids)
        except BaseException as error:  # tokenizers raises bare Exception for a bad file, or panics
            raise_others(error)
            raise TokenizerError(f"{bundle.tokenizer_path} cannot be used: {error}") from error
        config = bundle.tokenizer_config
        source = bundle.folder / "tokenizer_config.json"
        baked = tokenizer.padding or {}
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if lowercase:
            first = tokenizers.normalizers.Lowercase()
            rest = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
            tokenizer.normalizer = tokenizers.normalizers.Sequence([first, *rest])
        special = tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_length is not None:
            if not special <= max_length < _TOO_LARGE:
                raise TokenizerError(
                    f"{bundle.folder} allows {max_length} tokens in a row, of which {special} are "
                    "special; see max_position_embeddings in config.json, model_max_length in "
                    "tokenizer_config.json, max_seq_length in sentence_bert_config.json"
                )
            side = get_typed(config, "truncation_side", str, source, "right")
            tokenizer.enable_truncation(
                max_length,
                stride=stride,
                strategy="longest_first",
                direction="left" if side == "left" else "right",
            )
        self._tokenizer = tokenizer
        self._pool_threads = threads
        self.max_length = max_length
        self.pad_id = self._pad_id(bundle, baked)
        self.pad_type_id = get_typed(
            config, "pad_token_type_id", int, source, baked.get("pad_type_id", 0)
        )
        self.pads_left = config.get("padding_side", baked.get("direction", "right")) == "left"
        self.unknown_id = self._id_of(config.get("unk_token"), -1)
        self.marks_subwords = bool(getattr(tokenizer.model, "continuing_subword_prefix", None))
        self._decoder = tokenizer.decoder
        self.joins_by_token = type(self._decoder).__name__ in _DECODERS_BY_TOKEN
        self.adds_special_tokens = special > 0

    def encode(
        self,
        texts: list[Text],
        *,
        type_ids: bool,
        spans: bool = False,
        words: bool = False,
        truncate: bool = True,
        first_index: int = 0,
    ) -> TokenBatch:
        """Tokenize texts or pairs of texts, a row each.

        Args:
            texts: the texts.
            type_ids: whether the graph takes token type ids.
            spans: whether character offsets are wanted; without, tokenizing is faster.
            words: whether each text is a list of words.
            truncate: False raises for a row that would have to be cut.
            first_index: number of the first text among the caller's inputs, for messages.

        Raises InputError with the number of the offending text.
        """
        if len(texts) == 1 and type(texts[0]) is str:
            return self._encode_row(texts[0], type_ids, truncate, first_index)
        encodings = self._encode(texts, spans, words, first_index)
        if not truncate:
            self._refuse_cut(encodings, first_index)
        differ = type_ids and (self._types_in_single or any(type(text) is tuple for text in texts))
        batch = batch_from_encodings(encodings, with_type_ids=differ)
        batch.truncated = sum(1 for encoding in encodings if self._is_cut(encoding))
        return batch

    def _encode_row(self, text: str, type_ids: bool, truncate: bool, first_index: int) -> RowBatch:
        """One text, without the detour over the tokenizer's thread pool."""
        try:
            encoding = self._tokenizer.encode(text)
        except BaseException as error:
            raise_others(error)
            raise self._blame([text], False, error, first_index) from error
        if not truncate:
            self._refuse_cut([encoding], first_index)
        batch = RowBatch(encoding, with_type_ids=type_ids and self._types_in_single)
        if len(batch.row_ids) == self.max_length and self._is_cut(encoding):
            batch.truncated = 1
        return batch

    def encode_windows(
        self,
        texts: list[Text],
        *,
        type_ids: bool,
        words: bool = False,
        first_index: int = 0,
    ) -> TokenBatch:
        """Tokenize texts, with as many rows for each as it takes to hold all of it.

        Each row of a text begins `stride` tokens before the end of the one before it. Arguments and
        errors are those of `encode`.
        """
        rows: list[Any] = []
        sources: list[int] = []
        for index, encoding in enumerate(self._encode(texts, True, words, first_index)):
            windows = [encoding, *encoding.overflowing]
            rows += windows
            sources += [index] * len(windows)
        return batch_from_encodings(
            rows, with_type_ids=type_ids and self._types_in_single, sources=sources
        )

    @property
    def window_length(self) -> int:
        """Tokens of a single text that fit into a row beside the special ones."""
        return (self.max_length or 0) - self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def prompt_length(self, prompt: str) -> int:
        """Tokens that a prompt puts before a text; a special token at its end does not count.

        As `_get_prompt_length` of sentence-transformers.
        """
        mask = self._tokenizer.encode(prompt).special_tokens_mask
        return len(mask) - mask[-1] if mask else 0

    def token(self, token_id: int) -> str:
        """The string of a token, as the vocabulary has it."""
        return self._tokenizer.id_to_token(token_id) or ""

    def join(self, tokens: list[str]) -> str:
        """Text from tokens, as `convert_tokens_to_string` of transformers."""
        return self._decoder.decode(tokens) if self._decoder is not None else " ".join(tokens)

    def _id_of(self, token: Any, default: int) -> int:
        name = token.get("content") if isinstance(token, dict) else token
        try:
            found = self._tokenizer.token_to_id(name) if isinstance(name, str) else None
        except UnicodeEncodeError:  # a lone surrogate, which is in no vocabulary
            found = None
        return default if found is None else found

    def _pad_id(self, bundle: ModelBundle, baked: dict[str, Any]) -> int:
        default = baked.get("pad_id", bundle.config.get("pad_token_id"))
        if not isinstance(default, int) or not 0 <= default < _TOO_LARGE:
            default = 0
        return self._id_of(bundle.tokenizer_config.get("pad_token"), default)

    def _encode(self, texts: list[Text], spans: bool, words: bool, first_index: int) -> list[Any]:
        if self._pool_threads is not None:
            start_pool(self._tokenizer, self._pool_threads)
            self._pool_threads = None
        encode_batch = self._tokenizer.encode_batch if spans else self._tokenizer.encode_batch_fast
        encodings: list[Any] = []
        try:
            for portion in portions(texts):
                encodings += encode_batch(portion, is_pretokenized=words)
        except BaseException as error:
            raise_others(error)
            raise self._blame(texts, words, error, first_index) from error
        return encodings

    def _refuse_cut(self, encodings: Sequence[Any], first_index: int) -> None:
        for index, encoding in enumerate(encodings, first_index):
            if self._is_cut(encoding):
                special = sum(encoding.special_tokens_mask)
                rest = sum(len(more) - special for more in encoding.overflowing)
                raise InputError(
                    f"input {index} has {len(encoding) + rest} tokens; the model takes "
                    f"{self.max_length}. Shorten it, or let truncation=True cut it.",
                    index,
                )

    def _is_cut(self, encoding: Any) -> bool:
        return len(encoding) == self.max_length and bool(encoding.overflowing)

    def _blame(
        self, texts: Sequence[Any], words: bool, error: BaseException, first_index: int
    ) -> Exception:
        """Find the text that cannot be tokenized, and name it."""
        for index, text in enumerate(texts, first_index):
            try:
                self._tokenizer.encode_batch_fast([text], is_pretokenized=words)
            except BaseException as cause:
                raise_others(cause)
                return InputError(
                    f"input {index} cannot be tokenized: {_reason(text, cause)}", index
                )
        return TokenizerError(f"the tokenizer failed: {error}")


def raise_others(error: BaseException) -> None:
    """Raise what is no failure of the tokenizer, such as an interrupt.

    A panic of its Rust code comes as an exception that is no `Exception`.
    """
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


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
