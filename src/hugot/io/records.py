"""Lines to batches of records."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Protocol

from hugot.errors import InputError
from hugot.io.batch import LARGEST_BATCH, Batch, InputKeys, Position, RecordError, shown_line
from hugot.io.delimited import DELIMITERS, DelimitedParser, HeaderError
from hugot.io.jsonl import JsonLinesParser
from hugot.io.lines import LONGEST_LINE, Chunk, LineReader, header_line
from hugot.io.plain_text import PlainTextParser

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from hugot.io.batch import Parsed
    from hugot.io.files import InputFile
    from hugot.tasks.schema import Field


class Parser(Protocol):
    """Makes records of the lines of one file."""

    @property
    def within_record(self) -> bool:
        """Whether the record goes on in the next line."""

    def parse(self, line: bytes) -> Parsed | None:
        """Return the record that ends with this line, None if none does.

        Raises ValueError for a line that is no record, HeaderError for a header that every row needs.
        """

    def reset(self) -> None:
        """Drop the record that has not ended."""


class LineRecords:
    """Batches of records from files of lines, or from stdin.

    Args:
        files: the files, or None for stdin.
        start: where to begin.
        kind: the kind of stdin's lines.
        columns: name of a field of the task → the key or column that holds it.
        fields: all fields of the task.
        longest: most bytes in a line, and in a record of several lines.
        allow_nan: whether values of JSON may be NaN or infinite.
    """

    def __init__(
        self,
        files: Sequence[InputFile] | None,
        start: Position,
        kind: str,
        columns: Mapping[str, str],
        fields: Sequence[Field],
        longest: int = LONGEST_LINE,
        *,
        allow_nan: bool = False,
    ) -> None:
        self.keys = InputKeys(columns, fields)
        self._files = files
        self._start = start
        self._stdin_kind = kind
        self._longest = longest
        self._allow_nan = allow_nan
        self._lines = LineReader(files, start, longest, kind)
        self._skip = start.skip
        self._parser: Parser
        self._file = -1  # the file that the parser reads
        self._bytes_before = 0  # in the files before it
        # Behind the line that was parsed last, and behind the last record.
        self._line, self._offset = start.line, start.offset or 0
        self._done = (start.file, start.line, start.offset)
        self._stopped = False

    def stop(self) -> None:
        """End the batches after the current one; a signal handler may call it."""
        self._stopped = True
        self._lines.wake()

    def batches(self) -> Generator[Batch | None]:
        """Yield batches of the records that have been read; None if no more are there yet.

        A line that is no record is among its batch's `errors`. Raises InputError for a file whose header
        lacks a column of the input.
        """
        self._lines.begin()
        batch = self._new_batch()
        unwritten = False  # whether there was a batch since the last None
        while not self._stopped:
            try:
                chunk = self._lines.take(wait=False)
            except queue.Empty:
                # What was read runs now, and its results are written.
                if batch.inputs or batch.errors:
                    yield batch
                    batch, unwritten = self._new_batch(), True
                if unwritten:
                    yield None
                    unwritten = False
                chunk = self._lines.take(wait=True)
            if chunk is None:
                break
            if chunk.unit != batch.unit:
                if batch.inputs or batch.errors:
                    yield batch
                    batch, unwritten = self._new_batch(), True
                batch.unit = chunk.unit
            number = self._begin_chunk(chunk)
            while (number := self._add(batch, chunk, number)) < len(chunk.lines):
                yield batch
                batch, unwritten = self._new_batch(), True
                batch.unit = chunk.unit
                if self._stopped:
                    return
            if chunk.last:
                self._end_file(batch, chunk)
        if batch.inputs or batch.errors or batch.columns:
            yield batch

    def _new_batch(self) -> Batch:
        place = Position(*self._done, self._skip)
        return Batch(place, place)

    def _begin_chunk(self, chunk: Chunk) -> int:
        """Return the number of the chunk's lines that an earlier run has done."""
        lines = chunk.lines
        if chunk.file != self._file:
            self._begin_file(chunk)
        done = 0
        if chunk.file == self._start.file and chunk.line < self._start.line:
            done = min(self._start.line - chunk.line, len(lines))
        self._line = chunk.line + done
        self._offset = chunk.offset
        if done:
            self._offset += sum(
                [(line if isinstance(line, int) else len(line)) + 1 for line in lines[:done]]
            )
        return done

    def _begin_file(self, chunk: Chunk) -> None:
        self._file = chunk.file
        kind = self._stdin_kind
        if self._files is not None:
            kind = self._files[chunk.file].format.kind
            self._bytes_before = sum(file.size for file in self._files[: chunk.file])
        resumed = chunk.file == self._start.file and self._start.line > 0
        header = None
        if resumed and self._files is not None and kind in DELIMITERS:
            header = header_line(self._files[chunk.file])
        self._parser = self._make_parser(kind, header)
        if not resumed:
            self._done = (chunk.file, 0, 0)

    def _add(self, batch: Batch, chunk: Chunk, number: int) -> int:
        """Add a chunk's lines to a batch until it is full; returns the number of the next line."""
        parser, lines = self._parser, chunk.lines
        inputs, errors = batch.inputs, batch.errors
        first = self._done[1] + 1  # the first line of the record that is read
        line_number, offset = self._line, self._offset
        while number < len(lines) and len(inputs) < LARGEST_BATCH and len(errors) < LARGEST_BATCH:
            line = lines[number]
            number += 1
            line_number += 1
            offset += (line if isinstance(line, int) else len(line)) + 1
            parsed = None
            try:
                if isinstance(line, int) or len(line) > self._longest:
                    raise ValueError(self._too_long(line))
                parsed = parser.parse(line)
                if parsed is None and parser.within_record:
                    continue
            except HeaderError as error:
                raise InputError(f"{chunk.source}, line {first}: {error}") from error
            except ValueError as error:
                self._add_error(batch, chunk, first, str(error), line)
                parser.reset()
            if parsed is not None and self._skip:
                self._skip -= 1
                batch.start = Position(chunk.file, line_number, offset, self._skip)
            elif parsed is not None:
                batch.rows.append(parsed[0])
                inputs.append(parsed[1])
                batch.places.append((chunk.source, first))
                batch.lines.append(parsed[2])
            first = line_number + 1
            self._done = (chunk.file, line_number, offset)
        self._line, self._offset = line_number, offset
        batch.end = Position(*self._done, self._skip)
        batch.bytes_done = self._bytes_before + chunk.raw
        return number

    def _end_file(self, batch: Batch, chunk: Chunk) -> None:
        if chunk.damage is not None:
            self._add_error(batch, chunk, self._line + 1, chunk.damage, b"")
        elif self._parser.within_record:
            reason = "the file ends within a quoted field"
            self._add_error(batch, chunk, self._done[1] + 1, reason, b"")
        self._done = (chunk.file + 1, 0, 0)
        if isinstance(self._parser, DelimitedParser):
            batch.columns = self._parser.columns
        batch.end = Position(*self._done, self._skip)

    def _add_error(
        self, batch: Batch, chunk: Chunk, line: int, reason: str, text: bytes | int
    ) -> None:
        if not self._skip:  # it was reported before
            shown = "" if isinstance(text, int) else shown_line(text)
            batch.errors.append(
                RecordError(chunk.source, line, reason, shown, len(batch.inputs), chunk.unit)
            )

    def _too_long(self, line: bytes | int) -> str:
        size = line if isinstance(line, int) else len(line)
        return f"the line has {size} bytes; more than {self._longest} are not taken"

    def _make_parser(self, kind: str, header: bytes | None) -> Parser:
        """Return the parser of a kind of file whose `header` was read before, if it is given."""
        if kind in DELIMITERS:
            return DelimitedParser(DELIMITERS[kind], self.keys, header, self._longest)
        if kind == "txt":
            return PlainTextParser()
        return JsonLinesParser(self.keys, allow_nan=self._allow_nan)
