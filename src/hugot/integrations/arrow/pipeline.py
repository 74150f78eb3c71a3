"""`ArrowPipeline`: the configuration of a pipeline over Arrow data, loaded once per process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pyarrow as pa

from hugot.errors import InputError
from hugot.inputs.columns import unpack
from hugot.integrations.arrow.results import VECTOR_TYPES, result_type
from hugot.integrations.arrow.texts import as_column
from hugot.integrations.arrow.windows import run_columns
from hugot.integrations.loaded import load_once, unload
from hugot.options import check_choice, option_names, plain_options
from hugot.pipelines.windows import LARGEST_WINDOW, slices
from hugot.tasks import SPECS, task_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hugot.io.arrow_texts import Column
    from hugot.pipelines.pipeline import Pipeline
    from hugot.tasks.base import Task

# The result types of pipelines: the model may have to run to determine one.
_types: WeakKeyDictionary[Pipeline[Any, Any], dict[tuple[str, ...], pa.DataType]] = (
    WeakKeyDictionary()
)


class ArrowPipeline:
    """The configuration of a pipeline over Arrow data; it can be pickled.

        classify = ArrowPipeline("text-classification", "path/to/model", input_column="text", top_k=2)
        classify(table)["output"]          # list<struct<label: string, score: float>>

    Args:
        task: a task name, as for `hugot.pipeline`.
        model: a model folder, an ``.onnx`` file or a hub name, which every process must be able to find.
        input_column: name of the column of texts, by default ``"input"``.
        pair_column: name of the column of second texts, for text classification of pairs.
        output_column: name of the column that is added.
        columns: names of the columns to copy to the output; None for all, ``()`` for none.
        vector_type: ``"float32"`` or ``"float16"``, the type of the numbers in vectors.
        **options: those of `hugot.pipeline`: of the session (``threads``, ``providers``, …) and of
            the task; and the names of the columns of further fields of a task's inputs.

    Each process loads the model once, with the first call. The result of a null text, or of a pair with
    a null in it, is null. Safe to call from many threads, and in processes that were forked after it
    was used.

    Raises InputError for an unknown task and for an option of the task that cannot be used; the first
    call raises what `hugot.pipeline` raises.
    """

    def __init__(
        self,
        task: str,
        model: str | os.PathLike[str],
        *,
        input_column: str | None = None,
        pair_column: str | None = None,
        output_column: str = "output",
        columns: Sequence[str] | None = None,
        vector_type: str = "float32",
        **options: Any,
    ) -> None:
        kind = task_class(task)
        options = {**plain_options(options)}
        given = {"input_column": input_column, "pair_column": pair_column}
        for name in {field.parameter for field in kind.fields} & options.keys():
            given[name] = options.pop(name)
        self.task = kind.name
        self.model = os.fspath(model)
        self.options = options
        self.input_columns = _input_columns(kind, given)
        self.output_column = output_column
        self.columns = None if columns is None else tuple(columns)
        self.vector_type = vector_type
        check_choice("vector_type", vector_type, VECTOR_TYPES)
        if isinstance(columns, str):
            raise InputError(f"columns={columns!r}; it must be a list of names: [{columns!r}]")
        # So that a wrong option is reported here, not in the workers.
        names = option_names(kind.options_type)
        kind.options_type(**{name: options[name] for name in names if name in options})

    @property
    def pipeline(self) -> Pipeline[Any, Any]:
        """The pipeline of this process, shared by all objects with the same configuration."""
        return load_once(self.task, self.model, self.options)

    def unload(self) -> None:
        """Close this process's pipeline; a later call loads it again."""
        unload(self.task, self.model, self.options)

    @property
    def type(self) -> pa.DataType:
        """The type of the results; the model is loaded to determine the size of vectors."""
        made = _types.setdefault(pipeline := self.pipeline, {})
        key = (self.vector_type, *self.input_columns)
        if key not in made:
            made[key] = result_type(pipeline, self.vector_type, self.input_columns)
        return made[key]

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema of the output for data with the given schema."""
        fields = [schema.field(number) for number in self._carried(schema)]
        return pa.schema([*fields, pa.field(self.output_column, self.type)], schema.metadata)

    def __call__(self, data: Any) -> Any:
        """Run the pipeline over data of one of these kinds.

        ====================================================  ========================================
        RecordBatch                                           RecordBatch
        Table, pandas or polars DataFrame                     Table
        RecordBatchReader, dataset Scanner or Dataset         RecordBatchReader, run as it is read
        Array, ChunkedArray, pandas or polars Series, list    ChunkedArray of the results
        ====================================================  ========================================

        Raises InputError for missing columns, for columns that do not hold texts, and, with the row's
        number, for a text that cannot be used.
        """
        if isinstance(data, (pa.Table, pa.RecordBatch)):
            return self._whole(data)
        if isinstance(data, pa.RecordBatchReader) or hasattr(data, "to_batches"):
            return self.reader(data)
        if hasattr(data, "columns"):
            return self._whole(_table_of(data))
        if isinstance(data, str):
            raise InputError(f"{self.task} takes a column here, not a str; pass a list of texts")
        return self.column(unpack(data, self.task) if isinstance(data, Mapping) else data)

    def column(self, texts: Any, pairs: Any = None, *others: Any) -> pa.ChunkedArray:
        """Return the results of a column of texts (and one of second texts), a chunk for each window.

        The columns are those of the fields of the task's inputs, in order.
        """
        fields = [
            field
            for field in task_class(self.task).fields
            if not field.exclusive or field.name in self.input_columns
        ]
        given = [each for each in (texts, pairs, *others) if each is not None]
        if len(given) > len(fields):
            raise InputError(f"{len(given)} columns; {self.task} takes {len(fields)}")
        names = [field.name for field in fields]
        return self._results(dict(zip(names, map(as_column, given), strict=False)))

    def stream(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Run the pipeline over an iterator of record batches, such as that of Spark's ``mapInArrow``.

        Small batches run together, but are returned separately; a batch of more than 1536 rows is
        returned in several. Memory is that of two windows of about 1024 rows.
        """
        if isinstance(batches, pa.Table):
            batches = batches.to_batches()
        pending: deque[list[pa.RecordBatch]] = deque()
        names = self.input_columns

        def windows() -> Iterator[list[Column]]:
            for pieces in _gathered(batches):
                self._carried(pieces[0].schema)
                pending.append(pieces)
                yield [
                    pa.chunked_array([piece.column(name) for piece in pieces])
                    for name in names.values()
                ]

        for answers in run_columns(self.pipeline, list(names), windows(), self.type):
            start = 0
            for piece in pending.popleft():
                yield self._with_results(piece, answers.slice(start, piece.num_rows))
                start += piece.num_rows

    def reader(self, source: Any) -> pa.RecordBatchReader:
        """As `stream`, for a RecordBatchReader, a dataset or its Scanner; returns a RecordBatchReader.

        Only the needed columns of a dataset are read.
        """
        if hasattr(source, "scanner"):
            carried = self._carried(source.schema)
            wanted = {
                *self.input_columns.values(),
                *(source.schema.names[i] for i in carried),
            }
            source = source.scanner(
                columns=[name for name in source.schema.names if name in wanted]
            )
        if hasattr(source, "to_reader"):
            source = source.to_reader()
        return pa.RecordBatchReader.from_batches(self.schema(source.schema), self.stream(source))

    def __repr__(self) -> str:
        columns = ", ".join(map(repr, self.input_columns.values()))
        return f"<ArrowPipeline {self.task} of {self.model}, {columns} → {self.output_column!r}>"

    def _results(self, columns: Mapping[str, Column]) -> pa.ChunkedArray:
        """Return the results of columns, by the names of the fields that they hold."""
        first, *others = columns.values()
        for other in others:
            if len(first) != len(other):
                raise InputError(f"{len(first)} texts and {len(other)} second texts make no pairs")
        windows = zip(*map(slices, columns.values()), strict=True)
        type_ = self.type
        answers = run_columns(self.pipeline, list(columns), windows, type_)
        return pa.chunked_array(list(answers), type_)

    def _whole(self, data: Any) -> Any:
        """Return a Table or RecordBatch with its results."""
        self._carried(data.schema)
        names = self.input_columns
        answers = self._results({field: data.column(name) for field, name in names.items()})
        if isinstance(data, pa.RecordBatch):
            chunks = answers.chunks
            answers = chunks[0] if len(chunks) == 1 else answers.combine_chunks()
        return self._with_results(data, answers)

    def _with_results(self, data: Any, answers: Any) -> Any:
        kept = [data.column(number) for number in self._carried(data.schema)]
        return type(data).from_arrays([*kept, answers], schema=self.schema(data.schema))

    def _carried(self, schema: pa.Schema) -> list[int]:
        """Return the indexes of the columns to copy; raises InputError if one is missing."""
        names = schema.names
        for name in (*self.input_columns.values(), *(self.columns or ())):
            if names.count(name) != 1:
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


def _input_columns(kind: type[Task[Any, Any]], given: Mapping[str, str | None]) -> dict[str, str]:
    """Return a mapping from the names of the fields to read to their columns.

    Raises InputError for a field that the task does not have.
    """
    columns = {}
    exclusive = [field for field in kind.fields if field.exclusive]
    chosen = any(given.get(field.parameter) for field in exclusive)
    for field in kind.fields:
        is_read = field.required or (not chosen and field in exclusive[:1])
        column = given.get(field.parameter) or (field.name if is_read else None)
        if column is not None:
            columns[field.name] = column
    parameters = {field.parameter for field in kind.fields}
    for name, column in given.items():
        if column is not None and name not in parameters:
            owners = [
                spec.name
                for spec in SPECS
                if name in {field.parameter for field in task_class(spec.name).fields}
            ]
            raise InputError(f"{name}={column!r}; only {', '.join(owners)} takes it")
    return columns


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Yield windows of batches: small ones are combined, large ones split."""
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
