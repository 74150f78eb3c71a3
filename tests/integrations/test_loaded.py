"""One load per configuration and process."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest
from comparison import same

import hugot.api
from hugot.errors import ModelNotFoundError
from hugot.integrations.loaded import frozen, load_once, unload

pa = pytest.importorskip("pyarrow")

from hugot.integrations.arrow import ArrowPipeline  # noqa: E402

TEXTS = ["The film was excellent", None, "I hated it"]


@pytest.fixture
def classify(examples):
    adapter = ArrowPipeline("text-classification", examples / "tiny-sentiment", threads=1)
    yield adapter
    adapter.unload()


@pytest.fixture
def loads(monkeypatch):
    """The configurations that were loaded."""
    made = []
    pipeline = hugot.api.pipeline

    def counted(task, model, **options):
        made.append((task, model, options))
        return pipeline(task, model, **options)

    monkeypatch.setattr("hugot.api.pipeline", counted)
    return made


def test_many_threads_load_a_configuration_once(classify, loads):
    ready = threading.Barrier(8)
    found = []

    def find():
        ready.wait()
        found.append(classify.pipeline)

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(set(map(id, found))) == 1


def test_copies_share_the_pipeline_and_other_options_do_not(classify, loads):
    copy = pickle.loads(pickle.dumps(classify))
    assert copy.pipeline is classify.pipeline
    other = ArrowPipeline(classify.task, classify.model, threads=1, top_k=2)
    assert other.pipeline is not classify.pipeline
    other.unload()
    assert len(loads) == 2


def test_a_pickle_holds_configuration_alone(classify):
    classify.column(TEXTS)
    assert len(pickle.dumps(classify)) < 1000


def test_a_load_that_fails_is_tried_again(tmp_path, examples):
    model = str(tmp_path / "model")
    with pytest.raises(ModelNotFoundError):
        load_once("text-classification", model, {})
    (tmp_path / "model").symlink_to(examples / "tiny-sentiment")
    assert load_once("text-classification", model, {})("good")
    unload("text-classification", model, {})


def test_what_was_unloaded_is_loaded_anew(classify, loads):
    before = classify.pipeline
    classify.unload()
    assert classify.pipeline is not before
    assert len(loads) == 2


def test_options_are_told_apart_by_value_and_kind_not_by_order():
    assert frozen({"a": [1, {"x": "y"}], "b": 2}) == frozen({"b": 2, "a": (1, {"x": "y"})})
    assert frozen({"top_k": 1}) != frozen({"top_k": True})
    assert frozen({"labels": {"O"}}) == frozen({"labels": frozenset({"O"})})


def _answer(adapter):
    return os.getpid(), adapter.column(TEXTS).to_pylist(), id(adapter.pipeline)


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_processes_load_once_each_and_answer_as_this_one(classify, method):
    if method == "fork" and sys.platform in ("win32", "darwin"):
        pytest.skip("processes are not forked there")
    wanted = classify.column(TEXTS).to_pylist()
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        answers = list(pool.map(_answer, [classify] * 6))
    pipelines = {}
    for process, answer, pipeline in answers:
        assert process != os.getpid()
        assert same(answer, wanted)
        assert pipelines.setdefault(process, pipeline) == pipeline


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked there")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_may_happen_while_another_thread_loads(classify, monkeypatch):
    loading, forked = threading.Event(), threading.Event()
    pipeline = hugot.api.pipeline

    def slow(task, model, **options):
        loading.set()
        assert forked.wait(20)
        return pipeline(task, model, **options)

    monkeypatch.setattr("hugot.api.pipeline", slow)
    thread = threading.Thread(target=lambda: classify.pipeline)
    thread.start()
    assert loading.wait(20)
    child = os.fork()
    if child == 0:  # the lock of the loading thread is held here, by nobody
        forked.set()
        os._exit(0 if classify.column(TEXTS).null_count == 1 else 1)
    status = os.waitpid(child, 0)[1]
    forked.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
