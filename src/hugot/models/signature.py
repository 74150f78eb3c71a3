"""A graph's inputs and outputs, opset, number of parameters and precision, read from its file."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

from hugot.models.graph import op_types
from hugot.models.protobuf import open_graph

if TYPE_CHECKING:
    from os import PathLike

    from hugot.models.protobuf import ProtobufFile, Schema

# The numbers below are those of onnx.proto3.
_OPSETS: Final[Schema] = {"model": {8: "opset"}}
_INPUTS: Final[Schema] = {"model": {7: "graph"}, "graph": {11: "value"}}
_OUTPUTS: Final[Schema] = {"model": {7: "graph"}, "graph": {12: "value"}}
_TENSORS: Final[Schema] = {"model": {7: "graph"}, "graph": {5: "tensor"}}
_INPUT_DIMENSIONS: Final[Schema] = {
    "model": {7: "graph"},
    "graph": {11: "input"},
    "input": {2: "type"},
    "type": {1: "tensor"},
    "tensor": {2: "shape"},
    "shape": {1: "dimension"},
}

# TensorProto.DataType: the name, and the precision of a weight of that type (None: not a weight).
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
# Suffixes of the tensors that ONNX Runtime's tools add for quantization; they are not weights.
_QUANTIZATION_SUFFIXES: Final = ("_scale", "_zero_point", "_scales", "_zp")
# Its weights are packed into bytes, two of 4 bits each.
_PACKING_OPERATOR: Final = "MatMulNBits"


class Dimensions(NamedTuple):
    """The names in the shapes of a graph's inputs.

    Attributes:
        names: names that the exporter chose, such as ``batch_size``.
        denotations: names that the ONNX standard defines, such as ``DATA_BATCH``.
    """

    names: frozenset[str]
    denotations: frozenset[str]


@dataclass(frozen=True)
class Value:
    """An input or an output of a graph.

    Attributes:
        name: its name.
        dtype: its element type.
        shape: its dimensions: a size, a name, or None if it has neither.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a graph, and a summary of its weights.

    Attributes:
        opset: version of the standard operators.
        inputs: the inputs, without the weights that some exporters list among them.
        outputs: the outputs.
        parameters: number of weights: elements of the floating-point and quantized tensors.
        precision: that of most weights, such as ``"fp32"`` or ``"int8"``; None without weights.
    """

    opset: int | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    parameters: int
    precision: str | None


def read_dimensions(path: str | PathLike[str]) -> Dimensions:
    """Return the names and denotations of the dimensions of an ``.onnx`` file's inputs.

    Raises ModelFormatError if the file is not made of protobuf messages.
    """
    names, denotations = set(), set()
    with open_graph(path) as file:
        for start, end in file.find(_INPUT_DIMENSIONS, "dimension"):
            names.update(file.strings(start, end, 2))
            denotations.update(file.strings(start, end, 3))
    return Dimensions(frozenset(names), frozenset(denotations))


def read_signature(path: str | PathLike[str]) -> Signature:
    """Read an ``.onnx`` file, but neither its weights nor the files that hold them.

    Raises ModelFormatError if the file is not, or not wholly, made of protobuf messages.
    """
    with open_graph(path) as file:
        weights = [_read_tensor(file, *span) for span in file.find(_TENSORS, "tensor")]
        names = {name for name, _, _ in weights}
        inputs = [_read_value(file, *span) for span in file.find(_INPUTS, "value")]
        outputs = [_read_value(file, *span) for span in file.find(_OUTPUTS, "value")]
        opset = _read_opset(file)
    sizes: dict[str, int] = {}
    for name, precision, count in weights:
        if precision is not None and not name.endswith(_QUANTIZATION_SUFFIXES):
            sizes[precision] = sizes.get(precision, 0) + count
    if "int8" in sizes and _PACKING_OPERATOR in op_types(path):
        sizes["int4"] = sizes.get("int4", 0) + 2 * sizes.pop("int8")
    return Signature(
        opset=opset,
        inputs=tuple(value for value in inputs if value.name not in names),
        outputs=tuple(outputs),
        parameters=sum(sizes.values()),
        precision=max(sizes, key=lambda each: sizes[each]) if sizes else None,
    )


def _read_opset(file: ProtobufFile) -> int | None:
    for start, end in file.find(_OPSETS, "opset"):
        if file.strings(start, end, 1) in ([], [""], ["ai.onnx"]):
            return next(iter(file.integers(start, end, 2)), None)
    return None


def _read_tensor(file: ProtobufFile, start: int, end: int) -> tuple[str, str | None, int]:
    """Name, precision and number of elements of an initializer."""
    name = "".join(file.strings(start, end, 8)[-1:])
    data_type = next(iter(file.integers(start, end, 2)), 0)
    return name, _DTYPES.get(data_type, ("", None))[1], prod(file.integers(start, end, 1))


def _read_value(file: ProtobufFile, start: int, end: int) -> Value:
    """A ValueInfoProto: name, and element type and shape of a tensor."""
    dtype = "unknown"
    shape: list[int | str | None] = []
    for type_message in file.inner(start, end, 2):
        for tensor in file.inner(*type_message, 1):
            data_type = next(iter(file.integers(*tensor, 1)), 0)
            dtype = _DTYPES.get(data_type, (dtype, None))[0]
            dims = [dim for shapes in file.inner(*tensor, 2) for dim in file.inner(*shapes, 1)]
            shape = [_read_dimension(file, *dim) for dim in dims]
    return Value("".join(file.strings(start, end, 1)[-1:]), dtype, tuple(shape))


def _read_dimension(file: ProtobufFile, start: int, end: int) -> int | str | None:
    if sizes := file.integers(start, end, 1):
        return sizes[0]
    names = file.strings(start, end, 2)
    return names[0] if names else None
