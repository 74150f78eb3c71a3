"""What a graph is made of, read from its file without loading the model.

The file's protobuf messages are walked, and the tensors in them skipped: the time is that of the nodes,
not of the weights.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hugot.errors import ModelFormatError
from hugot.models.protobuf import DamageError, byte_fields, read_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike
    from typing import BinaryIO

# What leads to operators, as message → number of a field → message in that field; the numbers are those
# of onnx.proto3. All else, the weights above all, is stepped over.
_TO_OPERATORS: Final = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node"},
    "function": {7: "node"},
    "node": {4: "op_type", 5: "attribute"},
    "attribute": {6: "graph", 11: "graph"},
}
# The same, for the entries of TensorProto.external_data.
_TO_EXTERNAL_DATA: Final = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse_tensor"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse_tensor",
        23: "sparse_tensor",
    },
    "sparse_tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}


def op_types(path: str | PathLike[str]) -> frozenset[str]:
    """Names of the operators in an ``.onnx`` file, those of subgraphs and functions included.

    Raises ModelFormatError for a file that is not, or not wholly, made of protobuf messages.
    """
    with open_graph(path) as file:
        return frozenset(read_name(file, *place) for place in walk(file, _TO_OPERATORS, "op_type"))


def external_files(path: str | PathLike[str]) -> frozenset[str]:
    """Names of the files, from the folder of an ``.onnx`` file on, that hold tensors of its graph.

    Raises ModelFormatError as `op_types`.
    """
    found = set()
    with open_graph(path) as file:
        for start, stop in walk(file, _TO_EXTERNAL_DATA, "entry"):
            fields = byte_fields(file, start, stop)
            entry = {number: read_name(file, begin, end) for number, begin, end in fields}
            if entry.get(1) == "location":
                found.add(entry.get(2, ""))
    return frozenset(found)


@contextmanager
def open_graph(path: str | PathLike[str]) -> Iterator[BinaryIO]:
    """An ``.onnx`` file to walk; damage that is met becomes a ModelFormatError."""
    with open(path, "rb") as file:
        try:
            yield file
        except DamageError as damage:
            raise ModelFormatError(f"{path} cannot be read as an ONNX file: {damage}") from damage


def walk(
    file: BinaryIO, fields: Mapping[str, Mapping[int, str]], leaf: str
) -> Iterator[tuple[int, int]]:
    """Where the messages (or strings) called `leaf` begin and end, by what leads to them."""
    pending = [("model", 0, file.seek(0, 2))]
    while pending:
        message, begin, end = pending.pop()
        children = fields[message]
        for number, start, stop in byte_fields(file, begin, end):
            child = children.get(number)
            if child == leaf:
                yield start, stop
            elif child is not None:
                pending.append((child, start, stop))
