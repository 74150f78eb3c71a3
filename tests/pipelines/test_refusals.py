"""Inputs that cannot be used: values for `run_windows`, an error for those who call."""

from __future__ import annotations

import asyncio
import gc
import weakref

import numpy as np
import pytest
from comparison import same
from waiting import until

import hugot
from hugot import InputError
from hugot.pipelines.pipeline import runner_of
from hugot.pipelines.windows import LARGEST_WINDOW, run_windows

TIMEOUT = 30
TOO_LONG = ". " * 1000
SURROGATE = "b\ud800"
GOOD = [f"text {i} {'word ' * (i * 7 % 20)}" for i in range(12)]
# Place → the input and what its error says.
BAD = {
    0: (7, "is of type int"),
    3: (TOO_LONG, "has 1002 tokens; the model takes 64"),
    4: (SURROGATE, "cannot be tokenized: character 1 is a lone surrogate"),
    9: ({"text": 1}, "a dict must be"),
    12: (None, "is of type NoneType"),
    16: (TOO_LONG, "has 1002 tokens; the model takes 64"),
}


def mixed() -> list:
    """The good inputs, with the bad ones at their places."""
    inputs: list = list(GOOD)
    for place, (value, _) in BAD.items():
        inputs.insert(place, value)
    return inputs


@pytest.fixture(params=["latency", "throughput"])
def classify(models, request):
    with hugot.pipeline(
        "text-classification",
        models / "bert-uncased-text",
        mode=request.param,
        threads=2,
        truncation="error",
    ) as made:
        yield made


def windows_of(pipeline, *windows, **options):
    runner = runner_of(pipeline)
    return list(run_windows(runner, windows, runner.merge(options)))


# As values


def test_every_refusal_has_its_place_its_number_and_its_reason(classify) -> None:
    [answers] = windows_of(classify, mixed())
    assert sorted(answers.refusals) == sorted(BAD)
    for place, error in answers.refusals.items():
        assert type(error) is InputError
        assert error.index == place
        assert str(error).startswith(f"input {place}")
        assert BAD[place][1] in str(error)


def test_the_results_are_those_of_a_run_without_the_refused(classify) -> None:
    [answers] = windows_of(classify, mixed())
    [expected] = windows_of(classify, GOOD)
    assert expected.refusals == {}
    assert same(list(answers.results), list(expected.results))


def test_places_count_within_a_window_and_numbers_within_all(classify) -> None:
    first, second, third = windows_of(classify, GOOD[:3], ["a", 7, "b"], [SURROGATE, "c"])
    assert first.refusals == {}
    assert [(place, error.index) for place, error in second.refusals.items()] == [(1, 4)]
    assert [(place, error.index) for place, error in third.refusals.items()] == [(0, 6)]
    assert "input 6 cannot be tokenized" in str(third.refusals[0])
    assert [len(each.results) for each in (first, second, third)] == [3, 2, 1]


@pytest.mark.parametrize("window", [[7], [SURROGATE], [7, SURROGATE, TOO_LONG]])
def test_a_window_of_refused_inputs_alone_has_no_results(classify, window) -> None:
    refused, after = windows_of(classify, window, ["a"])
    assert len(refused.results) == 0
    assert sorted(refused.refusals) == list(range(len(window)))
    assert len(after.results) == 1


def test_an_empty_window_has_empty_answers_after_all_before_it(classify) -> None:
    first, empty, last = windows_of(classify, ["a", 7], [], ["b"])
    assert (len(first.results), sorted(first.refusals)) == (1, [1])
    assert (len(empty.results), empty.refusals) == (0, {})
    assert (len(last.results), last.refusals) == (1, {})


def test_vectors_of_accepted_texts_are_one_array(models) -> None:
    with hugot.pipeline(
        "feature-extraction", models / "bert-uncased-features", truncation="error", threads=2
    ) as embed:
        answers, refused = windows_of(embed, ["a", 7, "b c", TOO_LONG, SURROGATE], [None])
        assert isinstance(answers.results, np.ndarray)
        np.testing.assert_allclose(answers.results, embed(["a", "b c"]), atol=1e-6)
        assert sorted(answers.refusals) == [1, 3, 4]
        assert (len(refused.results), sorted(refused.refusals)) == (0, [0])
        assert refused.refusals[0].index == 5


def test_windows_of_a_stride_belong_to_the_accepted_texts(models) -> None:
    texts = ["a", "Wolfgang lives in Berlin " * 30, "c"]
    with hugot.pipeline(
        "token-classification", models / "bert-cased-token", stride=4, threads=2
    ) as tag:
        [answers] = windows_of(tag, [7, texts[0], SURROGATE, texts[1], texts[2]])
        assert sorted(answers.refusals) == [0, 2]
        assert same(list(answers.results), tag(texts))


def test_words_that_are_no_lists_of_words_are_refused(models) -> None:
    with hugot.pipeline(
        "token-classification", models / "bert-cased-token", is_split_into_words=True, threads=1
    ) as tag:
        words = ["Wolfgang", "lives"]
        [answers] = windows_of(tag, [words, "no list", [1], ["in", "b\ud800"], words])
        assert sorted(answers.refusals) == [1, 2, 3]
        assert same(list(answers.results), tag([words, words]))


def test_refusals_are_no_failed_calls_and_their_texts_are_not_counted(classify) -> None:
    windows_of(classify, mixed())
    stats = classify.stats()
    assert (stats.texts, stats.errors) == (len(GOOD), {})


# As errors


def test_a_list_raises_the_first_before_anything_runs(classify) -> None:
    with pytest.raises(InputError, match=r"input 2 cannot be tokenized") as caught:
        classify(["a", "b", SURROGATE, "c", 7, TOO_LONG])
    assert caught.value.index == 2
    assert classify.stats().inference.calls == 0


def test_a_long_list_raises_the_first_with_its_number(classify) -> None:
    texts = ["a"] * (3 * LARGEST_WINDOW)
    texts[LARGEST_WINDOW + 5] = 7
    texts[-1] = SURROGATE
    with pytest.raises(InputError, match=rf"input {LARGEST_WINDOW + 5} is of type int") as caught:
        classify(texts)
    assert caught.value.index == LARGEST_WINDOW + 5


def test_a_plan_raises_the_first_with_its_number(classify) -> None:
    with pytest.raises(InputError, match="input 2 cannot be tokenized") as caught:
        classify.plan(["a", "b", SURROGATE, 7])
    assert caught.value.index == 2


@pytest.mark.parametrize("place", [0, 1, 63, 64, 100, 319, 320, 599])
def test_a_stream_yields_what_precedes_it_and_then_raises(classify, place) -> None:
    texts: list = [f"text {i % 50}" for i in range(600)]
    expected = classify(texts[:place])
    texts[place] = SURROGATE
    got: list = []
    with pytest.raises(InputError, match=f"input {place} cannot be tokenized") as caught:
        got.extend(classify.stream(texts))
    assert caught.value.index == place
    assert same(got, expected)
    assert classify.stats().errors == {"InputError": 1}


def test_a_stream_of_batches_yields_the_part_before_it_and_then_raises(classify) -> None:
    got: list = []
    with pytest.raises(InputError, match="input 4 is of type int"):
        got.extend(classify.stream_batches([GOOD[:3], ["a", 7, "b"], ["c"]]))
    assert [len(batch) for batch in got] == [3, 1]


@pytest.mark.parametrize(
    ("inputs", "index"), [(TOO_LONG, 0), (["a", TOO_LONG, 7], 1), (["a", "b", 7, SURROGATE], 2)]
)
def test_a_request_fails_its_future_with_the_first(classify, inputs, index) -> None:
    error = classify.submit(inputs).exception(TIMEOUT)
    assert type(error) is InputError
    assert error.index == index
    with pytest.raises(InputError, match=f"input {index} ") as caught:
        asyncio.run(classify.acall(inputs))
    assert caught.value.index == index
    assert classify.stats().errors == {"InputError": 2}


# What they leave behind


async def acall(pipeline, inputs) -> None:
    with pytest.raises(InputError):
        await pipeline.acall(inputs)


CALLS = {
    "call": lambda made, inputs: made(inputs),
    "stream": lambda made, inputs: list(made.stream(inputs)),
    "plan": lambda made, inputs: made.plan(inputs),
    "submit": lambda made, inputs: made.submit(inputs).result(TIMEOUT),
    "acall": lambda made, inputs: asyncio.run(acall(made, inputs)),
}


def refused_call(made, call, inputs) -> None:
    try:
        call(made, inputs)
    except InputError:
        return


@pytest.mark.parametrize("inputs", [[TOO_LONG], ["a", 7], ["a", SURROGATE, 7], ["a", 7] * 2000])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refused_input_does_not_keep_a_dropped_pipeline(models, call, inputs) -> None:
    made = hugot.pipeline(
        "text-classification",
        models / "bert-uncased-text",
        mode="throughput",
        threads=2,
        truncation="error",
    )
    gone = [weakref.ref(each) for each in (made, runner_of(made), runner_of(made).model)]
    gc.collect()
    gc.disable()
    try:
        refused_call(made, call, inputs)
        del made
        until(lambda: [each() for each in gone] == [None] * 3)
    finally:
        gc.enable()
