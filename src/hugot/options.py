"""Options of the runtime: how many threads, which providers, which library.

Frozen and keyword-only. Names are checked where they are given: an unknown one raises an InputError
that lists the known ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias, TypeVar

from hugot.errors import InputError

Mode: TypeAlias = Literal["auto", "latency", "throughput"]
ProviderSpec: TypeAlias = str | tuple[str, Mapping[str, object]]


class _NotGiven:
    """Type of NOT_GIVEN, the default of options for which None has a meaning of its own."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = _NotGiven()

MODES: Final = ("auto", "latency", "throughput")
EXECUTION_MODES: Final = ("sequential", "parallel")
GRAPH_OPTIMIZATION_LEVELS: Final = ("disabled", "basic", "extended", "layout", "all")


@dataclass(frozen=True, kw_only=True)
class RuntimeOptions:
    """How ONNX Runtime runs a model.

    Attributes:
        mode: ``"latency"`` runs one group of texts at a time on all threads; ``"throughput"`` runs as
            many groups at once as there are threads, each on one; ``"auto"`` chooses (see
            `hugot.runtime.tune`).
        threads: number of CPUs to use; by default those that the process really has.
        workers: groups of texts that run at once, each on ``threads // workers`` threads; by default
            the mode tells.
        token_budget: padded tokens in a group of texts, at most; by default it follows from the
            model's size. `Pipeline.plan` shows what comes of both.
        providers: execution providers in order of preference: short names (``"cuda"``), ONNX
            Runtime's own names, or pairs of a name and its settings. CPU is always last.
        provider_fallback: allow a run on the CPU alone where the providers are not there.
        onnxruntime_library: path of the ONNX Runtime library to use.
        execution_mode: ``"sequential"`` or ``"parallel"`` (independent nodes of a graph at once).
        graph_optimization_level: ``"disabled"``, ``"basic"``, ``"extended"``, ``"layout"``, ``"all"``.
        enable_cpu_mem_arena: keep freed memory for the next run.
        enable_mem_pattern: plan memory for each new shape.
        log_severity_level: ONNX Runtime prints messages from this level on, 0 (verbose) to 4
            (fatal). What it reports as an error is an exception in any case.
        session_config: raw session configuration entries of ONNX Runtime.
        telemetry: let ONNX Runtime collect telemetry; off by default.
        microbatch: whether requests that are sent with `Pipeline.submit` or `Pipeline.acall` may share
            a batch. None lets them, but for models whose answers depend on what shares the batch
            (those with dynamic quantization): there each request runs alone.
        max_queue: most requests of a pipeline that may wait; one more raises QueueFullError.
        optimized_model: use the file that ``hugot optimize`` has written beside the ``.onnx`` file,
            where it fits; False leaves it aside.
    """

    mode: Mode = "auto"
    threads: int | None = None
    workers: int | None = None
    token_budget: int | None = None
    providers: Sequence[ProviderSpec] | None = None
    provider_fallback: bool = False
    onnxruntime_library: str | None = None
    execution_mode: Literal["sequential", "parallel"] = "sequential"
    graph_optimization_level: Literal["disabled", "basic", "extended", "layout", "all"] = "all"
    enable_cpu_mem_arena: bool = True
    enable_mem_pattern: bool = True
    log_severity_level: int = 4
    session_config: Mapping[str, str] = field(default_factory=dict)
    telemetry: bool = False
    microbatch: bool | None = None
    max_queue: int = 1024
    optimized_model: bool = True

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MODES)
        check_choice("execution_mode", self.execution_mode, EXECUTION_MODES)
        check_choice(
            "graph_optimization_level", self.graph_optimization_level, GRAPH_OPTIMIZATION_LEVELS
        )
        for name in ("threads", "workers", "token_budget"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        check_choice("microbatch", self.microbatch, (None, True, False))
        check_positive("max_queue", self.max_queue)
        if not isinstance(self.session_config, Mapping):
            raise InputError(f"session_config={self.session_config!r}; it must be a dict")
        for entry in self.session_config.items():
            if not all(isinstance(part, str) for part in entry):
                raise InputError(f"session_config: names and values must be str, not {entry!r}")
        if self.log_severity_level not in range(5):
            raise InputError(
                f"log_severity_level={self.log_severity_level!r}; it can be 0 (verbose) to 4 (fatal)"
            )


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """RuntimeOptions with its choices made: what one native session is created with."""

    intra_op_num_threads: int
    inter_op_num_threads: int
    execution_mode: str
    graph_optimization_level: str
    enable_cpu_mem_arena: bool
    enable_mem_pattern: bool
    log_severity_level: int
    session_config: Mapping[str, str]


Options = TypeVar("Options")


def make_options(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Build the options class `kind` from keyword arguments; an unknown name raises InputError."""
    check_names(given, option_names(kind), "option")
    return kind(**given)


def option_names(kind: type[Any]) -> list[str]:
    """Names of the options of a class of options."""
    return [each.name for each in fields(kind)]


def check_names(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    """Raise InputError for the first name in `given` that is not in `known`."""
    for name in given:
        if name not in known:
            raise InputError(f"unknown {what} {name!r}; there are: {', '.join(sorted(known))}")


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise InputError unless `value` is one of `choices`."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InputError(f"{name}={value!r}; it can be {listed}")


def check_positive(name: str, value: object) -> None:
    """Raise InputError unless `value` is an int of at least 1 that fits into 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
        raise InputError(f"{name}={value!r:.80}; it must be a whole number of at least 1")
