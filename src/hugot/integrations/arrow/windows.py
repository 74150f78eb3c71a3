"""Windows of Arrow columns through a pipeline: nulls stay null, rows keep their order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pyarrow as pa

from hugot.errors import InputError
from hugot.integrations.arrow.results import results_array
from hugot.integrations.arrow.texts import Column, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from hugot.pipelines.base import Pipeline


@dataclass(frozen=True, slots=True)
class Window:
    """What the pipeline is given for a window of rows.

    Attributes:
        inputs: an input for each row that is not null.
        valid: whether each row is not null; None where all are not.
        rows: number of rows.
        first_row: number of the first row among all.
        first_input: number of the first input among all.
    """

    inputs: list[Any]
    valid: NDArray[np.bool_] | None
    rows: int
    first_row: int
    first_input: int

    def place(self, results: pa.Array) -> pa.Array:
        """The results, with nulls where rows are null."""
        if self.valid is None:
            return results
        if not len(results):
            return pa.nulls(self.rows, results.type)
        places = np.maximum(np.cumsum(self.valid) - 1, 0)
        return results.take(pa.array(places, mask=~self.valid))

    def row_of(self, index: int) -> int | None:
        """The row of an input by its number among all; None where it is in another window."""
        number = index - self.first_input
        if not 0 <= number < len(self.inputs):
            return None
        place = number if self.valid is None else int(np.flatnonzero(self.valid)[number])
        return self.first_row + place


def open_window(texts: Column, pairs: Column | None, first_row: int, first_input: int) -> Window:
    """Read a window; with pairs, a row where either text is null is null."""
    inputs = texts_of(texts, first_row)
    rows = len(inputs)
    if pairs is not None:
        inputs = [
            None if text is None or pair is None else {"text": text, "text_pair": pair}
            for text, pair in zip(inputs, texts_of(pairs, first_row), strict=True)
        ]
    valid = None
    if None in inputs:
        valid = np.fromiter((each is not None for each in inputs), np.bool_, rows)
        inputs = [each for each in inputs if each is not None]
    return Window(inputs, valid, rows, first_row, first_input)


def answer_windows(
    pipeline: Pipeline[Any, Any],
    windows: Iterable[tuple[Column, Column | None]],
    type: pa.DataType,
) -> Iterator[pa.Array]:
    """An array of results for each window; one window is read while the one before it runs.

    Args:
        pipeline: the pipeline.
        windows: columns of texts, each with its column of second texts or None.
        type: type of the results.

    Raises InputError with the row of a text that is refused, after all windows before it were given.
    """
    pending: deque[Window] = deque()

    def inputs() -> Iterator[list[Any]]:
        row = number = 0
        for texts, pairs in windows:
            window = open_window(texts, pairs, row, number)
            row, number = row + window.rows, number + len(window.inputs)
            pending.append(window)
            yield window.inputs

    answers = pipeline.stream_batches(inputs())
    while True:
        try:
            results: Sequence[Any] | None = next(answers, None)
            if results is None:
                return
            if len(results) < len(pending[0].inputs):
                # What stands before an input that is refused; its error comes next.
                next(answers)
        except InputError as error:
            _refuse(error, pending)
        window = pending.popleft()
        yield window.place(results_array(pipeline.task, results, type))


def _refuse(error: InputError, windows: Iterable[Window]) -> NoReturn:
    """Raise an error of the pipeline's, which counts inputs, with the number of the row."""
    for window in windows:
        row = window.row_of(error.index) if error.index is not None else None
        if row is not None:
            raise InputError(f"row {row} of the column: {error}", row) from error
    raise error
