"""``hugot.json``: what a model folder was downloaded from, and the hash of each of its files.

A JSON object in the folder:

    format      1
    name        the repository on the hub, or null
    revision    what was asked for: a branch, tag or commit, or null for the main branch
    commit      the commit that it was, or null
    graphs      name → size of each .onnx file in the repository, there or not
    files       name → size and sha256 of each file in the folder
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hugot.errors import InputError, ModelFormatError
from hugot.models.files import file_sha256, read_json
from hugot.models.parts import is_needed, refuse_escaping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MANIFEST = "hugot.json"
FORMAT = 1
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class FileRecord:
    """A file's size in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What ``hugot.json`` holds; see the top of this module."""

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


def is_commit(revision: str) -> bool:
    """Whether a revision is the hash of a commit, which always means the same bytes."""
    return _COMMIT.fullmatch(revision) is not None


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, or None where there is none.

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
        told = {key: _text(value.get(key)) for key in ("name", "revision", "commit")}
        graphs = {str(name): size for name, size in (value.get("graphs") or {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path} is damaged: {error!r}") from error
    refuse_escaping([*files, *graphs], str(path), ModelFormatError)
    return Manifest(**told, graphs=graphs, files=files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest, in place of the one that is there."""
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
    """Sizes and hashes of files in a folder."""
    return {
        name: FileRecord((folder / name).stat().st_size, file_sha256(folder / name))
        for name in names
    }


def record_folder(folder: Path) -> Manifest:
    """Write the manifest of a folder that was not downloaded, from its files as they are.

    Raises InputError where it has a manifest already.
    """
    if (folder / MANIFEST).exists():
        raise InputError(f"{folder} has a {MANIFEST} already; remove it to record the files anew")
    manifest = Manifest(files=record_files(folder, files_of(folder)))
    write_manifest(folder, manifest)
    return manifest


def verify_folder(folder: Path, *, revision: str | None = None) -> Manifest:
    """Check every file of a folder against its manifest.

    Args:
        folder: a model folder with a ``hugot.json``.
        revision: the commit, branch or tag that it must have been downloaded at.

    Raises ModelFormatError that lists each file that is missing, damaged or not recorded, and where
    there is no manifest.
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
    wrong = [*_damages(folder, manifest), *_strangers(folder, manifest)]
    if wrong:
        raise ModelFormatError(f"{folder} is not what {MANIFEST} records: {'; '.join(wrong)}")
    return manifest


def files_of(folder: Path) -> list[str]:
    """Names of the files in a folder that a pipeline may read, weights of graphs included."""
    from hugot.models.parts import weights_of

    names = [
        path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
    ]
    graphs = [name for name in names if name.endswith(".onnx")]
    weights = {weight for graph in graphs for weight in weights_of(folder, graph)}
    return [name for name in names if name in weights or is_needed(name, graphs)]


def _damages(folder: Path, manifest: Manifest) -> Iterable[str]:
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif (size := path.stat().st_size) != record.size:
            yield f"{name} has {size} bytes, not {record.size}"
        elif file_sha256(path) != record.sha256:
            yield f"{name} has another content"


def _strangers(folder: Path, manifest: Manifest) -> Iterable[str]:
    """Files that would change what a pipeline does, and that nobody recorded."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in manifest.files and is_needed(name, [name] if name.endswith(".onnx") else []):
            yield f"{name} is not recorded"


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    return value
