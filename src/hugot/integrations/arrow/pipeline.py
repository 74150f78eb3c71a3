"""`ArrowPipeline`: the configuration of a pipeline over Arrow data, loaded once per process."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pyarrow as pa

from hugot.errors import InputError
from hugot.integrations.arrow.results import VECTOR_TYPES, result_type
from hugot.integrations.arrow.texts import Column, as_column
from hugot.integrations.arrow.windows import answer_windows
from hugot.integrations.loaded import load_once, unload
from hugot.options import check_choice, option_names
from hugot.pipelines import pipeline_class, task_name
from hugot.pipelines.window import LARGEST_WINDOW, slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hugot.pipelines.base import Pipeline

# To know the size of a model's vectors takes a run.
_types: WeakKeyDictionary[Pipeline[Any, Any], dict[str, pa.DataType]] = WeakKeyDictionary()


class ArrowPipeline:
    """A pipeline over Arrow data, as configuration: it pickles, and a process loads its model once.

        classify = ArrowPipeline("text-classification", "path/to/model", input_column="text", top_k=2)
        classify(table)["output"]          # list<struct<label: string, score: float>>

    Args:
        task: a task name, as for `hugot.pipeline`.
        model: a model folder, an ``.onnx`` file or a hub name, to be found by every process.
        input_column: name of the column of texts.
        pair_column: name of the column of second texts, for text classification of pairs.
        output_column: name of the column that is added.
        columns: names of the columns to carry over; None for all, ``()`` for none.
        vector_type: ``"float32"`` or ``"float16"``, the numbers of vectors.
        **options: those of `hugot.pipeline`: of the session (``threads``, ``providers``, …) and of
            the task.

    A null text, or a pair with a null in it, gives a null. Safe to call from many threads, and in
    processes that were forked after it was used.

    Raises InputError for an unknown task and an option of the task that cannot be used; what
    `hugot.pipeline` raises comes with the first call.
    """

    def __init__(
        self,
        task: str,
        model: str | os.PathLike[str],
        *,
        input_column: str = "input",
        pair_column: str | None = None,
        output_column: str = "output",
        columns: Sequence[str] | None = None,
        vector_type: str = "float32",
        **options: Any,
    ) -> None:
        self.task = task_name(task)
        self.model = os.fspath(model)
        self.options = options
        self.input_column = input_column
        self.pair_column = pair_column
        self.output_column = output_column
        self.columns = None if columns is None else tuple(columns)
        self.vector_type = vector_type
        check_choice("vector_type", vector_type, tuple(VECTOR_TYPES))
        if isinstance(columns, str):
            raise InputError(f"columns={columns!r}; it must be a list of names: [{columns!r}]")
        if pair_column is not None and self.task != "text-classification":
            raise InputError(f"pair_column={pair_column!r}; only text-classification takes pairs")
        # A mistake is told where the job is written, not by its workers.
        options_type = pipeline_class(task).options_type
        options_type(
            **{name: options[name] for name in option_names(options_type) if name in options}
        )

    @property
    def pipeline(self) -> Pipeline[Any, Any]:
        """The pipeline of this process; loads it where no `ArrowPipeline` of this configuration has."""
        return load_once(self.task, self.model, self.options)

    def unload(self) -> None:
        """Close this process's pipeline; a later call loads it again."""
        unload(self.task, self.model, self.options)

    @property
    def type(self) -> pa.DataType:
        """Type of the results; loads the model for the size of vectors."""
        made = _types.setdefault(pipeline := self.pipeline, {})
        if self.vector_type not in made:
            made[self.vector_type] = result_type(pipeline, self.vector_type)
        return made[self.vector_type]

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema of what comes out for data of a schema."""
        fields = [schema.field(number) for number in self._carried(schema)]
        return pa.schema([*fields, pa.field(self.output_column, self.type)], schema.metadata)

    def __call__(self, data: Any) -> Any:
        """Run the pipeline over data of any of these kinds.

        ====================================================  ========================================
        RecordBatch                                           RecordBatch
        Table, pandas or polars DataFrame                     Table
        RecordBatchReader, dataset Scanner or Dataset         RecordBatchReader, run as it is read
        Array, ChunkedArray, pandas or polars Series, list    ChunkedArray of the results
        ====================================================  ========================================

        Raises InputError for columns that are not there or hold no texts, and with the row's number
        for a text that cannot be used.
        """
        if isinstance(data, (pa.Table, pa.RecordBatch)):
            return self._whole(data)
        if isinstance(data, pa.RecordBatchReader) or hasattr(data, "to_batches"):
            return self.reader(data)
        if hasattr(data, "columns"):
            return self._whole(_table_of(data))
        return self.column(data)

    def column(self, texts: Any, pairs: Any = None) -> pa.ChunkedArray:
        """Results of a column of texts (and one of second texts), a chunk for each window of it."""
        texts = as_column(texts)
        windows: Iterable[tuple[Column, Column | None]]
        if pairs is None:
            windows = ((window, None) for window in slices(texts))
        else:
            pairs = as_column(pairs)
            if len(texts) != len(pairs):
                raise InputError(f"{len(texts)} texts and {len(pairs)} second texts make no pairs")
            windows = zip(slices(texts), slices(pairs), strict=True)
        type_ = self.type
        return pa.chunked_array(list(answer_windows(self.pipeline, windows, type_)), type_)

    def stream(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Run the pipeline over record batches as they come; for Spark's ``mapInArrow``.

        Small batches run together and come out as they went in; one beyond 1536 rows comes out in
        pieces. Memory is that of two windows of about 1024 rows.
        """
        pending: deque[list[pa.RecordBatch]] = deque()

        def windows() -> Iterator[tuple[Column, Column | None]]:
            for pieces in _gathered(batches):
                self._carried(pieces[0].schema)
                pending.append(pieces)
                yield (
                    self._column_of(pieces, self.input_column),
                    (self._column_of(pieces, self.pair_column) if self.pair_column else None),
                )

        for answers in answer_windows(self.pipeline, windows(), self.type):
            start = 0
            for piece in pending.popleft():
                yield self._with_results(piece, answers.slice(start, piece.num_rows))
                start += piece.num_rows

    def reader(self, source: Any) -> pa.RecordBatchReader:
        """As `stream`, over a RecordBatchReader, a dataset or its Scanner, to a RecordBatchReader.

        Of a dataset, only the columns that are wanted are read.
        """
        if hasattr(source, "scanner"):
            carried = self._carried(source.schema)
            wanted = {
                self.input_column,
                self.pair_column,
                *(source.schema.names[i] for i in carried),
            }
            source = source.scanner(
                columns=[name for name in source.schema.names if name in wanted]
            )
        if hasattr(source, "to_reader"):
            source = source.to_reader()
        return pa.RecordBatchReader.from_batches(self.schema(source.schema), self.stream(source))

    def __repr__(self) -> str:
        columns = f"{self.input_column!r} → {self.output_column!r}"
        return f"<ArrowPipeline {self.task} of {self.model}, {columns}>"

    def _whole(self, data: Any) -> Any:
        """A Table or RecordBatch with its results."""
        self._carried(data.schema)
        pairs = data.column(self.pair_column) if self.pair_column is not None else None
        answers = self.column(data.column(self.input_column), pairs)
        if isinstance(data, pa.RecordBatch):
            chunks = answers.chunks
            answers = chunks[0] if len(chunks) == 1 else answers.combine_chunks()
        return self._with_results(data, answers)

    def _with_results(self, data: Any, answers: Any) -> Any:
        kept = [data.column(number) for number in self._carried(data.schema)]
        return type(data).from_arrays([*kept, answers], schema=self.schema(data.schema))

    def _column_of(self, pieces: Sequence[pa.RecordBatch], name: str) -> pa.ChunkedArray:
        return pa.chunked_array([piece.column(name) for piece in pieces])

    def _carried(self, schema: pa.Schema) -> list[int]:
        """Numbers of the columns that are carried over; raises InputError where one is missing."""
        names = schema.names
        for name in (self.input_column, self.pair_column, *(self.columns or ())):
            if name is not None and names.count(name) != 1:
                found = "is there more than once" if name in names else "is not there"
                raise InputError(f"the column {name!r} {found}; there are: {', '.join(names)}")
        if self.columns is not None:
            carried = [names.index(name) for name in self.columns]
        else:
            carried = list(range(len(names)))
        if self.output_column in (names[number] for number in carried):
            raise InputError(
                f"there is a column {self.output_column!r} already; choose another output_column="
            )
        return carried


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches in windows: small ones together, large ones in pieces."""
    window: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        pieces: Iterable[Any] = slices(batch) if batch.num_rows else (batch,)
        for piece in pieces:
            if window and rows + piece.num_rows > LARGEST_WINDOW:
                yield window
                window, rows = [], 0
            window.append(piece)
            rows += piece.num_rows
    if window:
        yield window


def _table_of(frame: Any) -> pa.Table:
    try:
        return pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{type(frame).__name__} is no table: {error}") from error
