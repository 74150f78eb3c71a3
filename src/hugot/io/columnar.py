"""Batches of records from Parquet and Arrow files."""

from __future__ import annotations

import queue
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from hugot.errors import InputError, ModelFormatError
from hugot.io.arrow_texts import is_binary, read_texts, taken_rows
from hugot.io.batch import LARGEST_BATCH, Batch, InputKeys, Position, RecordError, row_text
from hugot.io.column_files import folder_key_types, open_table

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from hugot.io.arrow_texts import Column
    from hugot.io.files import InputFile
    from hugot.tasks.schema import Field

_BATCHES_AHEAD: Final = 4
_LONGEST_END: Final = 2.0  # seconds


class ColumnRecords:
    """Batches of records from Parquet and Arrow files, read ahead on a thread.

    As `hugot.io.records.LineRecords`; a line is a row. A file that is damaged is an error of the row at
    which its reading ends; the next file follows.

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
        self._row = 0  # at which reading goes on
        self._key_types = folder_key_types(files)
        self._made: queue.SimpleQueue[Batch | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._stopped = False

    def stop(self) -> None:
        """End the batches after the current one; a signal handler may call it."""
        self._stopped = True
        self._made.put(None)

    def batches(self) -> Generator[Batch | None]:
        """Yield batches of records; raises InputError for a file that lacks a column of the input."""
        reader = threading.Thread(target=self._read, name="hugot-reader", daemon=True)
        reader.start()
        try:
            while not self._stopped:
                batch = self._made.get()
                if isinstance(batch, BaseException):
                    raise batch
                if batch is None:
                    return
                self._room.release()
                yield batch
        finally:
            # Python aborts if a thread is within pyarrow at its end.
            self._stopped = True
            self._room.release()
            reader.join(_LONGEST_END)

    def _read(self) -> None:
        try:
            for number, file in enumerate(self._files):
                if number >= self._start.file and not self._stopped:
                    self._row = self._start.line if number == self._start.file else 0
                    try:
                        self._read_file(number, file)
                    except ModelFormatError as error:
                        self._put(self._damaged(number, file, error))
        except BaseException as error:
            self._made.put(error)
        else:
            self._made.put(None)

    def _read_file(self, number: int, file: InputFile) -> None:
        before = sum(each.size for each in self._files[:number])
        with ExitStack() as opened:
            rows, tables = open_table(file, self._key_types, opened)
            for first, table in tables(self._row):
                for at in range(0, table.num_rows or 1, LARGEST_BATCH):
                    part = table.slice(at, LARGEST_BATCH)
                    batch = self._batch(number, file, first + at, part)
                    self._row = done = first + at + part.num_rows
                    batch.bytes_done = before + file.size * done // max(rows, done, 1)
                    self._put(batch)
                    if self._stopped:
                        return

    def _put(self, batch: Batch) -> None:
        self._room.acquire()
        self._made.put(batch)

    def _damaged(self, number: int, file: InputFile, error: ModelFormatError) -> Batch:
        """Return a batch with the error of a file whose rows cannot be read any further."""
        batch = Batch(Position(number, self._row), Position(number + 1))
        batch.unit = file.format.unit
        batch.errors.append(
            RecordError(str(file.path), self._row + 1, str(error), "", unit=batch.unit)
        )
        batch.bytes_done = sum(each.size for each in self._files[: number + 1])
        self._skip = 0
        return batch

    def _batch(self, number: int, file: InputFile, row: int, table: pa.RecordBatch) -> Batch:
        """Return the batch of a table whose first row is row `row` of a file."""
        values, wrong = self._values(file, table)
        source, rows = str(file.path), table.num_rows
        start, end = Position(number, row, None, self._skip), Position(number, row + rows, None)
        batch = Batch(start, end)
        batch.unit = file.format.unit
        batch.text_columns = [
            name
            for name in self.keys.keys
            if name in table.schema.names and _is_binary(table, name)
        ]
        if not wrong and not self._skip:
            batch.inputs, batch.table = values, table
            batch.places = [(source, row + i + 1) for i in range(rows)]
            return batch
        kept: list[int] = []
        for i in range(rows):
            if i in wrong:
                if not self._skip:  # otherwise it was reported before
                    reason, text = wrong[i], row_text(table, i)
                    error = RecordError(source, row + i + 1, reason, text, len(kept), "row")
                    batch.errors.append(error)
            elif self._skip:
                self._skip -= 1
            else:
                kept.append(i)
        batch.inputs = [values[i] for i in kept]
        batch.places = [(source, row + i + 1) for i in kept]
        batch.table = table if len(kept) == rows else taken_rows(table, kept)
        batch.end = batch.end._replace(skip=self._skip)
        return batch

    def _values(self, file: InputFile, table: pa.RecordBatch) -> tuple[list[Any], dict[int, str]]:
        """Return the inputs of a table's rows, and by row what is wrong with it.

        The input of a row with a null in it is None.
        """
        columns: list[list[Any]] = []
        wrong: dict[int, str] = {}
        alternatives = self.keys.alternatives
        if alternatives and not any(name in table.schema.names for name in alternatives):
            self._column(file, table, alternatives[0])
        for name in self.keys.keys:
            if name in self.keys.optional and name not in table.schema.names:
                columns.append([None] * table.num_rows)
                continue
            values, not_text = read_texts(self._column(file, table, name))
            columns.append(values)
            wrong |= {row: f"the column {name!r} is {reason}" for row, reason in not_text.items()}
        if self.keys.single is not None:
            return columns[0], wrong
        of_values, is_null = self.keys.of_values, self.keys.is_null
        rows = zip(*columns, strict=True)
        return [None if is_null(values) else of_values(values) for values in rows], wrong

    def _column(self, file: InputFile, table: pa.RecordBatch, name: str) -> Column:
        """Return a column, or a member of one of structs; raises InputError if there is none."""
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            head = ".".join(parts[:count])
            if head in table.schema.names:
                column = _member(table.column(head), parts[count:])
                if column is not None:
                    return column
        raise InputError(
            f"{file.path} has no column {name!r}; it has "
            f"{', '.join(map(repr, _names(table.schema)))}. Choose one with {self.keys.flags}"
        )


def _member(column: Column, parts: Sequence[str]) -> Column | None:
    """Return a column of structs' member by its names, joined by dots; None if there is none."""
    if not parts:
        return column
    if not pa.types.is_struct(column.type):
        return None
    import pyarrow.compute as pc

    for count in range(len(parts), 0, -1):
        at = column.type.get_field_index(".".join(parts[:count]))
        if at >= 0:
            found = _member(pc.struct_field(column, [at]), parts[count:])
            if found is not None:
                return found
    return None


def _names(schema: pa.Schema) -> list[str]:
    """Return the names of columns, and of the members of those of structs."""
    names = []
    for field in schema:
        names.append(field.name)
        if pa.types.is_struct(field.type):
            members = [field.type.field(i).name for i in range(field.type.num_fields)]
            names += [f"{field.name}.{member}" for member in members]
    return names


def _is_binary(table: pa.RecordBatch, name: str) -> bool:
    kind = table.schema.field(name).type
    return is_binary(kind.value_type if pa.types.is_dictionary(kind) else kind)
