"""From a model's name to a folder: a path, the model folder, or a download from the hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hugot.errors import DownloadError, InputError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

ENVIRONMENT_VARIABLE = "HUGOT_MODELS"

# A repository on the hub: "name" or "organisation/name".
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_PARTIAL_SUFFIX = ".partial"

# Files that the pipelines read, beside the graph and its external weights.
_CONFIGURATION_FILES = (
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_*_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "*_Dense/config.json",
    "*_Dense/model.safetensors",
    "*_Pooling/config.json",
)


def model_folders(chosen: str | PathLike[str] | None = None) -> list[Path]:
    """Where models are kept: the folder given, else ``HUGOT_MODELS``, else ``~/hugot/models``.

    The last comes with ``~/hugot``. A download goes to the first.
    """
    if chosen is not None:
        return [Path(chosen).expanduser()]
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return [Path(named).expanduser()]
    return [Path.home() / "hugot" / "models", Path.home() / "hugot"]


def resolve_model(
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None = None,
    onnx_file: str | None = None,
) -> Path:
    """The folder (or ``.onnx`` file) of a model.

    The first of: a path; a folder ``organisation_name`` in the model folder; a download from the hub
    into the model folder.

    Raises ModelNotFoundError where it is none of these, DownloadError where the hub does not give it.
    """
    path = Path(model).expanduser()
    if path.exists():
        return path
    name = str(model)
    folders = model_folders(model_folder)
    if not _HUB_NAME.fullmatch(name):
        raise ModelNotFoundError(
            f"there is no file or folder {name!r}, and it is not a name on the hub "
            "(organisation/name) either"
        )
    for folder in folders:
        if (folder / folder_name(name)).is_dir():
            return folder / folder_name(name)
    try:
        return download_model(name, folders[0], onnx_file=onnx_file)
    except DownloadError as error:
        looked = ", ".join(str(folder / folder_name(name)) for folder in folders)
        raise DownloadError(
            f"there is no model at {name!r} nor at {looked}, and the hub gave none: {error}"
        ) from error


def folder_name(name: str) -> str:
    """Name of a model's folder in the model folder: ``organisation_name``."""
    return name.replace("/", "_")


def download_model(
    name: str,
    dest: str | PathLike[str] | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    onnx_file: str | None = None,
    force: bool = False,
) -> Path:
    """Download what the pipelines need of a model on the hub, and give its folder.

    Args:
        name: the repository, ``organisation/name``.
        dest: the folder under which to make ``organisation_name``; by default the model folder.
        revision: branch, tag or commit; by default the main branch.
        token: access token; by default ``HF_TOKEN`` or the stored one.
        onnx_file: the graph to take, where the repository has several.
        force: download again what is there already.

    The files appear under their final folder when all of them are there.

    Raises InputError for a name that is none, ModelNotFoundError where the repository lacks what is
    needed, DownloadError for everything that goes wrong on the way.
    """
    if not _HUB_NAME.fullmatch(name):
        raise InputError(f"{name!r} is not a name on the hub, such as 'organisation/name'")
    root = Path(dest).expanduser() if dest is not None else model_folders()[0]
    target = root / folder_name(name)
    if target.is_dir() and not force:
        return target
    partial = target.with_name(target.name + _PARTIAL_SUFFIX)
    import shutil

    from huggingface_hub import HfApi

    api = HfApi(token=token)
    try:
        info = api.model_info(name, revision=revision)
        files = [sibling.rfilename for sibling in info.siblings or ()]
        patterns = [*_CONFIGURATION_FILES, *choose_graph(name, files, onnx_file)]
        root.mkdir(parents=True, exist_ok=True)
        api.snapshot_download(
            name,
            revision=info.sha,
            local_dir=partial,
            allow_patterns=patterns,
            force_download=force,
        )
    except ModelNotFoundError:
        raise
    except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
        raise DownloadError(f"{name}: {_first_line(error)}") from error
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    if target.is_dir():
        shutil.rmtree(target)
    partial.rename(target)
    return target


def choose_graph(name: str, files: Sequence[str], onnx_file: str | None = None) -> list[str]:
    """The ``.onnx`` file to take from a repository, and its external weights.

    Raises ModelNotFoundError where there is none, several without a ``model.onnx``, or no tokenizer.
    """
    graphs = [file for file in files if file.endswith(".onnx")]
    if not graphs:
        raise ModelNotFoundError(
            f"{name} has no .onnx file. Export it with 'optimum-cli export onnx --model {name} FOLDER' "
            "(package optimum-onnx), and give the folder as the model."
        )
    if "tokenizer.json" not in files:
        raise ModelNotFoundError(
            f"{name} has no tokenizer.json, without which text cannot be tokenized"
        )
    if onnx_file is not None:
        wanted = [file for file in graphs if file in (onnx_file, f"onnx/{onnx_file}")]
    elif len(graphs) == 1:
        wanted = graphs
    else:
        wanted = [file for file in ("model.onnx", "onnx/model.onnx") if file in graphs]
    if not wanted:
        chosen = f"no file {onnx_file!r}" if onnx_file else "several .onnx files and no model.onnx"
        raise ModelNotFoundError(
            f"{name} has {chosen}; choose one with onnx_file=: {', '.join(graphs)}"
        )
    graph = wanted[0]
    # External weights lie beside the graph as model.onnx_data, model.onnx.data, model.onnx_data_1, …
    weights = [file for file in files if file.startswith(graph) and file != graph]
    return [graph, *weights]


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
