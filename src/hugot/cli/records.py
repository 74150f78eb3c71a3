"""Reading JSON Lines: from files or stdin, on a thread of its own."""

from __future__ import annotations

import queue
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from hugot.errors import InputError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from pathlib import Path

    from hugot.pipelines.base import Pipeline

_CHUNK_BYTES = 1 << 16
_CHUNKS_AHEAD = 16
_BATCH_RECORDS = 1024


@dataclass(frozen=True)
class Record:
    """One line of input.

    Attributes:
        fields: the whole object of the line.
        input: its ``input``.
    """

    fields: dict[str, Any]
    input: Any


def input_files(source: Path | None, target: Path | None) -> list[Path] | None:
    """The files to read, in order of their names; None for stdin.

    Raises InputError where a folder has none, or where the output would overwrite one.
    """
    if source is None:
        return None
    files = sorted(source.glob("*.jsonl")) if source.is_dir() else [source]
    if not files:
        raise InputError(f"the folder {source} has no .jsonl files")
    for file in files:
        if target is not None and target.exists() and file.samefile(target):
            raise InputError(f"{file} is input and output at once; choose another output folder")
    return files


class Reader:
    """Reads records ahead of the pipeline that they are for.

    Args:
        files: files to read one after another, or None for stdin.
        pipeline: checks each record's input.
    """

    def __init__(self, files: Sequence[Path] | None, pipeline: Pipeline[Any, Any]) -> None:
        self._files = files
        self._pipeline = pipeline
        self._chunks: queue.Queue[_Chunk | BaseException | None] = queue.Queue(_CHUNKS_AHEAD)

    def batches(self) -> Iterator[list[Record]]:
        """Records in batches of what is there already; an empty batch says that nothing is.

        Raises InputError with file and line for a line that is no record, after all records before
        it were given.
        """
        threading.Thread(target=self._read, name="hugot-reader", daemon=True).start()
        batch: list[Record] = []
        while True:
            try:
                chunk = self._chunks.get_nowait()
            except queue.Empty:
                # What was read runs now; the empty batch has its results given out, too.
                yield batch
                if batch:
                    yield []
                batch = []
                chunk = self._chunks.get()
            if isinstance(chunk, BaseException) or chunk is None:
                yield batch
                if chunk is not None:
                    yield []
                    raise chunk
                return
            for number, line in enumerate(chunk.lines, chunk.first_line):
                if not line or line.isspace():
                    continue
                try:
                    batch.append(self._parse(line))
                except ValueError as error:
                    yield batch
                    yield []
                    raise InputError(f"{chunk.source}, line {number}: {error}") from error
                if len(batch) == _BATCH_RECORDS:
                    yield batch
                    batch = []

    def _parse(self, line: bytes) -> Record:
        try:
            fields = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(fields, dict) or "input" not in fields:
            raise ValueError('each line must be an object with the key "input"')
        value = fields["input"]
        try:
            self._pipeline.check_input(value, 0, self._pipeline.options)
        except InputError:
            wanted = "a string"
            if self._pipeline.task == "text-classification":
                wanted = 'a string, or {"text": ..., "text_pair": ...}'
            raise ValueError(
                f'"input" must be {wanted}, not {orjson.dumps(value).decode()[:80]}'
            ) from None
        return Record(fields, value)

    def _read(self) -> None:
        try:
            if self._files is None:
                # Unbuffered: at its end Python aborts where a thread is within a buffered read.
                with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
                    self._read_stream(stream, "stdin")
            for file in self._files or ():
                with file.open("rb", buffering=0) as stream:
                    self._read_stream(stream, str(file))
        except OSError as error:
            self._chunks.put(ModelNotFoundError(f"the input cannot be read: {error}"))
        else:
            self._chunks.put(None)

    def _read_stream(self, stream: FileIO, source: str) -> None:
        first_line = 1
        rest: list[bytes] = []
        # A read gives what is there, so that a line from a slow pipe does not wait for the next one.
        while data := stream.read(_CHUNK_BYTES):
            head, newline, tail = data.rpartition(b"\n")
            if not newline:
                rest.append(data)
                continue
            lines = b"".join([*rest, head]).split(b"\n")
            rest = [tail]
            self._chunks.put(_Chunk(source, first_line, lines))
            first_line += len(lines)
        if any(rest):
            self._chunks.put(_Chunk(source, first_line, [b"".join(rest)]))


@dataclass(frozen=True)
class _Chunk:
    source: str
    first_line: int
    lines: list[bytes]
