"""The operators of a graph, read from its file."""

from __future__ import annotations

import random
import struct

import numpy as np
import onnx
import ort_graphs
import pytest
from onnx import helper

from hugot.errors import ModelFormatError
from hugot.models.graph import op_types


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def all_nodes(nodes):
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from all_nodes(graph.node)


def save(path, model: bytes):
    path.write_bytes(model)
    return path


@pytest.mark.parametrize(
    "name", ["bert-uncased-text", "modernbert-token", "qwen3-features", "bert-uncased-text-fp16"]
)
def test_the_operators_are_those_that_onnx_reads(models, name) -> None:
    path = models / name / "model.onnx"
    expected = {node.op_type for node in all_nodes(onnx.load(path).graph.node)}
    assert op_types(path) == expected


def test_operators_of_subgraphs_are_among_them(tmp_path) -> None:
    path = save(tmp_path / "loop.onnx", ort_graphs.looping())
    assert op_types(path) == {"Loop", "MatMul", "Identity"}


def test_operators_of_functions_are_among_them(tmp_path) -> None:
    function = helper.make_function(
        "own",
        "Quantize",
        ["x"],
        ["y"],
        [helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])],
        [helper.make_opsetid("", 21)],
    )
    ends = [ort_graphs.value("x")], [ort_graphs.value("y")]
    model = ort_graphs.graph([("Quantize", "x", "y", {"domain": "own"})], *ends)
    model.functions.append(function)
    path = save(tmp_path / "function.onnx", model.SerializeToString())
    assert op_types(path) == {"Quantize", "DynamicQuantizeLinear"}


def test_the_weights_are_skipped(tmp_path) -> None:
    size = 1 << 36  # far more than could be read
    node = field(1, field(4, b"Add"))
    head = field(7, b"")[:-1] + varint(len(node) + 1 + len(varint(size)) + size)
    path = tmp_path / "huge.onnx"
    with open(path, "wb") as file:
        file.write(head + node + varint(5 << 3 | 2) + varint(size))
        file.truncate(file.tell() + size)
    assert op_types(path) == {"Add"}


def test_fields_of_every_wire_type_are_skipped(tmp_path) -> None:
    others = (
        varint(50 << 3)
        + varint(1 << 60)
        + varint(51 << 3 | 1)
        + struct.pack("<d", 1.0)
        + varint(52 << 3 | 5)
        + struct.pack("<f", 1.0)
    )
    graph = field(7, others + field(1, others + field(4, b"Add")))
    assert op_types(save(tmp_path / "model.onnx", others + graph)) == {"Add"}


def test_an_empty_file_has_no_operators(tmp_path) -> None:
    assert op_types(save(tmp_path / "empty.onnx", b"")) == frozenset()


@pytest.mark.parametrize(
    "model",
    [
        field(7, field(1, field(4, b"Add")))[:-1],
        varint(7 << 3 | 2) + b"\xff" * 11,
        varint(7 << 3 | 3),
        varint(7 << 3 | 5) + b"\0",
        field(7, field(1, field(4, b"A" * 2000))),
    ],
)
def test_a_damaged_file_raises_and_is_named(tmp_path, model) -> None:
    path = save(tmp_path / "damaged.onnx", model)
    with pytest.raises(ModelFormatError, match="damaged"):
        op_types(path)


def test_no_damage_does_worse_than_raise(tmp_path) -> None:
    whole = ort_graphs.looping(4)
    random.seed(1)
    for _ in range(500):
        model = bytearray(whole)
        for _ in range(random.randrange(1, 4)):
            model[random.randrange(len(model))] = random.randrange(256)
        path = save(tmp_path / "damaged.onnx", bytes(model[: random.randrange(len(model))]))
        try:
            assert all(isinstance(name, str) for name in op_types(path))
        except ModelFormatError:
            continue


def test_deep_nesting_is_no_recursion(tmp_path) -> None:
    graph = field(1, field(4, b"Add"))
    for _ in range(3000):
        graph = field(1, field(4, b"If") + field(5, field(6, graph)))
    assert op_types(save(tmp_path / "deep.onnx", field(7, graph))) == {"Add", "If"}


def test_an_array_in_an_attribute_is_no_operator(tmp_path) -> None:
    path = save(tmp_path / "constant.onnx", ort_graphs.constant(np.zeros(3, np.float32)))
    assert op_types(path) == {"Constant"}
