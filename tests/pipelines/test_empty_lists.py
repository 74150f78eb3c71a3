"""The answer for an empty list: for vectors, an array of their size without rows."""

from __future__ import annotations

import asyncio

import numpy as np
import onnx
import pytest
from places import FIXTURES

import hugot
from hugot import SessionClosedError

WAYS = {
    "call": lambda run, **options: run([], **options),
    "tuple": lambda run, **options: run((), **options),
    "array": lambda run, **options: run(np.array([], "U9"), **options),
    "submit": lambda run, **options: run.submit([], **options).result(),
    "acall": lambda run, **options: asyncio.run(run.acall([], **options)),
    "stream_batches": lambda run, **options: next(run.stream_batches([[]], **options)),
}


@pytest.fixture(params=["in the graph", "unknown"])
def embed(request, copy_of):
    """A pipeline for vectors whose size is in the graph or not."""
    folder = copy_of("electra-features")  # with a Dense module
    if request.param == "unknown":
        model = onnx.load(folder / "model.onnx")
        for output in model.graph.output:
            output.type.tensor_type.shape.dim[-1].dim_param = "size"
        onnx.save(model, folder / "model.onnx")
    with hugot.pipeline("feature-extraction", folder, threads=1) as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_list_has_vectors_of_the_models_size(embed, way) -> None:
    for options in ({}, {"truncate_dim": 5}, {"pooling": ("mean", "cls")}, {"normalize": True}):
        found = WAYS[way](embed, **options)
        expected = embed(["a text"], **options)
        assert found.dtype == np.float32
        assert found.shape == (0, expected.shape[1])
        assert np.concatenate([found, expected]).shape == expected.shape


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_list_of_token_vectors_is_a_list(embed, way) -> None:
    assert WAYS[way](embed, pooling="none") == []


@pytest.mark.parametrize("way", [way for way in WAYS if way != "stream_batches"])
@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("text-classification", "bert-uncased-text"),
        ("token-classification", "bert-uncased-token"),
        ("fill-mask", "bert-uncased-mask"),
        ("zero-shot-classification", "bert-generic-text"),
    ],
)
def test_an_empty_list_has_no_results(task, model, way) -> None:
    with hugot.pipeline(task, FIXTURES / model, threads=1) as made:
        assert WAYS[way](made) == []


def test_a_stream_of_nothing_yields_nothing(embed) -> None:
    assert list(embed.stream([])) == []
    assert list(embed(iter(()))) == []
    assert list(embed.stream_batches([])) == []


def test_batches_without_texts_keep_their_place(embed) -> None:
    shapes = [batch.shape[0] for batch in embed.stream_batches([[], ["a"], [], ["a", "b"]])]
    assert shapes == [0, 1, 0, 2]


def test_a_sample_for_the_size_is_run_once(embed) -> None:
    embed([])
    texts = embed.stats().texts
    embed([])
    embed([])
    assert embed.stats().texts == texts


def test_a_closed_pipeline_refuses_an_empty_list_too(embed) -> None:
    embed.close()
    with pytest.raises(SessionClosedError):
        embed([])
