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
from hugot.errors import HugotError, InputError, ProviderError
from hugot.models.graph import EXTERNAL_DATA_CHECKED_SINCE, check_external_data
from hugot.models.optimized import OptimizedFile, OptimizedModel, log_ignored, select_optimized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot._ort.library import Library
    from hugot._ort.providers import Provider
    from hugot.options import RuntimeOptions

    Providers = Sequence[Provider]

# Weights are used where they are mapped, instead of being copied from there.
_LOAD_CONFIG = {
    "session.load_model_format": "ORT",
    "session.use_ort_model_bytes_directly": "1",
    "session.use_ort_model_bytes_for_initializers": "1",
}


# What the threads of a pool do between two pieces of work. After a run, ONNX Runtime lets them spin for
# some 45 ms, which burns a CPU for nothing and makes no call faster (benchmarks/spinning.py).
_SPINNING = {
    "run": {"session.force_spinning_stop": "1"},
    "never": {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"},
    "always": {},
}
_SHRINK = {"memory.enable_memory_arena_shrinkage": "cpu:0"}


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
    optimized_file: OptimizedFile | None,
    library: Library,
    options: SessionOptions,
    providers: Providers = (),
) -> ModelSource:
    """The optimised graph of an ``.onnx`` file where there is one that fits, else the file."""
    if optimized_file is None:
        return ModelSource(onnx_path)
    return ModelSource(onnx_path, select_optimized(optimized_file, library, options, providers))


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


def nodes_by_provider(session: InferenceSession, providers: Providers) -> dict[str, int | None]:
    """Number of nodes that each provider runs, None where it is not known."""
    names = dict.fromkeys([*(each.name for each in providers), CPU])
    placement = session.placement
    if placement is None:
        return dict.fromkeys(names) if session.accelerated else {CPU: None}
    return {name: placement.get(name, 0) for name in [*names, *placement]}


def native_options(options: RuntimeOptions, threads: int) -> SessionOptions:
    """Return the options of a native session with this number of threads within a run.

    No number of threads is left to ONNX Runtime, which would bind its threads to CPUs that need not be
    those of this process.
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
    """Raise InputError for a free dimension that the graph's inputs do not have.

    ONNX Runtime ignores those that it does not find.
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
    """Assigns the files that options ask for to the native sessions of an engine. Call it locked."""

    def __init__(self) -> None:
        self._profiles = 0
        self._optimized: Path | None = None

    def assign(self, options: SessionOptions, onnx_path: Path) -> SessionOptions:
        """The options of the next native session, which is one of the model `onnx_path`.

        The optimised graph is that of the first session; the profiles are numbered from the second on,
        since those of one second would else have one name. Raises InputError where the optimised graph
        of one model would take the place of another's.
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
    """The same options for a native session that writes none of these files."""
    return replace(options, optimized_model_path=None, profiling=None)


def log_profiles(paths: list[str]) -> None:
    """Write the paths of profiles to the log."""
    import logging

    for path in paths:
        logging.getLogger("hugot.onnxruntime").info("the profile is in %s", path)
