"""The settings of a native session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """The values with which one native session is created, without defaults to be resolved.

    Attributes:
        intra_op_num_threads: threads within a node; 1 is the calling thread alone.
        inter_op_num_threads: nodes that run at once with ``execution_mode="parallel"``.
        execution_mode: ``"sequential"`` or ``"parallel"``.
        graph_optimization_level: ``"disabled"``, ``"basic"``, ``"extended"``, ``"layout"`` or ``"all"``.
        enable_cpu_mem_arena: whether freed memory is kept for the next run.
        enable_mem_pattern: whether memory is planned for each new shape.
        log_severity_level: lowest severity that is logged, from 0 (verbose) to 4 (fatal).
        session_config: configuration entries of the session.
        run_config: configuration entries of runs that have no run options of their own.
        free_dimensions: sizes of open dimensions, by name.
        free_dimension_denotations: sizes of open dimensions, by denotation.
        custom_op_libraries: paths of libraries with custom operators.
        optimized_model_path: file to which the optimised graph is written, or None.
        profiling: folder and beginning of the name of the profile, or None.
    """

    intra_op_num_threads: int
    inter_op_num_threads: int
    execution_mode: str
    graph_optimization_level: str
    enable_cpu_mem_arena: bool
    enable_mem_pattern: bool
    log_severity_level: int
    session_config: Mapping[str, str]
    run_config: Mapping[str, str] = field(default_factory=dict)
    free_dimensions: Mapping[str, int] = field(default_factory=dict)
    free_dimension_denotations: Mapping[str, int] = field(default_factory=dict)
    custom_op_libraries: Sequence[str] = ()
    optimized_model_path: str | None = None
    profiling: str | None = None
