"""Model folders whose graphs do what no trained model does: run for ever, or depend on the batch."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import ort_graphs
from onnx import helper, numpy_helper
from places import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

# Texts of more tokens run for ever.
MOST_TOKENS = 20
_SIZE = 64


def endless(folder: Path) -> Path:
    """A text classifier that answers short texts at once, and runs on long ones until it is stopped."""
    times = [
        ("Shape", "input_ids", "width", {"start": 1, "end": 2}),
        ("Greater", "width most", "is_long"),
        ("Cast", "is_long", "is_long_number", {"to": ort_graphs.element_type("int64")}),
        ("Mul", "is_long_number many", "times_in_list"),
        ("Squeeze", "times_in_list", "times"),
    ]
    weights = {"most": np.array([MOST_TOKENS]), "many": np.array([10**12])}
    return _looping(folder, times, weights)


def steady(folder: Path, passes: int) -> Path:
    """A text classifier whose time grows with the tokens of a group, `passes` products for each."""
    times = [("Size", "input_ids", "count"), ("Mul", "count passes", "times")]
    return _looping(folder, times, {"passes": np.array(passes)})


def _looping(folder: Path, times: list, counts: dict) -> Path:
    """A text classifier that multiplies matrices as many times as the nodes `times` say."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "eye"], ["after"]),
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
        ],
        "body",
        [
            ort_graphs.value("number", "int64", []),
            ort_graphs.value("go_on", "bool", []),
            ort_graphs.value("before", shape=[_SIZE, _SIZE]),
        ],
        [ort_graphs.value("goes_on", "bool", []), ort_graphs.value("after", shape=[_SIZE, _SIZE])],
        [numpy_helper.from_array(np.eye(_SIZE, dtype=np.float32), "eye")],
    )
    nodes = [
        *times,
        ("Loop", "times yes x", "y", {"body": body}),
        ("ReduceMax", "y", "one", {"keepdims": 0}),
        ("Mul", "input_ids attention_mask", "kept"),
        ("Cast", "kept", "numbers", {"to": ort_graphs.element_type("float32")}),
        ("ReduceSum", "numbers axis", "sums", {"keepdims": 1}),
        ("Mul", "sums weights", "products"),
        ("Mul", "products one", "logits"),
    ]
    weights = {
        **counts,
        "yes": np.array(True),
        "x": np.eye(_SIZE, dtype=np.float32),
        "axis": np.array([1]),
        "weights": np.array([[1e-3, -1e-3]], np.float32),
    }
    return _classifier(folder, nodes, weights)


def dynamic_int8(folder: Path) -> Path:
    """A text classifier quantized by the largest value of its batch: an answer depends on the others."""
    random = np.random.default_rng(5)
    dim = 8
    # Each token is of another magnitude, so that nearly every text changes the scale.
    table = random.normal(size=(2000, dim)) * random.exponential(size=(2000, 1))
    nodes = [
        ("Mod", "input_ids entries", "entry"),
        ("Gather", "table entry", "vectors"),
        ("DynamicQuantizeLinear", "vectors", "quantized scale zero"),
        ("MatMulInteger", "quantized weights zero", "product"),
        ("Cast", "product", "numbers", {"to": ort_graphs.element_type("float32")}),
        ("Mul", "numbers scale", "scaled"),
        ("Cast", "attention_mask", "mask", {"to": ort_graphs.element_type("float32")}),
        ("Unsqueeze", "mask last", "mask_column"),
        ("Mul", "scaled mask_column", "kept"),
        ("ReduceSum", "kept axis", "sums", {"keepdims": 0}),
        ("Mul", "sums factor", "logits"),
    ]
    weights = {
        "entries": np.array(2000),
        "table": table.astype(np.float32),
        "weights": random.integers(-100, 100, (dim, 2)).astype(np.int8),
        "last": np.array([2]),
        "axis": np.array([1]),
        "factor": np.array(1e-3, np.float32),
    }
    return _classifier(folder, nodes, weights)


def _classifier(folder: Path, nodes, weights) -> Path:
    shutil.copytree(FIXTURES / "bert-uncased-text", folder)
    model = ort_graphs.as_bytes(
        nodes,
        [
            ort_graphs.value(name, "int64", ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [ort_graphs.value("logits", shape=["batch", 2])],
        weights,
    )
    (folder / "model.onnx").write_bytes(model)
    return folder
