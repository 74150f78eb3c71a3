"""A model's files from the hub: into a folder beside their place, checked, then renamed into it."""

from __future__ import annotations

import os
import shutil
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hugot.errors import DownloadError, HugotError, ModelNotFoundError
from hugot.models.log import debug
from hugot.models.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    read_manifest,
    record_files,
    write_manifest,
)
from hugot.models.names import check_name, check_revision, model_folders
from hugot.models.parts import (
    check_tokenizer,
    module_files,
    needed_files,
    refuse_escaping,
    weights_of,
)
from hugot.models.places import graph_in, place_for
from hugot.models.promises import Promises, explain, fetch_promises, refuse_offline
from hugot.models.staging import beside, flush, keep_only, locked, own_folder, terminal_bar
from hugot.models.variants import choose_graph

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike


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
    """Download what the pipelines need of a model on the hub, and give its folder.

        folder = hugot.download_model("sentence-transformers/all-MiniLM-L6-v2")

    Args:
        name: the repository, ``organisation/name``.
        dest: the folder under which to make ``organisation_name``; by default the model folder.
        revision: branch, tag or commit; by default the main branch. Where the folder holds another
            revision, that one stays, and ``organisation_name@revision`` is made.
        token: access token; by default ``HF_TOKEN`` or the stored one.
        onnx_file: the graph to take, where the repository has several.
        variant: which of several graphs: ``"fp32"``, ``"fp16"``, ``"int8"`` or a file name; by default
            ``"auto"``, which is fp32 where the repository has it.
        force: download again what is there already.

    The files appear under their final folder when all of them are there and have the sizes and hashes
    that the hub tells; ``hugot.json`` records them. A download that was interrupted goes on with the
    files that it had not finished. A second process that wants the same model waits for the first.

    A graph that is not in the folder yet is added to it, at the folder's own commit.

    Raises InputError for a name, revision or variant that is none, ModelNotFoundError where the
    repository lacks what is needed, DownloadError for everything that goes wrong on the way.
    """
    check_name(name)
    check_revision(revision)
    root = Path(dest).expanduser() if dest is not None else model_folders()[0]
    target = place_for(root, name, revision)
    if not force and _is_there(target, name, onnx_file, variant):
        return target
    refuse_offline(name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(target):
            # Another process may have downloaded it while this one waited.
            if force or not _is_there(target, name, onnx_file, variant):
                _Download(name, target, revision, token, force).run(onnx_file, variant)
    except HugotError:
        raise
    except OSError as error:
        raise DownloadError(f"{name}: {root} cannot be written to: {error}") from error
    return target


def _is_there(target: Path, name: str, onnx_file: str | None, variant: str | None) -> bool:
    return target.is_dir() and graph_in(target, name, onnx_file, variant) is not None


class _Download:
    """One download, within the lock of its target."""

    def __init__(
        self, name: str, target: Path, revision: str | None, token: str | None, force: bool
    ) -> None:
        self.name = name
        self.target = target
        self.token = token
        self.force = force
        self.partial = beside(target, "partial")
        self.there = read_manifest(target) if target.is_dir() and not force else None
        self.revision = self.there.revision if self.there else revision
        # More files of a folder are of the commit that it holds.
        self.asked = self.there.commit if self.there else revision

    def run(self, onnx_file: str | None, variant: str | None) -> None:
        """Fetch, check and put into place."""
        promises = fetch_promises(self.name, self.asked, self.token)
        graph = choose_graph(promises.sizes, onnx_file, variant, where=self.name)
        check_tokenizer(promises.sizes, self.name)
        debug("%s: downloading %s of commit %s", self.name, graph, promises.commit)
        own_folder(self.partial, empty=self.force)
        names = self._missing(needed_files(promises.sizes, graph))
        self._fetch(promises, names)
        # These two say which other files they need.
        more = [
            name for name in module_files(self.partial / "modules.json") if name in promises.sizes
        ]
        more += self._weights(promises, graph)
        rest = [name for name in self._missing(more) if name not in names]
        self._fetch(promises, rest)
        self._install(promises, [*names, *rest])

    def _missing(self, names: Sequence[str]) -> list[str]:
        recorded = self.there.files if self.there else {}
        return [name for name in dict.fromkeys(names) if name not in recorded]

    def _weights(self, promises: Promises, graph: str) -> list[str]:
        names = weights_of(self.partial, graph)
        missing = [name for name in names if name not in promises.sizes]
        if missing:
            raise ModelNotFoundError(
                f"{self.name} has no {', '.join(missing)}, in which {graph} has its weights"
            )
        return names

    def _fetch(self, promises: Promises, names: list[str]) -> None:
        """Download files and check them; what is damaged is asked for a second time."""
        refuse_escaping(names, self.name)
        if not names:
            return
        self._snapshot(promises, names, self.force)
        damaged = promises.broken(self.partial, names)
        if damaged:
            debug("%s: fetching again: %s", self.name, "; ".join(damaged.values()))
            self._snapshot(promises, list(damaged), True)
            damaged = promises.broken(self.partial, names)
        for name in damaged:
            (self.partial / name).unlink(missing_ok=True)
        if damaged:
            raise DownloadError(
                f"{self.name}: what came is not what the hub promised: {'; '.join(damaged.values())}"
            )

    def _snapshot(self, promises: Promises, names: list[str], force: bool) -> None:
        from huggingface_hub import snapshot_download

        try:
            snapshot_download(
                self.name,
                revision=promises.commit,
                local_dir=self.partial,
                allow_patterns=[escape(name) for name in names],
                token=self.token,
                force_download=force,
                tqdm_class=terminal_bar(),
            )
        except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
            raise explain(self.name, self.revision, error) from error

    def _install(self, promises: Promises, names: list[str]) -> None:
        """Rename what came into its place, with the manifest."""
        shutil.rmtree(self.partial / ".cache", ignore_errors=True)
        keep_only(self.partial, names)
        files: dict[str, FileRecord] = record_files(self.partial, names)
        manifest = Manifest(
            name=self.name,
            revision=self.revision,
            commit=promises.commit,
            graphs={name: size for name, size in promises.sizes.items() if name.endswith(".onnx")},
            files={**(self.there.files if self.there else {}), **files},
        )
        write_manifest(self.partial, manifest)
        flush(self.partial)
        if self.there:
            self._add(names)
        else:
            self._replace()

    def _add(self, names: list[str]) -> None:
        """Move files into the folder that is there: graphs behind their weights, the manifest last."""
        for name in [*sorted(names, key=lambda name: name.endswith(".onnx")), MANIFEST]:
            place = self.target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.partial / name, place)
        shutil.rmtree(self.partial, ignore_errors=True)

    def _replace(self) -> None:
        if self.target.is_symlink():
            self.target.unlink()
        elif self.target.exists():
            old = beside(self.target, "old")
            shutil.rmtree(old, ignore_errors=True)
            self.target.rename(old)
            self.partial.rename(self.target)
            shutil.rmtree(old, ignore_errors=True)
            return
        self.partial.rename(self.target)
