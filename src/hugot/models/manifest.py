"""``hugot.json``: the origin of a model folder and the hash of each of its files, and checks against it.

A JSON object in the folder:

    format      1
    name        the repository on the hub, or null
    revision    the branch, tag or commit that was asked for, or null for the main branch
    commit      the commit that was downloaded, or null
    graphs      name → size of each .onnx file in the repository, downloaded or not
    files       name → size and sha256 of each file in the folder
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hugot.errors import InputError, ModelFormatError
from hugot.models.cache import is_snapshot, verify_snapshot
from hugot.models.files import file_sha256, read_json
from hugot.models.repository import check_file_names, external_data_of, is_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MANIFEST = "hugot.json"
FORMAT = 1


@dataclass(frozen=True)
class FileRecord:
    """A file's size in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The content of ``hugot.json``; see the top of this module."""

    name: str | None = None
    revision: str | None = None
    commit: str | None = None
    graphs: Mapping[str, int | None] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)

    def is_of(self, name: str, revision: str | None) -> bool:
        """Whether this is a model of the hub, at a revision (None: at any)."""
        return self.name == name and self.has(revision)

    def has(self, revision: str | None) -> bool:
        """Whether the folder was downloaded at a revision; None is any."""
        return revision is None or revision in (self.commit, self.revision or "main")


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, or None if it has none.

    Raises ModelFormatError for one that is damaged or of a later format.
    """
    path = folder / MANIFEST
    value = read_json(path)
    if not value:
        return None
    if value.get("format") != FORMAT:
        raise ModelFormatError(f"{path} is of format {value.get('format')!r}; known is {FORMAT}")
    try:
        files = {
            name: FileRecord(int(record["size"]), str(record["sha256"]))
            for name, record in value["files"].items()
        }
        origin = {key: _text(value.get(key)) for key in ("name", "revision", "commit")}
        graphs = {str(name): size for name, size in (value.get("graphs") or {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path} is damaged: {error!r}") from error
    check_file_names([*files, *graphs], str(path), ModelFormatError)
    return Manifest(**origin, graphs=graphs, files=files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest; it replaces an existing one atomically."""
    value = {
        "format": FORMAT,
        "name": manifest.name,
        "revision": manifest.revision,
        "commit": manifest.commit,
        "graphs": dict(sorted(manifest.graphs.items())),
        "files": {
            name: {"size": record.size, "sha256": record.sha256}
            for name, record in sorted(manifest.files.items())
        },
    }
    new = folder / f".{MANIFEST}.{os.getpid()}"
    new.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(new, folder / MANIFEST)


def record_files(folder: Path, names: Iterable[str]) -> dict[str, FileRecord]:
    """Return sizes and hashes of files in a folder."""
    return {
        name: FileRecord((folder / name).stat().st_size, file_sha256(folder / name))
        for name in names
    }


def record_folder(folder: Path) -> Manifest:
    """Write the manifest of a folder that was not downloaded, from its files as they are.

    Raises InputError if it has a manifest already.
    """
    if (folder / MANIFEST).exists():
        raise InputError(f"{folder} has a {MANIFEST} already; remove it to record the files anew")
    manifest = Manifest(files=record_files(folder, _model_files(folder)))
    write_manifest(folder, manifest)
    return manifest


def verify_model(path: Path, *, revision: str | None = None) -> str:
    """Check each file of a model that a pipeline reads, and return a description of the model.

    Args:
        path: the model's folder, or an ``.onnx`` file in it.
        revision: the branch, tag or commit that it must be; a snapshot in the hub's cache is known by
            its commit alone.

    Raises ModelFormatError that lists each missing, damaged or unrecorded file, or if there is no record
    to check against.
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


def verify_folder(folder: Path, *, revision: str | None = None) -> Manifest:
    """Check every file of a folder against its manifest.

    Args:
        folder: a model folder with a ``hugot.json``.
        revision: the commit, branch or tag that it must have been downloaded at.

    Raises ModelFormatError that lists each missing, damaged or unrecorded file, or if there is no
    manifest.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise ModelFormatError(
            f"{folder} has no {MANIFEST} to check it against: a download writes it, and "
            "'hugot verify --record' for a folder that came another way"
        )
    if not manifest.has(revision):
        raise ModelFormatError(
            f"{folder} holds revision {manifest.revision or 'main'} (commit {manifest.commit}), "
            f"not {revision}"
        )
    wrong = [*_damaged(folder, manifest), *_unrecorded(folder, manifest)]
    if wrong:
        raise ModelFormatError(f"{folder} is not what {MANIFEST} records: {'; '.join(wrong)}")
    return manifest


def recorded_revisions(path: Path) -> list[str]:
    """Return the names of the revision that a model's folder records; none without a record."""
    folder = folder_of(path)
    if is_snapshot(folder):
        return [folder.name]
    manifest = read_manifest(folder)
    if manifest is None or manifest.commit is None:
        return []
    return [manifest.commit, manifest.revision or "main"]


def folder_of(path: Path) -> Path:
    """Return the folder of a model, from it or from an ``.onnx`` file there or in its ``onnx/``."""
    if path.is_dir():
        return path
    if not path.is_file():
        raise ModelFormatError(f"there is no file or folder {path}")
    folder = path.parent
    has_tokenizer = (folder / "tokenizer.json").exists()
    return folder.parent if folder.name == "onnx" and not has_tokenizer else folder


def _model_files(folder: Path) -> list[str]:
    """Names of the files in a folder that a pipeline may read, external data included."""
    names = [
        path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
    ]
    graphs = [name for name in names if name.endswith(".onnx")]
    external = {name for graph in graphs for name in external_data_of(folder, graph)}
    return [name for name in names if name in external or is_needed(name, graphs)]


def _damaged(folder: Path, manifest: Manifest) -> Iterator[str]:
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif (size := path.stat().st_size) != record.size:
            yield f"{name} has {size} bytes, not {record.size}"
        elif file_sha256(path) != record.sha256:
            yield f"{name} has another content"


def _unrecorded(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Files that would change the results of a pipeline and are not in the manifest."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in manifest.files and is_needed(name, [name] if name.endswith(".onnx") else []):
            yield f"{name} is not recorded"


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    return value
