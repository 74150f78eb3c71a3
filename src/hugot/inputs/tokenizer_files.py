"""The tokenizer of a model's files, configured as transformers configures it.

``tokenizer.json`` says nearly everything. Over it, transformers applies keys of
``tokenizer_config.json`` and of two older files, and defaults of the tokenizer's class; the table in
docs/fidelity.md lists all of them. A tokenizer that the other files agree with is used as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hugot.errors import HugotError, ModelFormatError, TokenizerError
from hugot.inputs.added_tokens import AddedTokens, tokens_of_vocabulary
from hugot.inputs.native import raise_others
from hugot.inputs.rows import Padding
from hugot.models.files import get_typed
from hugot.models.log import debug
from hugot.models.tokenizer_classes import tokenizer_class

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokenizers import Tokenizer

    from hugot.models.bundle import ModelBundle
    from hugot.models.tokenizer_classes import TokenizerClass

# Keys of tokenizer_config.json → the properties of a BertNormalizer.
_NORMALIZER: Final = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
# Post-processors that trim the spaces of offsets.
_TRIMMING: Final = ("ByteLevel", "RobertaProcessing")
# A key of config.json that models with rotary positions have, which are relative. Where positions are
# absolute, padding on the left would change answers: transformers runs texts one by one, without padding.
_ROTARY: Final = frozenset(("rope_theta", "rope_scaling", "rope_parameters", "global_rope_theta"))
# The first length that does not fit into 32 bits.
_TOO_LARGE: Final = 2**31


class TokenizerFiles(NamedTuple):
    """A tokenizer and the other settings of a model's tokenizer files.

    Attributes:
        tokenizer: the tokenizer, without padding and truncation.
        name: name of its class; None if it is unknown.
        special_tokens: the special tokens by key, such as ``mask_token``.
        padding: the padding of shorter rows.
        truncates_left: whether texts that are too long lose their beginning.
        types_in_single: whether a single text has token type ids other than 0. They are the same for
            every text.
        cleans_up_spaces: whether decoded text has no spaces before punctuation.
    """

    tokenizer: Tokenizer
    name: str | None
    special_tokens: Mapping[str, str]
    padding: Padding
    truncates_left: bool
    types_in_single: bool
    cleans_up_spaces: bool


def read_tokenizer_files(bundle: ModelBundle) -> TokenizerFiles:
    """Return the configured tokenizer of a model.

    Raises TokenizerError if ``tokenizer.json`` cannot be used, ModelFormatError for a key of the other
    files that cannot be followed.
    """
    path = bundle.tokenizer_path
    try:
        return _read(bundle)
    except HugotError:
        raise
    except BaseException as error:  # tokenizers raises bare Exception for a bad file, or panics
        raise_others(error)
        raise TokenizerError(f"{path} cannot be used: {error}") from error


def _read(bundle: ModelBundle) -> TokenizerFiles:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(bundle.tokenizer_path))
    padding, truncation = tokenizer.padding or {}, tokenizer.truncation or {}
    tokenizer.no_padding()
    tokenizer.no_truncation()
    config = bundle.tokenizer_config
    source = bundle.tokenizer_path.parent / "tokenizer_config.json"
    name, kind = tokenizer_class(config, bundle.config)
    special = _configure(tokenizer, bundle, source)
    padding_side = _side(config, "padding_side", source)
    truncation_side = _side(config, "truncation_side", source)
    left = (padding_side or padding.get("direction") or kind.padding_side) == "left"
    left = left and not _ROTARY.isdisjoint(bundle.config)
    cuts_left = (truncation_side or truncation.get("direction")) == "left"
    debug(
        "%s: class %s, pads on the %s, truncates on the %s, special tokens %s",
        bundle.tokenizer_path,
        name,
        *("left" if each else "right" for each in (left, cuts_left)),
        special,
    )
    return TokenizerFiles(
        tokenizer,
        name,
        special,
        Padding(
            _pad_id(tokenizer, special.get("pad_token"), padding, bundle.config),
            get_typed(config, "pad_token_type_id", int, source, padding.get("pad_type_id", 0)),
            left,
        ),
        cuts_left,
        any(tokenizer.encode("a").type_ids),
        bool(config.get("clean_up_tokenization_spaces")),
    )


def _configure(tokenizer: Tokenizer, bundle: ModelBundle, source: Path) -> Mapping[str, str]:
    """Apply the files and the class to the tokenizer, and return the special tokens by key."""
    config = bundle.tokenizer_config
    name, kind = tokenizer_class(config, bundle.config)
    if kind.python or (name == "BertweetTokenizer" and config.get("normalization")):
        raise ModelFormatError(
            f"{source}: tokenizer_class {name} prepares texts in Python, which tokenizer.json cannot "
            "express"
        )
    if config.get("from_slow"):
        raise ModelFormatError(
            f"{source}: from_slow makes the tokenizer from other files than tokenizer.json. Save it "
            "again with transformers, or remove the key."
        )
    added = AddedTokens(tokenizer, config, kind, source)
    added.add_to(tokenizer)
    special = added.special
    if not config and name is None:
        special = tokens_of_vocabulary(tokenizer, bundle.tokenizer_path)
    _set_normalizer(tokenizer, config, kind, source)
    _set_prefix(tokenizer, config, kind, source)
    _set_post_processor(tokenizer, config, kind, source)
    _set_template(tokenizer, config, kind, special, source)
    if kind.language is not None:
        _set_language(tokenizer, config, str(name), kind.language, special, source)
    if get_typed(config, "split_special_tokens", bool, source, False):
        tokenizer.encode_special_tokens = True
    return special


def _set_normalizer(
    tokenizer: Tokenizer, config: Mapping[str, Any], kind: TokenizerClass, source: Path
) -> None:
    """Set the properties of a `BertNormalizer`, as `BertTokenizerFast`; others are left as they are."""
    if not kind.normalizer:
        return
    normalizer = tokenizer.normalizer
    if normalizer is None and type(tokenizer.model).__name__ == "WordPiece":
        from tokenizers.normalizers import BertNormalizer

        # Only version 5 of transformers reads such a file.
        normalizer = tokenizer.normalizer = BertNormalizer()
    if type(normalizer).__name__ != "BertNormalizer":
        return
    for key in kind.normalizer:
        if key not in config and key not in kind.defaults:
            continue
        value = get_typed(config, key, bool, source, kind.defaults.get(key))
        if getattr(normalizer, _NORMALIZER[key]) != value:
            setattr(normalizer, _NORMALIZER[key], value)


def _set_prefix(
    tokenizer: Tokenizer, config: Mapping[str, Any], kind: TokenizerClass, source: Path
) -> None:
    """Set whether a space is added before a text, as `PreTrainedTokenizerFast`."""
    value = _prefix(config, kind, source)
    if value is None:
        return
    before = tokenizer.pre_tokenizer
    if type(before).__name__ == "ByteLevel":
        if before.add_prefix_space != value:
            before.add_prefix_space = value
    elif kind.prefix and "add_prefix_space" in config and value != _has_prefix(tokenizer):
        raise ModelFormatError(
            f"{source}: add_prefix_space is {value}, for which transformers converts the vocabulary "
            "again; tokenizer.json says the opposite. Save the tokenizer again."
        )


def _prefix(config: Mapping[str, Any], kind: TokenizerClass, source: Path) -> bool | None:
    if "add_prefix_space" not in config:
        return kind.defaults.get("add_prefix_space")
    return get_typed(config, "add_prefix_space", bool, source)


def _has_prefix(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer from sentencepiece puts its sign for a space before a text."""
    parts = [
        part.__getstate__() for part in (tokenizer.normalizer, tokenizer.pre_tokenizer) if part
    ]
    state = b"".join(parts)
    return b'"Prepend"' in state or b'"always"' in state or b'"first"' in state


def _set_post_processor(
    tokenizer: Tokenizer, config: Mapping[str, Any], kind: TokenizerClass, source: Path
) -> None:
    """Set how the offsets of tokens with spaces are trimmed, as `RobertaTokenizerFast`."""
    processor = tokenizer.post_processor
    if not kind.post_processor or type(processor).__name__ not in _TRIMMING:
        return
    state = json.loads(processor.__getstate__())
    wanted = {
        "add_prefix_space": _prefix(config, kind, source),
        "trim_offsets": get_typed(config, "trim_offsets", bool, source, True),
    }
    changed = {
        key: value
        for key, value in wanted.items()
        if value is not None and state.get(key, value) != value
    }
    if not changed:
        return
    from tokenizers.processors import ByteLevel, RobertaProcessing

    state |= changed
    trims, prefixes = state["trim_offsets"], state["add_prefix_space"]
    made: Any
    if state["type"] == "ByteLevel":
        made = ByteLevel(add_prefix_space=prefixes, trim_offsets=trims)
    else:
        made = RobertaProcessing(tuple(state["sep"]), tuple(state["cls"]), trims, prefixes)
    tokenizer.post_processor = made


def _set_template(
    tokenizer: Tokenizer,
    config: Mapping[str, Any],
    kind: TokenizerClass,
    special: Mapping[str, str],
    source: Path,
) -> None:
    """Set the special tokens around a text, as `LlamaTokenizerFast` and `GPTNeoXTokenizerFast`."""
    given = "add_bos_token" in config or "add_eos_token" in config
    if kind.template == "never" or (kind.template == "if given" and not given):
        return
    from tokenizers.processors import TemplateProcessing

    begins = get_typed(config, "add_bos_token", bool, source, kind.template == "if given")
    ends = get_typed(config, "add_eos_token", bool, source, False)
    used = [key for key, adds in (("bos_token", begins), ("eos_token", ends)) if adds]
    for key in used:
        if key not in special:
            raise ModelFormatError(f"{source}: add_{key} is true, but {key} names no token")
    pattern = [*(["{bos}"] if begins else []), "{text}", *(["{eos}"] if ends else [])]
    names = {"bos": special.get("bos_token"), "eos": special.get("eos_token")}
    single, second = (
        " ".join(f"{part.format(text=text, **names)}:{type_id}" for part in pattern)
        for text, type_id in (("$A", 0), ("$B", 1))
    )
    tokenizer.post_processor = TemplateProcessing(
        single=single,
        pair=f"{single} {second}",
        special_tokens=[(special[key], tokenizer.token_to_id(special[key])) for key in used],
    )


def _set_language(
    tokenizer: Tokenizer,
    config: Mapping[str, Any],
    name: str,
    default: str,
    special: Mapping[str, str],
    source: Path,
) -> None:
    """Set the code of the language beside a text, as `set_src_lang_special_tokens` of a class."""
    language = get_typed(config, "src_lang", str, source, default)
    end = special.get("eos_token", "")
    behind = name.removesuffix("Fast") == "MBartTokenizer" or bool(config.get("legacy_behaviour"))
    before, after = ([], [end, language]) if behind else ([language], [end])
    if tokenizer.encode("").tokens == before + after:
        return
    numbers = [(token, token_id(tokenizer, token)) for token in (language, end)]
    if None in (number for _, number in numbers):
        raise ModelFormatError(
            f"{source}: {name} adds the token of src_lang, {language!r}, to each text; the vocabulary "
            "has no such token"
        )
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(
        single=[*before, "$A", *after], pair=[*before, "$A", "$B", *after], special_tokens=numbers
    )


def _side(config: Mapping[str, Any], key: str, source: Path) -> str | None:
    side = get_typed(config, key, str, source)
    if side not in (None, "left", "right"):
        raise ModelFormatError(f"{source}: {key} is {side!r}; it must be 'left' or 'right'")
    return side


def _pad_id(
    tokenizer: Tokenizer,
    token: str | None,
    padding: Mapping[str, Any],
    config: Mapping[str, Any],
) -> int:
    """Return the id of the padding token, or another that the model has: padding has no effect."""
    found = None if token is None else token_id(tokenizer, token)
    if found is None:
        found = padding.get("pad_id", config.get("pad_token_id"))
    size = config.get("vocab_size")
    limit = size if isinstance(size, int) else _TOO_LARGE
    return found if isinstance(found, int) and 0 <= found < limit else 0


def token_id(tokenizer: Tokenizer, token: str) -> int | None:
    """Return the id of a token, None if the vocabulary has no such token."""
    try:
        found: int | None = tokenizer.token_to_id(token)
    except UnicodeEncodeError:  # an unpaired surrogate, which is in no vocabulary
        return None
    return found
