"""The hub's own cache on this machine, read without a call to the hub if it has all that is needed.

    <cache>/models--organisation--name/
        refs/main                       the commit of a branch or tag when it was last looked at
        snapshots/<commit>/<file>       links to blobs/<hash>; each appears once it is complete
        trees/<commit>.json             every file of that commit (huggingface_hub 2)
        .no_exist/<commit>/<file>       an empty file for a file that the commit does not have

A snapshot holds the files that some program has asked for, which may be fewer than a pipeline needs:
without the files of sentence-transformers, a model would return other vectors. So a snapshot is used if
each of those files exists or is known not to exist.

The cache is read directly, since importing huggingface_hub's client takes more than a tenth of a second.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.errors import HugotError, ModelFormatError
from hugot.models.files import file_sha256, git_blob_id
from hugot.models.repository import (
    CONFIGURATION_FILES,
    check_tokenizer,
    external_data_of,
    is_needed,
    module_files,
    needed_files,
    transformer_folder_of,
)
from hugot.models.variants import choose_graph, file_asked_for, precision

if TYPE_CHECKING:
    from collections.abc import Iterable

_TREE_FORMAT = 1
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRUE = frozenset(("1", "ON", "YES", "TRUE"))


class Snapshot(NamedTuple):
    """A commit of a repository in the cache.

    Attributes:
        folder: the folder with those of its files that were downloaded.
        graph: the ``.onnx`` file to use.
        commit: its hash.
        unknown: files that a pipeline reads, that are not here, and that the repository may have.
    """

    folder: Path
    graph: str
    commit: str
    unknown: tuple[str, ...]


class NotCachedError(Exception):
    """The cache has no usable snapshot; the text is the reason. It is never shown as an error."""


def cache_folder() -> Path:
    """Return the folder of huggingface_hub's cache, by its environment variables."""
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        return Path(constants.HF_HUB_CACHE)
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(home, "huggingface"))
    folder = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    folder = os.environ.get("HF_HUB_CACHE", folder)
    return Path(os.path.expandvars(os.path.expanduser(folder)))


def is_offline() -> bool:
    """Whether the user has forbidden calls to the hub (``HF_HUB_OFFLINE``)."""
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        return bool(constants.HF_HUB_OFFLINE)
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in _TRUE


def cached_models() -> list[str]:
    """Return the names of the models in the cache, whatever was downloaded of them."""
    folder = cache_folder()
    found = folder.glob("models--*") if folder.is_dir() else ()
    return sorted(path.name.removeprefix("models--").replace("--", "/") for path in found)


def find_snapshot(
    name: str, revision: str | None, onnx_file: str | None = None, variant: str | None = None
) -> Snapshot:
    """Return the snapshot of a revision that holds the graph asked for and its other files.

    Raises NotCachedError if there is none, or if it lacks files that the repository has.
    """
    repository = cache_folder() / f"models--{name.replace('/', '--')}"
    revision = revision or "main"
    commit = revision if _COMMIT.fullmatch(revision) else _read_ref(repository, revision)
    folder = repository / "snapshots" / commit
    if not folder.is_dir():
        raise NotCachedError(f"it has no snapshot of commit {commit}")
    tree = _read_tree(repository / "trees" / f"{commit}.json")
    cached = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    names = cached if tree is None else tree
    try:
        inner = transformer_folder_of(folder / "modules.json")
        graph = choose_graph(dict.fromkeys(names), onnx_file, variant, where=name, inner=inner)
        check_tokenizer(names, name, inner)
        _check_precision(graph, onnx_file, variant, all_files_known=tree is not None)
        needed = [
            *needed_files(names, graph),
            *(file for file in module_files(folder / "modules.json") if file in names),
            *(external_data_of(folder, graph) if graph in cached else []),
        ]
    except HugotError as error:
        raise NotCachedError(str(error)) from error
    missing = sorted(set(needed) - set(cached))
    if missing:
        raise NotCachedError(f"its snapshot {commit} lacks {', '.join(missing)}")
    absent = repository / ".no_exist" / commit
    unknown = () if tree is not None else _unknown_files(cached, folder, absent)
    return Snapshot(folder, graph, commit, tuple(unknown))


def verify_snapshot(folder: Path) -> str:
    """Check the files of a snapshot against the hashes in the names of their blobs; return the commit.

    Raises ModelFormatError that lists the damaged files, or if the files are not links to blobs, as on
    systems without symbolic links.
    """
    wrong, checked = [], 0
    of_modules = {*module_files(folder / "modules.json")}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        needed = name in of_modules or is_needed(name, [name] if name.endswith(".onnx") else [])
        if path.is_dir() or not needed:
            continue
        if not path.is_symlink():
            raise ModelFormatError(
                f"{path} is no link into the hub's cache, whose name is its hash"
            )
        expected = Path(os.readlink(path)).name
        digest = file_sha256 if _SHA256.fullmatch(expected) else git_blob_id
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif digest(path) != expected:
            wrong.append(f"{name} has another content")
        checked += 1
    if wrong or not checked:
        raise ModelFormatError(f"{folder} is damaged: {'; '.join(wrong) or 'it has no files'}")
    return folder.name


def is_snapshot(folder: Path) -> bool:
    """Whether a folder is a snapshot in a cache of the hub."""
    return (
        _COMMIT.fullmatch(folder.name) is not None
        and folder.parent.name == "snapshots"
        and folder.parent.parent.name.startswith("models--")
    )


def _read_ref(repository: Path, revision: str) -> str:
    try:
        commit = (repository / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise NotCachedError(f"it does not know revision {revision}") from None
    if not _COMMIT.fullmatch(commit):
        raise NotCachedError(f"its revision {revision} is no commit: {commit!r}")
    return commit


def _read_tree(path: Path) -> list[str] | None:
    """Return the names of all files of a commit, or None if they are not known."""
    try:
        tree: Any = json.loads(path.read_bytes())
        return list(tree["files"]) if tree["format_version"] == _TREE_FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _check_precision(
    graph: str, onnx_file: str | None, variant: str | None, *, all_files_known: bool
) -> None:
    """Raise NotCachedError for a graph of lower precision that nobody asked for.

    If only the cached files are known, the repository may have another graph of full precision.
    """
    asked = variant not in (None, "auto") or file_asked_for(onnx_file, variant) is not None
    if not all_files_known and not asked and precision(graph) != "fp32":
        raise NotCachedError(
            f"of the graphs it has only {graph}, which is not known to be the whole choice"
        )


def _unknown_files(cached: Iterable[str], folder: Path, absent: Path) -> list[str]:
    """Files that are neither cached nor marked as absent from the repository."""
    wanted = {*CONFIGURATION_FILES, *module_files(folder / "modules.json", rare=False)}
    return sorted(name for name in wanted.difference(cached) if not (absent / name).is_file())
