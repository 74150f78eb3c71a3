"""From a bundle to native sessions: over its optimised graph where one fits, else its ``.onnx`` file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hugot._ort.providers import CPU
from hugot._ort.session import InferenceSession
from hugot.errors import HugotError, ProviderError
from hugot.models.graph import EXTERNAL_DATA_CHECKED_SINCE, check_external_data
from hugot.models.optimized import OptimizedFile, OptimizedModel, log_ignored, select_optimized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot._ort.library import Library
    from hugot._ort.providers import Provider
    from hugot.options import SessionOptions

    Providers = Sequence[Provider]

# Weights are used where they are mapped, instead of being copied from there.
_LOAD_CONFIG = {
    "session.load_model_format": "ORT",
    "session.use_ort_model_bytes_directly": "1",
    "session.use_ort_model_bytes_for_initializers": "1",
}


class ModelSource(NamedTuple):
    """What sessions on a model are made from. Sessions on one source share its mapped file.

    Attributes:
        onnx_path: the ``.onnx`` file.
        optimized: its optimised graph, or None.
    """

    onnx_path: Path
    optimized: OptimizedModel | None = None


def choose_source(
    onnx_path: Path,
    candidate: OptimizedFile | None,
    library: Library,
    options: SessionOptions,
    providers: Providers = (),
) -> ModelSource:
    """The optimised graph of an ``.onnx`` file where there is one that fits, else the file."""
    if candidate is None:
        return ModelSource(onnx_path)
    return ModelSource(onnx_path, select_optimized(candidate, library, options, providers))


def create_session(
    library: Library, source: ModelSource, options: SessionOptions, providers: Providers = ()
) -> InferenceSession:
    """A native session; `InferenceSession.from_buffer` tells whether the optimised graph was taken.

    Most of it runs without the GIL. Its threads sleep until `InferenceSession.start_threads`.

    Raises ModelNotFoundError, ModelFormatError or ProviderError for what is wrong with the ``.onnx``
    file or the providers; an optimised graph that ONNX Runtime refuses is left aside.
    """
    if source.optimized is not None:
        config = {**options.session_config, **_LOAD_CONFIG}
        try:
            return InferenceSession(
                library,
                source.optimized.buffer,
                replace(options, session_config=config),
                providers,
                hold_threads=True,
            )
        except HugotError as error:
            log_ignored(source.onnx_path, error)
    if library.api_version < EXTERNAL_DATA_CHECKED_SINCE:
        check_external_data(source.onnx_path)
    return InferenceSession(library, source.onnx_path, options, providers, hold_threads=True)


def check_active(session: InferenceSession, providers: Providers) -> None:
    """Raise ProviderError for a provider that runs no node of the model.

    One that stands behind an active one is there for what that leaves, which may be nothing. Where the
    library cannot tell which provider runs what (before 1.24), nothing is raised.
    """
    placement = session.placement
    wanted = [each.name for each in providers if each.name != CPU]
    if placement is None or not wanted or placement.get(wanted[0]):
        return
    library = session.library
    ran = ", ".join(f"{name} {nodes}" for name, nodes in placement.items()) or "none"
    raise ProviderError(
        f"{wanted[0]} was asked for, but runs no node of the model (nodes by provider: {ran}). ONNX "
        f"Runtime {library.version} from {library.path} has "
        f"{', '.join(library.available_providers())}. The provider may lack the model's operators, its "
        "element types or shapes, or its own libraries; try another export of the model, or leave the "
        "provider out."
    )


def placement_of(session: InferenceSession, providers: Providers) -> dict[str, int | None]:
    """Number of nodes that each provider runs, None where it is not known."""
    names = dict.fromkeys([*(each.name for each in providers), CPU])
    placement = session.placement
    if placement is None:
        return dict.fromkeys(names) if session.accelerated else {CPU: None}
    return {name: placement.get(name, 0) for name in [*names, *placement]}
