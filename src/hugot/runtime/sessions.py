"""Making native sessions: their options, the graph they load, the files they write.

A bundle's session is made over its optimised graph if one fits, otherwise over its ``.onnx`` file.
"""

from __future__ import annotations

from dataclasses import replace
from os import fspath
from typing import TYPE_CHECKING, NamedTuple

from hugot._ort.providers import CPU
from hugot._ort.session import InferenceSession
from hugot._ort.settings import SessionOptions
from hugot.errors import HugotError, InputError, ModelFormatError, ProviderError
from hugot.models.graph import EXTERNAL_DATA_CHECKED_SINCE, check_external_data
from hugot.models.optimized import OptimizedFile, OptimizedModel, log_ignored, select_optimized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot._ort.library import Library
    from hugot._ort.providers import Provider
    from hugot.options import RuntimeOptions

    Providers = Sequence[Provider]

# ONNX Runtime uses the weights in the mapped file instead of copying them.
_LOAD_CONFIG = {
    "session.load_model_format": "ORT",
    "session.use_ort_model_bytes_directly": "1",
    "session.use_ort_model_bytes_for_initializers": "1",
}


# How the threads of a pool wait for work. By default, ONNX Runtime lets them spin for some 45 ms after a
# run, which keeps a CPU busy and makes no call faster (benchmarks/spinning.py).
_SPINNING = {
    "run": {"session.force_spinning_stop": "1"},
    "never": {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"},
    "always": {},
}
# A version that compares the resolved path of external data with the path of the graph's folder, and the
# words of its error.
_REFUSES_LINKS = "1.24.1"
_ESCAPES = "escapes model directory"
_SHRINK = {"memory.enable_memory_arena_shrinkage": "cpu:0"}


class ModelSource(NamedTuple):
    """The files that the sessions of a model are made from; all of them share the mapped file.

    Attributes:
        onnx_path: the ``.onnx`` file.
        optimized: its optimised graph, or None.
    """

    onnx_path: Path
    optimized: OptimizedModel | None = None


def choose_source(
    onnx_path: Path,
    optimized_file: OptimizedFile | None,
    library: Library,
    options: SessionOptions,
    providers: Providers = (),
) -> ModelSource:
    """Return the source of a model, with the optimised graph of its ``.onnx`` file if that is usable."""
    if optimized_file is None:
        return ModelSource(onnx_path)
    return ModelSource(onnx_path, select_optimized(optimized_file, library, options, providers))


def create_session(
    library: Library, source: ModelSource, options: SessionOptions, providers: Providers = ()
) -> InferenceSession:
    """Return a native session; `InferenceSession.from_buffer` is true if it has the optimised graph.

    Loading runs mostly without the GIL. The session's threads sleep until
    `InferenceSession.start_threads` is called.

    Raises ModelNotFoundError or ModelFormatError for the ``.onnx`` file, and ProviderError for the
    providers. If ONNX Runtime refuses the optimised graph, the ``.onnx`` file is loaded instead.
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
    try:
        return InferenceSession(library, source.onnx_path, options, providers, hold_threads=True)
    except HugotError as error:
        if library.version == _REFUSES_LINKS and _ESCAPES in str(error):
            raise linked_data_error(source.onnx_path) from error
        raise


def linked_data_error(onnx_path: Path) -> ModelFormatError:
    """Return the error for external data that only `_REFUSES_LINKS` takes for files elsewhere.

    Raises ModelFormatError as `check_external_data` for data that is elsewhere.
    """
    check_external_data(onnx_path)
    return ModelFormatError(
        f"{onnx_path} has its weights in a file that is a symbolic link, as in the hub's cache. ONNX "
        f"Runtime {_REFUSES_LINKS} refuses such files: install onnxruntime 1.24.2 or newer, or download "
        "the model to a folder of its own with hugot download"
    )


def check_active(session: InferenceSession, providers: Providers) -> None:
    """Raise ProviderError if the preferred provider runs no node of the model.

    Further providers run the nodes that the preferred one leaves, which may be none. Nothing is raised
    if the library does not report the provider of each node (before 1.24).
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


def nodes_by_provider(session: InferenceSession, providers: Providers) -> dict[str, int | None]:
    """Return the number of nodes that each provider runs, None if it is unknown."""
    names = dict.fromkeys([*(each.name for each in providers), CPU])
    placement = session.placement
    if placement is None:
        return dict.fromkeys(names) if session.accelerated else {CPU: None}
    return {name: placement.get(name, 0) for name in [*names, *placement]}


def native_options(options: RuntimeOptions, threads: int) -> SessionOptions:
    """Return the options of a native session with this number of threads within a run.

    Every number of threads is set: if ONNX Runtime chooses one, it binds the threads to CPUs that may
    not be available to this process.
    """
    inter_op = (options.inter_op_threads or threads) if options.execution_mode == "parallel" else 1
    path, profiling = options.optimized_model_path, options.profiling
    return SessionOptions(
        intra_op_num_threads=threads,
        inter_op_num_threads=inter_op,
        execution_mode=options.execution_mode,
        graph_optimization_level=options.graph_optimization_level,
        enable_cpu_mem_arena=options.enable_cpu_mem_arena,
        enable_mem_pattern=options.enable_mem_pattern,
        log_severity_level=options.log_severity_level,
        session_config={**_SPINNING[options.spinning], **options.session_config},
        run_config={**(_SHRINK if options.shrink_cpu_mem_arena else {}), **options.run_config},
        free_dimensions=options.free_dimensions,
        free_dimension_denotations=options.free_dimension_denotations,
        custom_op_libraries=[fspath(path) for path in options.custom_op_libraries],
        optimized_model_path=None if path is None else fspath(path),
        profiling=None if profiling is None else fspath(profiling),
    )


def check_dimensions(options: RuntimeOptions, onnx_path: Path) -> None:
    """Raise InputError for a free dimension that no input of the graph has.

    ONNX Runtime ignores such names.
    """
    if not options.free_dimensions and not options.free_dimension_denotations:
        return
    from hugot.models.signature import read_dimensions

    found = read_dimensions(onnx_path)
    for option, given, known in (
        ("free_dimensions", options.free_dimensions, found.names),
        ("free_dimension_denotations", options.free_dimension_denotations, found.denotations),
    ):
        for name in given:
            if name not in known:
                raise InputError(
                    f"{option}: the inputs of {onnx_path} have no dimension {name!r}; they have "
                    f"{', '.join(sorted(known)) or 'none'}"
                )


class WrittenFiles:
    """Assigns the files that options ask for to the native sessions of an engine. Not thread-safe."""

    def __init__(self) -> None:
        self._profiles = 0
        self._optimized: Path | None = None

    def assign(self, options: SessionOptions, onnx_path: Path) -> SessionOptions:
        """Return the options of the next native session, which runs the model `onnx_path`.

        Only the first session writes its optimised graph. Profiles are numbered from the second on,
        since ONNX Runtime would use the same name for two that begin within a second. Raises InputError
        if the optimised graph of one model would overwrite that of another.
        """
        if options.profiling is not None:
            self._profiles += 1
            if self._profiles > 1:
                options = replace(options, profiling=f"{options.profiling}-{self._profiles}")
        if options.optimized_model_path is None:
            return options
        if self._optimized is None:
            self._optimized = onnx_path
            return options
        if self._optimized != onnx_path:
            raise InputError(
                f"optimized_model_path={options.optimized_model_path!r} holds the graph of "
                f"{self._optimized} already; give {onnx_path} a session of its own"
            )
        return replace(options, optimized_model_path=None)


def without_files(options: SessionOptions) -> SessionOptions:
    """Return the options without the files that a session writes: optimised graph and profile."""
    return replace(options, optimized_model_path=None, profiling=None)


def log_profiles(paths: list[str]) -> None:
    """Write the paths of profiles to the log."""
    import logging

    for path in paths:
        logging.getLogger("hugot.onnxruntime").info("the profile is in %s", path)
