"""Finding a model by a path or name: in a package, the model folder, the hub's cache, on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hugot.errors import DownloadError, ModelFormatError, ModelNotFoundError
from hugot.models.bundle import open_bundle
from hugot.models.log import debug

if TYPE_CHECKING:
    from os import PathLike

    from hugot.models.bundle import ModelBundle
    from hugot.models.cache import Snapshot

_PACKAGE = "package:"


class FoundModel(NamedTuple):
    """A model on this machine.

    Attributes:
        path: its folder, or an ``.onnx`` file.
        onnx_file: the graph to use, by its name in the folder, or None.
        variant: the kind of graph to use if that is still to be chosen, or None.
        why: how it was found, for people.
    """

    path: Path
    onnx_file: str | None
    variant: str | None
    why: str


def open_model(
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None = None,
    *,
    onnx_file: str | None = None,
    variant: str | None = None,
    revision: str | None = None,
    verify: bool = False,
) -> ModelBundle:
    """Find a model and read its files; see `find_model`.

    With `verify`, every file is checked first against ``hugot.json`` (or the hashes of the hub's cache).

    Raises as `find_model` and `open_bundle`; ModelFormatError for a file that differs from its record.
    """
    found = find_model(model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision)
    if verify:
        from hugot.models.manifest import verify_model

        verify_model(found.path, revision=revision)
    return open_bundle(found.path, found.onnx_file, found.variant)


def find_model(
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None = None,
    *,
    onnx_file: str | None = None,
    variant: str | None = None,
    revision: str | None = None,
) -> FoundModel:
    """Find a model in the first of these places that has it.

    * a path;
    * with ``package:NAME`` or ``package:NAME/path``, an installed Python package;
    * a folder ``organisation_name`` in the model folder;
    * the hub's own cache on this machine;
    * a download from the hub into the model folder.

    The choice and its reason are logged to ``hugot.models`` at level DEBUG.

    Args:
        model: a path or a name.
        model_folder: the folder that models are kept in; see `hugot.models.folders.model_folders`.
        onnx_file: the graph to use, if there are several.
        variant: which of several graphs, by its kind.
        revision: the branch, tag or commit that it must be.

    Raises ModelNotFoundError if it is none of these, DownloadError if the download fails,
    ModelFormatError for a path that holds another revision.
    """
    path = Path(model).expanduser()
    name = str(model)
    if path.exists():
        found = FoundModel(path, onnx_file, variant, "it is a path")
    elif name.startswith(_PACKAGE):
        from hugot.models.packages import package_folder

        folder = package_folder(name)
        found = FoundModel(folder, onnx_file, variant, f"it is in the {name.replace(':', ' ')}")
    else:
        found = _find_by_name(name, model_folder, onnx_file, variant, revision)
        revision = None  # checked already
    if revision is not None:
        _check_revision_of(found.path, revision)
    debug("%s: %s, since %s", name, found.path, found.why)
    return found


def _find_by_name(
    name: str,
    model_folder: str | PathLike[str] | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
) -> FoundModel:
    """Find a model by its name on the hub: in the model folder, the hub's cache, or on the hub."""
    # Imported here, as below: a model that is a path starts without these modules.
    from hugot.models import folders

    if not folders.is_hub_name(name):
        raise ModelNotFoundError(
            f"there is no file or folder {name!r}, and it is not a name on the hub "
            "(organisation/name) either"
        )
    folders.check_revision(revision)
    roots = folders.model_folders(model_folder)
    for root in roots:
        folder = folders.model_folder_path(root, name, revision)
        if not folder.is_dir():
            debug("%s: there is no folder %s", name, folder)
            continue
        graph = folders.find_graph(folder, name, onnx_file, variant)
        if graph is not None:
            return FoundModel(folder, graph, None, f"it is in the model folder {root}")
        debug("%s: %s is without the graph asked for", name, folder)
    snapshot, reason = _find_cached(name, onnx_file, variant, revision)
    if snapshot is not None:
        why = f"commit {snapshot.commit} is in the hub's cache on this machine"
        return FoundModel(snapshot.folder, snapshot.graph, None, why)
    from hugot.models.download import download_model

    try:
        folder = download_model(
            name, roots[0], revision=revision, onnx_file=onnx_file, variant=variant
        )
    except DownloadError as error:
        looked = ", ".join(str(root / folders.folder_name(name)) for root in roots)
        raise DownloadError(
            f"there is no model at {name!r} nor at {looked}, the hub's cache on this machine does not "
            f"have it ({reason}), and the hub gave none: {error}"
        ) from error
    graph = folders.find_graph(folder, name, onnx_file, variant)
    return FoundModel(folder, graph, None, f"it was downloaded to {roots[0]}")


def _find_cached(
    name: str, onnx_file: str | None, variant: str | None, revision: str | None
) -> tuple[Snapshot | None, str]:
    """A model's snapshot in the hub's cache, or the reason why there is none to use."""
    from hugot.models.cache import NotCachedError, find_snapshot

    try:
        snapshot = find_snapshot(name, revision, onnx_file, variant)
    except NotCachedError as reason:
        debug("%s: not from the hub's cache: %s", name, reason)
        return None, str(reason)
    if snapshot.unknown:
        from hugot.models.download import fetch_missing_files

        fetch_missing_files(name, snapshot)
    return snapshot, ""


def _check_revision_of(path: Path, revision: str) -> None:
    """Raise ModelFormatError unless a folder records that it is of a revision."""
    from hugot.models.manifest import recorded_revisions

    recorded = recorded_revisions(path)
    if revision not in recorded:
        found = " or ".join(recorded) or "none that is recorded"
        raise ModelFormatError(f"{path} is of revision {found}, not {revision}")
