"""What a graph has, read from its file without loading the model: operators, tensors in other files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike
    from typing import BinaryIO

    _Fields: TypeAlias = Mapping[str, Mapping[int, str]]

# What leads to operators, as message → number of a field → message in that field; the numbers are those
# of onnx.proto3. All else, the weights above all, is stepped over.
_FIELDS: Final = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node"},
    "function": {7: "node"},
    "node": {4: "op_type", 5: "attribute"},
    "attribute": {6: "graph", 11: "graph"},
}
# What leads to entries that tell where a tensor's data is: key and value, both strings.
_TENSOR_FIELDS: Final = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
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
    with open(path, "rb") as file:
        places = _walk(file, path, _FIELDS, "op_type")
        return frozenset(_read_text(file, path, start, stop) for start, stop in places)


def data_files(path: str | PathLike[str]) -> frozenset[str]:
    """Names, as the file has them, of the other files in which tensors of an ``.onnx`` file have data.

    Raises ModelFormatError as `op_types` does.
    """
    found = set()
    with open(path, "rb") as file:
        for begin, end in _walk(file, path, _TENSOR_FIELDS, "entry"):
            with _telling(path):
                parts = {
                    number: (start, stop) for number, start, stop in _byte_fields(file, begin, end)
                }
            if 1 in parts and _read_text(file, path, *parts[1]) == "location":
                found.add(_read_text(file, path, *parts[2]) if 2 in parts else "")
    return frozenset(found)


def _walk(
    file: BinaryIO, path: str | PathLike[str], fields: _Fields, wanted: str
) -> Iterator[tuple[int, int]]:
    """Where the fields of a kind begin and end, by the table of what leads to them."""
    pending = [("model", 0, file.seek(0, 2))]
    while pending:
        message, begin, end = pending.pop()
        children = fields[message]
        with _telling(path):
            for number, start, stop in _byte_fields(file, begin, end):
                child = children.get(number)
                if child == wanted:
                    yield start, stop
                elif child is not None:
                    pending.append((child, start, stop))


@contextmanager
def _telling(path: str | PathLike[str]) -> Iterator[None]:
    try:
        yield
    except _DamageError as damage:
        raise ModelFormatError(f"{path} cannot be read as an ONNX file: {damage}") from damage


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


def _read_text(file: BinaryIO, path: str | PathLike[str], start: int, stop: int) -> str:
    if stop - start > _LONGEST_NAME:
        raise ModelFormatError(
            f"{path} cannot be read as an ONNX file: a name at byte {start} has {stop - start} bytes"
        )
    file.seek(start)
    return file.read(stop - start).decode("utf-8", "replace")
