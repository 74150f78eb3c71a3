"""Inputs of graphs beside those for tokens: constants, empty pasts, offsets, and other names."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import onnx
import ort_graphs
import pytest
from onnx import helper
from places import FIXTURES

import hugot
from hugot import InputError, ModelFormatError

TEXTS = ["the film was long", "whisky", "all actors and the story"]


def add_input(folder, name, dtype, shape, nodes):
    """Give a classifier's graph one more input, which is used by `nodes` to change the logits."""
    path = folder / "model.onnx"
    model = onnx.load(path)
    for node in model.graph.node:
        for i, output in enumerate(node.output):
            if output == "logits":
                node.output[i] = "plain_logits"
    model.graph.input.append(ort_graphs.value(name, dtype, shape))
    model.graph.node.extend(
        helper.make_node(operator, read.split(), written.split(), **attributes)
        for operator, read, written, attributes in nodes
    )
    onnx.save(model, path)
    return folder


TO_FLOAT = {"to": ort_graphs.element_type("float32")}


def with_task_id(copy, dtype="int64", shape=()):
    """A classifier that adds ``task_id`` to its logits."""
    nodes = [
        ("Cast", "task_id", "task", TO_FLOAT),
        ("Unsqueeze", "task last", "column", {}),
        ("Add", "plain_logits column", "logits", {}),
    ]
    if len(shape) != 1 or shape == (1,):
        nodes[1:] = [("Add", "plain_logits task", "logits", {})]
    folder = add_input(copy("bert-uncased-text"), "task_id", dtype, shape, nodes)
    model = onnx.load(folder / "model.onnx")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "last"))
    onnx.save(model, folder / "model.onnx")
    return folder


OPTIONS = {"top_k": None, "function_to_apply": "none"}


def scores(results):
    return [{each["label"]: each["score"] for each in result} for result in results]


def every_way(pipeline):
    """The results of the texts, from each way of calling."""
    return [
        pipeline(TEXTS),
        [pipeline(text)[0] for text in TEXTS],
        list(pipeline.stream(TEXTS)),
        pipeline.submit(TEXTS).result(),
        [future.result()[0] for future in [pipeline.submit(text) for text in TEXTS]],
    ]


@pytest.mark.parametrize(
    ("dtype", "shape", "value"),
    [
        ("int64", (), 3),
        ("int64", (1,), 3),
        ("int64", (1,), [3]),
        ("int32", ("batch_size",), 3),
        ("float32", ("batch_size", 1), 3.0),
        ("int64", (), np.int64(3)),
    ],
)
def test_a_constant_has_its_value_for_every_text(copy_of, models, dtype, shape, value) -> None:
    folder = with_task_id(copy_of, dtype, shape)
    task = "text-classification"
    with (
        hugot.pipeline(task, models / "bert-uncased-text", **OPTIONS) as plain,
        hugot.pipeline(task, folder, inputs={"task_id": value}, **OPTIONS) as made,
    ):
        expected = scores(plain(TEXTS))
        made.warmup()
        for results in every_way(made):
            for found, right in zip(scores(results), expected, strict=True):
                assert found == {
                    label: pytest.approx(x + 3, abs=1e-5) for label, x in right.items()
                }


def test_pipelines_of_one_session_have_constants_of_their_own(copy_of) -> None:
    folder = with_task_id(copy_of)
    with hugot.Session() as session:
        low, high = (
            session.pipeline("text-classification", folder, inputs={"task_id": each}, **OPTIONS)
            for each in (0, 5)
        )
        for one, other in zip(every_way(low), every_way(high), strict=True):
            for a, b in zip(scores(one), scores(other), strict=True):
                assert b == {label: pytest.approx(x + 5, abs=1e-5) for label, x in a.items()}


def test_constants_are_pickled_with_the_pipeline(copy_of) -> None:
    folder = with_task_id(copy_of)
    with (
        hugot.pipeline("text-classification", folder, inputs={"task_id": 4}, **OPTIONS) as made,
        pickle.loads(pickle.dumps(made)) as again,
    ):
        assert again(TEXTS) == made(TEXTS)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"task_id": 3.5}, r"task_id=3.5; the graph takes int64 \[1\]"),
        ({"task_id": True}, r"task_id=True"),
        ({"task_id": "three"}, r"task_id='three'"),
        ({"task_id": [1, 2]}, r"task_id has shape \[2\]"),
        ({"task_id": 2**70}, "task_id"),
        ({"task": 3}, r"'task' is not an input of .*; its other inputs are task_id"),
        ({"input_ids": 3}, r"'input_ids' is filled with tokens"),
        (3, r"inputs=3; it must be a dict"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(copy_of, inputs, message) -> None:
    folder = with_task_id(copy_of, "int64", (1,))
    with pytest.raises(InputError, match=message):
        hugot.pipeline("text-classification", folder, inputs=inputs)


def test_an_unknown_input_is_named_with_its_type_and_shape(copy_of) -> None:
    nodes = [
        ("ReduceMax", "bbox", "most", {"keepdims": 0}),
        ("Cast", "most", "more", TO_FLOAT),
        ("Add", "plain_logits more", "logits", {}),
    ]
    shape = ("batch_size", "sequence_length", 4)
    folder = add_input(copy_of("bert-uncased-text"), "bbox", "int64", shape, nodes)
    expected = r"'bbox', int64 \[batch_size, sequence_length, 4\].*inputs=\{'bbox': value\}"
    with pytest.raises(ModelFormatError, match=expected):
        hugot.pipeline("text-classification", folder)


def test_an_axis_that_varies_otherwise_cannot_have_a_constant(copy_of) -> None:
    nodes = [
        ("ReduceMax", "image", "most", {"keepdims": 0}),
        ("Add", "plain_logits most", "logits", {}),
    ]
    folder = add_input(copy_of("bert-uncased-text"), "image", "float32", (1, "height"), nodes)
    with pytest.raises(InputError, match=r"image is float32 \[1, height\]"):
        hugot.pipeline("text-classification", folder, inputs={"image": 1.0})


@pytest.mark.parametrize("sizes", [(2, 8), ("heads", "size")], ids=["fixed", "of-config"])
@pytest.mark.parametrize("branch", [False, True], ids=["plain", "merged"])
def test_a_decoder_gets_no_past_tokens(copy_of, models, sizes, branch) -> None:
    folder = copy_of("bert-uncased-text")
    config = json.loads((folder / "config.json").read_text())
    config |= {"num_key_value_heads": 2, "head_dim": 8}
    (folder / "config.json").write_text(json.dumps(config))
    heads, size = sizes
    nodes = [
        ("ReduceSum", "past_key_values.0.key", "sum", {"keepdims": 0}),
        ("Add", "plain_logits sum", "logits", {}),
    ]
    shape = ("batch_size", heads, "past_sequence_length", size)
    add_input(folder, "past_key_values.0.key", "float32", shape, nodes)
    model = onnx.load(folder / "model.onnx")
    model.graph.input.append(ort_graphs.value("past_key_values.0.value", "float32", shape))
    if branch:
        model.graph.input.append(ort_graphs.value("use_cache_branch", "bool", (1,)))
    # What a decoder returns: its cache, which is the past (of no tokens) and more.
    model.graph.node.append(
        helper.make_node("Identity", ["past_key_values.0.value"], ["present.0.value"])
    )
    model.graph.output.append(ort_graphs.value("present.0.value", "float32", shape))
    onnx.save(model, folder / "model.onnx")
    task = "text-classification"
    with (
        hugot.pipeline(task, models / "bert-uncased-text", **OPTIONS) as plain,
        hugot.pipeline(task, folder, **OPTIONS) as made,
    ):
        for found, right in zip(every_way(made), every_way(plain), strict=True):
            for one, other in zip(scores(found), scores(right), strict=True):
                assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize(
    "names",
    [
        ("input_ids:0", "input_mask:0", "segment_ids:0"),
        ("input_word_ids", "input_mask", "input_type_ids"),
    ],
)
def test_other_names_of_the_inputs_for_tokens_are_known(copy_of, models, names) -> None:
    folder = copy_of("bert-uncased-text")
    model = onnx.load(folder / "model.onnx")
    usual = ("input_ids", "attention_mask", "token_type_ids")
    renamed = dict(zip(usual, names, strict=True))
    for each in model.graph.input:
        each.name = renamed[each.name]
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    onnx.save(model, folder / "model.onnx")
    with (
        hugot.pipeline("text-classification", models / "bert-uncased-text") as plain,
        hugot.pipeline("text-classification", folder) as made,
    ):
        pair = {"text": "the film", "text_pair": "was long"}
        assert made(pair) == plain(pair)
        assert every_way(made) == every_way(plain)


STATIC = FIXTURES.parent / "static"


@pytest.fixture
def static(tmp_path):
    """The StaticEmbedding model with a graph as model2vec exports it, and the reference's vectors."""
    folder = shutil.copytree(STATIC, tmp_path / "static")
    answers = json.loads((folder / "answers.json").read_text())
    table = np.array(answers["table"], np.float32)
    nodes = [
        # The row of each token is the number of offsets up to its place, less one.
        ("Shape", "input_ids", "count", {}),
        ("Squeeze", "count", "tokens", {}),
        ("Range", "zero tokens one", "places", {}),
        ("Unsqueeze", "offsets axis_1", "column", {}),
        ("GreaterOrEqual", "places column", "begun", {}),
        ("Cast", "begun", "begun_numbers", TO_FLOAT),
        ("ReduceSum", "begun_numbers axis_0", "ordinals", {"keepdims": 1}),
        ("Shape", "offsets", "rows_list", {}),
        ("Squeeze", "rows_list", "rows", {}),
        ("Add", "rows one", "past_rows", {}),
        ("Range", "one past_rows one", "numbers", {}),
        ("Cast", "numbers", "float_numbers", TO_FLOAT),
        ("Unsqueeze", "float_numbers axis_1", "number_column", {}),
        ("Equal", "ordinals number_column", "mine", {}),
        ("Cast", "mine", "weights", TO_FLOAT),
        ("ReduceSum", "weights axis_1", "sizes", {"keepdims": 1}),
        ("Gather", "table input_ids", "vectors", {}),
        ("MatMul", "weights vectors", "sums", {}),
        ("Div", "sums sizes", "embeddings", {}),
    ]
    model = ort_graphs.as_bytes(
        nodes,
        [
            ort_graphs.value("input_ids", "int64", ["tokens"]),
            ort_graphs.value("offsets", "int64", ["batch"]),
        ],
        [ort_graphs.value("embeddings", shape=["batch", 4])],
        {
            "table": table,
            "zero": np.array(0),
            "one": np.array(1),
            "axis_0": np.array([0]),
            "axis_1": np.array([1]),
        },
    )
    (folder / "model.onnx").write_bytes(model)
    return folder, answers["texts"], np.array(answers["vectors"], np.float32)


def test_static_embeddings_are_those_of_sentence_transformers(static) -> None:
    folder, texts, vectors = static
    with hugot.pipeline("feature-extraction", folder) as embed:
        np.testing.assert_allclose(embed(texts), vectors, atol=1e-6)
        np.testing.assert_allclose([embed(text) for text in texts], vectors, atol=1e-6)
        np.testing.assert_allclose(embed.submit(texts).result(), vectors, atol=1e-6)
        futures = [embed.submit(text) for text in texts]
        np.testing.assert_allclose([each.result() for each in futures], vectors, atol=1e-6)
        assert embed.dimension == 4
        assert embed.count_tokens("whisky") == 1


def test_a_long_text_is_not_cut_for_static_embeddings(static) -> None:
    folder, texts, vectors = static
    with hugot.pipeline("feature-extraction", folder) as embed:
        long = " ".join([texts[0]] * 500)
        np.testing.assert_allclose(embed(long), vectors[0], atol=1e-5)
        assert embed.stats().truncated == 0


def test_static_embeddings_need_no_modules_file(static) -> None:
    folder, texts, vectors = static
    (folder / "modules.json").unlink()
    with hugot.pipeline("feature-extraction", folder, normalize=True) as embed:
        np.testing.assert_allclose(embed(texts), vectors, atol=1e-6)
