"""Where a model's folder lies in a model folder, and whether it holds what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hugot.errors import DownloadError
from hugot.models.manifest import read_manifest
from hugot.models.names import folder_name
from hugot.models.variants import choose_graph

if TYPE_CHECKING:
    from pathlib import Path


def place_for(root: Path, name: str, revision: str | None) -> Path:
    """The folder of a model at a revision below `root`, there or not.

    It is ``organisation_name``, or, where that holds another revision than the one asked for,
    ``organisation_name@revision``.
    """
    plain = root / folder_name(name)
    if revision is None or not plain.exists():
        return plain
    manifest = read_manifest(plain)
    if manifest is not None and manifest.is_of(name, revision):
        return plain
    return root / f"{folder_name(name)}@{revision.replace('/', '_')}"


def graph_in(
    folder: Path, name: str, onnx_file: str | None = None, variant: str | None = None
) -> str | None:
    """The graph to take of a model's folder, or None where it was not downloaded.

    The choice is among the graphs of the repository, not among those that were downloaded before. A
    folder without a manifest came another way; the choice is then among what it holds.

    Raises DownloadError for a folder that holds another model, ModelNotFoundError and InputError as
    `choose_graph`.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.name is None:
        from hugot.models.bundle import find_onnx

        return find_onnx(folder, onnx_file, variant).relative_to(folder).as_posix()
    if manifest.name != name:
        raise DownloadError(
            f"{folder} holds {manifest.name}, not {name}; choose another model folder"
        )
    graph = choose_graph(manifest.graphs, onnx_file, variant, where=name)
    return graph if graph in manifest.files else None
