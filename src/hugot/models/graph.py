"""Which operators a graph has, read from its file without loading the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from typing import BinaryIO

# What leads to operators, as message → number of a field → message in that field; the numbers are those
# of onnx.proto3. All else, the weights above all, is stepped over.
_FIELDS: Final = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node"},
    "function": {7: "node"},
    "node": {4: "op_type", 5: "attribute"},
    "attribute": {6: "graph", 11: "graph"},
}
_LONGEST_NAME = 1024
_LONGEST_VARINT = 10
# Bytes of the values of each wire type that have a fixed size.
_FIXED_SIZES: Final = {1: 8, 5: 4}
_VARINT, _BYTES = 0, 2


def op_types(path: str | PathLike[str]) -> frozenset[str]:
    """Names of the operators in an ``.onnx`` file, those of subgraphs and functions included.

    The file's protobuf messages are walked, and the tensors in them skipped: the time is that of the
    nodes, not of the weights.

    Raises ModelFormatError for a file that is not, or not wholly, made of such messages.
    """
    found = set()
    with open(path, "rb") as file:
        end = file.seek(0, 2)
        pending = [("model", 0, end)]
        while pending:
            message, begin, end = pending.pop()
            children = _FIELDS[message]
            try:
                for number, start, stop in _byte_fields(file, begin, end):
                    child = children.get(number)
                    if child == "op_type":
                        found.add(_read_name(file, start, stop))
                    elif child is not None:
                        pending.append((child, start, stop))
            except _DamageError as damage:
                raise ModelFormatError(
                    f"{path} cannot be read as an ONNX file: {damage}"
                ) from damage
    return frozenset(found)


class _DamageError(Exception):
    """The bytes are no protobuf message; tells where."""


def _byte_fields(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The length-delimited fields of a message: number, and where the content begins and ends."""
    place = begin
    while place < end:
        key, place = _read_varint(file, place, end)
        number, wire_type = key >> 3, key & 7
        if wire_type == _BYTES:
            size, place = _read_varint(file, place, end)
            if size > end - place:
                raise _DamageError(f"{size} bytes are announced at byte {place}, too many")
            yield number, place, place + size
            place += size
        elif wire_type == _VARINT:
            _, place = _read_varint(file, place, end)
        elif wire_type in _FIXED_SIZES:
            place += _FIXED_SIZES[wire_type]
        else:
            raise _DamageError(f"wire type {wire_type} at byte {place}")
    if place > end:
        raise _DamageError(f"a field goes on beyond byte {end}, the end of its message")


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
    raise _DamageError(f"no integer ends at byte {place}")


def _read_name(file: BinaryIO, start: int, stop: int) -> str:
    if stop - start > _LONGEST_NAME:
        raise _DamageError(f"an operator's name at byte {start} has {stop - start} bytes")
    file.seek(start)
    return file.read(stop - start).decode("utf-8", "replace")
