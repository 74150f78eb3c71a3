"""Small graphs, made as they are needed, and sessions over them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hugot._ort.loader import load_library
from hugot._ort.session import InferenceSession
from hugot._ort.settings import SessionOptions

OPTIONS = SessionOptions(
    intra_op_num_threads=1,
    inter_op_num_threads=1,
    execution_mode="sequential",
    graph_optimization_level="all",
    enable_cpu_mem_arena=True,
    enable_mem_pattern=True,
    log_severity_level=4,
    session_config={},
)


@cache
def library():
    """The ONNX Runtime under test."""
    return load_library()


def open_session(model, providers=(), **options):
    """A session over a path or the bytes of a model, with options in place of `OPTIONS`."""
    return InferenceSession(library(), model, replace(OPTIONS, **options), providers)


def value(name, dtype="float32", shape=("rows",)):
    """An input or output of a graph: its name, element type and dimensions."""
    return helper.make_tensor_value_info(name, element_type(dtype), shape)


def element_type(dtype):
    """ONNX's number of an element type, from its name there or in numpy."""
    names = {"float32": "FLOAT", "float64": "DOUBLE"}
    return TensorProto.DataType.Value(names.get(dtype, dtype.upper()))


def graph(nodes, inputs, outputs, weights=None, opset=21, **fields):
    """A model: nodes as (operator, "its inputs", "its outputs", attributes), weights by name."""
    made = [
        helper.make_node(operator, read.split(), written.split(), **attributes)
        for operator, read, written, attributes in ((*node, {})[:4] for node in nodes)
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    return helper.make_model(
        helper.make_graph(made, "graph", inputs, outputs, tensors),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=10,
        **fields,
    )


def as_bytes(*args, **fields):
    """`graph`, serialized."""
    return graph(*args, **fields).SerializeToString()


def identity(dtype="float32", shape=("rows",)):
    """Copies its one input to its one output."""
    ends = [value("x", dtype, shape)], [value("y", dtype, shape)]
    return as_bytes([("Identity", "x", "y")], *ends)


def negation(shape=("rows",)):
    """y = -x"""
    return as_bytes([("Neg", "x", "y")], [value("x", shape=shape)], [value("y", shape=shape)])


def cast(dtype, shape=("rows",)):
    """float32 to another element type."""
    to = {"to": element_type(dtype)}
    return as_bytes([("Cast", "x", "y", to)], [value("x", shape=shape)], [value("y", dtype, shape)])


def constant(array_or_tensor):
    """A graph without inputs that gives a tensor."""
    tensor = array_or_tensor
    if isinstance(tensor, np.ndarray):
        tensor = numpy_helper.from_array(tensor)
    output = helper.make_tensor_value_info("y", tensor.data_type, list(tensor.dims))
    return as_bytes([("Constant", "", "y", {"value": tensor})], [], [output])


def lookup(rows=5, dim=2):
    """Vectors of token ids, as the first layer of a model: ids [tokens] to [tokens, dim]."""
    table = np.arange(rows * dim, dtype=np.float32).reshape(rows, dim)
    return as_bytes(
        [("Gather", "table ids", "y")],
        [value("ids", "int64", ["tokens"])],
        [value("y", shape=["tokens", dim])],
        {"table": table},
    )


def looping(size=192):
    """Multiplies x by the identity matrix `times` times: as long a run as one likes."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "eye"], ["after"]),
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
        ],
        "body",
        [
            value("number", "int64", []),
            value("go_on", "bool", []),
            value("before", shape=[size, size]),
        ],
        [value("goes_on", "bool", []), value("after", shape=[size, size])],
        [numpy_helper.from_array(np.eye(size, dtype=np.float32), "eye")],
    )
    return as_bytes(
        [("Loop", "times go_on x", "y", {"body": body})],
        [value("times", "int64", []), value("x", shape=[size, size])],
        [value("y", shape=[size, size])],
        {"go_on": np.array(True)},
    )


def save_with_weights_apart(model, path):
    """Write a model whose weights are in a second file; gives that file's path."""
    onnx.save(
        model, path, save_as_external_data=True, location=f"{path.name}_data", size_threshold=0
    )
    return path.with_name(f"{path.name}_data")
