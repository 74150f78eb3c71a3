"""Graphs whose inputs have fixed dimensions: rows are cut, padded, grouped and filled up for them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import hugot
from hugot import InputError, ModelFormatError
from hugot._ort.session import TensorSpec
from hugot.inputs.rows import check_token_inputs

TEXTS = [
    "the film was long",
    "all actors and the story",
    "whisky",
    "does this example name all the dollars and the actors of the film, or not all of them?",
    "not for the actors",
] * 3
SHAPES = [(1, 16), (None, 16), (1, None), (4, None), (4, 16), (3, 32)]
TASKS = {
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-uncased-token",
    "feature-extraction": "bert-uncased-features",
    "fill-mask": "bert-uncased-mask",
}


def set_shape(path, rows, width, names=None):
    """Fix the dimensions of a graph's inputs, of those in `names` by default of all."""
    model = onnx.load(path)
    for each in model.graph.input:
        if names is None or each.name in names:
            for dim, size in zip(each.type.tensor_type.shape.dim, (rows, width), strict=True):
                if size is not None:
                    dim.dim_value = size
    onnx.save(model, path)


@pytest.fixture
def fixed(models, tmp_path):
    """Makes a copy of a fixture whose graph has these dimensions."""

    def make(name, rows, width, names=None):
        folder = shutil.copytree(models / name, tmp_path / f"{name}-{rows}-{width}")
        set_shape(folder / "model.onnx", rows, width, names)
        return folder

    return make


def texts_of(task):
    return [f"{text[:30]} [MASK]" for text in TEXTS] if task == "fill-mask" else TEXTS


def assert_close(found, right):
    """Compare results of any task: numbers to 1e-5, everything else exactly."""
    if isinstance(right, np.ndarray):
        np.testing.assert_allclose(found, right, atol=1e-5)
    elif isinstance(right, dict):
        assert found.keys() == right.keys()
        for key in right:
            assert_close(found[key], right[key])
    elif isinstance(right, list):
        assert len(found) == len(right)
        for one, other in zip(found, right, strict=True):
            assert_close(one, other)
    else:
        assert found == (pytest.approx(right, abs=1e-5) if isinstance(right, float) else right)


@pytest.fixture
def pair(models, fixed, tmp_path):
    """Makes the pipeline of a graph with a fixed shape, and the one that it must answer as."""

    def make(task, rows, width, **options):
        right = shutil.copytree(models / TASKS[task], tmp_path / "right")
        if width is not None:
            path = right / "tokenizer_config.json"
            config = json.loads(path.read_text()) | {"model_max_length": width}
            path.write_text(json.dumps(config))
        return (
            hugot.pipeline(task, fixed(TASKS[task], rows, width), **options),
            hugot.pipeline(task, right, **options),
        )

    return make


@pytest.mark.parametrize(("rows", "width"), SHAPES)
@pytest.mark.parametrize("task", TASKS)
def test_every_way_of_calling_answers_as_the_graph_with_free_dimensions(
    task, rows, width, pair
) -> None:
    made, right = pair(task, rows, width)
    texts = texts_of(task)
    with made, right:
        expected = [right(text) for text in texts]
        assert_close([made(text) for text in texts], expected)
        assert_close(made(texts), right(texts))
        assert_close(list(made.stream(texts)), list(right.stream(texts)))
        assert_close(made.submit(texts).result(), right(texts))
        futures = [made.submit(text) for text in texts]
        assert_close([future.result() for future in futures], expected)

        async def all_at_once():
            return await asyncio.gather(*map(made.acall, texts))

        assert_close(asyncio.run(all_at_once()), expected)


@pytest.mark.parametrize(("rows", "width"), SHAPES)
def test_the_plan_has_only_shapes_that_the_graph_takes(rows, width, pair) -> None:
    made, right = pair("text-classification", rows, width)
    with made, right:
        plan = made.plan(TEXTS)
        assert plan.shape_policy == "graph"
        for group in plan.groups:
            assert rows is None or group[0] == rows
            assert width is None or group[1] == width
        made.warmup()
        assert_close(made(TEXTS, batch_size=2), right(TEXTS))


def test_windows_of_a_long_text_have_the_width_of_the_graph(pair) -> None:
    text = " ".join(TEXTS)
    made, right = pair("token-classification", 2, 16, stride=4)
    with made, right:
        assert_close(made(text), right(text))
        assert_close(made([text, "whisky"]), right([text, "whisky"]))


def test_a_text_that_is_longer_than_the_row_is_refused_if_it_may_not_be_cut(fixed) -> None:
    folder = fixed("bert-uncased-text", 1, 16)
    with hugot.pipeline("text-classification", folder, truncation="error") as classify:
        classify("whisky")
        with pytest.raises(InputError, match="16"):
            classify(TEXTS[3] * 2)


def test_vectors_of_tokens_are_those_of_the_text_without_padding(pair) -> None:
    made, right = pair("feature-extraction", 4, 32, pooling="none")
    with made, right:
        assert_close(made(TEXTS), right(TEXTS))


def test_one_fixed_input_decides_for_all(fixed) -> None:
    folder = fixed("bert-uncased-text", None, 16, ["token_type_ids"])
    with hugot.pipeline("text-classification", folder) as classify:
        assert {width for _, width in classify.plan(TEXTS).groups} == {16}
        classify(TEXTS)


def test_fixed_dimensions_that_contradict_each_other_are_refused() -> None:
    ids = TensorSpec("input_ids", "int64", ("batch", 32))
    mask = TensorSpec("attention_mask", "int64", ("batch", 16))
    with pytest.raises(ModelFormatError, match=r"tokens .*: input_ids 32, attention_mask 16"):
        check_token_inputs([ids, mask], Path("model.onnx"))


def test_a_fixed_width_without_a_mask_is_refused(fixed) -> None:
    with pytest.raises(ModelFormatError, match=r"exactly 16 tokens and has no attention_mask"):
        hugot.pipeline("text-classification", fixed("bert-uncased-text-no-mask", 1, 16))


def test_a_fixed_number_of_rows_needs_no_mask(models, fixed) -> None:
    name = "bert-uncased-text-no-mask"
    with (
        hugot.pipeline("text-classification", models / name) as right,
        hugot.pipeline("text-classification", fixed(name, 4, None)) as made,
    ):
        assert_close(made(TEXTS), right(TEXTS))
        assert {rows for rows, _ in made.plan(TEXTS).groups} == {4}


def test_dimensions_that_an_option_fixes_are_obeyed(models) -> None:
    folder = models / "bert-uncased-text"
    names = {"batch_size": 2, "sequence_length": 24}
    with (
        hugot.pipeline("text-classification", folder) as right,
        hugot.pipeline("text-classification", folder, free_dimensions=names) as made,
    ):
        texts = [text for text in TEXTS if len(text) < 40]
        assert_close(made(texts), right(texts))
        assert_close(made(texts[0]), right(texts[0]))
