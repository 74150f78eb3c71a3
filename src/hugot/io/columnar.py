"""Parquet and Arrow files: columns to batches of records, and records with their results to columns."""

from __future__ import annotations

import base64
import queue
import shutil
import tempfile
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa

from hugot.errors import InputError, ModelFormatError
from hugot.io.arrow_types import arrow_array, arrow_type, result_keys
from hugot.io.batch import LARGEST_BATCH, Batch, InputKeys, Position, RecordError, row_text
from hugot.io.files import sync_file
from hugot.io.formats import decompressed
from hugot.io.values import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hugot.io.files import InputFile
    from hugot.io.formats import Format
    from hugot.tasks.schema import Field, ResultType

_BATCHES_AHEAD: Final = 4
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\0\0\0\0"
_ROW_GROUP_BYTES: Final = 64 << 20
_CODECS: Final = {None: "zstd", "zst": "zstd", "gz": "gzip"}


class ColumnRecords:
    """Batches of records from Parquet and Arrow files, read ahead on a thread.

    As `hugot.io.records.LineRecords`; a line is a row.

    Args:
        files: the files.
        start: where to begin.
        columns: name of a field of the task → the column that holds it.
        fields: all fields of the task.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        start: Position,
        columns: Mapping[str, str],
        fields: Sequence[Field],
    ) -> None:
        self.keys = InputKeys(columns, fields)
        self._files = files
        self._start = start
        self._skip = start.skip
        self._made: queue.SimpleQueue[Batch | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._stopped = False

    def stop(self) -> None:
        """End the batches after the current one; a signal handler may call it."""
        self._stopped = True
        self._made.put(None)

    def batches(self) -> Iterator[Batch | None]:
        """Yield batches of records; raises InputError for a file that lacks a column of the input."""
        threading.Thread(target=self._read, name="hugot-reader", daemon=True).start()
        while not self._stopped:
            batch = self._made.get()
            if isinstance(batch, BaseException):
                raise batch
            if batch is None:
                return
            self._room.release()
            yield batch

    def _read(self) -> None:
        try:
            for number, file in enumerate(self._files):
                if number >= self._start.file:
                    row = self._start.line if number == self._start.file else 0
                    self._read_file(number, file, row)
        except BaseException as error:
            self._made.put(error)
        else:
            self._made.put(None)

    def _read_file(self, number: int, file: InputFile, row: int) -> None:
        before = sum(each.size for each in self._files[:number])
        with ExitStack() as opened:
            rows, tables = _open_table(file, opened)
            for first, table in tables(row):
                for at in range(0, table.num_rows, LARGEST_BATCH):
                    part = table.slice(at, LARGEST_BATCH)
                    batch = self._batch(number, file, first + at, part)
                    done = first + at + part.num_rows
                    batch.bytes_done = before + file.size * done // max(rows, done)
                    self._room.acquire()
                    if self._stopped:
                        return
                    self._made.put(batch)

    def _batch(self, number: int, file: InputFile, row: int, table: pa.RecordBatch) -> Batch:
        """Return the batch of a table whose first row is row `row` of a file."""
        keys, source = self.keys, str(file.path)
        kept: list[int] = []
        columns = [_values(file, table, key, keys.flags) for key in keys.keys]
        batch = Batch(Position(number, row, None, self._skip), Position(number, row))
        for i, values in enumerate(zip(*columns, strict=True)):
            try:
                value = keys.of_values(values)
            except ValueError as error:
                if not self._skip:  # otherwise it was reported before
                    text = row_text(table, i)
                    place = source, row + i + 1
                    batch.errors.append(RecordError(*place, str(error), text, len(kept)))
                continue
            if self._skip:
                self._skip -= 1
                continue
            kept.append(i)
            batch.inputs.append(value)
            batch.places.append((source, row + i + 1))
        batch.end = Position(number, row + table.num_rows, None, self._skip)
        batch.table = table if len(kept) == table.num_rows else table.take(pa.array(kept, "int64"))
        return batch


class ColumnarEncoder:
    """The writer of Parquet and Arrow; see `hugot.io.encode.Encoder`.

    The working file is a sequence of Arrow streams, each a schema and record batches. Such a file can be
    cut behind any batch and continued, unlike Parquet and Arrow's file format, and a later record with a
    new key begins another stream. At the end it is written once more in its own format, with the schema
    that fits all streams.
    """

    def __init__(self, format: Format, result: ResultType, key_style: str, *, half: bool) -> None:
        if format.kind == "arrow" and format.compression == "gz":
            raise InputError("Arrow files are compressed by zstd alone: --output-format arrow.zst")
        self._format = format
        self.suffix = format.kind
        self._type = arrow_type(result, key_style, half=half)
        self._keys = result_keys(result, key_style)
        self._schema: pa.Schema | None = None  # of the stream that is being written
        self._whole: pa.Schema | None = None  # fits all that was written
        self._started = False

    def begin(self, state: Any, *, new: bool) -> None:
        """Begin a file; its schema comes with its first batch."""
        self._schema = None
        self._started = not new and state is not None and state["started"]
        if state is not None and state["schema"]:
            message = base64.b64decode(state["schema"])
            self._whole = pa.ipc.read_schema(pa.BufferReader(message))

    def state(self) -> Any:
        """Return whether a stream has begun, and the schema that fits all streams."""
        schema = self._whole.serialize().to_pybytes() if self._whole is not None else b""
        return {"started": self._started, "schema": base64.b64encode(schema).decode()}

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return a message, and before it a schema if it is another than before."""
        if not batch.inputs:
            return b""
        made = self._record_batch(batch, results)
        head = b""
        if self._schema is None or not made.schema.equals(self._schema):
            self._unify(made.schema, batch)
            head = (_END_OF_STREAM if self._started else b"") + made.schema.serialize().to_pybytes()
            self._schema, self._started = made.schema, True
        return head + bytes(made.serialize())

    def finish(self, working: Path, target: Path) -> None:
        """Write the streams of the working file as one file."""
        partial = target.with_name(target.name + ".whole.partial")
        with partial.open("wb") as file:
            schema = self._whole or pa.schema([(OUTPUT, pa.null())])
            self._write(file, schema, working)
            sync_file(file)
        partial.replace(target)
        working.unlink()

    def _record_batch(self, batch: Batch, results: Sequence[Any]) -> pa.RecordBatch:
        try:
            table = _table(batch.rows) if batch.table is None else batch.table
        except (pa.ArrowInvalid, TypeError, OverflowError) as error:
            raise _misfit(batch, "one column", error) from error
        columns = dict(zip(table.schema.names, table.columns, strict=True))
        fields = dict(zip(table.schema.names, table.schema, strict=True))
        columns[OUTPUT] = self._output(batch, results)
        fields[OUTPUT] = pa.field(OUTPUT, self._type)
        schema = pa.schema(list(fields.values()))
        return _plain(pa.RecordBatch.from_arrays(list(columns.values()), schema=schema))

    def _output(self, batch: Batch, results: Sequence[Any]) -> pa.Array:
        """Return the column of the results; raises InputError with the record of one that misfits."""
        try:
            return arrow_array(results, self._type, self._keys)
        except InputError as error:
            source, line = batch.places[error.index or 0]
            raise InputError(
                f"{source}, line {line}: {error}, the type of its column; "
                "choose --output-format jsonl",
                error.index,
            ) from error

    def _unify(self, schema: pa.Schema, batch: Batch) -> None:
        """Raise InputError now, instead of at the end, for columns that do not fit those before."""
        schemas = [self._whole, schema] if self._whole else [schema]
        try:
            self._whole = pa.unify_schemas(schemas, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise _misfit(batch, "its column", error) from error

    def _write(self, file: Any, schema: pa.Schema, working: Path) -> None:
        compression = self._format.compression
        writer: Any
        if self._format.kind == "parquet":
            from pyarrow import parquet

            writer = parquet.ParquetWriter(file, schema, compression=_CODECS[compression])
        else:
            options = pa.ipc.IpcWriteOptions(compression="zstd" if compression else None)
            writer = pa.ipc.new_file(file, schema, options=options)
        with writer:
            for table in _row_groups(working, schema):
                writer.write_table(table)


def _misfit(batch: Batch, column: str, error: Exception) -> InputError:
    source, line = batch.places[0]
    return InputError(
        f"{source}, from line {line} on: a key's values do not fit {column} ({error}); "
        "choose --output-format jsonl"
    )


def _values(file: InputFile, table: pa.RecordBatch, name: str, flags: str) -> list[Any]:
    """Return the values of a column; raises InputError if there is none of this name."""
    if name not in table.schema.names:
        raise InputError(
            f"{file.path} has no column {name!r}; it has "
            f"{', '.join(map(repr, table.schema.names))}. Choose one with {flags}"
        )
    return table.column(table.schema.get_field_index(name)).to_pylist()  # type: ignore[no-any-return]


def _open_table(
    file: InputFile, opened: ExitStack
) -> tuple[int, Callable[[int], Iterator[tuple[int, pa.RecordBatch]]]]:
    """Return a file's number of rows, 0 if it is unknown, and a function that reads it from a row on.

    Raises ModelFormatError for a damaged file.
    """
    source: Any = str(file.path)
    if file.format.compression is not None:
        source = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (entered)
        with file.path.open("rb") as raw:
            shutil.copyfileobj(decompressed(raw, file.format.compression), source)
        source.seek(0)
    try:
        if file.format.kind == "parquet":
            return _open_parquet(source, opened)
        return _open_arrow(source, opened)
    except pa.ArrowInvalid as error:
        raise ModelFormatError(
            f"{file.path} cannot be read as {file.format.kind}: {error}"
        ) from error


def _open_parquet(source: Any, opened: ExitStack) -> tuple[int, Any]:
    from pyarrow import parquet

    file = opened.enter_context(parquet.ParquetFile(source))
    meta = file.metadata

    def read(row: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        at = 0
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group).num_rows
            if at + rows <= row:
                at += rows
                continue
            for batch in file.iter_batches(LARGEST_BATCH, row_groups=[group]):
                yield from _behind(row, at, batch)
                at += batch.num_rows

    return meta.num_rows, read


def _open_arrow(source: Any, opened: ExitStack) -> tuple[int, Any]:
    mapped = isinstance(source, str)
    memory = pa.memory_map(source) if mapped else pa.PythonFile(source, mode="r")
    opened.enter_context(memory)
    try:
        file = pa.ipc.open_file(memory)
        count = file.num_record_batches
        batches: Any = (file.get_batch(i) for i in range(count))
        # The rows of a mapped file are counted at next to no cost; another would be read for them.
        rows = sum(file.get_batch(i).num_rows for i in range(count)) if mapped else 0
    except pa.ArrowInvalid:
        memory.seek(0)
        batches, rows = pa.ipc.open_stream(memory), 0

    def read(row: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        at = 0
        for batch in batches:
            yield from _behind(row, at, _plain(batch))
            at += batch.num_rows

    return rows, read


def _behind(row: int, at: int, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the rows from `row` on of a batch whose first row is `at`, and the number of the first."""
    done = max(0, min(row - at, batch.num_rows))
    if done < batch.num_rows:
        yield at + done, batch.slice(done)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a record batch without dictionaries, which messages of Arrow do not hold."""
    if not any(pa.types.is_dictionary(field.type) for field in batch.schema):
        return batch
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _table(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return the columns of lines; lists and objects, whose shape may change, become JSON."""
    names = dict.fromkeys(name for row in rows for name in row)
    arrays = []
    for name in names:
        values = [row.get(name) for row in rows]
        if any(isinstance(value, dict | list) for value in values):
            values = [None if value is None else orjson.dumps(value).decode() for value in values]
        arrays.append(pa.array(values))
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _row_groups(working: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield a working file's record batches with one schema, in tables of the size of a row group."""
    held: list[Any] = []
    size = 0
    for stream in _streams(working):
        for batch in stream:
            held.append(_fitted(batch, schema))
            size += batch.nbytes
            if size >= _ROW_GROUP_BYTES:
                yield pa.Table.from_batches(held, schema)
                held, size = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)


def _streams(working: Path) -> Iterator[Any]:
    """Yield the streams of a working file, one after another."""
    size = working.stat().st_size
    if not size:
        return
    # Not mapped: the pages of a map would count as memory of this process.
    with pa.OSFile(str(working)) as file:
        while file.tell() < size:
            yield pa.ipc.open_stream(file)


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        column = batch.column(at) if at >= 0 else pa.nulls(batch.num_rows)
        columns.append(
            column if column.type.equals(field.type) else column.cast(field.type, safe=False)
        )
    return pa.RecordBatch.from_arrays(columns, schema=schema)
