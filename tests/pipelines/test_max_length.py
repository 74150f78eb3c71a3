"""The option `max_length`: rows that are shorter than the model's longest."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from comparison import same
from places import FIXTURES

import hugot
from hugot import InputError
from hugot.pipelines.pipeline import runner_of

CASES = json.loads((FIXTURES.parent / "edits" / "lengths.json").read_text(encoding="utf-8"))
TEXT = "The unaffable cat sat by the sea, and nobody was swimming in Berlin. " * 8


def options_of(call) -> dict:
    """The options of hugot for those of a call of transformers."""
    kwargs = call.get("tokenize_kwargs", {})
    options = {key: value for key, value in (call | kwargs).items() if key != "tokenize_kwargs"}
    return options | ({"pooling": "none"} if kwargs else {})


@pytest.fixture(scope="module")
def pipelines(models):
    made = {}
    yield lambda task, model: made.setdefault(
        (task, model), hugot.pipeline(task, models / model, threads=1)
    )
    for each in made.values():
        each.close()


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_answers_are_those_of_transformers(pipelines, case) -> None:
    answer = pipelines(case["task"], case["model"])(case["input"], **options_of(case["call"]))
    if isinstance(answer, np.ndarray):
        answer = [answer.tolist()]
    expected = [each["output"] for each in case["answers"].values()]
    assert len(expected) == 2
    assert any(same(answer, each, 1e-4) for each in expected)


@pytest.fixture(scope="module")
def classify(pipelines):
    return pipelines("text-classification", "bert-uncased-text")


def width(pipeline, inputs, **options) -> int:
    return max(width for _, width in pipeline.plan(inputs, **options).groups)


def test_rows_are_cut_at_it_in_every_way_of_calling(classify) -> None:
    expected = classify([TEXT, "a"], max_length=9)
    assert not same(expected, classify([TEXT, "a"]))
    assert width(classify, [TEXT, "a"], max_length=9) == 9
    assert same(classify(TEXT, max_length=9), expected[:1])
    assert same(list(classify.stream([TEXT, "a"], max_length=9)), expected)
    assert same(classify.submit([TEXT, "a"], max_length=9).result(30), expected)
    assert same(classify.submit(TEXT, max_length=9).result(30), expected[:1])
    assert same(asyncio.run(classify.acall([TEXT, "a"], max_length=9)), expected)


def test_a_call_may_set_another_length_than_the_pipeline(models, classify) -> None:
    with hugot.pipeline("text-classification", models / "bert-uncased-text", max_length=9) as made:
        assert same(made(TEXT), classify(TEXT, max_length=9))
        assert same(made(TEXT, max_length=12), classify(TEXT, max_length=12))
        assert same(made(TEXT, max_length=None), classify(TEXT))


def test_it_never_exceeds_that_of_the_model(classify) -> None:
    assert width(classify, [TEXT * 9], max_length=100_000) == width(classify, [TEXT * 9]) == 64


@pytest.mark.parametrize(
    ("task", "model", "options"),
    [
        ("text-classification", "bert-uncased-text", {}),
        ("feature-extraction", "bert-uncased-features-sentence", {}),
        ("feature-extraction", "qwen3-features", {"pooling": "none"}),
        ("token-classification", "bert-cased-token", {}),
        ("token-classification", "roberta-token", {"aggregation_strategy": "simple"}),
    ],
)
def test_a_text_that_exceeds_it_is_refused_if_the_option_says_so(
    pipelines, task, model, options
) -> None:
    made = pipelines(task, model)
    made("a", max_length=9, truncation="error", **options)
    with pytest.raises(InputError, match=r"input 0 has \d+ tokens; max_length is 9"):
        made(TEXT, max_length=9, truncation="error", **options)


@pytest.mark.parametrize("length", [0, -1, "9", 2.5, True])
def test_a_length_that_is_no_positive_whole_number_is_refused(classify, length) -> None:
    with pytest.raises(InputError, match="max_length="):
        classify("a", max_length=length)


def test_a_length_without_room_is_refused_when_the_pipeline_is_made_and_called(
    models, pipelines
) -> None:
    with pytest.raises(InputError, match="max_length=2 leaves no room"):
        hugot.pipeline("text-classification", models / "bert-uncased-text", max_length=2)
    embed = pipelines("feature-extraction", "bert-uncased-features")
    prompt = "the cat sat: "
    count = len(embed(prompt, pooling="none"))
    with pytest.raises(InputError, match=rf"max_length={count} leaves no room .* prompt"):
        embed("a", prompt=prompt, max_length=count)
    assert embed("a", prompt=prompt, max_length=count + 1).shape == (16,)


def test_a_length_without_room_for_a_pair_is_refused(pipelines) -> None:
    classify = pipelines("text-classification", "roberta-text")
    pair = {"text": "a", "text_pair": "b"}
    classify(["a", pair], max_length=5)
    with pytest.raises(InputError, match=r"input 1 is a pair .* max_length=4 leaves no room; 4"):
        classify(["a", pair], max_length=4)


def test_windows_of_a_stride_have_that_length(pipelines) -> None:
    tag = pipelines("token-classification", "bert-cased-token")
    assert width(tag, [TEXT], stride=3, max_length=12) == 12
    with pytest.raises(InputError, match="stride=10; it must be below 10"):
        tag(TEXT, stride=10, max_length=12)


def test_a_mask_behind_it_is_said_to_be_there(pipelines) -> None:
    fill = pipelines("fill-mask", "bert-uncased-mask")
    with pytest.raises(InputError, match=r"mask token \[MASK\] beyond the 9 tokens"):
        fill(TEXT + "[MASK]", max_length=9)
    with pytest.raises(InputError, match=r"has no mask token \[MASK\]"):
        fill(TEXT * 20, max_length=9)
    with pytest.raises(InputError, match=r"mask token \[MASK\] beyond the 9 tokens"):
        fill(TEXT * 20 + "[MASK]", max_length=9)


def test_lengths_of_many_calls_do_not_pile_up(classify) -> None:
    for length in range(3, 60):
        classify("a", max_length=length)
    assert len(runner_of(classify).task.tokenizer._kept) < 20
