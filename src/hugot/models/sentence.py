"""The files of sentence-transformers in a model folder: modules, pooling, length, prompts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hugot.errors import ModelFormatError
from hugot.models.files import get_typed, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hugot.models.dense import Dense

# Pooling modes: the names that sentence-transformers writes → ours. Older versions write one flag per
# mode.
_MODES = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weightedmean",
    "lasttoken": "lasttoken",
}
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_LENGTH_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)


@dataclass(frozen=True)
class SentenceFiles:
    """Settings of sentence vectors in a model folder; the defaults hold if it has none.

    Attributes:
        pooling: pooling modes whose results are concatenated, or None.
        include_prompt: whether a prompt's tokens take part in the pooling.
        steps: the modules after the pooling, in order: a `Dense` or the string ``"normalize"``; the name
            of the class stands for any other module, which hugot does not run.
        max_seq_length: longest row, or None.
        lowercase: whether texts are lower-cased before the tokenizer sees them.
        prompts: name → prompt.
        default_prompt_name: the prompt to use if none is named, or None.
        truncate_dim: number of first components to keep, or None.
    """

    pooling: tuple[str, ...] | None = None
    include_prompt: bool = True
    steps: tuple[Dense | str, ...] = ()
    max_seq_length: int | None = None
    lowercase: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt_name: str | None = None
    truncate_dim: int | None = None


def read_sentence_files(folder: Path) -> SentenceFiles:
    """Read ``modules.json``, the modules it names, and the length and prompt files."""
    pooling_config: dict[str, Any] = {}
    steps: list[Dense | str] = []
    for module in _read_modules(folder / "modules.json"):
        kind = str(module.get("type", "")).rpartition(".")[2]
        path = folder / _module_path(str(module.get("path", "")), folder)
        if kind == "Pooling":
            pooling_config = read_json(path / "config.json")
        elif kind == "Dense":
            from hugot.models.dense import read_dense  # few models have one

            steps.append(read_dense(path))
        elif kind == "Normalize":
            steps.append("normalize")
        elif kind not in ("Transformer", "Dropout"):
            steps.append(kind)
    if not pooling_config:
        pooling_config = read_json(folder / "1_Pooling" / "config.json")
    prompt_file = folder / "config_sentence_transformers.json"
    prompts = read_json(prompt_file)
    length_config = _length_config(folder)
    length = length_config.get("max_seq_length")
    return SentenceFiles(
        pooling=_pooling_modes(pooling_config, folder),
        include_prompt=bool(pooling_config.get("include_prompt", True)),
        steps=tuple(steps),
        max_seq_length=length if isinstance(length, int) and length > 0 else None,
        lowercase=bool(length_config.get("do_lower_case")),
        # sentence-transformers knows these two names for every model.
        prompts={"query": "", "document": "", **_prompts(prompts, prompt_file)},
        default_prompt_name=get_typed(prompts, "default_prompt_name", str, prompt_file),
        truncate_dim=get_typed(prompts, "truncate_dim", int, prompt_file),
    )


def _module_path(path: str, folder: Path) -> str:
    """Return a module's path; raises ModelFormatError if it leads out of the model's folder."""
    parts = path.replace("\\", "/").split("/")
    if ".." in parts or parts[0].endswith(":") or (len(parts) > 1 and not parts[0]):
        raise ModelFormatError(
            f"{folder / 'modules.json'}: the path {path!r} leads out of the model's folder"
        )
    return path


def _prompts(config: Mapping[str, Any], path: Path) -> dict[str, str]:
    prompts = get_typed(config, "prompts", dict, path, {})
    return {name: get_typed(prompts, name, str, path, "") for name in prompts}


def _read_modules(path: Path) -> list[dict[str, Any]]:
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise ModelFormatError(f"{path} must hold a list of modules")
    return modules


def _pooling_modes(config: Mapping[str, Any], folder: Path) -> tuple[str, ...] | None:
    named = config.get("pooling_mode")
    if named is not None:
        names = named if isinstance(named, list) else [named]
        unknown = [name for name in names if not isinstance(name, str) or name not in _MODES]
        if unknown:
            raise ModelFormatError(f"{folder}: unknown pooling mode {unknown[0]!r}")
        return tuple(_MODES[name] for name in names)
    return tuple(mode for flag, mode in _FLAGS.items() if config.get(flag)) or None


def _length_config(folder: Path) -> dict[str, Any]:
    return next((config for name in _LENGTH_FILES if (config := read_json(folder / name))), {})
