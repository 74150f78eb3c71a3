"""A graph's inputs and outputs, opset, number of parameters and precision, read from its file."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final

from hugot.models.graph import op_types, open_graph, walk
from hugot.models.protobuf import byte_fields, integers, read_name

if TYPE_CHECKING:
    from os import PathLike
    from typing import BinaryIO

# The numbers below are those of onnx.proto3.
_TO_OPSETS: Final = {"model": {8: "opset"}}
_TO_INPUTS: Final = {"model": {7: "graph"}, "graph": {11: "value"}}
_TO_OUTPUTS: Final = {"model": {7: "graph"}, "graph": {12: "value"}}
_TO_TENSORS: Final = {"model": {7: "graph"}, "graph": {5: "tensor"}}

# TensorProto.DataType: name, and what precision a weight of that type has (None: it is no weight).
_DTYPES: Final = {
    1: ("float32", "fp32"),
    2: ("uint8", "int8"),
    3: ("int8", "int8"),
    4: ("uint16", None),
    5: ("int16", None),
    6: ("int32", None),
    7: ("int64", None),
    8: ("string", None),
    9: ("bool", None),
    10: ("float16", "fp16"),
    11: ("float64", "fp64"),
    12: ("uint32", None),
    13: ("uint64", None),
    16: ("bfloat16", "bf16"),
    17: ("float8e4m3fn", "fp8"),
    19: ("float8e5m2", "fp8"),
    21: ("uint4", "int4"),
    22: ("int4", "int4"),
}
# Of weights that came to be by quantization; ONNX Runtime's tools name them so.
_QUANTIZATION_SUFFIXES: Final = ("_scale", "_zero_point", "_scales", "_zp")
# Their weights are packed into bytes, two of 4 bits each.
_PACKING_OPERATOR: Final = "MatMulNBits"


@dataclass(frozen=True)
class Value:
    """An input or an output of a graph.

    Attributes:
        name: its name.
        dtype: its element type.
        shape: its dimensions: a size, a name, or None where neither is told.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True)
class Signature:
    """What a graph takes and gives, and what it is made of.

    Attributes:
        opset: version of the standard operators.
        inputs: what it takes, weights left out.
        outputs: what it gives.
        parameters: number of weights: elements of the floating-point and quantized tensors.
        precision: that of most weights, such as ``"fp32"`` or ``"int8"``; None without weights.
    """

    opset: int | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    parameters: int
    precision: str | None


def read_signature(path: str | PathLike[str]) -> Signature:
    """Read an ``.onnx`` file, but neither its weights nor the files that hold them.

    Raises ModelFormatError for a file that is not, or not wholly, made of protobuf messages.
    """
    with open_graph(path) as file:
        weights = [_read_tensor(file, *place) for place in walk(file, _TO_TENSORS, "tensor")]
        names = {name for name, _, _ in weights}
        inputs = [_read_value(file, *place) for place in walk(file, _TO_INPUTS, "value")]
        outputs = [_read_value(file, *place) for place in walk(file, _TO_OUTPUTS, "value")]
        opset = _read_opset(file)
    sizes: dict[str, int] = {}
    for name, kind, count in weights:
        if kind is not None and not name.endswith(_QUANTIZATION_SUFFIXES):
            sizes[kind] = sizes.get(kind, 0) + count
    if "int8" in sizes and _PACKING_OPERATOR in op_types(path):
        sizes["int4"] = sizes.get("int4", 0) + 2 * sizes.pop("int8")
    return Signature(
        opset=opset,
        inputs=tuple(value for value in inputs if value.name not in names),
        outputs=tuple(outputs),
        parameters=sum(sizes.values()),
        precision=max(sizes, key=lambda kind: sizes[kind]) if sizes else None,
    )


def _read_opset(file: BinaryIO) -> int | None:
    for start, stop in walk(file, _TO_OPSETS, "opset"):
        domain = [read_name(file, *place) for number, *place in byte_fields(file, start, stop)]
        if domain in ([], [""], ["ai.onnx"]):
            return next(iter(integers(file, start, stop, 2)), None)
    return None


def _read_tensor(file: BinaryIO, start: int, stop: int) -> tuple[str, str | None, int]:
    """Name, precision and number of elements of an initializer."""
    name = ""
    for number, begin, end in byte_fields(file, start, stop):
        if number == 8:
            name = read_name(file, begin, end)
    kind = next(iter(integers(file, start, stop, 2)), 0)
    return name, _DTYPES.get(kind, ("", None))[1], prod(integers(file, start, stop, 1))


def _read_value(file: BinaryIO, start: int, stop: int) -> Value:
    """A ValueInfoProto: name, and the type of a tensor."""
    name, dtype = "", "unknown"
    shape: list[int | str | None] = []
    for number, begin, end in byte_fields(file, start, stop):
        if number == 1:
            name = read_name(file, begin, end)
        elif number == 2:
            for tensor in _inside(file, begin, end, 1):
                kind = next(iter(integers(file, *tensor, 1)), 0)
                dtype = _DTYPES.get(kind, (dtype, None))[0]
                dims = [d for s in _inside(file, *tensor, 2) for d in _inside(file, *s, 1)]
                shape = [_read_dim(file, *dim) for dim in dims]
    return Value(name, dtype, tuple(shape))


def _read_dim(file: BinaryIO, start: int, stop: int) -> int | str | None:
    sizes = integers(file, start, stop, 1)
    if sizes:
        return sizes[0]
    names = [read_name(file, *place) for place in _inside(file, start, stop, 2)]
    return names[0] if names else None


def _inside(file: BinaryIO, start: int, stop: int, wanted: int) -> list[tuple[int, int]]:
    """Where the content of a field of a message begins and ends, each time that it is there."""
    return [(begin, end) for number, begin, end in byte_fields(file, start, stop) if number == wanted]
