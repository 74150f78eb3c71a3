"""Pickled pipelines: what they carry, what they share, what cannot be done with them."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import sysconfig
import threading
import weakref
from concurrent.futures import ProcessPoolExecutor

import pytest
from comparison import same
from places import FIXTURES
from waiting import until

import hugot
from hugot import ModelNotFoundError, SessionClosedError
from hugot.pipelines.pipeline import runner_of

MODEL = FIXTURES / "bert-uncased-text"
TEXTS = [f"text {i} {'word ' * (i % 20)}" for i in range(40)]


def test_a_pickled_pipeline_gives_the_same_answers() -> None:
    with hugot.pipeline("text-classification", MODEL, name="mood", top_k=None, threads=1) as made:
        data = pickle.dumps(made)
        assert len(data) < 4000
        with pickle.loads(data) as other:
            assert other is not made
            assert type(other) is type(made)
            assert (other.name, other.options) == (made.name, made.options)
            assert other._spec.runtime == made._spec.runtime
            assert same(other(TEXTS), made(TEXTS))


def test_a_pipeline_of_a_session_can_be_pickled_and_outlives_it(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(FIXTURES)
    with hugot.Session(threads=1, mode="latency") as session:
        made = session.pipeline("token-classification", "bert-cased-token", stride=4)
        expected, data = made(TEXTS), pickle.dumps(made)
    monkeypatch.chdir(tmp_path)
    with pickle.loads(data) as other:
        assert same(other(TEXTS), expected)


def test_pipelines_unpickled_in_one_process_share_the_model_and_end_apart() -> None:
    with hugot.pipeline("text-classification", MODEL, threads=1) as made:
        data = pickle.dumps(made)
        first, second = pickle.loads(data), pickle.loads(data)
        assert first is not second
        assert runner_of(first).model is runner_of(second).model
        assert runner_of(first).task.tokenizer is runner_of(second).task.tokenizer
        assert runner_of(first).model is not runner_of(made).model
    first.close()
    assert second("a")
    second.close()


def test_other_options_of_the_session_are_not_shared() -> None:
    made = [
        hugot.pipeline("text-classification", MODEL, threads=1, mode=m) for m in ("latency", "auto")
    ]
    others = [pickle.loads(pickle.dumps(each)) for each in made]
    assert runner_of(others[0]).model is not runner_of(others[1]).model
    for each in [*made, *others]:
        each.close()


@pytest.mark.parametrize("end", ["close", "forget"])
def test_what_unpickled_pipelines_share_ends_with_the_last_of_them(end) -> None:
    before = set(threading.enumerate())
    with hugot.pipeline("text-classification", MODEL, mode="throughput", threads=2) as made:
        made_again = [pickle.loads(pickle.dumps(made)) for _ in range(2)]
    made_again[0](TEXTS)
    model = weakref.ref(runner_of(made_again[0]).model)
    gc.collect()
    gc.disable()
    try:
        while made_again:
            assert model() is not None
            if end == "close":
                made_again[-1].close()
            made_again.pop()
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            gc.collect()  # CPython keeps some of what is let go of until then
        # A thread of the pool holds what it did last until it has ended.
        until(lambda: model() is None)
        until(lambda: set(threading.enumerate()) <= before)
    finally:
        gc.enable()


def test_an_unpickled_pipeline_runs_the_graph_that_was_chosen(copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    shutil.copy(FIXTURES / "bert-uncased-text-fp16" / "model.onnx", folder / "model_fp16.onnx")
    with hugot.pipeline("text-classification", folder, variant="fp16", threads=1) as made:
        assert runner_of(made).task.bundle.onnx_path.name == "model_fp16.onnx"
        with pickle.loads(pickle.dumps(made)) as other:
            assert runner_of(other).task.bundle.onnx_path == runner_of(made).task.bundle.onnx_path
            assert same(other(TEXTS), made(TEXTS))


def test_a_pipeline_whose_folder_is_not_there_raises_where_it_is_unpickled(copy_of) -> None:
    folder = copy_of("bert-uncased-text")
    with hugot.pipeline("text-classification", folder) as made:
        data = pickle.dumps(made)
    shutil.rmtree(folder)
    with pytest.raises(ModelNotFoundError, match="bert-uncased-text"):
        pickle.loads(data)


def test_a_closed_pipeline_cannot_be_pickled() -> None:
    made = hugot.pipeline("text-classification", MODEL)
    made.close()
    with pytest.raises(SessionClosedError, match="cannot be pickled"):
        pickle.dumps(made)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_pipeline_is_the_pipeline(copied) -> None:
    with hugot.pipeline("text-classification", MODEL) as made:
        assert copied({"pipeline": made})["pipeline"] is made


def test_another_process_can_unpickle_it() -> None:
    with hugot.pipeline("text-classification", MODEL, threads=1) as made:
        code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)('a word'))"
        done = subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(made), capture_output=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode().startswith("[{'label': ")


def answers(pipeline, texts):
    return pipeline(texts)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_process_pool_runs_a_pipeline(method) -> None:
    with hugot.pipeline("text-classification", MODEL, threads=2, mode="throughput") as made:
        expected = made(TEXTS)
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            found = [pool.submit(answers, made, TEXTS) for _ in range(4)]
            assert all(same(each.result(60), expected) for each in found)
