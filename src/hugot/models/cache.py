"""The hub's own cache on this machine, read without a call to the hub where it tells enough.

    <cache>/models--organisation--name/
        refs/main                       the commit that a branch or tag was, when last looked at
        snapshots/<commit>/<file>       links to blobs/<hash>; each is there once it is whole
        trees/<commit>.json             every file of that commit (huggingface_hub 2)
        .no_exist/<commit>/<file>       an empty file for a file that the commit does not have

A snapshot holds what some program has asked for, which may be less than a pipeline needs: without the
files of sentence-transformers, a model would answer with other vectors. So a snapshot is taken where
each of those files is there or known not to exist.
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
from hugot.models.manifest import is_commit
from hugot.models.parts import (
    CONFIGURATION_FILES,
    check_tokenizer,
    is_needed,
    module_files,
    needed_files,
    weights_of,
)
from hugot.models.variants import choose_graph, precision, wanted_file

if TYPE_CHECKING:
    from collections.abc import Iterable

_TREE_FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRUE = frozenset(("1", "ON", "YES", "TRUE"))


class Snapshot(NamedTuple):
    """A commit of a repository in the cache.

    Attributes:
        folder: its files, as far as they are there.
        graph: the ``.onnx`` file to take.
        commit: its hash.
        unknown: needed files that are not there, and may not be in the repository either.
    """

    folder: Path
    graph: str
    commit: str
    unknown: tuple[str, ...]


class Unfit(Exception):  # noqa: N818  (tells a reason, and is never shown as an error)
    """The cache has nothing to take; the text says why."""


def cache_folder() -> Path:
    """Where huggingface_hub keeps its cache, by its environment variables."""
    loaded = sys.modules.get("huggingface_hub.constants")
    if loaded is not None:
        return Path(loaded.HF_HUB_CACHE)
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(home, "huggingface"))
    folder = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    folder = os.environ.get("HF_HUB_CACHE", folder)
    return Path(os.path.expandvars(os.path.expanduser(folder)))


def is_offline() -> bool:
    """Whether the user has forbidden calls to the hub (``HF_HUB_OFFLINE``)."""
    loaded = sys.modules.get("huggingface_hub.constants")
    if loaded is not None:
        return bool(loaded.HF_HUB_OFFLINE)
    told = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return told.upper() in _TRUE


def find_snapshot(
    name: str, revision: str | None, onnx_file: str | None = None, variant: str | None = None
) -> Snapshot:
    """The snapshot of a revision that holds the graph asked for and what belongs to it.

    Raises Unfit where there is none, or where it lacks files that the repository has.
    """
    repository = cache_folder() / f"models--{name.replace('/', '--')}"
    revision = revision or "main"
    commit = revision if is_commit(revision) else _read_ref(repository, revision)
    folder = repository / "snapshots" / commit
    if not folder.is_dir():
        raise Unfit(f"it has no snapshot of commit {commit}")
    tree = _read_tree(repository / "trees" / f"{commit}.json")
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    names = there if tree is None else tree
    try:
        graph = choose_graph(dict.fromkeys(names), onnx_file, variant, where=name)
        check_tokenizer(names, name)
        _refuse_lowered(graph, onnx_file, variant, known=tree is not None)
        needed = [
            *needed_files(names, graph),
            *(file for file in module_files(folder / "modules.json") if file in names),
            *(weights_of(folder, graph) if graph in there else []),
        ]
    except HugotError as error:
        raise Unfit(str(error)) from error
    missing = sorted(set(needed) - set(there))
    if missing:
        raise Unfit(f"its snapshot {commit} lacks {', '.join(missing)}")
    absent = repository / ".no_exist" / commit
    unknown = () if tree is not None else _unknown(there, folder, absent)
    return Snapshot(folder, graph, commit, tuple(unknown))


def verify_snapshot(folder: Path) -> str:
    """Check the files of a snapshot folder against the hashes that the cache names them by.

    Gives the commit. Raises ModelFormatError that lists what is damaged, or where the files are no
    links to such names, as on systems without symbolic links.
    """
    wrong, checked = [], 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or not is_needed(name, [name] if name.endswith(".onnx") else []):
            continue
        if not path.is_symlink():
            raise ModelFormatError(
                f"{path} is no link into the hub's cache, whose name is its hash"
            )
        promised = Path(os.readlink(path)).name
        digest = file_sha256 if _SHA256.fullmatch(promised) else git_blob_id
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif digest(path) != promised:
            wrong.append(f"{name} has another content")
        checked += 1
    if wrong or not checked:
        raise ModelFormatError(f"{folder} is damaged: {'; '.join(wrong) or 'it has no files'}")
    return folder.name


def is_snapshot(folder: Path) -> bool:
    """Whether a folder is a snapshot in a cache of the hub."""
    return (
        is_commit(folder.name)
        and folder.parent.name == "snapshots"
        and folder.parent.parent.name.startswith("models--")
    )


def _read_ref(repository: Path, revision: str) -> str:
    try:
        commit = (repository / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise Unfit(f"it does not know revision {revision}") from None
    if not is_commit(commit):
        raise Unfit(f"its revision {revision} is no commit: {commit!r}")
    return commit


def _read_tree(path: Path) -> list[str] | None:
    """The names of all files of a commit, or None where they are not known."""
    try:
        tree: Any = json.loads(path.read_bytes())
        return list(tree["files"]) if tree["format_version"] == _TREE_FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _refuse_lowered(graph: str, onnx_file: str | None, variant: str | None, *, known: bool) -> None:
    """The only graph there may not be the only one of the repository: it must say what it is."""
    asked = variant not in (None, "auto") or wanted_file(onnx_file, variant) is not None
    if not known and not asked and precision(graph) != "fp32":
        raise Unfit(f"of the graphs it has only {graph}, which is not known to be the whole choice")


def _unknown(there: Iterable[str], folder: Path, absent: Path) -> list[str]:
    wanted = {*CONFIGURATION_FILES, *module_files(folder / "modules.json")}
    return sorted(name for name in wanted.difference(there) if not (absent / name).is_file())
