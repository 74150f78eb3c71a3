"""Graphs whose outputs are not what they declare: refused before a kernel reads them."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import hugot
from hugot.errors import HugotError, InferenceError, ModelFormatError, ModelNotFoundError
from hugot.pipelines.pipeline import runner_of

MODELS = {
    "feature-extraction": "bert-uncased-features",
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-cased-token",
}
TEXTS = ["a", "some more words", "one two three four five"]


def end_with(folder, operator, weights=(), dtype=None, **attributes):
    """Put a node behind the first output of a model, under the declared shape [axis0, axis1, …]."""
    model = onnx.load(folder / "model.onnx")
    output = model.graph.output[0]
    for node in model.graph.node:
        node.output[:] = ["before" if name == output.name else name for name in node.output]
        node.input[:] = ["before" if name == output.name else name for name in node.input]
    names = [f"weight{i}" for i in range(len(weights))]
    for name, array in zip(names, weights, strict=True):
        model.graph.initializer.append(numpy_helper.from_array(np.array(array), name))
    model.graph.node.append(
        helper.make_node(operator, ["before", *names], [output.name], **attributes)
    )
    for axis, dim in enumerate(output.type.tensor_type.shape.dim):
        dim.Clear()
        dim.dim_param = f"axis{axis}"
    if dtype is not None:
        output.type.tensor_type.elem_type = dtype
    onnx.save(model, folder / "model.onnx")


def refused(task, folder):
    """What is raised for a text and for several."""
    errors = []
    with hugot.pipeline(task, folder, threads=1) as pipeline:
        for inputs in (TEXTS[1], TEXTS):
            with pytest.raises(HugotError) as caught:
                pipeline(inputs)
            errors.append(caught.value)
    return errors


@pytest.mark.parametrize("task", MODELS)
def test_more_rows_than_were_asked_for_are_refused(copy_of, task):
    folder = copy_of(MODELS[task])
    end_with(folder, "Tile", [[2, 1] if task == "text-classification" else [2, 1, 1]])
    for error in refused(task, folder):
        assert type(error) is ModelFormatError
        assert "the graph gave an output of shape" in str(error)


@pytest.mark.parametrize("task", MODELS)
@pytest.mark.parametrize(("first", "stop"), [(0, 0), (1, 9)])
def test_fewer_rows_than_were_asked_for_are_refused(copy_of, task, first, stop):
    folder = copy_of(MODELS[task])
    end_with(folder, "Slice", [[first], [stop], [0]])
    assert {type(error) for error in refused(task, folder)} == {ModelFormatError}


@pytest.mark.parametrize("task", ["feature-extraction", "token-classification"])
def test_fewer_tokens_than_were_asked_for_are_refused(copy_of, task):
    folder = copy_of(MODELS[task])
    end_with(folder, "Slice", [[2], [99], [1]])
    assert {type(error) for error in refused(task, folder)} == {ModelFormatError}


@pytest.mark.parametrize("task", MODELS)
def test_another_number_of_dimensions_than_declared_is_refused(copy_of, task):
    folder = copy_of(MODELS[task])
    # A shape that is computed from the input, so that ONNX Runtime cannot refuse the graph beforehand.
    end_with(folder, "Expand", [np.ones(4, np.int64)])
    model = onnx.load(folder / "model.onnx")
    size = helper.make_node("Shape", ["input_ids"], ["size"])
    shape = helper.make_node("Concat", ["size", "weight0"], ["wide"], axis=0)
    model.graph.node[-1].input[1] = "wide"
    model.graph.node.insert(len(model.graph.node) - 1, size)
    model.graph.node.insert(len(model.graph.node) - 1, shape)
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(HugotError):
        hugot.pipeline(task, folder, threads=1)(TEXTS)


@pytest.mark.parametrize("dtype", [TensorProto.STRING, TensorProto.FLOAT8E4M3FN])
def test_outputs_that_are_no_numbers_are_refused(copy_of, dtype):
    folder = copy_of(MODELS["text-classification"])
    end_with(folder, "Cast", dtype=dtype, to=dtype)
    try:
        errors = refused("text-classification", folder)
    except ModelFormatError:
        return  # this ONNX Runtime has no such cast
    assert {type(error) for error in errors} == {ModelFormatError}


@pytest.mark.parametrize("dtype", [TensorProto.DOUBLE, TensorProto.BFLOAT16])
def test_outputs_of_other_numbers_are_taken(copy_of, dtype):
    folder = copy_of(MODELS["text-classification"])
    with hugot.pipeline("text-classification", folder) as classify:
        wanted = classify(TEXTS)
    end_with(folder, "Cast", dtype=dtype, to=dtype)
    with hugot.pipeline("text-classification", folder) as classify:
        found = classify(TEXTS)
    assert [each["label"] for each in found] == [each["label"] for each in wanted]


@pytest.mark.filterwarnings("ignore::hugot.NotFiniteWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("task", MODELS)
def test_answers_that_are_no_finite_numbers_have_the_form_of_answers(copy_of, task, value):
    folder = copy_of(MODELS[task])
    end_with(folder, "Add", [np.float32(value)])
    with hugot.pipeline(task, folder, threads=1) as pipeline:
        assert len(pipeline(TEXTS)) == len(TEXTS)
        assert len(pipeline(TEXTS[1])) > 0 or task == "token-classification"


def test_a_graph_without_outputs_is_refused(copy_of):
    folder = copy_of(MODELS["feature-extraction"])
    model = onnx.load(folder / "model.onnx")
    del model.graph.output[:]
    onnx.save(model, folder / "model.onnx")
    with pytest.raises((ModelFormatError, ModelNotFoundError)):
        hugot.pipeline("feature-extraction", folder)


@pytest.mark.parametrize("name", ["batch_size", "sequence_length"])
def test_bytes_that_are_no_text_in_the_name_of_an_axis_do_no_harm(copy_of, name):
    folder = copy_of("xlm-roberta-text")
    path = folder / "model.onnx"
    data = path.read_bytes()
    assert name.encode() in data
    path.write_bytes(data.replace(name.encode(), b"\xff" * len(name)))
    try:
        with hugot.pipeline("text-classification", folder) as classify:
            assert classify("good")[0]["label"]
    except ModelFormatError:
        pass  # an ONNX Runtime that insists on UTF-8


@pytest.mark.parametrize("task", MODELS)
def test_token_ids_beyond_the_embedding_are_an_error_for_their_text_alone(copy_of, task):
    folder = copy_of(MODELS[task])
    model = onnx.load(folder / "model.onnx")
    tables = {
        node.input[0]
        for node in model.graph.node
        if node.op_type == "Gather" and "input_ids" in node.input
    }
    [table] = [each for each in model.graph.initializer if each.name in tables]
    array = numpy_helper.to_array(table)
    with hugot.pipeline(task, folder) as pipeline:
        ids = [
            runner_of(pipeline).task.tokenizer._tokenizer.encode(text).ids
            for text in ("good", "zebra")
        ]
    few, many = sorted(ids, key=max)
    assert max(few) < max(many)
    table.CopyFrom(numpy_helper.from_array(array[: max(few) + 1].copy(), table.name))
    onnx.save(model, folder / "model.onnx")
    good, bad = ("good", "zebra") if few == ids[0] else ("zebra", "good")
    with hugot.pipeline(task, folder, threads=1) as pipeline:
        futures = [pipeline.submit(text) for text in (good, bad, good)]
        assert [future.exception() is None for future in futures] == [True, False, True]
        error = futures[1].exception()
    assert type(error) is InferenceError
    assert "out of" in str(error)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"model_type": "bert"}, "names no labels, which are then two .LABEL_0 and LABEL_1."),
        ({"num_labels": 3}, "has num_labels 3"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "names 3 labels"),
        (None, "there is no .*config.json, which names the labels"),
    ],
)
def test_scores_without_a_label_are_refused_with_what_is_missing(copy_of, config, says) -> None:
    folder = copy_of("bert-uncased-token")
    (folder / "config.json").unlink()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match=rf"{says}; the graph .* scores\. .*id2label"):
        hugot.pipeline("token-classification", folder)
