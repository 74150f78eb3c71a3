"""Running windows of Arrow columns: nulls stay null, and rows keep their order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.errors import InputError
from hugot.integrations.arrow.texts import texts_of
from hugot.io.arrow_types import arrow_array, with_nulls
from hugot.pipelines.pipeline import runner_of
from hugot.pipelines.windows import counted, run_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from hugot.io.arrow_texts import Column
    from hugot.pipelines.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Window:
    """The inputs of a window of rows.

    Attributes:
        inputs: an input for each row that is not null.
        valid: whether each row is not null; None if no row is.
        rows: number of rows.
        first_row: number of the first row among all.
    """

    inputs: list[Any]
    valid: NDArray[np.bool_] | None
    rows: int
    first_row: int

    def place(self, results: pa.Array) -> pa.Array:
        """Return the results with nulls for the rows that are null."""
        return results if self.valid is None else with_nulls(results, self.valid)

    def row_of(self, number: int) -> int:
        """Return the row of one of the inputs."""
        place = number if self.valid is None else int(np.flatnonzero(self.valid)[number])
        return self.first_row + place


def open_window(keys: Sequence[str], columns: Sequence[Column], first_row: int) -> Window:
    """Read a window of rows; a row is null if one of its columns is.

    Args:
        keys: the key of each column in an input, none if a value of the only column is an input.
        columns: the columns.
        first_row: number of the first row among all.
    """
    inputs = texts_of(columns[0], first_row)
    rows = len(inputs)
    if keys:
        parts = [inputs, *(texts_of(column, first_row) for column in columns[1:])]
        inputs = [
            None if None in values else dict(zip(keys, values, strict=True))
            for values in zip(*parts, strict=True)
        ]
    valid = None
    if None in inputs:
        valid = np.fromiter((each is not None for each in inputs), np.bool_, rows)
        inputs = [each for each in inputs if each is not None]
    return Window(inputs, valid, rows, first_row)


def run_columns(
    pipeline: Pipeline[Any, Any],
    names: Sequence[str],
    windows: Iterable[Sequence[Column]],
    type: pa.DataType,
) -> Iterator[pa.Array]:
    """Yield an array of results for each window; a window is read while the previous one runs.

    Args:
        pipeline: the pipeline.
        names: the names of the task's fields that the columns hold.
        windows: columns of equal length.
        type: type of the results.

    Raises InputError with the row of a text that is refused, or whose result is of another type, after
    all windows before it.
    """
    runner = runner_of(pipeline)
    fields = runner.task.fields
    keys = [field.key for field in fields if field.name in names]
    if list(names) == [fields[0].name]:
        keys = []
    pending: deque[Window] = deque()

    def inputs() -> Iterator[list[Any]]:
        row = 0
        for columns in windows:
            window = open_window(keys, columns, row)
            row += window.rows
            pending.append(window)
            yield window.inputs

    answers = run_windows(runner, inputs(), runner.options)
    for results, refusals in counted(answers, runner.recorder):
        window = pending.popleft()
        if refusals:
            place = min(refusals)
            raise _at_row(window, place, refusals[place]) from refusals[place]
        try:
            array = arrow_array(results, type)
        except InputError as error:
            raise _at_row(window, error.index or 0, error) from error
        yield window.place(array)


def _at_row(window: Window, number: int, error: InputError) -> InputError:
    """Return the error of one of a window's inputs, with its row."""
    row = window.row_of(number)
    return InputError(f"row {row} of the column: {error}", row)
