"""Which files of a model's repository a pipeline needs, and that their names are harmless."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hugot.errors import DownloadError, ModelNotFoundError
from hugot.models.variants import EXPORT_HINT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# What the pipelines read beside the graph and its weights, wherever it lies.
CONFIGURATION_FILES = (
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_PATTERNS = (
    *CONFIGURATION_FILES,
    "sentence_*_config.json",
    "*_Dense/config.json",
    "*_Dense/model.safetensors",
    "*_Pooling/config.json",
)
_MODULE_FILES = ("config.json", "model.safetensors")
_MODULES_WITH_FILES = frozenset(("Dense", "Pooling"))


def check_tokenizer(files: Iterable[str], where: str) -> None:
    """Raise ModelNotFoundError where ``tokenizer.json`` is not among the files."""
    if "tokenizer.json" not in files:
        raise ModelNotFoundError(
            f"{where} has no tokenizer.json, without which text cannot be tokenized. {EXPORT_HINT}"
        )


def needed_files(files: Iterable[str], graph: str) -> list[str]:
    """The files to take of a repository, as far as their names tell.

    The weights of a graph usually lie beside it, as ``model.onnx_data``, ``model.onnx.data``,
    ``model.onnx_data_1``; `weights_of` tells for certain.
    """
    return [
        name
        for name in files
        if name.startswith(graph) or any(fnmatchcase(name, pattern) for pattern in _PATTERNS)
    ]


def module_files(modules_json: Path) -> list[str]:
    """The files of the modules of sentence-transformers that ``modules.json`` names, there or not."""
    try:
        modules: Any = json.loads(modules_json.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []  # whoever reads it for good tells what is wrong
    found = []
    for module in modules if isinstance(modules, list) else []:
        kind = str(module.get("type", "")).rpartition(".")[2] if isinstance(module, dict) else ""
        if kind in _MODULES_WITH_FILES:
            path = str(module.get("path", "")).strip("/")
            found += [f"{path}/{name}" if path else name for name in _MODULE_FILES]
    return found


def weights_of(folder: Path, graph: str) -> list[str]:
    """The files, by name from `folder`, that a graph in it has its weights in."""
    from hugot.models.graph import external_files

    parent = graph[: graph.rfind("/") + 1]
    return [parent + location for location in sorted(external_files(folder / graph))]


def refuse_escaping(names: Iterable[str], where: str) -> None:
    """Raise DownloadError for a name that would lead out of the folder it is put into.

    Names are looked at as each system would read them: a folder may be carried to another one.
    """
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if not all(parts) or {".", ".."} & set(parts) or ":" in name or not name.isprintable():
            raise DownloadError(
                f"{where} has a file {name!r}, whose name leads out of the model's folder; "
                "nothing was downloaded"
            )
