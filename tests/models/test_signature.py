"""A graph's inputs, outputs, opset, parameters and precision, against what onnx reads."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx
import ort_graphs
import pytest
from onnx import TensorProto, helper, numpy_helper

from hugot import ModelFormatError
from hugot.models.graph import external_files
from hugot.models.signature import read_dimensions, read_signature

NAMES = ["bert-uncased-text", "modernbert-token", "qwen3-features", "bert-uncased-text-int32"]
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def dimensions(value):
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)


def described(values):
    return [
        (value.name, helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name)
        for value in values
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_onnx_reads(models, name) -> None:
    path = models / name / "model.onnx"
    graph, read = onnx.load(path), read_signature(path)
    assert read.opset == next(each.version for each in graph.opset_import if each.domain == "")
    for ours, theirs in ((read.inputs, graph.graph.input), (read.outputs, graph.graph.output)):
        assert [(value.name, value.dtype) for value in ours] == described(theirs)
        assert [value.shape for value in ours] == [dimensions(value) for value in theirs]
    weights = [each for each in graph.graph.initializer if each.data_type in FLOATS]
    assert read.parameters == sum(prod(each.dims) for each in weights)


@pytest.mark.parametrize(
    ("name", "precision"), [("bert-uncased-text", "fp32"), ("bert-uncased-text-fp16", "fp16")]
)
def test_the_precision_is_that_of_most_weights(models, name, precision) -> None:
    assert read_signature(models / name / "model.onnx").precision == precision


def graph_with(weights, nodes=()):
    ends = [ort_graphs.value("x")], [ort_graphs.value("y")]
    model = ort_graphs.graph([("Identity", "x", "y"), *nodes], *ends)
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in weights.items()
    )
    return model


def saved(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_scales_zero_points_and_integers_are_no_parameters(tmp_path) -> None:
    weights = {
        "w_quantized": np.zeros((8, 4), np.int8),
        "w_scale": np.ones(4, np.float32),
        "w_zero_point": np.zeros(4, np.int8),
        "bias": np.zeros(4, np.float32),
        "positions": np.zeros((1, 512), np.int64),
    }
    read = read_signature(saved(tmp_path, graph_with(weights)))
    assert (read.parameters, read.precision) == (36, "int8")


def test_weights_of_4_bits_count_two_to_a_byte(tmp_path) -> None:
    weights = {"w_Q4": np.zeros((8, 2, 16), np.uint8)}
    node = ("MatMulNBits", "x", "z", {"domain": "com.microsoft"})
    read = read_signature(saved(tmp_path, graph_with(weights, [node])))
    assert (read.parameters, read.precision) == (512, "int4")


def test_a_weight_that_is_an_input_too_is_no_input(tmp_path) -> None:
    model = graph_with({"w": np.zeros(3, np.float32)})
    model.graph.input.append(ort_graphs.value("w"))
    assert [value.name for value in read_signature(saved(tmp_path, model)).inputs] == ["x"]


def test_external_weights_are_counted_and_not_read(models, tmp_path) -> None:
    source = models / "bert-uncased-text-external" / "model.onnx"
    path = tmp_path / "model.onnx"
    path.write_bytes(source.read_bytes())  # alone, without the file that holds the weights
    whole = read_signature(models / "bert-uncased-text" / "model.onnx")
    assert read_signature(path).parameters == whole.parameters
    assert external_files(path) == {"model.onnx_data"}


def test_a_model_in_one_file_has_no_external_files(models) -> None:
    assert external_files(models / "bert-uncased-text" / "model.onnx") == frozenset()


@pytest.mark.parametrize("read", [read_signature, external_files])
def test_a_damaged_file_raises_and_is_named(models, tmp_path, read) -> None:
    path = tmp_path / "damaged.onnx"
    whole = (models / "bert-uncased-text-external" / "model.onnx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFormatError, match="damaged"):
        read(path)


# Names of dimensions


def test_names_and_denotations_are_those_of_the_inputs_alone(tmp_path):
    model = ort_graphs.graph(
        [("Neg", "x", "y"), ("Abs", "z", "w")],
        [
            ort_graphs.value("x", shape=["rows", 4, None]),
            ort_graphs.value("z", shape=["l\u00e4nge", "rows"]),
        ],
        [
            ort_graphs.value("y", shape=["of the output", 4, None]),
            ort_graphs.value("w", shape=[None, None]),
        ],
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    onnx.save(model, tmp_path / "model.onnx")
    found = read_dimensions(tmp_path / "model.onnx")
    assert found.names == {"rows", "l\u00e4nge"}
    assert found.denotations == {"DATA_BATCH"}


def test_a_model_of_the_real_kind_has_the_names_that_its_exporter_gave(models):
    found = read_dimensions(models / "bert-uncased-text" / "model.onnx")
    assert found.names == {"batch_size", "sequence_length"}
    assert not found.denotations


def test_a_file_that_is_no_model_is_an_error_that_names_it(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model at all")
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        read_dimensions(tmp_path / "model.onnx")
