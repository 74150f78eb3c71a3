"""Whether a model folder holds the bytes that it should: by ``hugot.json``, or in the hub's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hugot.errors import ModelFormatError
from hugot.models.cache import is_snapshot, verify_snapshot
from hugot.models.manifest import read_manifest, verify_folder

if TYPE_CHECKING:
    from pathlib import Path


def verify_model(path: Path, *, revision: str | None = None) -> str:
    """Check each file of a model that a pipeline reads; gives what it was found to be, for people.

    Args:
        path: the model's folder, or an ``.onnx`` file in it.
        revision: the branch, tag or commit that it must be; a snapshot in the hub's cache is known by
            its commit alone.

    Raises ModelFormatError that lists what is missing, damaged or not recorded, and where there is
    nothing to check against.
    """
    folder = folder_of(path)
    if is_snapshot(folder) and read_manifest(folder) is None:
        return f"commit {verify_snapshot(folder)} in the hub's cache"
    manifest = verify_folder(folder, revision=revision)
    name = path.relative_to(folder).as_posix() if path.is_file() else None
    if name is not None and name not in manifest.files:
        raise ModelFormatError(f"{path} is not recorded in the manifest of {folder}")
    count = f"{len(manifest.files)} files"
    if manifest.name is None:
        return f"{count} as they were recorded"
    return f"{count} of {manifest.name} at commit {manifest.commit}"


def revision_of(path: Path) -> list[str]:
    """The names of the revision that a model's folder says it holds; none where it says nothing."""
    folder = folder_of(path)
    if is_snapshot(folder):
        return [folder.name]
    manifest = read_manifest(folder)
    if manifest is None or manifest.commit is None:
        return []
    return [manifest.commit, manifest.revision or "main"]


def folder_of(path: Path) -> Path:
    """The folder of a model, from it or from an ``.onnx`` file there or in its ``onnx/``."""
    if path.is_dir():
        return path
    if not path.is_file():
        raise ModelFormatError(f"there is no file or folder {path}")
    folder = path.parent
    return folder.parent if folder.name == "onnx" and not _has_tokenizer(folder) else folder


def _has_tokenizer(folder: Path) -> bool:
    return (folder / "tokenizer.json").exists()
