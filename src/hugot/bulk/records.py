"""Lines to batches of records."""

from __future__ import annotations

import queue
from functools import partial
from typing import TYPE_CHECKING, Any

from hugot.bulk.batch import BadRecord, Batch, Position
from hugot.bulk.lines import CHUNK_BYTES, LONGEST_LINE, Chunk, LineReader
from hugot.bulk.parsers import HeaderError, Parser, make_parser, without_bom
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hugot.bulk.inputs import InputFile

BATCH_RECORDS = 1024
_SHOWN_BYTES = 2000


class LineRecords:
    """Batches of records from files of lines, or from stdin.

    Args:
        files: the files, or None for stdin.
        start: where to begin.
        kind: how stdin is read.
        name: key or column of the input.
        pair: that of the second text, if any.
        check: raises ValueError for an input that the pipeline does not take.
        longest: most bytes in a line.
    """

    def __init__(
        self,
        files: Sequence[InputFile] | None,
        start: Position,
        kind: str,
        name: str,
        pair: str | None,
        check: Callable[[Any], None],
        longest: int = LONGEST_LINE,
    ) -> None:
        self._files = files
        self._start = start
        self._stdin_kind = kind
        self._make_parser = partial(make_parser, name=name, pair=pair, check=check)
        self._longest = longest
        self._lines = LineReader(files, start, longest)
        self._skip = start.skip
        self._parser: Parser | None = None
        self._current = -1  # the file that the parser is in
        # Behind the last record: file, line and offset.
        self._at = (start.file, start.line, start.offset)
        self._record_line = 0  # where the record begins that is being read
        self._bytes_done = 0
        self._stopped = False

    def stop(self) -> None:
        """End the batches behind the one that is being made; a signal handler may call it."""
        self._stopped = True
        self._lines.wake()

    def batches(self) -> Iterator[Batch | None]:
        """Records in batches of what is there already; None says that nothing is, for the moment.

        What is no record is in the batch's `bad`. Raises InputError for a file whose header lacks the
        column of the input.
        """
        self._lines.begin()
        batch = self._new_batch()
        while not self._stopped:
            try:
                chunk = self._lines.take(wait=False)
            except queue.Empty:
                # What was read runs now; the None has its results given out, too.
                if batch.inputs or batch.bad:
                    yield self._closed(batch)
                    batch = self._new_batch()
                yield None
                chunk = self._lines.take(wait=True)
            if chunk is None:
                break
            self._bytes_done = self._bytes_before(chunk.file) + chunk.raw
            for line in self._lines_of(chunk):
                self._add(batch, line, chunk)
                if len(batch) >= BATCH_RECORDS or len(batch.bad) >= BATCH_RECORDS:
                    yield self._closed(batch)
                    batch = self._new_batch()
                    if self._stopped:
                        return
            if chunk.last:
                self._end_file(batch, chunk)
        if batch.inputs or batch.bad:
            yield self._closed(batch)

    def _new_batch(self) -> Batch:
        place = self._place()
        return Batch([], [], place, place, [], [])

    def _closed(self, batch: Batch) -> Batch:
        batch.end = self._place()
        batch.bytes_done = self._bytes_done
        return batch

    def _place(self) -> Position:
        return Position(*self._at, self._skip)

    def _lines_of(self, chunk: Chunk) -> Iterator[bytes | int]:
        """The chunk's lines that are not done already; begins the file."""
        lines = chunk.lines
        if chunk.file != self._current:
            self._current = chunk.file
            self._begin_file(chunk)
            if chunk.line == 0 and lines and isinstance(lines[0], bytes):
                lines[0] = without_bom(lines[0])
        done = 0
        if chunk.file == self._start.file:
            done = max(0, min(self._start.line - chunk.line, len(lines)))
        offset = chunk.offset + sum(_size(line) for line in lines[:done])
        for number, line in enumerate(lines[done:], chunk.line + done + 1):
            offset += _size(line)
            self._line, self._offset = number, offset
            yield line

    def _begin_file(self, chunk: Chunk) -> None:
        kind = self._stdin_kind if self._files is None else self._files[chunk.file].format.kind
        self._parser = self._make_parser(kind)
        taken_up = chunk.file == self._start.file and self._start.line > 0
        header = None
        if taken_up and self._files is not None and kind in ("csv", "tsv"):
            header = _first_line(self._files[chunk.file])
        self._parser.begin(header)
        self._record_line = self._start.line if taken_up else 0
        if not taken_up:
            self._at = (chunk.file, 0, 0)

    def _add(self, batch: Batch, line: bytes | int, chunk: Chunk) -> None:
        """Take one line: a record, something bad, or a part of a record."""
        assert self._parser is not None
        first_line = self._record_line + 1
        try:
            if isinstance(line, int) or len(line) > self._longest:
                size = line if isinstance(line, int) else len(line)
                raise ValueError(
                    f"the line has {size} bytes; more than {self._longest} are not taken"
                )
            parsed = self._parser.parse(line)
        except HeaderError as error:
            raise InputError(f"{chunk.source}, line {first_line}: {error}") from error
        except ValueError as error:
            self._add_bad(batch, chunk, first_line, str(error), line)
            self._move(chunk)
            return
        if parsed is None:
            # A blank line or a header; or a record that goes on in the next line.
            if not getattr(self._parser, "_open", None):
                self._move(chunk)
            return
        if self._skip:
            self._skip -= 1
            self._move(chunk)
            batch.start = self._place()
            return
        fields, value = parsed
        batch.inputs.append(value)
        batch.places.append((chunk.source, first_line))
        batch.fields.append(fields)  # type: ignore[union-attr]  # a list, here
        batch.lines.append(line)  # type: ignore[union-attr]
        self._move(chunk)

    def _add_bad(
        self, batch: Batch, chunk: Chunk, line: int, reason: str, text: bytes | int
    ) -> None:
        if self._skip:
            return  # told before
        shown = b"" if isinstance(text, int) else text[:_SHOWN_BYTES]
        batch.bad.append(
            BadRecord(chunk.source, line, reason, shown.decode(errors="replace"), len(batch))
        )

    def _end_file(self, batch: Batch, chunk: Chunk) -> None:
        assert self._parser is not None
        try:
            self._parser.rest()
        except ValueError as error:
            self._add_bad(batch, chunk, self._record_line + 1, str(error), b"")
        self._at = (chunk.file + 1, 0, 0)

    def _move(self, chunk: Chunk) -> None:
        self._record_line = self._line
        self._at = (chunk.file, self._line, self._offset)

    def _bytes_before(self, file: int) -> int:
        return sum(each.size for each in (self._files or ())[:file])


def _size(line: bytes | int) -> int:
    return (line if isinstance(line, int) else len(line)) + 1


def _first_line(file: InputFile) -> bytes:
    from hugot.bulk.compression import decompressed

    with file.path.open("rb") as raw:
        stream = decompressed(raw, file.format.compression)
        data = b""
        while b"\n" not in data and (more := stream.read(CHUNK_BYTES)):
            data += more
    return without_bom(data.partition(b"\n")[0])
