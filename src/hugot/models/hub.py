"""From a model's name to a folder: a path, a package, the model folder, the hub's cache, a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hugot.errors import DownloadError, ModelFormatError, ModelNotFoundError
from hugot.models.bundle import open_bundle
from hugot.models.log import debug
from hugot.models.names import check_revision, folder_name, is_name, model_folders

if TYPE_CHECKING:
    from os import PathLike

    from hugot.models.bundle import ModelBundle
    from hugot.models.cache import Snapshot

_PACKAGE = "package:"


class FoundModel(NamedTuple):
    """Where a model is.

    Attributes:
        path: its folder, or an ``.onnx`` file.
        onnx_file: the graph to take, by its name in the folder, or None.
        variant: the kind of graph to take, where that is still to be chosen, or None.
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

    Raises as `find_model` and `open_bundle`; ModelFormatError for a file that is not the one recorded.
    """
    found = find_model(model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision)
    if verify:
        from hugot.models.verify import verify_model

        verify_model(found.path, revision=revision)
    return open_bundle(found.path, found.onnx_file, found.variant)


def resolve_model(
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None = None,
    onnx_file: str | None = None,
    *,
    variant: str | None = None,
    revision: str | None = None,
) -> Path:
    """The folder (or ``.onnx`` file) of a model; see `find_model`."""
    return find_model(
        model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision
    ).path


def find_model(
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None = None,
    *,
    onnx_file: str | None = None,
    variant: str | None = None,
    revision: str | None = None,
) -> FoundModel:
    """Where a model is: the first of these that has it.

    * a path;
    * with ``package:NAME``, an installed Python package;
    * a folder ``organisation_name`` in the model folder;
    * the hub's own cache on this machine;
    * a download from the hub into the model folder.

    What was chosen, and why, goes to the log ``hugot.models`` at level DEBUG.

    Args:
        model: a path or a name.
        model_folder: where models are kept; see `model_folders`.
        onnx_file: the graph to take, where there are several.
        variant: which of several graphs, by its kind.
        revision: the branch, tag or commit that it must be.

    Raises ModelNotFoundError where it is none of these, DownloadError where the hub does not give it,
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
    elif is_name(name):
        check_revision(revision)
        found = _find_named(name, model_folder, onnx_file, variant, revision)
        revision = None  # what was found is of it
    else:
        raise ModelNotFoundError(
            f"there is no file or folder {name!r}, and it is not a name on the hub "
            "(organisation/name) either"
        )
    if revision is not None:
        _check_pinned(found.path, revision)
    debug("%s: %s, since %s", name, found.path, found.why)
    return found


def _find_named(
    name: str,
    model_folder: str | PathLike[str] | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
) -> FoundModel:
    from hugot.models.places import graph_in, place_for

    folders = model_folders(model_folder)
    for root in folders:
        place = place_for(root, name, revision)
        if not place.is_dir():
            debug("%s: there is no folder %s", name, place)
            continue
        graph = graph_in(place, name, onnx_file, variant)
        if graph is not None:
            return FoundModel(place, graph, None, f"it is in the model folder {root}")
        debug("%s: %s is without the graph asked for", name, place)
    snapshot, reason = _find_cached(name, onnx_file, variant, revision)
    if snapshot is not None:
        why = f"commit {snapshot.commit} is in the hub's cache on this machine"
        return FoundModel(snapshot.folder, snapshot.graph, None, why)
    from hugot.models.download import download_model

    try:
        folder = download_model(
            name, folders[0], revision=revision, onnx_file=onnx_file, variant=variant
        )
    except DownloadError as error:
        looked = ", ".join(str(folder / folder_name(name)) for folder in folders)
        raise DownloadError(
            f"there is no model at {name!r} nor at {looked}, the hub's cache on this machine does not "
            f"have it ({reason}), and the hub gave none: {error}"
        ) from error
    graph = graph_in(folder, name, onnx_file, variant)
    return FoundModel(folder, graph, None, f"it was downloaded to {folders[0]}")


def _find_cached(
    name: str, onnx_file: str | None, variant: str | None, revision: str | None
) -> tuple[Snapshot | None, str]:
    """What the hub's cache has of a model, or the reason why that is not taken."""
    from hugot.models.cache import Unfit, find_snapshot

    try:
        snapshot = find_snapshot(name, revision, onnx_file, variant)
    except Unfit as reason:
        debug("%s: not from the hub's cache: %s", name, reason)
        return None, str(reason)
    if snapshot.unknown:
        from hugot.models.completion import complete

        complete(name, snapshot)
    return snapshot, ""


def _check_pinned(path: Path, revision: str) -> None:
    """Raise ModelFormatError unless a folder says of itself that it is of a revision."""
    from hugot.models.verify import revision_of

    held = revision_of(path)
    if revision not in held:
        told = " or ".join(held) or "none that is recorded"
        raise ModelFormatError(f"{path} is of revision {told}, not {revision}")
