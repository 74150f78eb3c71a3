"""Bytes to lines, on a thread of its own."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.bulk.formats import LONGEST_MAGIC, compression_of
from hugot.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.bulk.batch import Position
    from hugot.bulk.inputs import InputFile

CHUNK_BYTES = 1 << 16
_CHUNKS_AHEAD = 16
# Between two looks for a signal.
_SIGNAL_SECONDS = 0.25
LONGEST_LINE = 1 << 24


class Chunk(NamedTuple):
    """Lines of one file, without their ends.

    Attributes:
        file: number of the file.
        source: its name.
        line: lines before these.
        offset: bytes before these in what the file holds, uncompressed.
        lines: the lines; an int stands for an over-long one, and is its bytes.
        raw: bytes of the file as it lies on disk, up to the end of these lines, about.
        last: whether the file ends here.
    """

    file: int
    source: str
    line: int
    offset: int
    lines: list[bytes | int]
    raw: int
    last: bool


class LineReader:
    """Reads files or stdin ahead of who takes the chunks.

    Args:
        files: files to read one after another, or None for stdin.
        start: where to begin.
        longest: most bytes in a line.
    """

    def __init__(
        self, files: Sequence[InputFile] | None, start: Position, longest: int = LONGEST_LINE
    ) -> None:
        self._files = files
        self._start = start
        self._longest = longest
        # Puts are reentrant, so that a signal handler may wake who waits.
        self._chunks: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self._thread = threading.Thread(target=self._read, name="hugot-reader", daemon=True)

    def begin(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self, *, wait: bool) -> Chunk | None:
        """The next chunk, None at the end; raises queue.Empty where none is there and `wait` is False.

        Raises ModelNotFoundError for what cannot be read.
        """
        chunk = self._waited() if wait else self._chunks.get(block=False)
        if isinstance(chunk, BaseException):
            raise chunk
        if chunk is not None:
            self._room.release()
        return chunk

    def _waited(self) -> Chunk | BaseException | None:
        # In periods: a signal that comes just before the wait begins, or to another thread, does not
        # end it; the handler runs between two periods.
        while True:
            try:
                return self._chunks.get(timeout=_SIGNAL_SECONDS)
            except queue.Empty:
                pass

    def wake(self) -> None:
        """End the waiting for a chunk, as if the input ended; a signal handler may call it."""
        self._chunks.put(None)

    def _read(self) -> None:
        try:
            if self._files is None:
                # Unbuffered: at its end Python aborts where a thread is within a buffered read.
                with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
                    self._read_file(stream, 0, "stdin", None)
            for number, file in enumerate(self._files or ()):
                if number >= self._start.file:
                    with file.path.open("rb", buffering=0) as stream:
                        compression = file.format.compression
                        self._read_file(stream, number, str(file.path), compression)
        except _read_errors() as error:
            self._chunks.put(ModelNotFoundError(f"the input cannot be read: {error}"))
        except BaseException as error:
            self._chunks.put(error)
        else:
            self._chunks.put(None)

    def _read_file(self, raw: Any, number: int, source: str, compression: str | None) -> None:
        head = b""
        if self._files is None:
            head = raw.read(LONGEST_MAGIC)
            compression = compression_of(head)
            if compression is not None:
                raw, head = _Joined(head, raw), b""
        line, offset = 0, 0
        if number == self._start.file:
            line, offset = self._start.line, self._start.offset or 0
            if compression is None and self._start.offset is not None and self._files is not None:
                raw.seek(offset)
            else:
                line, offset = 0, 0
        lines = _Lines(self._longest)
        stream = raw
        if compression is not None:
            from hugot.bulk.compression import decompressed

            stream = decompressed(raw, compression)
        # A read gives what is there, so that a line from a slow pipe does not wait for the next one.
        while data := head or stream.read(CHUNK_BYTES):
            head = b""
            if found := lines.add(data):
                at = offset + lines.bytes if compression is None else _told(raw)
                self._put(Chunk(number, source, line, offset, found, at, False))
                line, offset = line + len(found), offset + lines.bytes
        found = lines.rest()
        self._put(Chunk(number, source, line, offset, found, _told(raw), True))

    def _put(self, chunk: Chunk) -> None:
        self._room.acquire()
        self._chunks.put(chunk)


class _Lines:
    """Cuts bytes into lines; `bytes` is how many the last ones took, ends included."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0
        self.bytes = 0

    def add(self, data: bytes) -> list[bytes | int]:
        """The lines that end in `data`."""
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._keep(data)
            return []
        self.bytes = self._size + len(head) + 1
        first, *others = head.split(b"\n")
        self._keep(first)
        lines: list[bytes | int] = [self._joined(), *others]
        self._parts, self._size = [], 0
        self._keep(tail)
        return lines

    def rest(self) -> list[bytes | int]:
        """The last line, where it has no end."""
        self.bytes = self._size
        return [self._joined()] if self._size else []

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._longest:
            self._parts.clear()
        elif data:
            self._parts.append(data)

    def _joined(self) -> bytes | int:
        return b"".join(self._parts) if self._size <= self._longest else self._size


class _Joined:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head = head
        self._stream = stream
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._stream.read(size)  # type: ignore[no-any-return]

    def readable(self) -> bool:
        return True


def _read_errors() -> tuple[type[Exception], ...]:
    """What reading raises; looked up when something was raised, for the sake of the start."""
    import zlib

    return OSError, EOFError, zlib.error


def _told(raw: Any) -> int:
    try:
        return int(raw.tell())
    except (AttributeError, OSError):
        return 0
