"""Parquet and Arrow files to batches of records."""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson

from hugot.bulk.batch import BadRecord, Batch, Position
from hugot.bulk.compression import decompressed
from hugot.bulk.extra import require_arrow
from hugot.bulk.parsers import paired
from hugot.errors import InputError, ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from hugot.bulk.inputs import InputFile

BATCH_RECORDS = 1024
_BATCHES_AHEAD = 4
_SHOWN = 2000


class ColumnRecords:
    """Batches of records from Parquet and Arrow files, read ahead on a thread.

    Takes what `hugot.bulk.records.LineRecords` takes; a line is a row.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        start: Position,
        name: str,
        pair: str | None,
        check: Callable[[Any], None],
    ) -> None:
        require_arrow("a file of columns")
        self._files = files
        self._start = start
        self._name = name
        self._pair = pair
        self._check = check
        self._skip = start.skip
        self._made: queue.SimpleQueue[Batch | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._stopped = False

    def stop(self) -> None:
        """End the batches behind the one that is being made; a signal handler may call it."""
        self._stopped = True
        self._made.put(None)

    def batches(self) -> Iterator[Batch | None]:
        """Records in batches; what cannot be run is in a batch's `bad`.

        Raises InputError where a file lacks the column of the input.
        """
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
            rows, tables = open_table(file, opened)
            for first, table in tables(row):
                at = first
                for record_batch in cut(table, BATCH_RECORDS):
                    batch = self._batch(number, file, at, record_batch)
                    at += record_batch.num_rows
                    batch.bytes_done = before + file.size * at // max(rows, at)
                    self._room.acquire()
                    if self._stopped:
                        return
                    self._made.put(batch)

    def _batch(self, number: int, file: InputFile, row: int, table: pa.RecordBatch) -> Batch:
        for name in (self._name, self._pair):
            if name is not None and name not in table.schema.names:
                raise InputError(
                    f"{file.path} has no column {name!r}; it has "
                    f"{', '.join(map(repr, table.schema.names))}. Choose one with --input-column or "
                    "--pair-column"
                )
        values = as_python(table.column(table.schema.get_field_index(self._name)))
        if self._pair is not None:
            seconds = as_python(table.column(table.schema.get_field_index(self._pair)))
        start = Position(number, row, None, self._skip)
        batch = Batch([], [], start, start)
        kept: list[int] = []
        for i, value in enumerate(values):
            try:
                if self._pair is not None:
                    value = paired(value, seconds[i], self._pair)
                self._check(value)
            except ValueError as error:
                if not self._skip:
                    text = orjson.dumps(table.slice(i, 1).to_pylist()[0], default=str).decode()
                    batch.bad.append(
                        BadRecord(str(file.path), row + i + 1, str(error), text[:_SHOWN], len(kept))
                    )
                continue
            if self._skip:
                self._skip -= 1
                continue
            kept.append(i)
            batch.inputs.append(value)
            batch.places.append((str(file.path), row + i + 1))
        batch.end = Position(number, row + table.num_rows, None, self._skip)
        batch.table = table if len(kept) == table.num_rows else table.take(_indices(kept))
        return batch


def _indices(kept: list[int]) -> Any:
    return require_arrow("").array(kept, "int64")


def as_python(column: Any) -> list[Any]:
    """A column's values: str (or lists of them) and None."""
    return column.to_pylist()  # type: ignore[no-any-return]


def cut(table: pa.RecordBatch, rows: int) -> Iterator[pa.RecordBatch]:
    """A record batch in slices."""
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


def open_table(
    file: InputFile, opened: ExitStack
) -> tuple[int, Callable[[int], Iterator[tuple[int, pa.RecordBatch]]]]:
    """A file's number of rows (0 where it does not tell), and what reads it from a row on.

    Raises ModelFormatError for a damaged file.
    """
    pa = require_arrow(f"{file.path}")
    source: Any = str(file.path)
    if file.format.compression is not None:
        source = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (entered)
        with file.path.open("rb") as raw:
            shutil.copyfileobj(decompressed(raw, file.format.compression), source)
        source.seek(0)
    try:
        if file.format.kind == "parquet":
            return _open_parquet(source, opened)
        return _open_arrow(pa, source, opened)
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
            for batch in file.iter_batches(BATCH_RECORDS, row_groups=[group]):
                yield from _behind(row, at, batch)
                at += batch.num_rows

    return meta.num_rows, read


def _open_arrow(pa: Any, source: Any, opened: ExitStack) -> tuple[int, Any]:
    mapped = isinstance(source, str)
    memory = pa.memory_map(source) if mapped else pa.PythonFile(source, mode="r")
    opened.enter_context(memory)
    try:
        file = pa.ipc.open_file(memory)
        count = file.num_record_batches
        batches: Any = (file.get_batch(i) for i in range(count))
        # A mapped file tells its rows at next to no cost; another would be read for them.
        rows = sum(file.get_batch(i).num_rows for i in range(count)) if mapped else 0
    except pa.ArrowInvalid:
        memory.seek(0)
        batches, rows = pa.ipc.open_stream(memory), 0

    def read(row: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        at = 0
        for batch in batches:
            yield from _behind(row, at, plain(pa, batch))
            at += batch.num_rows

    return rows, read


def _behind(row: int, at: int, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """What of a batch lies behind a row, and where that begins."""
    done = max(0, min(row - at, batch.num_rows))
    if done < batch.num_rows:
        yield at + done, batch.slice(done)


def plain(pa: Any, batch: pa.RecordBatch) -> pa.RecordBatch:
    """A record batch without dictionaries, which a message of Arrow's does not carry."""
    if not any(pa.types.is_dictionary(field.type) for field in batch.schema):
        return batch
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
