"""The folders that models are kept in, and names of models on the hub.

The model folder holds a folder ``organisation_name`` for each model, and ``organisation_name@revision``
for further revisions of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hugot.errors import DownloadError, InputError
from hugot.models.manifest import read_manifest
from hugot.models.modules import list_modules, transformer_path
from hugot.models.variants import choose_graph, find_onnx

if TYPE_CHECKING:
    from os import PathLike

ENVIRONMENT_VARIABLE = "HUGOT_MODELS"

# A repository on the hub: "name" or "organisation/name".
_HUB_NAME = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?"
# A branch, tag or commit, such as "v1.0" or "refs/pr/2".
_REVISION = r"[A-Za-z0-9][\w.+-]*(/[\w.+-]+)*"


def model_folders(chosen: str | PathLike[str] | None = None) -> list[Path]:
    """Return the folders that models are kept in; a download goes to the first.

    They are the given one, else ``HUGOT_MODELS``, else ``~/hugot/models`` and ``~/hugot``.
    """
    if chosen is not None:
        return [Path(chosen).expanduser()]
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return [Path(named).expanduser()]
    return [Path.home() / "hugot" / "models", Path.home() / "hugot"]


def folder_name(name: str) -> str:
    """Return the name of a model's folder in the model folder: ``organisation_name``."""
    return name.replace("/", "_")


def is_hub_name(name: str) -> bool:
    """Whether a string can be a model's name on the hub."""
    return re.fullmatch(_HUB_NAME, name, re.ASCII) is not None and ".." not in name


def check_hub_name(name: str) -> None:
    """Raise InputError unless a string can be a model's name on the hub."""
    if not isinstance(name, str) or not is_hub_name(name):
        raise InputError(f"{name!r} is not a name on the hub, such as 'organisation/name'")


def check_revision(revision: str | None) -> None:
    """Raise InputError unless a string can be a branch, a tag or a commit; None is the main branch."""
    if revision is None:
        return
    if not re.fullmatch(_REVISION, revision, re.ASCII) or ".." in revision:
        raise InputError(
            f"revision={revision!r}; it can be a branch, a tag or the hash of a commit"
        )


def model_folder_path(root: Path, name: str, revision: str | None) -> Path:
    """Return the folder of a model at a revision below `root`, whether or not it exists.

    It is ``organisation_name``, or ``organisation_name@revision`` if that holds another revision than
    the one asked for.
    """
    plain = root / folder_name(name)
    if revision is None or not plain.exists():
        return plain
    manifest = read_manifest(plain)
    if manifest is not None and manifest.is_of(name, revision):
        return plain
    return root / f"{folder_name(name)}@{revision.replace('/', '_')}"


def find_graph(
    folder: Path, name: str, onnx_file: str | None = None, variant: str | None = None
) -> str | None:
    """Return the graph to use in a model's folder, or None if it was not downloaded.

    The choice is among all graphs of the repository, not only the downloaded ones. In a folder without
    a manifest, which was not downloaded by hugot, it is among the files that are there.

    Raises DownloadError for a folder that holds another model, ModelNotFoundError and InputError as
    `choose_graph`.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.name is None:
        return find_onnx(folder, onnx_file, variant).relative_to(folder).as_posix()
    if manifest.name != name:
        raise DownloadError(
            f"{folder} holds {manifest.name}, not {name}; choose another model folder"
        )
    inner = transformer_path(list_modules(folder))
    graph = choose_graph(manifest.graphs, onnx_file, variant, where=name, inner=inner)
    return graph if graph in manifest.files else None
