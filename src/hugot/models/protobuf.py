"""Protobuf messages in a file, walked field by field without reading what is stepped over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_LONGEST_NAME = 1024
_LONGEST_VARINT = 10
# Bytes of the values of each wire type that have a fixed size.
_FIXED_SIZES: Final = {1: 8, 5: 4}
_VARINT, _BYTES = 0, 2


class DamageError(Exception):
    """The bytes are no protobuf message; tells where."""


def byte_fields(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The length-delimited fields of a message: number, and where the content begins and ends."""
    for number, wire_type, start, stop in _fields(file, begin, end):
        if wire_type == _BYTES:
            yield number, start, stop


def integers(file: BinaryIO, begin: int, end: int, wanted: int) -> list[int]:
    """The values of an integer field of a message, packed into one or repeated."""
    values = []
    for number, wire_type, start, stop in _fields(file, begin, end):
        if number == wanted and wire_type in (_VARINT, _BYTES):
            place = start
            while place < stop:
                value, place = _read_varint(file, place, stop)
                values.append(value)
    return values


def read_name(file: BinaryIO, start: int, stop: int) -> str:
    """A short string; raises DamageError for one that is too long for a name."""
    if stop - start > _LONGEST_NAME:
        raise DamageError(f"a name at byte {start} has {stop - start} bytes")
    file.seek(start)
    return file.read(stop - start).decode("utf-8", "replace")


def _fields(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a message: number, wire type, and where the content begins and ends."""
    place = begin
    while place < end:
        key, place = _read_varint(file, place, end)
        number, wire_type = key >> 3, key & 7
        start = place
        if wire_type == _BYTES:
            size, start = _read_varint(file, place, end)
            if size > end - start:
                raise DamageError(f"{size} bytes are announced at byte {start}, too many")
            place = start + size
        elif wire_type == _VARINT:
            _, place = _read_varint(file, place, end)
        elif wire_type in _FIXED_SIZES:
            place += _FIXED_SIZES[wire_type]
        else:
            raise DamageError(f"wire type {wire_type} at byte {place}")
        yield number, wire_type, start, place
    if place > end:
        raise DamageError(f"a field goes on beyond byte {end}, the end of its message")


def _read_varint(file: BinaryIO, place: int, end: int) -> tuple[int, int]:
    """An integer of 7 bits a byte, lowest first, and the place behind it."""
    file.seek(place)
    value = shift = 0
    for byte in file.read(min(_LONGEST_VARINT, end - place)):
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise DamageError(f"no integer ends at byte {place}")
