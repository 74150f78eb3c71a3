"""Files and stdin to lines, read ahead on a thread."""

from __future__ import annotations

import errno
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hugot.errors import InputError
from hugot.io.formats import compression_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot.io.batch import Position
    from hugot.io.files import InputFile
    from hugot.io.items import Items

LONGEST_LINE: Final = 1 << 24
_CHUNK_BYTES: Final = 1 << 16
_CHUNKS_AHEAD: Final = 16
# Period in which a waiting thread handles signals.
_SIGNAL_SECONDS: Final = 0.25
# The byte order mark that some programs write at the beginning of a file.
BOM: Final = b"\xef\xbb\xbf"
# Those of other encodings; the marks of UTF-32 begin as those of UTF-16, or with zeros.
_OTHER_MARKS: Final = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


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
        unit: what the lines are: ``"line"``, or ``"item"`` if the file is an array of JSON.
        damage: why the file cannot be read further; None if it can.
    """

    file: int
    source: str
    line: int
    offset: int
    lines: list[bytes | int]
    raw: int
    last: bool
    unit: str = "line"
    damage: str | None = None


class LineReader:
    """Reads files or stdin ahead of `take`.

    Args:
        files: files to read one after another, or None for stdin.
        start: where to begin.
        longest: most bytes in a line.
        stdin_kind: the kind of stdin's lines.
    """

    def __init__(
        self,
        files: Sequence[InputFile] | None,
        start: Position,
        longest: int = LONGEST_LINE,
        stdin_kind: str = "jsonl",
    ) -> None:
        self._files = files
        self._start = start
        self._longest = longest
        self._stdin_kind = stdin_kind
        # A SimpleQueue is reentrant, so that a signal handler may put something.
        self._chunks: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self._thread = threading.Thread(target=self._read, name="hugot-reader", daemon=True)

    def begin(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self, *, wait: bool) -> Chunk | None:
        """Return the next chunk, None at the end; raises queue.Empty if there is none and not `wait`."""
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
                self._read_file(0, None)
            for number, file in enumerate(self._files or ()):
                if number >= self._start.file:
                    self._read_file(number, file)
        except BaseException as error:
            self._chunks.put(error)
        else:
            self._chunks.put(None)

    def _read_file(self, number: int, file: InputFile | None) -> None:
        """Read a file, or stdin, up to its end or its damage."""
        reading = _Reading(number, file, self._put, self._longest, self._stdin_kind)
        try:
            # Unbuffered: at its end Python aborts if a thread is within a buffered read.
            if file is None:
                with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
                    reading.run(stream)
            else:
                resumes = number == self._start.file and file.format.compression is None
                with file.path.open("rb", buffering=0) as stream:
                    reading.run(stream, self._start if resumes and self._start.offset else None)
        except _read_errors() as error:
            what, reason = "file" if file is not None else "input", str(error)
            if file is None and isinstance(error, OSError) and error.errno == errno.EBADF:
                reason = "stdin is closed"
            if any(part in reason for part in _SIGNS_OF_WRONG_DATA):
                reason += ". Lines before this one may be wrong as well: replace the file"
            reading.end(f"the {what} cannot be read: {reason}")

    def _put(self, chunk: Chunk) -> None:
        self._room.acquire()
        self._chunks.put(chunk)


# In the errors of gzip and zlib for data that was changed, not merely cut off.
_SIGNS_OF_WRONG_DATA: Final = ("CRC check failed", "Incorrect length", "Error -3")


class _DamageError(OSError):
    """The content of a file cannot be used."""


class _Reading:
    """The reading of one file.

    Args:
        number: number of the file.
        file: the file; None for stdin.
        put: called with each chunk.
        longest: most bytes in a line.
        stdin_kind: the kind of stdin's lines.
    """

    def __init__(
        self,
        number: int,
        file: InputFile | None,
        put: Callable[[Chunk], None],
        longest: int,
        stdin_kind: str,
    ) -> None:
        self._number = number
        self._file = file
        self._source = "stdin" if file is None else str(file.path)
        self._kind = stdin_kind if file is None else file.format.kind
        self._put = put
        self._longest = longest
        self._line = self._offset = 0
        self._raw: Any = None
        self._unit = "line"

    def run(self, raw: Any, start: Position | None = None) -> None:
        """Read an open file, from a place on to which it can seek."""
        self._raw = raw
        read, data = self._opened(raw)
        cutter: _Lines | Items
        if self._kind == "jsonl" and (data := _to_first_character(read, data)).lstrip()[:1] == b"[":
            from hugot.io.items import Items

            cutter, self._unit = Items(self._longest), "item"
            self._offset += data.index(b"[") + 1
            data = data.partition(b"[")[2]
        else:
            cutter = _Lines(self._longest)
        if start is not None and start.offset:
            self._line, self._offset = start.line, start.offset
            raw.seek(start.offset)
            data = b""
        # A read returns what a pipe has, so that a line does not wait for the next one.
        while data := data or read(_CHUNK_BYTES):
            self._add(cutter, cutter.add(data))
            data = b""
        self._add(cutter, cutter.rest())
        self.end(None)

    def end(self, damage: str | None) -> None:
        """Note the end of the file, or why it cannot be read further."""
        self._put(self._chunk([], last=True, damage=damage))

    def _opened(self, raw: Any) -> tuple[Callable[[int], bytes], bytes]:
        """Return a function that reads the content, and its first bytes, behind a byte order mark."""
        head = b""
        if self._file is not None:
            compression = self._file.format.compression
        else:
            head = raw.read(_CHUNK_BYTES)
            compression = compression_of(head)
        if compression is None:
            read, data = raw.read, head or raw.read(_CHUNK_BYTES)
        else:
            stream: Any = decompressed(_Joined(head, raw) if head else raw, compression)
            # What comes before the damage of a file is lost by a read of several blocks.
            read = getattr(stream, "read1", stream.read)
            data = read(_CHUNK_BYTES)
        for mark, encoding in _OTHER_MARKS.items():
            if data.startswith(mark):
                raise _DamageError(
                    f"it is {encoding}, not UTF-8. Convert it: iconv -f {encoding} -t UTF-8 FILE"
                )
        if data.startswith(BOM):
            self._offset, data = len(BOM), data[len(BOM) :]
        return read, data

    def _add(self, cutter: _Lines | Items, found: list[bytes | int]) -> None:
        if found:
            self._put(self._chunk(found))
            self._line, self._offset = self._line + len(found), self._offset + cutter.bytes
        if cutter.fault is not None:
            raise _DamageError(cutter.fault)

    def _chunk(
        self, lines: list[bytes | int], *, last: bool = False, damage: str | None = None
    ) -> Chunk:
        at_file = self._file is not None and self._raw is not None and not self._raw.closed
        done = self._raw.tell() if at_file else 0
        return Chunk(
            self._number,
            self._source,
            self._line,
            self._offset,
            lines,
            done,
            last,
            self._unit,
            damage,
        )


class _Lines:
    """Cuts bytes into lines; `bytes` is the size of the last ones, ends included."""

    fault: Final = None

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


def _to_first_character(read: Callable[[int], bytes], data: bytes) -> bytes:
    """Return the first bytes of a content, up to some that are no spaces."""
    while not data.strip() and (more := read(_CHUNK_BYTES)):
        data += more
    return data


def decoded(line: bytes) -> str:
    """Return a line as text; raises ValueError for another encoding than UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.start + 1} of the line ({error.reason}). Convert the file from its "
            "encoding, such as: iconv -f WINDOWS-1252 -t UTF-8 FILE"
        ) from None


def header_line(file: InputFile) -> bytes:
    """Return the first line of a file that is not blank, without a byte order mark.

    Raises InputError for a file that cannot be read.
    """
    try:
        with file.path.open("rb") as raw:
            stream: Any = decompressed(raw, file.format.compression)
            read = getattr(stream, "read1", stream.read)
            data = b""
            while b"\n" not in data.removeprefix(BOM).lstrip(b"\r\n"):
                if not (more := read(_CHUNK_BYTES)):
                    break
                data += more
    except _read_errors() as error:
        raise InputError(f"{file.path}, line 1: the file cannot be read: {error}") from error
    return data.removeprefix(BOM).lstrip(b"\r\n").partition(b"\n")[0]


def _read_errors() -> tuple[type[Exception], ...]:
    """What reading raises; modules are imported only then, for a quick start."""
    import zlib

    found: list[type[Exception]] = [OSError, EOFError, zlib.error]
    if pyarrow := sys.modules.get("pyarrow"):
        found.append(pyarrow.ArrowException)
    if zstd := sys.modules.get("compression.zstd"):
        found.append(zstd.ZstdError)
    return tuple(found)
