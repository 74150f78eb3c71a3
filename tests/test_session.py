"""Sessions: named pipelines over shared models, and their end."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from waiting import until

import hugot
from hugot import InputError, SessionClosedError
from hugot.pipelines.pipeline import runner_of


@pytest.fixture
def session():
    with hugot.Session(threads=2, mode="throughput") as made:
        yield made


@pytest.fixture
def text_model(models):
    return models / "bert-uncased-text"


def test_a_pipeline_is_found_by_its_name(session, text_model) -> None:
    made = session.pipeline("text-classification", text_model, name="mood")
    assert session["mood"] is made
    assert dict(session.pipelines) == {"mood": made}


def test_a_pipeline_without_a_name_is_called_after_its_task(session, text_model) -> None:
    names = [session.pipeline("sentiment-analysis", text_model).name for _ in range(3)]
    assert names == ["text-classification", "text-classification-2", "text-classification-3"]


def test_a_name_that_is_taken_raises(session, text_model) -> None:
    session.pipeline("text-classification", text_model, name="mood")
    with pytest.raises(InputError, match="'mood' already"):
        session.pipeline("text-classification", text_model, name="mood")


def test_an_unknown_name_raises_a_key_error_that_lists_the_known_ones(session, text_model) -> None:
    session.pipeline("text-classification", text_model, name="mood")
    with pytest.raises(KeyError, match="it has mood"):
        session["moot"]


def test_an_unknown_task_raises_an_error_that_lists_the_known_ones(session, text_model) -> None:
    with pytest.raises(InputError, match="text-classification"):
        session.pipeline("translation", text_model)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("featureExtraction", "feature-extraction"),
        ("ner", "token-classification"),
        ("sentiment-analysis", "text-classification"),
        ("textClassification", "text-classification"),
        ("tokenClassification", "token-classification"),
    ],
)
def test_tasks_have_the_names_of_transformers_and_of_hugot(session, models, name, task) -> None:
    model = {"feature": "features", "text": "text", "token": "token"}[task.split("-")[0]]
    assert session.pipeline(name, models / f"bert-uncased-{model}").task == task


def test_pipelines_on_one_file_share_the_loaded_model(session, text_model) -> None:
    first = session.pipeline("text-classification", text_model)
    second = session.pipeline("text-classification", text_model, top_k=None)
    assert runner_of(first).model is runner_of(second).model
    assert runner_of(first).task.tokenizer is runner_of(second).task.tokenizer


def test_stats_count_texts_rows_tokens_and_calls(session, text_model) -> None:
    made = session.pipeline("text-classification", text_model, name="mood")
    made(["a", "a b", "a b c"])
    made("a")
    stats = session.stats()["mood"]
    assert (stats.texts, stats.rows, stats.tokens) == (4, 4, 3 + 4 + 5 + 3)
    assert stats.padded_tokens == 3 * 5 + 3
    assert stats.padding_ratio == 18 / 15
    assert (stats.tokenization.calls, stats.inference.calls) == (2, 2)
    assert 0 < stats.inference.average == stats.inference.seconds / 2
    assert stats.tokenization.seconds > 0


def test_warmup_runs_the_model(session, text_model) -> None:
    made = session.pipeline("text-classification", text_model)
    made.warmup()
    assert made.stats().inference.calls >= 2


def test_a_call_after_close_raises(text_model) -> None:
    session = hugot.Session()
    made = session.pipeline("text-classification", text_model)
    session.close()
    with pytest.raises(SessionClosedError, match="closed"):
        made("a")
    with pytest.raises(SessionClosedError, match="closed"):
        session.pipeline("text-classification", text_model)


def test_closing_twice_is_harmless(text_model) -> None:
    made = hugot.pipeline("text-classification", text_model)
    made.close()
    made.close()
    with pytest.raises(SessionClosedError):
        made("a")


def test_a_with_block_closes_the_pipeline(text_model) -> None:
    with hugot.pipeline("text-classification", text_model) as made:
        made("a")
    with pytest.raises(SessionClosedError):
        made("a")


def test_close_waits_for_a_running_call(session, text_model, monkeypatch) -> None:
    made = session.pipeline("text-classification", text_model)
    began, go_on = threading.Event(), threading.Event()
    task = runner_of(made).task
    finish_row = task.finish_row

    def held_up(*args):
        began.set()
        assert go_on.wait(10)
        return finish_row(*args)

    answers = []
    caller = threading.Thread(target=lambda: answers.append(made("a")))
    with monkeypatch.context() as patched:
        patched.setattr(task, "finish_row", held_up)
        caller.start()
        assert began.wait(10)
    closer = threading.Thread(target=session.close)
    closer.start()
    closer.join(0.1)
    assert closer.is_alive()
    go_on.set()
    caller.join(10)
    closer.join(10)
    assert not closer.is_alive()
    assert len(answers[0]) == 1


def worker_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("hugot-worker")}


def test_a_pipeline_that_is_no_longer_referenced_frees_its_model_and_threads(text_model) -> None:
    others = worker_threads()
    made = hugot.pipeline("text-classification", text_model, mode="throughput", threads=2)
    made(["some words"] * 300)
    assert len(worker_threads() - others) == 2
    model = weakref.ref(runner_of(made).model)
    gc.disable()
    try:
        del made
        # A worker lets go of the job's last group a moment after the call has its answer.
        until(lambda: model() is None)
    finally:
        gc.enable()
    until(lambda: not worker_threads() - others)


def test_an_unknown_option_of_the_session_raises() -> None:
    with pytest.raises(
        InputError, match=r"unknown option 'thread'; did you mean 'threads'\? There are: .*workers"
    ):
        hugot.Session(thread=2)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_an_unfit_number_of_threads_raises(threads) -> None:
    with pytest.raises(InputError, match="threads="):
        hugot.Session(threads=threads)


def test_an_unknown_mode_raises_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="'auto', 'latency', 'throughput'"):
        hugot.Session(mode="fast")


def test_session_configuration_that_is_not_text_raises() -> None:
    with pytest.raises(InputError, match="session_config"):
        hugot.Session(session_config={"session.intra_op.allow_spinning": 0})


@pytest.mark.parametrize("device", [-1, "cpu"])
def test_the_cpu_can_be_named_as_a_device(text_model, device) -> None:
    assert hugot.pipeline("text-classification", text_model, device=device)("a")


@pytest.mark.parametrize("device", [0, "cuda", "cuda:1"])
def test_a_cuda_device_that_is_not_there_is_an_error_and_no_silent_cpu_run(
    text_model, device
) -> None:
    with pytest.raises(hugot.ProviderError, match="CUDAExecutionProvider"):
        hugot.pipeline("text-classification", text_model, device=device)


def test_a_device_of_another_kind_raises(text_model) -> None:
    with pytest.raises(InputError, match="device='mps'"):
        hugot.pipeline("text-classification", text_model, device="mps")


@pytest.mark.parametrize("mode", ["auto", "latency", "throughput"])
def test_every_mode_gives_the_same_answers(text_model, mode) -> None:
    texts = [f"word {'again ' * (i % 23)}" for i in range(200)]
    one_by_one = hugot.pipeline("text-classification", text_model, mode="latency", threads=1)
    with hugot.pipeline("text-classification", text_model, mode=mode, threads=2) as made:
        for got, text in zip(made(texts), texts, strict=True):
            [expected] = one_by_one(text)
            assert got["label"] == expected["label"]
            assert got["score"] == pytest.approx(expected["score"], abs=1e-6)
