"""The dimensions that a graph leaves open, read from its file without loading the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from hugot.errors import ModelFormatError
from hugot.models import protobuf

if TYPE_CHECKING:
    from os import PathLike

# What leads from a model to the dimensions of its inputs; see `hugot.models.graph`.
_FIELDS: Final = {
    "model": {7: "graph"},
    "graph": {11: "input"},
    "input": {2: "type"},
    "type": {1: "tensor"},
    "tensor": {2: "shape"},
    "shape": {1: "dimension"},
    "dimension": {2: "name", 3: "denotation"},
}


class Dimensions(NamedTuple):
    """What the dimensions of a graph's inputs are called.

    Attributes:
        names: those of the graph's own.
        denotations: those that the ONNX standard defines, such as ``DATA_BATCH``.
    """

    names: frozenset[str]
    denotations: frozenset[str]


def dimensions(path: str | PathLike[str]) -> Dimensions:
    """Names and denotations of the dimensions of an ``.onnx`` file's inputs.

    Raises ModelFormatError for a file that is not made of protobuf messages.
    """
    found: dict[str, set[str]] = {"name": set(), "denotation": set()}
    with open(path, "rb") as file:
        pending = [("model", 0, file.seek(0, 2))]
        try:
            while pending:
                message, begin, end = pending.pop()
                for number, start, stop in protobuf.byte_fields(file, begin, end):
                    child = _FIELDS[message].get(number)
                    if child in found:
                        found[child].add(protobuf.read_name(file, start, stop))
                    elif child is not None:
                        pending.append((child, start, stop))
        except protobuf.DamageError as damage:
            raise ModelFormatError(f"{path} cannot be read as an ONNX file: {damage}") from damage
    return Dimensions(frozenset(found["name"]), frozenset(found["denotation"]))
