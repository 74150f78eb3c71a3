"""Requests of many threads, run together: order, errors, cancelling, the end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from dataclasses import dataclass

import numpy as np
import pytest

from hugot.errors import DeadlineExceededError, QueueFullError, SessionClosedError
from hugot.inputs.rows import Padding, TokenRows
from hugot.pipelines.batcher import Batcher, Work
from hugot.pipelines.queue import RequestQueue
from hugot.pipelines.request import Item, Request
from hugot.runtime.calls import Gate
from hugot.runtime.executor import Executor

TIMEOUT = 10


@dataclass(frozen=True)
class Options:
    batch_size: int | None = None


OPTIONS = Options()


class Stop:
    def __init__(self):
        self.terminated = threading.Event()

    def terminate(self):
        self.terminated.set()


class Model:
    """Has the handles that it made."""

    def __init__(self):
        self.stops = []

    def new_run_options(self):
        self.stops.append(Stop())
        return self.stops[-1]


class Runner:
    def __init__(self):
        self.model = Model()


class Echo:
    """Work that answers a text with itself, once it may go on."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.groups = []
        self.poison = ()

    def run(self, items, stop):
        self.groups.append([item.value for item in items])
        self.begun.release()
        go = self.go
        while not go.wait(0.001):
            if stop.terminated.is_set():
                raise RuntimeError("stopped")
        if any(item.value in self.poison for item in items):
            raise ValueError("poison")
        return [[item.value] for item in items]

    def answer(self, request):
        return [result for results in request.results for result in results]


def row_of(length):
    offsets = np.array([0, length], np.int64)
    return TokenRows(np.zeros(length, np.int32), offsets, None, [None], Padding())


class Made:
    """A batcher over `Echo`, and what belongs to it."""

    def __init__(self, workers=1, max_queue=100):
        self.work = Echo()
        self.runner = Runner()
        self.gate = Gate("the test")
        self.executor = Executor(workers)
        # The functions of the work are looked up at each call, so that a test can replace them.
        work = Work(lambda *args: self.work.run(*args), lambda *args: self.work.answer(*args))
        self.batcher = Batcher(work, self.executor, RequestQueue(), self.gate, max_queue, "test")

    @property
    def stops(self):
        return self.runner.model.stops

    def request(self, *texts, timeout=None, loop=None):
        made = Request(self.runner, OPTIONS, texts, {}, timeout, loop)
        made.size_budget = 100
        return made

    def put(self, request, *texts):
        rows = row_of(5)
        self.batcher.put(request, [Item(request, i, text, rows) for i, text in enumerate(texts)])

    def send(self, *texts, timeout=None):
        request = self.request(*texts, timeout=timeout)
        future = request.future
        self.batcher.admit(request)
        self.put(request, *texts)
        return future

    def hold(self):
        """Have every worker busy with a request until `work.go` is set."""
        self.work.go.clear()
        held = []
        for number in range(self.executor.workers):
            held.append(self.send(f"held {number}"))
            assert self.work.begun.acquire(timeout=TIMEOUT)
        return held

    def close(self):
        self.work.go.set()
        self.gate.close()
        self.batcher.close()
        self.executor.close()


@pytest.fixture
def made(request):
    one = Made(**getattr(request, "param", {}))
    yield one
    one.close()


@pytest.fixture
def two():
    one = Made(workers=2)
    yield one
    one.close()


# Running together


def test_a_lone_request_runs_at_once(made):
    assert made.send("a").result(TIMEOUT) == ["a"]
    assert made.work.groups == [["a"]]


def test_requests_that_come_while_the_worker_is_busy_run_together(made):
    made.hold()
    futures = [made.send(text) for text in "abc"]
    made.work.go.set()
    assert [future.result(TIMEOUT) for future in futures] == [["a"], ["b"], ["c"]]
    assert made.work.groups == [["held 0"], ["a", "b", "c"]]


def test_workers_that_are_free_share_what_waits(two):
    held = two.hold()
    futures = [two.send(text) for text in "abcd"]
    two.work.go.set()
    wait([*held, *futures], TIMEOUT)
    assert sorted(len(group) for group in two.work.groups) in (
        [1, 1, 2, 2],
        [1, 1, 1, 3],
        [1, 1, 4],
    )


def test_a_request_of_several_texts_has_all_of_them_in_its_answer(made):
    made.hold()
    single, several = made.send("a"), made.send(*[f"text {i}" for i in range(50)])
    made.work.go.set()
    assert several.result(TIMEOUT) == [f"text {i}" for i in range(50)]
    assert single.result(TIMEOUT) == ["a"]
    assert max(map(len, made.work.groups)) == 20


def test_a_request_without_texts_is_answered_without_a_run(made):
    assert made.send().result(TIMEOUT) == []
    assert made.work.groups == []


# Errors


def test_an_error_is_raised_where_the_request_ran_alone(made):
    made.work.poison = {"b"}
    with pytest.raises(ValueError, match="poison"):
        made.send("b").result(TIMEOUT)
    assert made.work.groups == [["b"]]


def test_an_error_of_one_request_does_not_reach_those_that_shared_its_batch(made):
    made.work.poison = {"b"}
    made.hold()
    futures = [made.send("a"), made.send("b"), made.send("c", "d")]
    made.work.go.set()
    assert futures[0].result(TIMEOUT) == ["a"]
    assert futures[2].result(TIMEOUT) == ["c", "d"]
    with pytest.raises(ValueError, match="poison"):
        futures[1].result(TIMEOUT)
    assert made.work.groups[2:] == [["a"], ["b"], ["c", "d"]]


def test_an_error_in_making_the_answer_is_that_request_s_own(made, monkeypatch):
    def answer(request):
        if request.value == ("b",):
            raise LookupError("no answer")
        return request.value

    monkeypatch.setattr(made.work, "answer", answer)
    made.hold()
    futures = [made.send(text) for text in "abc"]
    made.work.go.set()
    assert futures[0].result(TIMEOUT) == ("a",)
    assert futures[2].result(TIMEOUT) == ("c",)
    with pytest.raises(LookupError):
        futures[1].result(TIMEOUT)


def test_a_request_that_could_not_be_tokenized_ends_with_that_error(made):
    request = made.request("a")
    future = request.future
    made.batcher.admit(request)
    made.batcher.fail(request, KeyError("tokens"))
    with pytest.raises(KeyError):
        future.result(TIMEOUT)


# Cancelling


def test_a_request_that_waits_can_be_cancelled_and_is_not_run(made):
    made.hold()
    kept, gone = made.send("kept"), made.send("gone")
    assert gone.cancel()
    assert gone.cancelled()
    made.work.go.set()
    assert kept.result(TIMEOUT) == ["kept"]
    assert made.work.groups == [["held 0"], ["kept"]]
    with pytest.raises(CancelledError):
        gone.result(TIMEOUT)


def test_a_request_that_runs_can_be_cancelled_and_its_run_is_stopped(made):
    [held] = made.hold()
    assert held.cancel()
    assert made.stops[0].terminated.is_set()
    assert held.cancel()


def shared_run(made):
    """Two requests that run together and are held up."""
    made.hold()
    held, made.work.go = made.work.go, threading.Event()
    futures = [made.send("a"), made.send("b")]
    held.set()  # the worker is let go from the first group, and held up in the next
    assert made.work.begun.acquire(timeout=TIMEOUT)
    assert made.work.groups[-1] == ["a", "b"]
    return futures, made.stops[-1]


def test_a_run_goes_on_while_it_serves_anybody(made):
    futures, stop = shared_run(made)
    assert futures[0].cancel()
    assert not stop.terminated.is_set()
    made.work.go.set()
    assert futures[1].result(TIMEOUT) == ["b"]


def test_a_shared_run_is_stopped_when_the_last_of_its_requests_is_cancelled(made):
    futures, stop = shared_run(made)
    for future in futures:
        assert future.cancel()
    assert stop.terminated.is_set()
    made.work.go.set()
    assert made.send("next").result(TIMEOUT) == ["next"]


def test_cancelling_what_is_done_does_nothing(made):
    future = made.send("a")
    assert future.result(TIMEOUT) == ["a"]
    assert not future.cancel()


def test_who_waits_for_several_hears_of_a_cancelled_one(made):
    made.hold()
    futures = [made.send("a"), made.send("b")]
    threading.Timer(0.05, futures[1].cancel).start()
    done, _ = wait(futures, TIMEOUT, return_when=FIRST_COMPLETED)
    assert done == {futures[1]}


# Deadlines


def test_a_request_that_waits_too_long_ends_with_an_error_and_is_not_run(made):
    made.hold()
    with pytest.raises(DeadlineExceededError, match=r"timeout=0\.05 s; \d requests waited"):
        made.send("late", timeout=0.05).result(TIMEOUT)
    made.work.go.set()
    assert made.send("next").result(TIMEOUT) == ["next"]
    assert made.work.groups == [["held 0"], ["next"]]


def test_a_request_that_runs_too_long_ends_with_an_error_and_its_run_is_stopped(made):
    made.work.go.clear()
    with pytest.raises(DeadlineExceededError, match="it was running"):
        made.send("late", timeout=0.1).result(TIMEOUT)
    assert made.stops[0].terminated.wait(TIMEOUT)


def test_a_deadline_that_is_kept_does_nothing(made):
    assert made.send("a", timeout=60).result(TIMEOUT) == ["a"]
    made.gate.close()  # the answer is told first, then the deadline is dropped
    assert [each.action for each in made.batcher._deadlines._state._heap] in ([None], [])


def test_a_deadline_in_the_past_is_missed_without_a_run(made):
    with pytest.raises(DeadlineExceededError):
        made.send("late", timeout=0).result(TIMEOUT)
    assert made.work.groups == []


def test_there_is_no_thread_for_deadlines_without_any(made):
    made.send("a").result(TIMEOUT)
    assert not [each for each in threading.enumerate() if each.name == "hugot-deadlines"]


# Back-pressure and the end


@pytest.mark.parametrize("made", [{"max_queue": 2}], indirect=True)
def test_one_request_too_many_raises_and_tells_what_to_do(made):
    made.hold()
    waiting = [made.send("a"), made.send("b")]
    with pytest.raises(QueueFullError, match=r"2 requests wait for pipeline 'test'.*max_queue"):
        made.send("c")
    waiting[0].cancel()
    waiting.append(made.send("d"))
    made.work.go.set()
    assert [future.result(TIMEOUT) for future in waiting[1:]] == [["b"], ["d"]]


@pytest.mark.parametrize("made", [{"max_queue": 1}], indirect=True)
def test_a_missed_deadline_frees_its_place(made):
    made.hold()
    with pytest.raises(DeadlineExceededError):
        made.send("late", timeout=0.02).result(TIMEOUT)
    made.send("next")


def test_closing_answers_what_was_taken_and_refuses_what_comes_later(made):
    made.hold()
    futures = [made.send(text) for text in "abc"]
    threading.Timer(0.05, made.work.go.set).start()
    made.gate.close()
    assert [future.done() for future in futures] == [True] * 3
    with pytest.raises(SessionClosedError):
        made.send("late")


def test_closing_waits_for_a_run_that_serves_nobody_any_more(made, monkeypatch):
    go_on, ended = threading.Event(), threading.Event()

    def run(items, stop):
        made.work.begun.release()
        assert go_on.wait(TIMEOUT)
        ended.set()
        raise RuntimeError("stopped")

    monkeypatch.setattr(made.work, "run", run)
    future = made.send("a")
    assert made.work.begun.acquire(timeout=TIMEOUT)
    future.cancel()
    threading.Timer(0.05, go_on.set).start()
    made.gate.close()
    assert ended.is_set()


# Event loops


def test_the_answers_of_a_group_reach_their_loop_in_one_call(made):
    async def main():
        loop = asyncio.get_running_loop()
        requests = [made.request(text, loop=loop) for text in "abc"]
        futures = [request.future for request in requests]
        made.hold()
        woken = []
        call_soon_threadsafe = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *call: woken.append(call) or call_soon_threadsafe(*call)
        for request in requests:
            made.batcher.admit(request)
            made.put(request, *request.value)
        made.work.go.set()
        answers = await asyncio.wait_for(asyncio.gather(*futures), TIMEOUT)
        return answers, len(woken)

    assert asyncio.run(main()) == ([["a"], ["b"], ["c"]], 1)


def test_a_loop_that_is_closed_does_not_keep_others_from_their_answers(made):
    loop = asyncio.new_event_loop()
    request = made.request("a", loop=loop)
    made.hold()
    made.batcher.admit(request)
    made.put(request, "a")
    future = made.send("b")
    loop.close()
    made.work.go.set()
    assert future.result(TIMEOUT) == ["b"]
