"""The outputs of a run: files, with a state from which it can be resumed, or stdout."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from hugot.errors import ModelNotFoundError
from hugot.io.files import sync_file, sync_folder
from hugot.io.formats import compressor
from hugot.io.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot.io.batch import Batch, RecordError
    from hugot.io.encode import Encoder
    from hugot.io.formats import Format
    from hugot.io.places import Place

_BLOCK_BYTES: Final = 1 << 20


class Output(Protocol):
    """Writes batches with their results, in order.

    Attributes:
        state: how far the run is.
        errors_path: the file for records that cannot be run.
        resumable: whether records that were read and not written are read again by the next run.
    """

    state: State
    errors_path: Path
    resumable: bool

    def write(self, batch: Batch, results: Sequence[Any]) -> None:
        """Write a batch."""

    def pause(self) -> None:
        """Stop in a state from which the run can be resumed."""

    def finish(self) -> None:
        """Complete the output."""

    def abandon(self) -> None:
        """Close the files after an error; the run can be resumed from the last checkpoint."""


class FileOutput:
    """Result files, each beside its folder until it is complete.

    Args:
        place: where the files are.
        format: the format of the files.
        encoder: makes their bytes.
        state: a new one, or that of the run to resume.
        errors: path of the file for records that cannot be run.
        shard_size: most records in a file, None for all in one.
        every: seconds between two checkpoints.
    """

    resumable = True

    def __init__(
        self,
        place: Place,
        format: Format,
        encoder: Encoder,
        state: State,
        errors: Path,
        *,
        shard_size: int | None = None,
        every: float = 5.0,
    ) -> None:
        self._place = place
        self._encoder = encoder
        self._compress = compressor(None if format.columnar else format.compression)
        self._shard_size = shard_size
        self._every = every
        self.state = state
        self.errors_path = errors
        self._errors = ErrorsFile(errors, state.errors_length)
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._file: Any = None
        self._open()

    def write(self, batch: Batch, results: Sequence[Any]) -> None:
        """Write a batch; a full file gets its name, and the next one begins."""
        while self._shard_size is not None:
            room = self._shard_size - self.state.shard_records
            if len(batch) <= room:
                break
            if room:
                head, batch = batch.split(room)
                self._add(head, results[:room])
                results = results[room:]
            self._publish(last=False)
        self._add(batch, results)

    def pause(self) -> None:
        """Write everything to the disk."""
        self._checkpoint()
        self._file.close()
        self._errors.close()

    def abandon(self) -> None:
        """Close the files."""
        try:
            self._file.close()
        finally:
            self._errors.close()

    def finish(self) -> None:
        """Give the last file its name."""
        if not self.state.done:
            self._publish(last=True)
        self._errors.close()

    def _add(self, batch: Batch, results: Sequence[Any]) -> None:
        if data := self._encoder.encode(batch, results):
            self._buffer.append(data)
            self._buffered += len(data)
        self._errors.write(batch.errors)
        state = self.state
        state.position = batch.end
        state.records += len(batch)
        state.nulls += batch.nulls
        state.shard_records += len(batch)
        state.bad += len(batch.errors)
        if self._buffered >= _BLOCK_BYTES:
            self._write_block()
        if time.monotonic() >= self._due:
            self._checkpoint()

    def _write_block(self) -> None:
        if self._buffer:
            self._file.write(self._compress(b"".join(self._buffer)))
            self._buffer, self._buffered = [], 0

    def _checkpoint(self) -> None:
        """Write everything to the disk, then the state."""
        self._write_block()
        sync_file(self._file)
        self.state.length = self._file.tell()
        self.state.encoder = self._encoder.state()
        self.state.errors_length = self._errors.sync()
        self.state.save(self._place.side)
        self._due = time.monotonic() + self._every

    def _publish(self, *, last: bool) -> None:
        self.state.publishing, self.state.last = True, last
        self._checkpoint()
        self._file.close()
        self._complete()
        if not self.state.done:
            self._open()

    def _complete(self) -> None:
        """Give the working file its name; afterwards the next one begins, or the run is done."""
        state = self.state
        # If an earlier run ended between renaming and saving, the file has its name already.
        if self._working.exists():
            self._encoder.finish(self._working, self._target)
            sync_folder(self._place.folder)
        state.files.append(self._target.name)
        if state.last:
            for name in set(state.old_files) - set(state.files):
                (self._place.folder / name).unlink(missing_ok=True)
            state.old_files, state.done = [], True
        else:
            state.shard += 1
        state.shard_records, state.length = 0, 0
        state.encoder = self._encoder.state()
        state.publishing = False
        state.save(self._place.side)

    def _open(self) -> None:
        """Open the working file at the end that the state has."""
        state = self.state
        if state.publishing:
            self._encoder.begin(state.encoder, new=False)
            self._complete()
        if state.done:
            return
        self._due = time.monotonic() + self._every
        if not state.length:
            self._file = self._working.open("wb")
        else:
            size = self._working.stat().st_size if self._working.exists() else 0
            if size < state.length:
                raise ModelNotFoundError(
                    f"{self._working}, which the run has begun, is gone or shorter; --overwrite "
                    "starts over"
                )
            self._file = self._working.open("r+b")
            self._file.truncate(state.length)
            self._file.seek(state.length)
        self._encoder.begin(state.encoder, new=not state.length)
        state.save(self._place.side)

    @property
    def _target(self) -> Path:
        return self._place.result(self.state.shard, self._encoder.suffix)

    @property
    def _working(self) -> Path:
        return self._place.side / (self._target.name + ".partial")


class StreamOutput:
    """Results on stdout, written at once; see `Output`.

    Args:
        format: the format of the results.
        encoder: makes their bytes.
        errors: path of the file for records that cannot be run.
    """

    resumable = False

    def __init__(self, format: Format, encoder: Encoder, errors: Path) -> None:
        self._encoder = encoder
        self._compress = compressor(format.compression)
        self._errors: ErrorsFile | None = None
        self.errors_path = errors
        self._stream: Any = sys.stdout.buffer
        encoder.begin(None, new=True)
        self.state = State({})

    def write(self, batch: Batch, results: Sequence[Any]) -> None:
        """Write a batch."""
        if data := self._encoder.encode(batch, results):
            self._stream.write(self._compress(data))
            self._stream.flush()
        if batch.errors:
            if self._errors is None:
                self._errors = ErrorsFile(self.errors_path)
            self._errors.write(batch.errors)
            self.state.bad += len(batch.errors)
        self.state.records += len(batch.inputs)
        self.state.nulls += batch.nulls

    def pause(self) -> None:
        """Close the file of errors."""
        if self._errors is not None:
            self._errors.close()

    finish = pause
    abandon = pause


class ErrorsFile:
    """``errors.jsonl``: a line for each record that cannot be run; made with the first."""

    def __init__(self, path: Path, length: int = 0) -> None:
        self._path = path
        self._file: Any = None
        if length and (not path.exists() or path.stat().st_size < length):
            raise ModelNotFoundError(f"{path}, which the run has begun, is gone or shorter")
        if length:
            self._file = path.open("r+b")
            self._file.truncate(length)
            self._file.seek(length)
        else:
            path.unlink(missing_ok=True)

    def write(self, errors: Sequence[RecordError]) -> None:
        """Add lines."""
        if errors and self._file is None:
            self._file = self._path.open("wb")
        for error in errors:
            line = {
                "file": error.source,
                "line": error.line,
                "reason": error.reason,
                "text": error.text,
            }
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def sync(self) -> int:
        """Write the lines to the disk, and return their bytes."""
        if self._file is None:
            return 0
        sync_file(self._file)
        return int(self._file.tell())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
