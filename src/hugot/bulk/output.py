"""Where results go: a folder that can be taken up again; `stream_output` has stdout."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from hugot.bulk.compression import compressor
from hugot.bulk.disk import sync_file, sync_folder
from hugot.bulk.errors_file import ErrorsFile
from hugot.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot.bulk.batch import Batch
    from hugot.bulk.encode import Encoder
    from hugot.bulk.formats import Format
    from hugot.bulk.state import State

_BLOCK_BYTES = 1 << 20


class Output(Protocol):
    """Takes batches with their results, in order.

    Attributes:
        state: where the run stands.
        errors_path: the file for what cannot be run.
    """

    state: State
    errors_path: Path

    def write(self, batch: Batch, results: Sequence[Any]) -> None:
        """Take a batch."""

    def flush(self) -> None:
        """Give out what was taken: for the moment nothing more comes."""

    def pause(self) -> None:
        """Stop here, so that the run can go on later."""

    def finish(self) -> None:
        """All is there."""

    def abandon(self) -> None:
        """Let go of the files after an error; the last point from which the run can go on stays."""


class FolderOutput:
    """Result files in a folder, each under a temporary name until it is whole.

    Args:
        folder: the folder.
        format: the format of the files.
        encoder: makes their bytes.
        state: where the run stands; a new one, or what `load_state` gave.
        errors: path of the file for what cannot be run.
        shard_size: most records in a file, None for all in one.
        every: seconds between two points from which the run can go on.
    """

    def __init__(
        self,
        folder: Path,
        format: Format,
        encoder: Encoder,
        state: State,
        errors: Path,
        *,
        shard_size: int | None = None,
        every: float = 5.0,
    ) -> None:
        self._folder = folder
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
        """Take a batch; a full file gets its name, and the next one begins."""
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

    def flush(self) -> None:
        """Nothing: what is not whole is not given out."""

    def pause(self) -> None:
        """Have everything on the disk."""
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
        self._errors.write(batch.bad)
        state = self.state
        state.position = batch.end
        state.records += len(batch)
        state.shard_records += len(batch)
        state.bad += len(batch.bad)
        if self._buffered >= _BLOCK_BYTES:
            self._write_block()
        if time.monotonic() >= self._due:
            self._checkpoint()

    def _write_block(self) -> None:
        if self._buffer:
            self._file.write(self._compress(b"".join(self._buffer)))
            self._buffer, self._buffered = [], 0

    def _checkpoint(self) -> None:
        """Have everything on the disk, then say so on the disk."""
        self._write_block()
        sync_file(self._file)
        self.state.length = self._file.tell()
        self.state.encoder = self._encoder.state()
        self.state.errors_length = self._errors.sync()
        self.state.save(self._folder)
        self._due = time.monotonic() + self._every

    def _publish(self, *, last: bool) -> None:
        self.state.publishing, self.state.last = True, last
        self._checkpoint()
        self._file.close()
        self._complete()
        if not self.state.done:
            self._open()

    def _complete(self) -> None:
        """Give the working file its name, and go on to the next one, or be done."""
        state = self.state
        # A run that ended between the renaming and the saving finds its file renamed.
        if self._working.exists():
            self._encoder.finish(self._working, self._target)
            sync_folder(self._folder)
        state.files.append(self._target.name)
        if state.last:
            for name in set(state.old_files) - set(state.files):
                (self._folder / name).unlink(missing_ok=True)
            state.old_files, state.done = [], True
        else:
            state.shard += 1
        state.shard_records, state.length = 0, 0
        state.encoder = self._encoder.state()
        state.publishing = False
        state.save(self._folder)

    def _open(self) -> None:
        """Open the working file where the state says that it ends."""
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
        state.save(self._folder)

    @property
    def _target(self) -> Path:
        return self._folder / f"result_{self.state.shard}.{self._encoder.suffix}"

    @property
    def _working(self) -> Path:
        return self._target.with_name(self._target.name + ".partial")
