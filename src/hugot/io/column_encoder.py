"""The writer of Parquet and Arrow files."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa

from hugot.errors import InputError
from hugot.io.arrow_types import arrow_array, arrow_type, result_keys
from hugot.io.column_schemas import (
    carried,
    common_schema,
    dictionaries_of,
    fitted,
    parquet_schema,
    schema_with_output,
    unified,
    whole_numbers,
)
from hugot.io.files import sync_file
from hugot.io.values import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hugot.io.batch import Batch
    from hugot.io.formats import Format
    from hugot.tasks.schema import ResultType

# Those of int64 and of uint64.
_WHOLE_NUMBERS: Final = range(-(2**63), 2**64)
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\0\0\0\0"
_ROW_GROUP_BYTES: Final = 64 << 20
_NULL_VECTORS: Final = 26  # the version of pyarrow that writes nulls among vectors to Parquet
_CODECS: Final = {None: "zstd", "zst": "zstd", "gz": "gzip"}


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
        self._source: pa.Schema | None = None  # of the records, and with the results
        self._with_output: pa.Schema | None = None
        self._schema: pa.Schema | None = None  # of the stream that is being written
        self._whole: pa.Schema | None = None  # fits all that was written
        self._ranges: dict[str, tuple[int, int]] = {}  # of whole numbers, in all that was written
        self._dictionaries: dict[str, pa.Array] = {}  # of the stream that is being written
        self._started = False

    def begin(self, state: Any, *, new: bool) -> None:
        """Begin a file; its schema comes with its first batch."""
        self._schema = None
        self._started = not new and state is not None and state["started"]
        if state is not None and state["schema"]:
            message = base64.b64decode(state["schema"])
            self._whole = pa.ipc.read_schema(pa.BufferReader(message))
            # Earlier versions did not note them.
            ranges = state.get("ranges", {})
            self._ranges = {name: (least, greatest) for name, (least, greatest) in ranges.items()}

    def state(self) -> Any:
        """Return whether a stream has begun, and what is known of all streams."""
        schema = self._whole.serialize().to_pybytes() if self._whole is not None else b""
        encoded = base64.b64encode(schema).decode()
        return {"started": self._started, "schema": encoded, "ranges": self._ranges}

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return a message, and before it the beginning of a stream if the columns have changed.

        A batch without records adds its columns.
        """
        if not batch.inputs and batch.table is None and not batch.columns:
            return b""
        made = self._record_batch(batch, results)
        dictionaries = dictionaries_of(made)
        for name, (least, greatest) in whole_numbers(made).items():
            before = self._ranges.get(name, (least, greatest))
            self._ranges[name] = (min(before[0], least), max(before[1], greatest))
        if self._schema is not None and made.schema.equals(self._schema):
            if not batch.inputs:
                return b""
            if _equal(dictionaries, self._dictionaries):
                return bytes(made.serialize())
        self._unify(made.schema, batch)
        end = _END_OF_STREAM if self._started else b""
        self._schema, self._dictionaries, self._started = made.schema, dictionaries, True
        begun = pa.BufferOutputStream()
        pa.ipc.new_stream(begun, made.schema).write_batch(made)
        return end + begun.getvalue().to_pybytes()  # type: ignore[no-any-return]

    def finish(self, working: Path, target: Path) -> None:
        """Write the streams of the working file as one file."""
        partial = working.with_name(target.name + ".whole.partial")
        with partial.open("wb") as file:
            schema = self._whole or pa.schema([(OUTPUT, self._type)])
            try:
                self._write(file, schema, working)
            except pa.ArrowInvalid as error:
                raise InputError(
                    f"a value does not fit its column ({error}); choose --output-format jsonl"
                ) from error
            sync_file(file)
        partial.replace(target)
        working.unlink()

    def _record_batch(self, batch: Batch, results: Sequence[Any]) -> pa.RecordBatch:
        """Return the columns of the records, and the results."""
        table = batch.table if batch.table is not None else _table(batch)
        if self._source is None or not table.schema.equals(self._source):
            self._source = table.schema
            self._with_output = schema_with_output(table.schema, self._type)
        columns = dict(zip(table.schema.names, table.columns, strict=True))
        columns[OUTPUT] = self._output(batch, results)
        return carried(pa.RecordBatch.from_arrays(list(columns.values()), schema=self._with_output))

    def _output(self, batch: Batch, results: Sequence[Any]) -> pa.Array:
        """Return the column of the results; raises InputError with the record of one that misfits."""
        if batch.nulls and self._format.kind == "parquet":
            _check_nulls(self._type)
        try:
            return arrow_array(results, self._type, self._keys)
        except InputError as error:
            raise InputError(
                f"{batch.place_of(error.index or 0)}: {error}, the type of its column; "
                "choose --output-format jsonl",
                error.index,
            ) from error

    def _unify(self, schema: pa.Schema, batch: Batch) -> None:
        """Raise InputError now, instead of at the end, for columns that do not fit those before."""
        try:
            whole = common_schema(self._whole, schema, self._ranges)
            self._whole = parquet_schema(whole) if self._format.kind == "parquet" else whole
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise _misfit(batch, "its column", error) from error

    def _write(self, file: Any, schema: pa.Schema, working: Path) -> None:
        compression = self._format.compression
        writer: Any
        tables: Iterator[pa.Table]
        if self._format.kind == "parquet":
            from pyarrow import parquet

            # A row group has a dictionary of its own, but the type of its indices is that of all.
            schema, dictionaries = unified(schema, _batches(working), largest_index=16)
            tables = _row_groups(working, schema, dictionaries)
            tables = (table.unify_dictionaries() for table in tables)
            writer = parquet.ParquetWriter(file, schema, compression=_CODECS[compression])
        else:
            # A file of Arrow has one dictionary for all of a column.
            schema, dictionaries = unified(schema, _batches(working), largest_index=64)
            options = pa.ipc.IpcWriteOptions(compression="zstd" if compression else None)
            writer = pa.ipc.new_file(file, schema, options=options)
            tables = _row_groups(working, schema, dictionaries)
        with writer:
            for table in tables:
                writer.write_table(table)


def _equal(some: dict[str, Any], others: dict[str, Any]) -> bool:
    return some.keys() == others.keys() and all(some[name].equals(others[name]) for name in some)


def _check_nulls(kind: pa.DataType) -> None:
    """Raise InputError if this version of pyarrow cannot write nulls of a type so that it reads them."""
    if pa.types.is_fixed_size_list(kind) and int(pa.__version__.split(".")[0]) < _NULL_VECTORS:
        raise InputError(
            f"pyarrow {pa.__version__} cannot write nulls among vectors to Parquet; install pyarrow "
            f"{_NULL_VECTORS} or later, or choose --output-format arrow"
        )


def _misfit(batch: Batch, column: str, error: object) -> InputError:
    place = "a file without rows"
    if batch.places:
        source, line = batch.places[0]
        place = f"{source}, from {batch.unit} {line} on"
    return InputError(
        f"{place}: a key's values do not fit {column} ({error}); choose --output-format jsonl"
    )


def _table(batch: Batch) -> pa.RecordBatch:
    """Return the columns of lines; lists and objects, whose shape may change, become JSON."""
    if not batch.rows:  # columns of text have no other type
        empty = [pa.array([], pa.string()) for _ in batch.columns]
        return pa.RecordBatch.from_arrays(empty, names=list(batch.columns))
    rows = batch.records()
    names = dict.fromkeys(name for row in rows for name in row)
    arrays = [_column(batch, name, [row.get(name) for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _column(batch: Batch, name: str, values: list[Any]) -> pa.Array:
    """Return a column of a key's values; raises InputError with the key if they have no common type."""
    try:
        if any(isinstance(value, dict | list | orjson.Fragment) for value in values):
            values = [None if value is None else orjson.dumps(value).decode() for value in values]
        return pa.array(values)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError) as error:
        for number, value in enumerate(values):
            if type(value) is int and value not in _WHOLE_NUMBERS:
                raise InputError(
                    f"{batch.place_of(number)}: {name!r} is {value}, which a column cannot hold; choose "
                    "--output-format jsonl"
                ) from error
        if all(value is None or type(value) is int for value in values):
            try:
                return pa.array(values, pa.uint64())
            except (pa.ArrowException, OverflowError):
                pass
        raise _misfit(batch, f"one column, {name!r}", error) from error


def _row_groups(
    working: Path, schema: pa.Schema, dictionaries: dict[str, pa.Array]
) -> Iterator[pa.Table]:
    """Yield a working file's record batches with one schema, in tables of the size of a row group."""
    held: list[Any] = []
    size = 0
    for batch in _batches(working):
        held.append(fitted(batch, schema, dictionaries))
        size += batch.get_total_buffer_size()
        if size >= _ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)


def _batches(working: Path) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a working file's streams that have rows."""
    for stream in _streams(working):
        for batch in stream:
            if batch.num_rows:
                yield batch


def _streams(working: Path) -> Iterator[Any]:
    """Yield the streams of a working file, one after another."""
    size = working.stat().st_size
    if not size:
        return
    # Not mapped: the pages of a map would count as memory of this process.
    with pa.OSFile(str(working)) as file:
        while file.tell() < size:
            yield pa.ipc.open_stream(file)
