"""Results to stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hugot.bulk.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hugot.bulk.batch import Batch
    from hugot.bulk.encode import Encoder
    from hugot.bulk.errors_file import ErrorsFile
    from hugot.bulk.formats import Format


class StreamOutput:
    """stdout, written as soon as something is there; see `hugot.bulk.output.Output`."""

    def __init__(self, format: Format, encoder: Encoder, errors: Path) -> None:
        self._encoder = encoder
        self._compress: Callable[[bytes], bytes] = bytes
        if format.compression is not None:
            from hugot.bulk.compression import compressor

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
        if batch.bad:
            self._errors_file().write(batch.bad)
        self.state.records += len(batch)
        self.state.bad += len(batch.bad)

    def flush(self) -> None:
        """Nothing is held back."""

    def pause(self) -> None:
        """Nothing is held back."""
        if self._errors is not None:
            self._errors.close()

    finish = pause
    abandon = pause

    def _errors_file(self) -> ErrorsFile:
        if self._errors is None:
            from hugot.bulk.errors_file import ErrorsFile

            self._errors = ErrorsFile(self.errors_path)
        return self._errors
