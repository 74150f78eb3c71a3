"""From the options of a session to those of one native session."""

from __future__ import annotations

from os import fspath
from typing import TYPE_CHECKING

from hugot.options import SessionOptions

if TYPE_CHECKING:
    from pathlib import Path

    from hugot.options import RuntimeOptions

# What the threads of a pool do between two pieces of work. After a run, ONNX Runtime lets them spin for
# some 45 ms, which burns a CPU for nothing and makes no call faster (benchmarks/spinning.py).
_SPINNING = {
    "run": {"session.force_spinning_stop": "1"},
    "never": {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"},
    "always": {},
}
_SHRINK = {"memory.enable_memory_arena_shrinkage": "cpu:0"}


def native_options(options: RuntimeOptions, threads: int) -> SessionOptions:
    """The options of a native session with so many threads within a run.

    Every number of threads is told: where ONNX Runtime chooses itself, it ties its threads to CPUs,
    which need not be those that the process was given.
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
    from hugot.errors import InputError
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
