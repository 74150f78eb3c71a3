"""Records and their results to Parquet and Arrow files.

The working file is a row of Arrow streams, each a schema and record batches. Such a file can be cut
behind any batch and continued, which neither Parquet nor Arrow's file format can; and a later record
that brings a new key just begins another stream. At the end it is written once more in its own format,
with the schema that fits all.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson

from hugot.bulk.arrow_values import arrow_values
from hugot.bulk.columns import plain
from hugot.bulk.disk import sync_file
from hugot.bulk.encode import OUTPUT
from hugot.bulk.extra import require_arrow
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from hugot.bulk.batch import Batch
    from hugot.bulk.formats import Format

_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_ROW_GROUP_BYTES = 64 << 20
_CODECS = {None: "zstd", "zst": "zstd", "gz": "gzip"}


class ArrowEncoder:
    """The writer of Parquet and Arrow; see `hugot.bulk.encode.Encoder`."""

    def __init__(self, format: Format, task: str, result_format: str, *, half: bool) -> None:
        self._pa = require_arrow(f"the output format {format.kind}")
        if format.kind == "arrow" and format.compression == "gz":
            raise InputError("Arrow files are compressed by zstd alone: --output-format arrow.zst")
        self._format = format
        self.suffix = format.kind
        self._values = arrow_values(task, result_format, half=half)
        self._schema: pa.Schema | None = None  # of the stream that is being written
        self._whole: pa.Schema | None = None  # what fits all that was written
        self._started = False

    def begin(self, state: Any, *, new: bool) -> None:
        """A schema comes with the first batch; all files have one that fits what came before."""
        self._schema = None
        self._started = not new and state is not None and state["started"]
        if state is not None and state["schema"]:
            message = base64.b64decode(state["schema"])
            self._whole = self._pa.ipc.read_schema(self._pa.BufferReader(message))

    def state(self) -> Any:
        """Whether there is a stream to be ended, and the schema that fits all streams."""
        schema = self._whole.serialize().to_pybytes() if self._whole is not None else b""
        return {"started": self._started, "schema": base64.b64encode(schema).decode()}

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """A message; before it a schema, where it is another than before."""
        if not len(batch):
            return b""
        made = self._record_batch(batch, results)
        head = b""
        if self._schema is None or not made.schema.equals(self._schema):
            self._check(made.schema, batch)
            head = (_END_OF_STREAM if self._started else b"") + made.schema.serialize().to_pybytes()
            self._schema, self._started = made.schema, True
        return head + bytes(made.serialize())

    def finish(self, working: Path, target: Path) -> None:
        """Write the streams of the working file as one file."""
        partial = target.with_name(target.name + ".whole.partial")
        with partial.open("wb") as file:
            schema = self._whole or self._pa.schema([(OUTPUT, self._pa.null())])
            self._write(file, schema, working)
            sync_file(file)
        partial.replace(target)
        working.unlink()

    def _record_batch(self, batch: Batch, results: Sequence[Any]) -> pa.RecordBatch:
        pa = self._pa
        try:
            table = batch.table if batch.table is not None else _table(pa, batch.rows())
        except (pa.ArrowInvalid, TypeError, OverflowError) as error:
            source, line = batch.places[0]
            raise InputError(
                f"{source}, from line {line} on: a key's values do not fit one column ({error}); "
                "choose --output-format jsonl"
            ) from error
        values = self._values(results)
        columns = dict(zip(table.schema.names, table.columns, strict=True))
        columns[OUTPUT] = values
        fields = [
            pa.field(name, column.type)
            if name == OUTPUT
            else table.schema.field(table.schema.get_field_index(name))
            for name, column in columns.items()
        ]
        return plain(
            pa, pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))
        )

    def _check(self, schema: pa.Schema, batch: Batch) -> None:
        """Raise InputError now, not at the end, for columns that do not fit those before."""
        pa = self._pa
        try:
            self._whole = _unified(pa, [self._whole, schema] if self._whole else [schema])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            source, line = batch.places[0]
            raise InputError(
                f"{source}, from line {line} on: a key's values do not fit its column ({error}); "
                "choose --output-format jsonl"
            ) from error

    def _write(self, file: Any, schema: pa.Schema, working: Path) -> None:
        pa = self._pa
        compression = self._format.compression
        writer: Any
        if self._format.kind == "parquet":
            from pyarrow import parquet

            writer = parquet.ParquetWriter(file, schema, compression=_CODECS[compression])
        else:
            options = pa.ipc.IpcWriteOptions(compression="zstd" if compression else None)
            writer = pa.ipc.new_file(file, schema, options=options)
        with writer:
            for table in _groups(pa, working, schema):
                writer.write_table(table)


def _table(pa: Any, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Columns of what lines carry along; lists and objects, whose shape may change, are JSON text."""
    names = dict.fromkeys(name for row in rows for name in row)
    arrays = []
    for name in names:
        values = [row.get(name) for row in rows]
        if any(isinstance(value, dict | list) for value in values):
            values = [None if value is None else orjson.dumps(value).decode() for value in values]
        arrays.append(pa.array(values))
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _unified(pa: Any, schemas: list[Any]) -> pa.Schema:
    return pa.unify_schemas(schemas, promote_options="permissive")


def _streams(pa: Any, working: Path) -> Iterator[Any]:
    """The streams of a working file, one after another."""
    size = working.stat().st_size
    if not size:
        return
    # Not mapped: the pages of a map would count as memory of this process.
    with pa.OSFile(str(working)) as file:
        while file.tell() < size:
            yield pa.ipc.open_stream(file)


def _groups(pa: Any, working: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """All record batches with one schema, in tables of the size of a row group."""
    held: list[Any] = []
    size = 0
    for stream in _streams(pa, working):
        for batch in stream:
            held.append(_fitted(pa, batch, schema))
            size += batch.nbytes
            if size >= _ROW_GROUP_BYTES:
                yield pa.Table.from_batches(held, schema)
                held, size = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)


def _fitted(pa: Any, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        column = batch.column(at) if at >= 0 else pa.nulls(batch.num_rows)
        columns.append(
            column if column.type.equals(field.type) else column.cast(field.type, safe=False)
        )
    return pa.RecordBatch.from_arrays(columns, schema=schema)
