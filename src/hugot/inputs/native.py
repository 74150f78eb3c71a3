"""Calls of the native tokenizer: lists in portions, and the texts that it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from hugot.errors import InputError, TokenizerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokenizers import Tokenizer

# Long lists are tokenized in native calls of about this many characters, because Python handles an
# interrupt only between two of them. One takes some 15 ms, and several times as long if workers use the
# CPUs.
CHARACTERS_PER_CALL = 40_000

# A text, a pair of texts, or a text as a list of words.
Text: TypeAlias = str | tuple[str, str] | list[str]


def encode_texts(
    tokenizer: Tokenizer,
    texts: Sequence[Text],
    *,
    spans: bool,
    words: bool,
    numbers: Sequence[int],
) -> tuple[list[Any], dict[int, InputError]]:
    """Tokenize texts without the GIL, which the tokenizer's `encode` would keep.

    Args:
        tokenizer: the native tokenizer.
        texts: the texts.
        spans: whether character offsets are needed.
        words: whether each text is a list of words.
        numbers: number of each text among the caller's inputs, for messages.

    Returns the encodings, None for a text that cannot be tokenized, and the error of each such text by
    its place.
    """
    encode_batch = tokenizer.encode_batch if spans else tokenizer.encode_batch_fast
    encodings: list[Any] = []
    refused: dict[int, InputError] = {}
    for begin, end in portions(texts):
        portion = texts[begin:end]
        try:
            encodings += encode_batch(portion, is_pretokenized=words)
        except BaseException as error:
            raise_others(error)
            found, more = _encode_each(tokenizer, portion, words, error, numbers[begin:end])
            encodings += found
            refused.update((begin + place, each) for place, each in more.items())
    return encodings, refused


def copy_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer without truncation that shares the vocabulary and all steps with another one.

    A tokenizer that threads use cannot be reconfigured, and reading its file again would take long.
    """
    import tokenizers

    made = tokenizers.Tokenizer(tokenizer.model)
    for step in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if getattr(tokenizer, step) is not None:
            setattr(made, step, getattr(tokenizer, step))
    added = tokenizer.get_added_tokens_decoder()
    made.add_tokens([added[number] for number in sorted(added)])
    made.encode_special_tokens = tokenizer.encode_special_tokens
    if repr(made.get_added_tokens_decoder()) != repr(added):  # numbers that are not consecutive
        made = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        made.encode_special_tokens = tokenizer.encode_special_tokens
    made.no_truncation()
    return made


def portions(texts: Sequence[Text]) -> Iterator[tuple[int, int]]:
    """Yield the begin and end of portions of about `CHARACTERS_PER_CALL` characters."""
    begin = characters = 0
    for number, text in enumerate(texts, 1):
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if characters >= CHARACTERS_PER_CALL:
            yield begin, number
            begin, characters = number, 0
    if begin < len(texts):
        yield begin, len(texts)


def raise_others(error: BaseException) -> None:
    """Raise an error that is not a failure of the tokenizer, such as an interrupt.

    A panic of the tokenizer's Rust code is raised as a BaseException that is not an `Exception`.
    """
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _encode_each(
    tokenizer: Tokenizer,
    texts: Sequence[Text],
    words: bool,
    error: BaseException,
    numbers: Sequence[int],
) -> tuple[list[Any], dict[int, InputError]]:
    """Tokenize texts one by one after an error, to find those that cause it."""
    encodings: list[Any] = []
    refused: dict[int, InputError] = {}
    for place, text in enumerate(texts):
        try:
            encodings += tokenizer.encode_batch([text], is_pretokenized=words)
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
