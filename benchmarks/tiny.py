"""A tiny model that takes 512 tokens: one attention layer over random embeddings.

It is so small that hugot itself is measured, not the network; the bundled models take at most 128
tokens. Needs the package `onnx`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 16
POSITIONS = 512
VOCABULARY = 6000
EXAMPLE = Path(__file__).parents[1] / "examples" / "models" / "tiny-embedding"


def write_model(folder: Path) -> Path:
    """Write the model folder and return it."""
    folder.mkdir(parents=True)
    onnx.save(_model(), folder / "model.onnx")
    for name in ("tokenizer.json", "special_tokens_map.json"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    settings = json.loads((EXAMPLE / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["model_max_length"] = POSITIONS
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    config = {
        "model_type": "bert",
        "hidden_size": WIDTH,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 0,
        "vocab_size": VOCABULARY,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _model() -> onnx.ModelProto:
    """Return the graph of softmax(x xᵀ + mask) (x W), with the embeddings x of the tokens."""
    draw = np.random.default_rng(0)
    tables = {
        "embeddings": draw.normal(size=(VOCABULARY, WIDTH)).astype(np.float32),
        "weight": draw.normal(size=(WIDTH, WIDTH)).astype(np.float32),
        "one": np.array(1, np.float32),
        "lowest": np.array(-10_000, np.float32),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["embeddings", "input_ids"], ["x"]),
        helper.make_node("Transpose", ["x"], ["xt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "xt"], ["likeness"]),
        helper.make_node("Cast", ["attention_mask"], ["seen"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "seen"], ["unseen"]),
        helper.make_node("Mul", ["unseen", "lowest"], ["flat_bias"]),
        helper.make_node("Unsqueeze", ["flat_bias", "axis"], ["bias"]),
        helper.make_node("Add", ["likeness", "bias"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["attention"], axis=-1),
        helper.make_node("MatMul", ["x", "weight"], ["values"]),
        helper.make_node("MatMul", ["attention", "values"], ["last_hidden_state"]),
    ]
    axes = ["batch_size", "sequence_length"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, axes)
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*axes, WIDTH])],
        [numpy_helper.from_array(table, name) for name, table in tables.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model
