"""Protobuf messages in a file, walked field by field.

The file is read in pieces, and the content of skipped fields is not read, so the time does not depend on
the size of the weights. Nothing is mapped into memory: another process that truncates the file meanwhile
causes an error, not a SIGBUS.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike
    from typing import BinaryIO

    # Name of a message → number of a field → name of the message (or leaf) in that field.
    Schema = Mapping[str, Mapping[int, str]]

_CHUNK: Final = 1 << 14
_LONGEST_NAME: Final = 1024
_LONGEST_VARINT: Final = 10
# A field begins with its key and, if it is length-delimited, its size; each is a varint.
_LONGEST_HEADER: Final = 2 * _LONGEST_VARINT
# Appended at the end of the file: no integer ends in it, so truncation is an error like other damage.
_PADDING: Final = b"\xff" * _LONGEST_HEADER
_VARINT, _BYTES = 0, 2
# Bytes of the values of each wire type that have a fixed size.
_FIXED_SIZES: Final = {1: 8, 5: 4}


class DamagedMessageError(Exception):
    """The bytes are not a protobuf message; the text names the position."""


class ProtobufFile:
    """A file with one protobuf message, whose type is called ``model``.

    Args:
        file: the open file.

    Every method raises DamagedMessageError if the bytes it reads are not a message.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._chunk, self._base = b"", 0  # bytes of the file, and their position

    def find(
        self, schema: Schema, leaf: str, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """Yield the start and end of the content of every field called `leaf`, in the file's order.

        Args:
            schema: the messages to descend into, from ``"model"`` on.
            leaf: the name of a field in `schema`; it is not descended into.
            start: first byte of the message.
            end: the position after the message; by default the end of the file.

        Most of the time of opening a graph is spent in this loop, so it decodes in place.
        """
        position, end = start, self._size if end is None else end
        children = schema["model"]
        outer: list[tuple[Mapping[int, str], int, int]] = []  # nesting has no limit in the format
        chunk, base, last = self._chunk_at(position)
        while True:
            while position < end:
                if position > last:
                    chunk, base, last = self._chunk_at(position)
                key, at = chunk[position - base], position - base + 1
                if key > 0x7F:
                    key, at = _read_varint(chunk, at - 1)
                if is_bytes := key & 7 == _BYTES:
                    size, at = chunk[at], at + 1
                    if size > 0x7F:
                        size, at = _read_varint(chunk, at - 1)
                    begin = base + at
                    position = begin + size
                else:
                    begin = base + at
                    position = base + _skip(chunk, at, key & 7)
                if position > end:
                    raise DamagedMessageError(f"a field at byte {begin} ends beyond byte {end}")
                child = children.get(key >> 3)
                if child == leaf:
                    yield begin, position
                elif child is not None and is_bytes:
                    outer.append((children, position, end))
                    children, position, end = schema[child], begin, position
            if not outer:
                return
            children, position, end = outer.pop()

    def integers(self, start: int, end: int, number: int) -> list[int]:
        """Return the values of an integer field of a message, packed into one field or repeated."""
        values: list[int] = []
        for content in self.inner(start, end, number):
            values += _read_varints(self.read(*content))
        return values

    def strings(self, start: int, end: int, number: int) -> list[str]:
        """Return the values of a string field of a message."""
        return [self.name(*content) for content in self.inner(start, end, number)]

    def inner(self, start: int, end: int, number: int) -> list[tuple[int, int]]:
        """Return start and end of the content of a field of a message, each time it occurs."""
        return list(self.find({"model": {number: "field"}}, "field", start, end))

    def name(self, start: int, end: int) -> str:
        """Return a short string; raises DamagedMessageError if it is too long for a name."""
        if end - start > _LONGEST_NAME:
            raise DamagedMessageError(f"a name at byte {start} has {end - start} bytes")
        return self.read(start, end).decode("utf-8", "replace")

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`."""
        at = start - self._base
        if at >= 0 and end - self._base <= len(self._chunk):
            return self._chunk[at : end - self._base]
        self._file.seek(start)
        return self._file.read(end - start)

    def _chunk_at(self, position: int) -> tuple[bytes, int, int]:
        """Read a part of the file that holds the field header at a position.

        Returns the bytes, the position of the first, and the last position at which a header is whole.
        """
        last = self._base + len(self._chunk) - _LONGEST_HEADER
        if not self._base <= position <= last:
            self._file.seek(position)
            self._chunk, self._base = self._file.read(_CHUNK), position
            if len(self._chunk) < _CHUNK:
                self._chunk += _PADDING
            last = position + len(self._chunk) - _LONGEST_HEADER
        return self._chunk, self._base, last


@contextmanager
def open_graph(path: str | PathLike[str]) -> Iterator[ProtobufFile]:
    """Open an ``.onnx`` file; damage that is met raises ModelFormatError."""
    with open(path, "rb") as file:
        try:
            yield ProtobufFile(file)
        except DamagedMessageError as damage:
            raise ModelFormatError(f"{path} cannot be read as an ONNX file: {damage}") from damage


def _skip(data: bytes, at: int, wire_type: int) -> int:
    """Return the index after a value that is not length-delimited."""
    if wire_type == _VARINT:
        return _read_varint(data, at)[1]
    if wire_type not in _FIXED_SIZES:
        raise DamagedMessageError(f"there is no wire type {wire_type}")
    return at + _FIXED_SIZES[wire_type]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an integer of 7 bits a byte, lowest first, and the index after it."""
    value = shift = 0
    for index in range(at, at + _LONGEST_VARINT):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise DamagedMessageError(f"an integer has more than {_LONGEST_VARINT} bytes")


def _read_varints(data: bytes) -> Iterator[int]:
    if data and data[-1] > 0x7F:
        raise DamagedMessageError("packed integers end within one")
    at = 0
    while at < len(data):
        value, at = _read_varint(data, at)
        yield value
