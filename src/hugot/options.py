"""Options of the runtime, such as the number of threads, the providers and the library.

Classes of options are frozen dataclasses with keyword-only fields. `make_options` builds one and raises
an InputError that lists the known names for an unknown one.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from os import PathLike
from typing import Any, Final, Literal, TypeAlias, TypeVar

from hugot.errors import InputError

Mode: TypeAlias = Literal["auto", "latency", "throughput"]
ProviderSpec: TypeAlias = str | tuple[str, Mapping[str, object]]


class _NotGiven:
    """Type of NOT_GIVEN, the default of options for which None is a value."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = _NotGiven()

# Metadata of a field whose value never changes an answer, only speed, memory or what is written beside
# the answers. See `options_with_same_answers`.
SAME_ANSWERS: Final = {"same_answers": True}

MODES: Final = ("auto", "latency", "throughput")
EXECUTION_MODES: Final = ("sequential", "parallel")
SHAPE_POLICIES: Final = (None, "exact", "few", "fixed")
GRAPH_OPTIMIZATION_LEVELS: Final = ("disabled", "basic", "extended", "layout", "all")
SPINNING: Final = ("run", "never", "always")
_SWITCHES: Final = (
    "provider_fallback",
    "enable_cpu_mem_arena",
    "shrink_cpu_mem_arena",
    "enable_mem_pattern",
    "telemetry",
    "optimized_model",
)


@dataclass(frozen=True, kw_only=True)
class RuntimeOptions:
    """Options that control how ONNX Runtime runs a model.

    The fields with the metadata `SAME_ANSWERS` change speed, memory or side files, but never an answer.

    Attributes:
        mode: ``"latency"`` runs one group of texts at a time on all threads; ``"throughput"`` runs one
            group per thread at the same time; ``"auto"`` chooses (see `hugot.runtime.layout`).
        threads: number of CPUs to use; by default, the number that is available to the process.
        workers: number of groups of texts that run at the same time, each on ``threads // workers``
            threads; by default, it follows from the mode.
        token_budget: maximum number of padded tokens in a group of texts; by default, it follows from
            the size of the model. `Pipeline.plan` shows the resulting groups.
        providers: execution providers in order of preference: short names (``"cuda"``), ONNX
            Runtime's own names, or pairs of a name and its settings. The CPU is always last. The first
            other provider must run a part of the model.
        provider_fallback: run on the CPU alone if the providers are not available, instead of failing.
        plugins: paths of shared libraries with further providers, by a name of your choice that
            `providers` may use.
        shape_policy: the width to which groups of texts are padded: ``"exact"`` (the longest text),
            ``"few"`` (the next of `widths`) or ``"fixed"`` (as ``"few"``, and filled up with rows); by
            default, the policy that suits the first provider. Answers are the same.
        widths: the widths in tokens for ``"few"``, which they imply, and ``"fixed"``.
        onnxruntime_library: path of the ONNX Runtime library to use.
        execution_mode: ``"sequential"``, or ``"parallel"`` for independent nodes of a graph at once.
        inter_op_threads: number of nodes that run at the same time with ``execution_mode="parallel"``;
            by default, the number of threads within a node.
        spinning: how the threads within a run wait for work: ``"run"`` lets them spin as long as a run
            is under way, ``"never"`` puts them to sleep at once, ``"always"`` lets them spin for some
            time after a run as well.
        graph_optimization_level: ``"disabled"``, ``"basic"``, ``"extended"``, ``"layout"``, ``"all"``.
        enable_cpu_mem_arena: keep freed memory for the next run.
        shrink_cpu_mem_arena: return unused memory to the system after each run.
        enable_mem_pattern: plan memory for each new shape.
        optimized_model_path: file to which ONNX Runtime writes the graph after its optimizations, for
            inspection; in its own format if the name ends in ``.ort``.
        free_dimensions: sizes for dimensions that the graph leaves open, by their names.
        free_dimension_denotations: the same by the denotations of dimensions, such as ``DATA_BATCH``.
        custom_op_libraries: paths of libraries with custom operators.
        log_severity_level: lowest severity of ONNX Runtime's messages that is logged, to the logger
            ``hugot.onnxruntime``: 0 (verbose), 1 (info), 2 (warning), 3 (error) or 4 (fatal).
        profiling: folder and beginning of the name of the files to which ONNX Runtime writes its
            profiles; `Session.end_profiling` completes them and returns their paths.
        session_config: raw session configuration entries of ONNX Runtime.
        run_config: raw configuration entries of each run.
        telemetry: let ONNX Runtime collect telemetry; off by default.
        microbatch: whether requests that are sent with `Pipeline.submit` or `Pipeline.acall` may share
            a batch. With None they may, except for models whose answers depend on the rest of the
            batch (those with dynamic quantization); there, each request runs alone.
        max_queue: maximum number of requests of a pipeline that wait; one more raises QueueFullError.
        optimized_model: use the file that ``hugot optimize`` has written beside the ``.onnx`` file, if
            it is valid here; False ignores the file.
    """

    mode: Mode = field(default="auto", metadata=SAME_ANSWERS)
    threads: int | None = field(default=None, metadata=SAME_ANSWERS)
    workers: int | None = field(default=None, metadata=SAME_ANSWERS)
    token_budget: int | None = field(default=None, metadata=SAME_ANSWERS)
    providers: Sequence[ProviderSpec] | None = None
    provider_fallback: bool = False
    plugins: Mapping[str, str | PathLike[str]] = field(default_factory=dict)
    shape_policy: Literal["exact", "few", "fixed"] | None = field(
        default=None, metadata=SAME_ANSWERS
    )
    widths: Sequence[int] | None = field(default=None, metadata=SAME_ANSWERS)
    onnxruntime_library: str | None = None
    execution_mode: Literal["sequential", "parallel"] = field(
        default="sequential", metadata=SAME_ANSWERS
    )
    inter_op_threads: int | None = field(default=None, metadata=SAME_ANSWERS)
    spinning: Literal["run", "never", "always"] = field(default="run", metadata=SAME_ANSWERS)
    graph_optimization_level: Literal["disabled", "basic", "extended", "layout", "all"] = "all"
    enable_cpu_mem_arena: bool = field(default=True, metadata=SAME_ANSWERS)
    shrink_cpu_mem_arena: bool = field(default=False, metadata=SAME_ANSWERS)
    enable_mem_pattern: bool = field(default=True, metadata=SAME_ANSWERS)
    optimized_model_path: str | None = field(default=None, metadata=SAME_ANSWERS)
    free_dimensions: Mapping[str, int] = field(default_factory=dict)
    free_dimension_denotations: Mapping[str, int] = field(default_factory=dict)
    custom_op_libraries: Sequence[str] = ()
    log_severity_level: int = field(default=2, metadata=SAME_ANSWERS)
    profiling: str | None = field(default=None, metadata=SAME_ANSWERS)
    session_config: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, str] = field(default_factory=dict)
    telemetry: bool = field(default=False, metadata=SAME_ANSWERS)
    microbatch: bool | None = field(default=None, metadata=SAME_ANSWERS)
    max_queue: int = field(default=1024, metadata=SAME_ANSWERS)
    optimized_model: bool = field(default=True, metadata=SAME_ANSWERS)

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MODES)
        check_choice("execution_mode", self.execution_mode, EXECUTION_MODES)
        check_choice("spinning", self.spinning, SPINNING)
        check_choice(
            "graph_optimization_level", self.graph_optimization_level, GRAPH_OPTIMIZATION_LEVELS
        )
        for name in ("threads", "workers", "token_budget", "inter_op_threads"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        check_choice("shape_policy", self.shape_policy, SHAPE_POLICIES)
        check_widths(self.widths, self.shape_policy)
        check_plugins(self.plugins)
        check_choice("microbatch", self.microbatch, (None, True, False))
        check_positive("max_queue", self.max_queue)
        for name in _SWITCHES:
            check_switch(name, getattr(self, name))
        if isinstance(self.log_severity_level, bool) or self.log_severity_level not in range(5):
            raise InputError(
                f"log_severity_level={self.log_severity_level!r}; it can be 0 (verbose), 1 (info), "
                "2 (warning), 3 (error) or 4 (fatal)"
            )
        self._check_paths()
        self._check_entries()
        self._check_fit()

    def _check_paths(self) -> None:
        for name in ("optimized_model_path", "profiling"):
            value = getattr(self, name)
            if value is not None:
                check_path(name, value)
                if not os.path.isdir(os.path.dirname(value) or "."):
                    raise InputError(f"{name}={value!r}; there is no such folder")
        if not isinstance(self.custom_op_libraries, list | tuple):
            raise InputError(f"custom_op_libraries={self.custom_op_libraries!r}; it must be a list")
        for value in self.custom_op_libraries:
            check_path("custom_op_libraries", value)
            if not os.path.isfile(value):
                raise InputError(f"custom_op_libraries: there is no file {value!r}")

    def _check_entries(self) -> None:
        for name in ("session_config", "run_config"):
            check_mapping(name, getattr(self, name))
            for entry in getattr(self, name).items():
                if not all(isinstance(part, str) for part in entry):
                    raise InputError(f"{name}: names and values must be str, not {entry!r}")
        for name in ("free_dimensions", "free_dimension_denotations"):
            check_mapping(name, getattr(self, name))
            for dimension, size in getattr(self, name).items():
                check_positive(f"{name}: {dimension}", size)
        if self.session_config or self.run_config:  # rarely given, and the table is slow to import
            from hugot.config_keys import check_run_config, check_session_config

            check_session_config(self.session_config)
            check_run_config(self.run_config)

    def _check_fit(self) -> None:
        """Raise InputError for options that have no effect in combination with others."""
        if self.inter_op_threads is not None and self.execution_mode != "parallel":
            raise InputError(
                f"inter_op_threads={self.inter_op_threads} has no effect with "
                f"execution_mode={self.execution_mode!r}; it needs 'parallel'"
            )
        if self.shrink_cpu_mem_arena and not self.enable_cpu_mem_arena:
            raise InputError(
                "shrink_cpu_mem_arena=True needs the arena; leave enable_cpu_mem_arena=False out"
            )


Options = TypeVar("Options")
_PLAIN: Final = frozenset((str, int, float, bool, type(None), _NotGiven))


def plain_value(value: Any) -> Any:
    """Return an option's value as plain Python: str, int, float, bool, and lists and dicts of them.

    Scalars and arrays of numpy, members of enumerations and instances of subclasses are converted;
    values of other kinds are returned as they are.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Enum):
        return plain_value(value.value)
    for base in (str, int, float):
        if isinstance(value, base):
            # Not str(value) and so on, which a subclass may have overridden.
            return base.__str__(value) if base is str else base(value)
    if kind in (tuple, list, set, frozenset):
        return kind(map(plain_value, value))
    if kind is dict:
        return {plain_value(key): plain_value(each) for key, each in value.items()}
    if hasattr(value, "ndim") and hasattr(value, "tolist"):  # a scalar or array of numpy, or alike
        listed = value.tolist()
        return value if type(listed) is kind else plain_value(listed)
    return value


def plain_options(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return options with plain values, which are converted once, before they are checked."""
    if _PLAIN.issuperset(map(type, given.values())):
        return given
    return {name: plain_value(value) for name, value in given.items()}


def make_options(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Return an instance of the options class `kind`.

    Raises InputError for an unknown name.
    """
    check_names(given, option_names(kind), "option")
    return kind(**plain_options(given))


def option_names(kind: type[Any]) -> list[str]:
    """Return the names of the options of the class `kind`."""
    return [each.name for each in fields(kind)]


def options_with_same_answers(kind: type[Any]) -> frozenset[str]:
    """Return the names of the options of `kind` that never change an answer.

    A run that is resumed may change these; every other option must stay as it was.
    """
    return frozenset(each.name for each in fields(kind) if each.metadata.get("same_answers"))


def check_names(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    """Raise InputError for the first name in `given` that is not in `known`."""
    for name in given:
        if name not in known:
            from hugot.option_hints import hint_of

            hint = hint_of(name, known, option_names(RuntimeOptions))
            raise InputError(f"unknown {what} {name!r}{hint}: {', '.join(sorted(known))}")


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise InputError unless `value` is one of `choices`."""
    # 1 equals True, but is none of the values that the code compares with.
    if type(value) in (int, float) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InputError(f"{name}={value!r}; it can be {listed}")


def check_switch(name: str, value: object) -> None:
    """Raise InputError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{name}={value!r}; it can be True or False")


def check_path(name: str, value: object) -> None:
    """Raise InputError unless `value` is a path that is not empty."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InputError(f"{name}={value!r}; it must be a path")


def check_mapping(name: str, value: object) -> None:
    """Raise InputError unless `value` is a mapping."""
    if not isinstance(value, Mapping):
        raise InputError(f"{name}={value!r}; it must be a dict")


def check_positive(name: str, value: object) -> None:
    """Raise InputError unless `value` is an int of at least 1 that fits into 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
        raise InputError(f"{name}={value!r:.80}; it must be a whole number of at least 1")


def check_widths(widths: object, policy: str | None) -> None:
    """Raise InputError unless `widths` is None, or a list of whole numbers that `policy` uses."""
    if widths is None:
        return
    if not isinstance(widths, list | tuple) or not widths:
        raise InputError(f"widths={widths!r}; it must be a list of whole numbers")
    for width in widths:
        check_positive("widths", width)
    if policy == "exact":
        raise InputError(f"widths={widths!r} has no meaning with shape_policy='exact'")


def check_plugins(plugins: object) -> None:
    """Raise InputError unless `plugins` is a mapping from names to paths."""
    if not isinstance(plugins, Mapping):
        raise InputError(f"plugins={plugins!r}; it must be a dict from names to paths")
    for name, path in plugins.items():
        if not isinstance(name, str) or not name or not isinstance(path, str | PathLike):
            raise InputError(f"plugins: {name!r}: {path!r} is not a name and a path")


def attribute_docs(kind: type[Any]) -> dict[str, str]:
    """Return the ``Attributes`` of a docstring, its own or an inherited one, by their names."""
    helps: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, text = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")
        for name, help in re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\w+: |\Z)", text, re.M | re.S):
            sentence = " ".join(help.replace("``", "").replace("`", "").split())
            helps[name] = sentence[:1].upper() + sentence[1:]
    return helps
