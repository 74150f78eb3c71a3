"""Downloads from the hub, by huggingface_hub: into the model folder, and into the hub's own cache.

A download into the model folder goes into a hidden folder beside the final one, which is renamed when
all files are complete, checked and on the disk.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugot.errors import DownloadError, HugotError, ModelNotFoundError
from hugot.models.cache import is_offline
from hugot.models.folders import (
    check_hub_name,
    check_revision,
    find_graph,
    model_folder_path,
    model_folders,
)
from hugot.models.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    read_manifest,
    record_files,
    write_manifest,
)
from hugot.models.repository import (
    OFFLINE,
    check_file_names,
    check_tokenizer,
    download_error,
    external_data_of,
    fetch_repository_info,
    module_files,
    needed_files,
    transformer_folder_of,
)
from hugot.models.variants import choose_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from os import PathLike

    from hugot.models.cache import Snapshot
    from hugot.models.repository import RepositoryInfo

_logger = logging.getLogger("hugot.models")
_INCOMPLETE_SNAPSHOT = (
    "%s is used from the hub's cache without %s, which the repository may have: the hub was not asked "
    "(%s). If it is a sentence-transformers model, its vectors may be others"
)


def download_model(
    name: str,
    dest: str | PathLike[str] | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    onnx_file: str | None = None,
    variant: str | None = None,
    force: bool = False,
) -> Path:
    """Download the files of a model on the hub that pipelines need, and return its folder.

        folder = hugot.download_model("sentence-transformers/all-MiniLM-L6-v2")

    Args:
        name: the repository, ``organisation/name``.
        dest: the folder in which to make ``organisation_name``; by default the model folder.
        revision: branch, tag or commit; by default the main branch. If the folder holds another
            revision, it is kept, and ``organisation_name@revision`` is made.
        token: access token; by default ``HF_TOKEN`` or the stored one.
        onnx_file: the graph to download, if the repository has several.
        variant: which of several graphs: ``"fp32"``, ``"fp16"``, ``"int8"`` or a file name; by default
            ``"auto"``, which is fp32 if the repository has it.
        force: download again even if the files are there.

    The folder appears under its final name once all files are complete and have the sizes and hashes
    that the hub reports; ``hugot.json`` records them. An interrupted download continues with the
    unfinished files. A second process that downloads the same model waits for the first.

    A graph that is not in the folder yet is added to it, at the folder's own commit.

    Raises InputError for an invalid name, revision or variant, ModelNotFoundError if the repository
    lacks a needed file, DownloadError if the download fails.
    """
    check_hub_name(name)
    check_revision(revision)
    root = Path(dest).expanduser() if dest is not None else model_folders()[0]
    target = model_folder_path(root, name, revision)
    if not force and _is_complete(target, name, onnx_file, variant):
        return target
    if is_offline():
        raise DownloadError(f"{name}: {OFFLINE}")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            # Another process may have downloaded it while this one waited.
            if force or not _is_complete(target, name, onnx_file, variant):
                _Download(name, target, revision, token, force).run(onnx_file, variant)
    except HugotError:
        raise
    except OSError as error:
        raise DownloadError(f"{name}: {root} cannot be written to: {error}") from error
    return target


def fetch_missing_files(name: str, snapshot: Snapshot) -> None:
    """Download the files that a pipeline needs and a snapshot in the hub's cache lacks.

    The hub is asked once which of the unknown files exist. The others are marked as absent in the same
    way as huggingface_hub does it, so that the hub is not asked again. If it cannot be asked, a warning
    is logged and the snapshot stays as it is.
    """
    if is_offline():
        unknown = ", ".join(snapshot.unknown)
        _logger.warning(_INCOMPLETE_SNAPSHOT, name, unknown, "HF_HUB_OFFLINE is set")
        return
    try:
        existing = _fetch_into_cache(name, snapshot)
    except DownloadError as error:
        _logger.warning(_INCOMPLETE_SNAPSHOT, name, ", ".join(snapshot.unknown), error)
        return
    absent = snapshot.folder.parent.parent / ".no_exist" / snapshot.commit
    for file in set(snapshot.unknown) - existing:
        _mark_absent(absent / file)


def _fetch_into_cache(name: str, snapshot: Snapshot) -> set[str]:
    """Download a snapshot's missing files; return the names of all files of the commit."""
    files = set(fetch_repository_info(name, snapshot.commit, None).files)
    needed = {*needed_files(files, snapshot.graph)}
    for names in (needed, set()):  # the second time for modules.json, if it was missing
        names |= {*module_files(snapshot.folder / "modules.json")} & files
        missing = sorted(file for file in names if not (snapshot.folder / file).is_file())
        if not missing:
            continue
        check_file_names(missing, name)
        _logger.debug("%s: the hub's cache lacks %s", name, ", ".join(missing))
        cache = snapshot.folder.parent.parent.parent
        try:
            _snapshot_download(name, snapshot.commit, missing, cache_dir=cache)
        except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
            raise download_error(name, snapshot.commit, error) from error
    return files


def _mark_absent(marker: Path) -> None:
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:  # a read-only cache: the hub is asked each time
        _logger.debug("%s cannot be written: %s", marker, error)


def _is_complete(target: Path, name: str, onnx_file: str | None, variant: str | None) -> bool:
    return target.is_dir() and find_graph(target, name, onnx_file, variant) is not None


class _Download:
    """One download into the model folder; the target must be locked."""

    def __init__(
        self, name: str, target: Path, revision: str | None, token: str | None, force: bool
    ) -> None:
        self.name = name
        self.target = target
        self.token = token
        self.force = force
        self.partial = _hidden_sibling(target, "partial")
        self.present = read_manifest(target) if target.is_dir() and not force else None
        self.revision = self.present.revision if self.present else revision
        # Files that are added to a folder must be of the commit that it holds.
        self.asked = self.present.commit if self.present else revision

    def run(self, onnx_file: str | None, variant: str | None) -> None:
        """Fetch the files, check them and move them to the target."""
        info = fetch_repository_info(self.name, self.asked, self.token)
        inner = self._transformer_folder(info)
        graph = choose_graph(info.sizes, onnx_file, variant, where=self.name, inner=inner)
        check_tokenizer(info.sizes, self.name, inner)
        _logger.debug("%s: downloading %s of commit %s", self.name, graph, info.commit)
        _make_folder(self.partial, empty=self.force and not inner)
        names = self._missing(needed_files(info.sizes, graph))
        self._fetch(info, names)
        # modules.json and the graph name further files.
        more = [name for name in module_files(self.partial / "modules.json") if name in info.sizes]
        more += self._external_data(info, graph)
        rest = [name for name in self._missing(more) if name not in names]
        self._fetch(info, rest)
        self._install(info, [*names, *rest])

    def _transformer_folder(self, info: RepositoryInfo) -> str:
        """Return the folder, in the repository, of the graph and the tokenizer; ``""`` for all of it."""
        if "modules.json" not in info.sizes or not any(
            name.endswith("/tokenizer.json") for name in info.sizes
        ):
            return ""
        if "modules.json" in self._missing(["modules.json"]):
            _make_folder(self.partial, empty=self.force)
            self._fetch(info, ["modules.json"])
            return transformer_folder_of(self.partial / "modules.json")
        return transformer_folder_of(self.target / "modules.json")

    def _missing(self, names: Sequence[str]) -> list[str]:
        recorded = self.present.files if self.present else {}
        return [name for name in dict.fromkeys(names) if name not in recorded]

    def _external_data(self, info: RepositoryInfo, graph: str) -> list[str]:
        names = external_data_of(self.partial, graph)
        missing = [name for name in names if name not in info.sizes]
        if missing:
            raise ModelNotFoundError(
                f"{self.name} has no {', '.join(missing)}, in which {graph} has its weights"
            )
        return names

    def _fetch(self, info: RepositoryInfo, names: list[str]) -> None:
        """Download files and check them; a damaged file is downloaded a second time."""
        check_file_names(names, self.name)
        if not names:
            return
        self._download(info, names, self.force)
        damaged = info.mismatches(self.partial, names)
        if damaged:
            _logger.debug("%s: fetching again: %s", self.name, "; ".join(damaged.values()))
            self._download(info, list(damaged), True)
            damaged = info.mismatches(self.partial, names)
        for name in damaged:
            (self.partial / name).unlink(missing_ok=True)
        if damaged:
            raise DownloadError(
                f"{self.name}: what came is not what the hub promised: {'; '.join(damaged.values())}"
            )

    def _download(self, info: RepositoryInfo, names: list[str], force: bool) -> None:
        try:
            _snapshot_download(
                self.name,
                info.commit,
                names,
                local_dir=self.partial,
                token=self.token,
                force_download=force,
            )
        except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
            raise download_error(self.name, self.revision, error) from error

    def _install(self, info: RepositoryInfo, names: list[str]) -> None:
        """Write the manifest, and rename the files into the target."""
        shutil.rmtree(self.partial / ".cache", ignore_errors=True)
        _remove_others(self.partial, names)
        files: dict[str, FileRecord] = record_files(self.partial, names)
        manifest = Manifest(
            name=self.name,
            revision=self.revision,
            commit=info.commit,
            graphs={name: size for name, size in info.sizes.items() if name.endswith(".onnx")},
            files={**(self.present.files if self.present else {}), **files},
        )
        write_manifest(self.partial, manifest)
        _flush(self.partial)
        if self.present:
            self._add(names)
        else:
            self._replace()

    def _add(self, names: list[str]) -> None:
        """Move files into the existing folder: a graph after its weights, the manifest last."""
        for name in [*sorted(names, key=lambda name: name.endswith(".onnx")), MANIFEST]:
            path = self.target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.partial / name, path)
        shutil.rmtree(self.partial, ignore_errors=True)

    def _replace(self) -> None:
        if self.target.is_symlink():
            self.target.unlink()
        elif self.target.exists():
            old = _hidden_sibling(self.target, "old")
            shutil.rmtree(old, ignore_errors=True)
            self.target.rename(old)
            self.partial.rename(self.target)
            shutil.rmtree(old, ignore_errors=True)
            return
        self.partial.rename(self.target)


def _snapshot_download(name: str, commit: str, files: Iterable[str], **options: Any) -> None:
    """Download files of a commit with huggingface_hub; progress is shown on a terminal only."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class TerminalProgress(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            if options.get("disable") is not True:
                options["disable"] = None
            super().__init__(*args, **options)  # type: ignore[no-untyped-call]

    patterns = [escape(file) for file in files]
    snapshot_download(
        name,
        revision=commit,
        allow_patterns=patterns,
        tqdm_class=TerminalProgress,
        **options,
    )


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Hold the lock of a model's folder, among all processes; it is released with its process."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    with WeakFileLock(_hidden_sibling(target, "lock")):
        yield


def _hidden_sibling(target: Path, suffix: str) -> Path:
    """A path beside a model's folder; no model's name leads to it."""
    return target.with_name(f".{target.name}.{suffix}")


def _make_folder(path: Path, *, empty: bool = False) -> None:
    """Make a folder, or reuse that of an interrupted download after removing all links in it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif empty:
        shutil.rmtree(path, ignore_errors=True)
    path.mkdir(exist_ok=True)
    for inner in path.rglob("*"):
        if inner.is_symlink():
            inner.unlink()


def _remove_others(folder: Path, names: list[str]) -> None:
    """Remove files that an interrupted download of another variant has left."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in names:
            path.unlink()


def _flush(folder: Path) -> None:
    """Write the files to the disk, so that a power cut after the rename leaves no empty ones."""
    if os.name == "nt":
        return  # only a file that is open for writing can be flushed there
    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
