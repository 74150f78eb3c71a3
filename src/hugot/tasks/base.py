"""The base class of tasks: inputs to rows, outputs of the graph to results, without threads or sessions.

inputs ─ prepare ─▶ rows and refusals ─ (the graph is run on groups of rows)
outputs of a group ─ postprocess ─▶ results at their rows' places ─ finish ─▶ a result per input
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import numpy as np

from hugot.errors import InputError
from hugot.inputs.rows import Group
from hugot.options import check_choice, check_positive
from hugot.tasks.schema import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from hugot._ort.session import TensorSpec
    from hugot._ort.tensor import Tensor
    from hugot.inputs.rows import Rows
    from hugot.inputs.tokenizer import LoadTokenizer
    from hugot.models.bundle import Label, ModelBundle
    from hugot.tasks.schema import Field, ResultType


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """Options that every pipeline takes, when it is made or when it is called.

    Attributes:
        batch_size: maximum number of rows in a group; None for as many as the token budget allows.
            Groups are sized by their tokens, so it rarely needs to be set.
        show_progress: whether a list that is called shows a progress bar on stderr.
    """

    batch_size: int | None = None
    show_progress: bool = field(default=False, metadata={"flag": False})

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            check_positive("batch_size", self.batch_size)
        check_choice("show_progress", self.show_progress, (True, False))


Options = TypeVar("Options", bound=TaskOptions)
Result = TypeVar("Result")
Made = TypeVar("Made")
_ROW_0 = np.zeros(1, np.int64)


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()  # the inputs of a call that has none


class Graph(NamedTuple):
    """The signature of a loaded graph.

    Attributes:
        path: its file.
        inputs: its inputs.
        outputs: its outputs.
    """

    path: Path
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]


class Prepared(Generic[Options]):
    """Inputs as rows, with storage for their results.

    Attributes:
        inputs: the accepted inputs, as `Task.check_input` returned them.
        rows: their rows; row i belongs to input i, or to input ``rows.sources[i]``.
        options: the options of the call.
        refusals: index among all inputs → the error of an input that cannot be used; the others are
            accepted.
        outputs: numbers of the graph's outputs that `Task.postprocess` reads, from `allocate` on.
        results: what `Task.allocate` returned, from `allocate` on.
        not_finite: numbers of the accepted inputs whose results have numbers that are not finite.
        on_group: called after each group with the share of the inputs that it holds, by any thread; None
            for nothing.
    """

    __slots__ = (
        "inputs",
        "not_finite",
        "on_group",
        "options",
        "outputs",
        "refusals",
        "results",
        "rows",
    )

    def __init__(
        self,
        inputs: Sequence[Any],
        rows: Any,
        options: Options,
        refusals: dict[int, InputError] | None = None,
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.options = options
        self.refusals = refusals or {}
        self.outputs: Sequence[int] = ()
        self.results: Any = None
        self.on_group: Callable[[float], object] | None = None
        self.not_finite: set[int] = set()

    def allocate(self, task: Task[Options, Any]) -> None:
        """Allocate the storage for the results."""
        self.outputs = task.wanted_outputs(self.options)
        self.results = task.allocate(self.rows, self.options)

    def mark_not_finite(self, rows: Sequence[int]) -> None:
        """Add the inputs of some rows to `not_finite`."""
        sources = self.rows.sources
        self.not_finite.update(rows if sources is None else [sources[row] for row in rows])


class NotFinite(NamedTuple):
    """The result of `Task.finish_row` if it has numbers that are not finite."""

    result: Any


class Task(Generic[Options, Result]):
    """Base class of tasks; that of tasks on texts is `hugot.tasks.text.TextTask`.

    A task defines its options, fields and result types, `result_type`, `bind`, `check_input`,
    `make_rows`, `wanted_outputs`, `allocate`, `postprocess` and `finish`, and overrides other methods
    whose default does not fit. All methods may be called by many threads at once.

    Args:
        bundle: the model's files.
        load_tokenizer: returns the model's tokenizer with the given settings.

    Attributes:
        name: name of the task.
        options_type: the dataclass of its options.
        fields: the parts of an input.
        positional_options: options that a call may have behind its inputs, without their names.
        methods: a class whose methods the task's pipelines have, beside those of every pipeline; they
            call the pipeline, which is `self`.
        result_types: the possible types of a result; the options determine which. Dimensions of
            vectors are None.
        bundle: the model's files.
        graph: the loaded graph, from `bind` on.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[Any]]
    fields: ClassVar[tuple[Field, ...]] = (TEXT,)
    positional_options: ClassVar[tuple[str, ...]] = ()
    methods: ClassVar[type | None] = None
    result_types: ClassVar[tuple[ResultType, ...]]

    def __init__(self, bundle: ModelBundle, load_tokenizer: LoadTokenizer) -> None:
        self.bundle = bundle

    def bind(self, graph: Graph, options: Options) -> None:
        """Check once that the task can use the loaded graph and the pipeline's options.

        Raises ModelFormatError that lists the outputs of the graph and those that are needed.
        """
        self.graph = graph

    def release(self) -> None:
        """Drop everything except for the model's files; afterwards, only `arrange` can be called."""
        for name in [*vars(self)]:
            if name != "bundle":
                delattr(self, name)

    def result_type(self, options: Options) -> ResultType:
        """Return the type of one input's result with these options."""
        raise NotImplementedError

    def record_type(self, options: Options, fields: Collection[str]) -> ResultType:
        """Return the type of the result of an input with these fields, by their names."""
        return self.result_type(options)

    # What the model's files say

    @property
    def labels(self) -> list[Label] | None:
        """The names of the model's labels, by index; None for a task without labels."""
        return None

    def longest_row(self, options: Options) -> int | None:
        """Return the maximum number of tokens in a row, special ones included; None without a limit."""
        return None

    def count_tokens(self, value: Any, options: Options) -> int:
        """Return the number of tokens of an input, special ones included, without truncation.

        Raises InputError as `check_input`.
        """
        raise NotImplementedError

    # Inputs

    def bind_call(
        self, inputs: Any, more: Sequence[Any], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the inputs and options of a call that has anything but inputs alone.

        Args:
            inputs: the first argument, `MISSING` without one.
            more: the other arguments by position, which are the `positional_options`.
            options: the arguments by keyword.

        Raises InputError for a call without inputs and for too many or doubled arguments.
        """
        if inputs is MISSING:
            raise InputError(
                f"{self.name} is called with inputs: a {self.fields[0].key}, or a list of them"
            )
        if len(more) > len(self.positional_options):
            taken = ", ".join(["the inputs", *self.positional_options])
            raise InputError(
                f"{self.name} takes {taken} by position, and was called with {len(more) + 1} arguments. "
                "Several inputs are a list; options are given by name."
            )
        for name, value in zip(self.positional_options, more, strict=False):
            if name in options:
                raise InputError(f"{name} was given twice, by position and by name")
            options = {**options, name: value}
        return inputs, options

    def is_single(self, inputs: Any) -> bool:
        """Whether the argument of a call is one input, rather than several."""
        return isinstance(inputs, str | dict)

    def arrange(self, inputs: Any, options: Options) -> Any:
        """Return the argument of a call, which is not a str, as an input, a sequence or an iterator."""
        return inputs

    def unpack(self, inputs: Any) -> Any:
        """Return an array or a column of another library, as the argument of a call, as a list.

        Other arguments are returned as they are. Raises InputError for a table, and for a set.
        """
        return inputs

    def accepts_all(self, inputs: Sequence[Any], options: Options) -> bool:
        """Whether all inputs are known to be valid, so that `check_input` need not be called."""
        return False

    def check_input(self, value: Any, index: int, options: Options) -> Any:
        """Return an input in the form that `make_rows` takes.

        Raises InputError for an input of another type; `index` is its number, for the message.
        """
        raise NotImplementedError

    def make_rows(
        self, values: Sequence[Any], options: Options, numbers: Sequence[int]
    ) -> tuple[Rows, dict[int, InputError]]:
        """Return the rows of checked inputs, and index → error of those that cannot be used.

        `numbers` holds the number of each among the caller's inputs, for messages.
        """
        raise NotImplementedError

    def blank_rows(self, count: int, width: int) -> Rows:
        """Return rows of this width that hold no input, for running a model in a given shape."""
        raise NotImplementedError

    def prepare(
        self, inputs: Sequence[Any], options: Options, first_index: int = 0
    ) -> Prepared[Options]:
        """Check inputs and convert them to rows.

        Args:
            inputs: the inputs.
            options: the options of the call.
            first_index: index of the first of them among all inputs of the call.
        """
        numbers: Sequence[int] = range(first_index, first_index + len(inputs))
        refusals: dict[int, InputError] = {}
        if self.accepts_all(inputs, options):
            values = [*inputs]
        else:
            values = []
            for number, value in zip(numbers, inputs, strict=True):
                try:
                    values.append(self.check_input(value, number, options))
                except InputError as error:
                    refusals[number - first_index] = _free(error)
            if refusals:
                numbers = [number for number in numbers if number - first_index not in refusals]
        rows, refused = self.make_rows(values, options, numbers)
        if refused:
            values = [value for place, value in enumerate(values) if place not in refused]
            for place, refusal in refused.items():
                refusals[numbers[place] - first_index] = _free(refusal)
        return Prepared(values, rows, options, refusals)

    # Results

    def wanted_outputs(self, options: Options) -> Sequence[int]:
        """Return the numbers of the graph's outputs that `postprocess` reads."""
        raise NotImplementedError

    def allocate(self, rows: Rows, options: Options) -> Any:
        """Return the storage into which `postprocess` writes results."""
        raise NotImplementedError

    def postprocess(self, outputs: list[Tensor], group: Group, prepared: Prepared[Options]) -> None:
        """Write the results of one group of rows into ``prepared.results``.

        Inputs for which the graph returned numbers that are not finite, and that change the result, are
        added to ``prepared.not_finite`` here or in `finish`.
        """
        raise NotImplementedError

    def finish(self, prepared: Prepared[Options]) -> Sequence[Result]:
        """Return one result per accepted input, in order, from the filled ``prepared.results``."""
        raise NotImplementedError

    def finish_row(self, outputs: list[Tensor], value: Any, row: Any, options: Options) -> Any:
        """Return the result of an input that is one row and ran alone; `value` is the checked input.

        It equals the result of `postprocess` and `finish`, which this method may shorten: each numpy
        array that is made here costs a few percent of a small model's run. A result with numbers that
        are not finite is returned as `NotFinite`.
        """
        prepared = Prepared([value], row, options)
        prepared.allocate(self)
        self.postprocess(outputs, Group(_ROW_0, row.size), prepared)
        result = self.finish(prepared)[0]
        return NotFinite(result) if prepared.not_finite else result

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """Return the results of a list of inputs from the results of its parts."""
        return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))

    def unwrap(self, results: Sequence[Any], value: Any, call_options: Mapping[str, Any]) -> Any:
        """Return the answer for a single input from its results, a sequence of one."""
        return results[0]

    def sample_input(self, text: str, options: Options) -> Any:
        """Return an input of this task that is made from a text, for measuring and warming up."""
        if len(self.fields) == 1 or not self.fields[1].required:
            return text
        return {field.key: text for field in self.fields if field.required}


class OptionsCache(Generic[Options, Made]):
    """A cache of one value derived from options, such as the arguments of a kernel.

    Options are frozen, and a call uses one object for all of its groups, so the object's identity is the
    key. Another thread may replace the entry at any time, so key and value are one tuple.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Options, Made] | None = None

    def get(self, options: Options, make: Callable[[Options], Made]) -> Made:
        """Return the value that `make` derives from the options."""
        last = self._last
        if last is not None and last[0] is options:
            return last[1]
        made = make(options)
        self._last = options, made
        return made


def _free(error: InputError) -> InputError:
    """Return an error without its traceback, whose frames would keep arrays alive."""
    return error.with_traceback(None)
