"""Files and stdin to lines, read ahead on a thread."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hugot.errors import ModelNotFoundError
from hugot.io.formats import compression_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.io.batch import Position
    from hugot.io.files import InputFile

LONGEST_LINE: Final = 1 << 24
_CHUNK_BYTES: Final = 1 << 16
_CHUNKS_AHEAD: Final = 16
# Period in which a waiting thread handles signals.
_SIGNAL_SECONDS: Final = 0.25
# The byte order mark that some programs write at the beginning of a file.
BOM: Final = b"\xef\xbb\xbf"


class Chunk(NamedTuple):
    """Lines of one file, without their ends.

    Attributes:
        file: number of the file.
        source: its name.
        line: number of the lines before these.
        offset: number of the bytes before these in the uncompressed file.
        lines: the lines; of a line that is too long its number of bytes.
        raw: bytes of the file on disk up to the end of these lines, about.
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
    """Reads files or stdin ahead of `take`.

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
        # A SimpleQueue is reentrant, so that a signal handler may put something.
        self._chunks: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self._thread = threading.Thread(target=self._read, name="hugot-reader", daemon=True)

    def begin(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self, *, wait: bool) -> Chunk | None:
        """Return the next chunk, None at the end; raises queue.Empty if there is none and not `wait`.

        Raises ModelNotFoundError for a file that cannot be read.
        """
        if not wait:
            chunk = self._chunks.get(block=False)
        else:
            # In periods: a signal that arrives just before the wait begins, or on another thread, does
            # not end it; its handler runs between two periods.
            while True:
                try:
                    chunk = self._chunks.get(timeout=_SIGNAL_SECONDS)
                    break
                except queue.Empty:
                    pass
        if isinstance(chunk, BaseException):
            raise chunk
        if chunk is not None:
            self._room.release()
        return chunk

    def wake(self) -> None:
        """Have `take` return None, as if the input ended; a signal handler may call it."""
        self._chunks.put(None)

    def _read(self) -> None:
        try:
            if self._files is None:
                # Unbuffered: at its end Python aborts if a thread is within a buffered read.
                with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
                    head = stream.read(_CHUNK_BYTES)
                    self._read_file(stream, 0, "stdin", compression_of(head), head)
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

    def _read_file(
        self, raw: Any, number: int, source: str, compression: str | None, head: bytes = b""
    ) -> None:
        """Read a file whose first bytes `head` have been read already."""
        line = offset = 0
        stream = raw
        if compression is not None:
            stream = decompressed(_Joined(head, raw) if head else raw, compression)
            head = b""
        elif self._files is not None and number == self._start.file and self._start.offset:
            line, offset = self._start.line, self._start.offset
            raw.seek(offset)
        lines = _Lines(self._longest)
        # A read returns what a pipe has, so that a line does not wait for the next one.
        while data := head or stream.read(_CHUNK_BYTES):
            head = b""
            if found := lines.add(data):
                done = raw.tell() if self._files is not None else 0
                self._put(Chunk(number, source, line, offset, found, done, False))
                line, offset = line + len(found), offset + lines.bytes
        done = raw.tell() if self._files is not None else 0
        self._put(Chunk(number, source, line, offset, lines.rest(), done, True))

    def _put(self, chunk: Chunk) -> None:
        self._room.acquire()
        self._chunks.put(chunk)


class _Lines:
    """Cuts bytes into lines; `bytes` is the size of the last ones, ends included."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[bytes] = []  # of a line that has not ended; none of one that is too long
        self._size = 0
        self.bytes = 0

    def add(self, data: bytes) -> list[bytes | int]:
        """Return the lines that end in `data`."""
        found: list[Any] = data.split(b"\n")
        tail = found.pop()
        if found:
            self.bytes = self._size + len(data) - len(tail)
            if self._size:
                self._keep(found[0])
                found[0] = self._joined()
            self._parts, self._size = [tail] if tail else [], len(tail)
        else:
            self._keep(tail)
        return found

    def rest(self) -> list[bytes | int]:
        """Return the last line, if it has no end."""
        self.bytes = self._size
        return [self._joined()] if self._size else []

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._longest:
            self._parts.clear()
        elif part:
            self._parts.append(part)

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


def decoded(line: bytes) -> str:
    """Return a line as text; raises ValueError for another encoding than UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.start + 1} of the line ({error.reason})"
        ) from None


def first_line(file: InputFile) -> bytes:
    """Return the first line of a file, without a byte order mark."""
    with file.path.open("rb") as raw:
        stream = decompressed(raw, file.format.compression)
        data = b""
        while b"\n" not in data and (more := stream.read(_CHUNK_BYTES)):
            data += more
    return data.partition(b"\n")[0].removeprefix(BOM)


def _read_errors() -> tuple[type[Exception], ...]:
    """What reading raises; zlib is imported only then, for a quick start."""
    import zlib

    return OSError, EOFError, zlib.error
