"""How every pipeline is called: one input, a list, an iterator; options; errors; order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import numpy as np
import pytest

import hugot
from hugot import InferenceError, InputError
from hugot.pipelines.pipeline import runner_of

TEXTS = [f"text {i} {'word ' * (i * 7 % 30)}" for i in range(150)]


@pytest.fixture(scope="module")
def classify(models):
    with hugot.pipeline(
        "text-classification", models / "bert-uncased-text", mode="throughput", threads=2
    ) as made:
        yield made


@pytest.fixture(scope="module")
def one_by_one(classify):
    return [classify(text)[0] for text in TEXTS]


def same(got, expected) -> bool:
    return [each["label"] for each in got] == [each["label"] for each in expected] and np.allclose(
        [each["score"] for each in got], [each["score"] for each in expected], atol=1e-6
    )


def test_a_list_gives_its_results_in_order(classify, one_by_one) -> None:
    assert same(classify(TEXTS), one_by_one)


def test_a_long_list_is_run_in_windows_and_keeps_its_order(classify, one_by_one) -> None:
    assert same(classify(TEXTS * 15), one_by_one * 15)


def test_a_tuple_of_many_texts_is_a_list_of_inputs(classify, one_by_one) -> None:
    assert same(classify(tuple(TEXTS)), one_by_one)


def test_an_array_of_strings_is_a_list_of_inputs(classify, one_by_one) -> None:
    assert same(classify(np.array(TEXTS[:5], dtype=object)), one_by_one[:5])


def test_an_iterator_gives_an_iterator(classify, one_by_one) -> None:
    answers = classify(iter(TEXTS))
    assert next(answers)["label"] == one_by_one[0]["label"]
    assert same(list(answers), one_by_one[1:])


def test_stream_takes_any_iterable_and_keeps_the_order(classify, one_by_one) -> None:
    assert same(list(classify.stream(TEXTS)), one_by_one)


def test_stream_reads_no_more_than_its_windows_ahead(classify) -> None:
    read = count()
    texts = (f"text {i}" for i in iter(lambda: next(read), None))
    answers = classify.stream(texts)
    for _ in range(3000):
        next(answers)
    assert next(read) <= 3000 + 2 * 1024


def test_closing_a_stream_lets_the_pipeline_close(models) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text", threads=2)
    answers = made.stream(f"text {i}" for i in count())
    next(answers)
    answers.close()
    closer = threading.Thread(target=made.close, daemon=True)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()


def test_a_stream_that_waits_does_not_keep_the_pipeline_from_closing(models) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text", threads=2)
    answers = made.stream(f"text {i}" for i in count())
    next(answers)
    closer = threading.Thread(target=made.close, daemon=True)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()
    with pytest.raises(hugot.SessionClosedError):
        list(islice(answers, 10_000))


def test_stream_batches_gives_the_results_of_each_batch(classify, one_by_one) -> None:
    batches = [TEXTS[:3], TEXTS[3:4], TEXTS[4:90]]
    got = list(classify.stream_batches(batches))
    assert [len(results) for results in got] == [3, 1, 86]
    assert same([each for results in got for each in results], one_by_one[:90])


def test_an_empty_batch_brings_out_all_results_before_it(classify) -> None:
    seen = []

    def batches():
        yield TEXTS[:3]
        yield []
        seen.append("asked for more")
        yield TEXTS[3:5]

    answers = classify.stream_batches(batches())
    assert len(next(answers)) == 3
    assert len(next(answers)) == 0
    assert seen == []


@pytest.mark.parametrize("empty", [[], (), iter(())])
def test_no_inputs_give_no_results(classify, empty) -> None:
    assert list(classify(empty)) == []


def test_many_threads_get_their_own_answers(classify, one_by_one) -> None:
    chunks = [(TEXTS[i : i + 10], one_by_one[i : i + 10]) for i in range(0, 150, 10)] * 4
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda chunk: classify(chunk[0]), chunks))
    for got, (_, expected) in zip(answers, chunks, strict=True):
        assert same(got, expected)


def test_batch_size_caps_the_rows_of_a_group(models) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text", batch_size=4)
    made(["a"] * 10)
    assert made.stats().inference.calls == 3
    made(["a"] * 10, batch_size=10)
    assert made.stats().inference.calls == 4


@pytest.mark.parametrize("value", [b"bytes", 7, None, 1.5])
def test_an_input_of_another_type_raises_and_names_it(classify, value) -> None:
    with pytest.raises(InputError, match=type(value).__name__):
        classify(value)
    with pytest.raises(InputError, match=f"input 1 is of type {type(value).__name__}") as caught:
        classify(["fine", value])
    assert caught.value.index == 1


def test_an_unfit_input_in_a_stream_is_named_by_its_place_in_the_whole(classify) -> None:
    texts = [*TEXTS, 7]
    with pytest.raises(InputError, match="input 150"):
        list(classify.stream(texts))


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_a_stream_gives_the_results_before_an_unfit_input_and_then_raises(
    models, one_by_one, mode
) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text", mode=mode, threads=2)
    got = []
    with pytest.raises(InputError, match="input 100"):
        got.extend(made.stream([*TEXTS[:100], "\ud800", *TEXTS[100:]]))
    assert same(got, one_by_one[:100])


def test_a_lone_surrogate_raises_and_names_input_and_character(classify) -> None:
    with pytest.raises(InputError, match=r"input 2 .*character 3 is a lone surrogate") as caught:
        classify(["a", "b", "abc\ud800"])
    assert caught.value.index == 2


def test_a_tuple_of_two_strings_raises_and_names_the_dict_form(classify) -> None:
    with pytest.raises(InputError, match="text_pair"):
        classify(("one", "two"))


def test_an_unknown_option_raises_and_lists_the_known_ones(classify, models) -> None:
    with pytest.raises(InputError, match=r"'topk'.*top_k"):
        classify("a", topk=2)
    with pytest.raises(InputError, match=r"'topk'.*top_k"):
        hugot.pipeline("text-classification", models / "bert-uncased-text", topk=2)


@pytest.mark.parametrize("size", [0, -1, 2.5, "8"])
def test_an_unfit_batch_size_raises(classify, size) -> None:
    with pytest.raises(InputError, match="batch_size="):
        classify("a", batch_size=size)


def test_a_text_that_is_too_long_is_cut(classify) -> None:
    assert classify(". " * 1000)[0]["score"] == pytest.approx(
        classify(". " * 62)[0]["score"], abs=1e-6
    )


@pytest.mark.parametrize("truncation", ["error", False])
def test_a_text_that_is_too_long_raises_where_that_is_wanted(classify, truncation) -> None:
    with pytest.raises(InputError, match="input 1 has 1002 tokens; the model takes 64") as caught:
        classify(["short", ". " * 1000], truncation=truncation)
    assert caught.value.index == 1
    classify(["short", ". " * 62], truncation=truncation)


def test_an_error_in_one_group_is_raised_and_the_pipeline_goes_on(classify, monkeypatch) -> None:
    task = runner_of(classify).task
    postprocess = task.postprocess

    def fail(outputs, group, prepared):
        if 7 in group.rows:
            raise InferenceError("broken")
        postprocess(outputs, group, prepared)

    with monkeypatch.context() as patched:
        patched.setattr(task, "postprocess", fail)
        with pytest.raises(InferenceError, match="broken"):
            classify(TEXTS)
    assert len(classify(TEXTS)) == len(TEXTS)


@pytest.mark.parametrize("call", ["__call__", "submit", "plan"])
def test_a_call_without_inputs_and_one_with_too_many_arguments_are_refused(classify, call) -> None:
    with pytest.raises(InputError, match="is called with inputs: a text, or a list of them"):
        getattr(classify, call)(top_k=2)
    with pytest.raises(InputError, match="takes the inputs by position, and was called with 2"):
        getattr(classify, call)("one", "two")


def test_inputs_can_be_given_by_name(classify) -> None:
    assert classify(inputs=["one"]) == classify(["one"])
