"""The file ``sentence_bert_config.json``: how texts become tokens, and which output is read.

Its keys are the arguments of the Transformer module of sentence-transformers 5.7 and 6.2; another key
makes them fail. A key that changes their answer is followed or refused, see docs/fidelity.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hugot.errors import ModelFormatError
from hugot.models.files import get_typed, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILES: Final = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
# Older name → newer name of arguments of transformers; the older comes first.
_RENAMED: Final = {
    "model_args": "model_kwargs",
    "tokenizer_args": "processor_kwargs",
    "config_args": "config_kwargs",
}
_KEYS: Final = frozenset(
    {
        *_RENAMED,
        *_RENAMED.values(),
        "backend",  # that of the call counts
        "cache_dir",
        "do_lower_case",
        "document_length",  # these three count in encode_query and encode_document alone
        "max_seq_length",
        "modality_config",
        "module_output_name",
        "processing_kwargs",
        "query_expansion",
        "query_length",
        "tokenizer_name_or_path",
        "transformer_task",
        "unpad_inputs",
    }
)
_WHERE_FROM: Final = frozenset(
    {
        "cache_dir",
        "code_revision",
        "force_download",
        "local_files_only",
        "revision",
        "subfolder",
        "token",
        "trust_remote_code",
        "use_auth_token",
    }
)
# Arguments that change how the model is loaded or run, but none of its answers beyond rounding.
_RUN_ONLY: Final = frozenset(
    {
        "_attn_implementation",
        "add_pooling_layer",
        "attn_implementation",
        "device_map",
        "dtype",
        "export",
        "file_name",
        "low_cpu_mem_usage",
        "max_memory",
        "offload_folder",
        "output_attentions",
        "output_hidden_states",
        "provider",
        "return_dict",
        "torch_dtype",
        "unpad_inputs",
        "use_cache",
        "use_memory_efficient_attention",
        "use_safetensors",
        "variant",
        "weights_only",
    }
)
# Arguments of a tokenizer's call that change no token of a text, or only the padding.
_PADDING_ONLY: Final = frozenset(
    {"logits_to_keep", "pad_to_multiple_of", "padding", "return_tensors", "verbose"}
)
_SIDES: Final = {"padding_side": "right", "truncation_side": "right"}
_TRUNCATES: Final = (True, "longest_first", "only_first")
_TRUNCATES_NOT: Final = (False, "do_not_truncate")
TOKEN_OUTPUT: Final = "last_hidden_state"
_FEATURES: Final = "feature-extraction"
# Task → its output if modality_config names none, and the kinds of output that it may be.
_OUTPUTS: Final = {
    _FEATURES: (TOKEN_OUTPUT, ("token_embeddings", "sentence_embedding")),
    "sequence-classification": ("logits", ("scores",)),
}
# transformers writes int(1e30) for no limit.
_NO_LIMIT: Final = 2**31


class NotFollowedError(ModelFormatError):
    """A key or a module changes the answers of sentence-transformers, and hugot does not follow it."""


@dataclass(frozen=True)
class TextSettings:
    """How the Transformer module of sentence-transformers tokenizes texts, and its output.

    Attributes:
        length_source: the file and key that limit the length of rows; None if only the tokenizer does.
        max_length: that limit in tokens; None for no other than the model's positions.
        lowercase: whether texts are lower-cased before the tokenizer sees them.
        output: name of the model's output.
        is_sentence: whether that output is a vector for a text, rather than one for each token.
    """

    length_source: str | None = None
    max_length: int | None = None
    lowercase: bool = False
    output: str = TOKEN_OUTPUT
    is_sentence: bool = False


def read_text_settings(
    folder: Path, tokenizer_config: Mapping[str, Any], task: str = _FEATURES
) -> TextSettings:
    """Read the file of a Transformer module.

    Args:
        folder: the module's folder.
        tokenizer_config: content of its ``tokenizer_config.json``.
        task: the ``transformer_task`` that the file must have.

    Raises NotFollowedError for a key that hugot does not follow, ModelFormatError for a value of another
    type.
    """
    path, config = _find_config(folder)
    for key in config:
        if key not in _KEYS:
            raise NotFollowedError(
                f"{path}: {key} is no key that sentence-transformers 6.2 reads, or hugot follows"
            )
    if config.get("tokenizer_name_or_path") is not None:
        raise _not_followed(path, "tokenizer_name_or_path", config["tokenizer_name_or_path"])
    found = config.get("transformer_task", _FEATURES)
    if found != task:
        raise _not_followed(path, "transformer_task", found)
    for name in ("model_args", "config_args"):
        key, arguments = _arguments(config, name, path)
        for argument, value in arguments.items():
            if argument not in _RUN_ONLY | _WHERE_FROM:
                raise _not_followed(path, f"{key}.{argument}", value)
    source, length = _length(config, path, tokenizer_config)
    output, is_sentence = _output(config, path, task)
    lowercase = bool(config.get("do_lower_case"))
    return TextSettings(source, length, lowercase, output, is_sentence)


def _find_config(folder: Path) -> tuple[Path, dict[str, Any]]:
    for name in _FILES:
        if config := read_json(folder / name):
            return folder / name, config
    return folder / _FILES[0], {}


def _not_followed(path: Path, key: str, value: Any) -> NotFollowedError:
    return NotFollowedError(f"{path}: {key} is {value!r:.80}, which hugot does not follow")


def _arguments(config: Mapping[str, Any], name: str, path: Path) -> tuple[str, dict[str, Any]]:
    """Return arguments of transformers with the name of the key that holds them."""
    key = name if name in config else _RENAMED[name]
    return key, get_typed(config, key, dict, path, {})


def _length(
    config: Mapping[str, Any], path: Path, tokenizer_config: Mapping[str, Any]
) -> tuple[str | None, int | None]:
    """Return the key that limits the length of rows, and the limit."""
    source, length = None, None
    key, arguments = _arguments(config, "tokenizer_args", path)
    if config.get("max_seq_length") is not None:
        source, length = "max_seq_length", config["max_seq_length"]
    for argument, value in arguments.items():
        if argument == "model_max_length":
            source, length = f"{key}.{argument}", value
        elif argument in _WHERE_FROM or argument == "use_fast":
            continue
        elif tokenizer_config.get(argument, _SIDES.get(argument)) != value:
            raise _not_followed(path, f"{key}.{argument}", value)
    key, value, truncates = _call_length(config, path, tokenizer_config)
    if not truncates:
        source, length = "processing_kwargs.truncation", _NO_LIMIT
    elif value is not None:
        source, length = key, value
    if source is None:
        return None, None
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise ModelFormatError(
            f"{path}: {source} is {length!r:.80}; it must be a positive whole number"
        )
    return f"{source} in {path.name}", length if length < _NO_LIMIT else None


def _call_length(
    config: Mapping[str, Any], path: Path, tokenizer_config: Mapping[str, Any]
) -> tuple[str, Any, bool]:
    """Return the ``max_length`` of the tokenizer's calls, with its key, and whether they truncate."""
    kwargs = get_typed(config, "processing_kwargs", dict, path, {})
    found: tuple[str, Any] = "", None
    truncates = True
    # "common" is applied over "text"; what else is in it, such as "image", is for other inputs.
    for part in ("text", "common"):
        for argument, value in get_typed(kwargs, part, dict, path, {}).items():
            key = f"processing_kwargs.{part}.{argument}"
            if argument == "max_length":
                found = key, value
            elif argument == "truncation" and value in (*_TRUNCATES, *_TRUNCATES_NOT):
                truncates = value in _TRUNCATES
            elif argument in _PADDING_ONLY:
                continue
            elif argument not in _SIDES or value != tokenizer_config.get(argument, "right"):
                raise _not_followed(path, key, value)
    return *found, truncates


def _output(config: Mapping[str, Any], path: Path, task: str) -> tuple[str, bool]:
    """Return the name of the model's output, and whether it is a vector for a text."""
    usual, kinds = _OUTPUTS[task]
    if "modality_config" not in config:
        return usual, False  # module_output_name is not read then
    modalities = get_typed(config, "modality_config", dict, path, {})
    if "message" in modalities:
        raise NotFollowedError(
            f"{path}: modality_config has 'message': texts go through the chat_template of the "
            "tokenizer, which hugot does not run"
        )
    text = get_typed(modalities, "text", dict, path, {})
    method, output = text.get("method"), text.get("method_output_name")
    if isinstance(output, list) and len(output) == 1:
        output = output[0]
    if method != "forward" or not isinstance(output, str):
        raise _not_followed(path, "modality_config.text", modalities.get("text"))
    if task != _FEATURES and output != usual:
        raise _not_followed(path, "modality_config.text", text)
    written = config.get("module_output_name")
    # The last hidden state is no vector of a text.
    if written not in kinds[: 1 if output == TOKEN_OUTPUT else 2]:
        raise _not_followed(path, "module_output_name", written)
    return output, written == "sentence_embedding"
