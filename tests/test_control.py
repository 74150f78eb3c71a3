"""Ending calls that run: by closing, by an interrupt, by a callback, with the process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from itertools import chain, count, repeat

import pytest
import slow_models
from comparison import same
from places import FIXTURES
from waiting import until

import hugot
from hugot import SessionClosedError
from hugot.pipelines import runner
from hugot.pipelines.pipeline import runner_of

TIMEOUT = 15
LONG_TEXT = "word " * 50
LONGER_TEXT = "word " * 200
TEXT_MODEL = FIXTURES / "bert-uncased-text"


@pytest.fixture
def folder(tmp_path):
    """A model that runs long texts until it is stopped."""
    made = slow_models.endless(tmp_path / "endless")
    for name, key in [
        ("config", "max_position_embeddings"),
        ("tokenizer_config", "model_max_length"),
    ]:
        path = made / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: 512}))
    return made


@pytest.fixture(params=[1, 2])
def endless(folder, request):
    """A pipeline on it, with one worker or two."""
    with hugot.pipeline(
        "text-classification", folder, mode="throughput", threads=request.param
    ) as made:
        yield made


class Caller:
    """A call on a thread of its own, and how it ended."""

    def __init__(self, call) -> None:
        self.error: BaseException | None = None
        self.result = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error

    def ends(self) -> bool:
        self._thread.join(TIMEOUT)
        return not self._thread.is_alive()


def under_way(pipeline, calls=1) -> None:
    """Wait until so many calls are inside, and give what they run a moment to begin."""
    until(lambda: runner_of(pipeline).calls._inside == calls)
    time.sleep(0.05)


def has_let_go(pipeline) -> bool:
    """Whether a pipeline has no model any more."""
    return not hasattr(runner_of(pipeline), "model")


# Closing


CALLS = {
    "a text": lambda made: made(LONG_TEXT),
    "a long text": lambda made: made(LONGER_TEXT),
    "a list": lambda made: made([LONG_TEXT] * 300),
    "a list of one": lambda made: made([LONG_TEXT]),
    "a stream": lambda made: list(made.stream(repeat(LONG_TEXT))),
    "submit": lambda made: made.submit(LONG_TEXT).result(TIMEOUT),
    "submit a list": lambda made: made.submit([LONG_TEXT] * 300).result(TIMEOUT),
    "acall": lambda made: asyncio.run(made.acall(LONG_TEXT)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_closing_with_cancel_stops_what_runs(endless, call) -> None:
    caller = Caller(lambda: call(endless))
    under_way(endless)
    endless.close(cancel=True)
    assert caller.ends()
    assert isinstance(caller.error, SessionClosedError)
    assert "closed during the call" in str(caller.error)


def test_closing_with_cancel_answers_whoever_waits_in_the_queue(endless) -> None:
    futures = [endless.submit(LONG_TEXT) for _ in range(20)]
    endless.close(cancel=True)
    assert all(isinstance(future.exception(0), SessionClosedError) for future in futures)


def test_a_session_that_is_closed_with_cancel_stops_all_its_pipelines(folder) -> None:
    session = hugot.Session(threads=2, mode="throughput")
    made = [session.pipeline("text-classification", folder) for _ in range(2)]
    callers = [Caller(lambda each=each: each(LONG_TEXT)) for each in made]
    for each in made:
        under_way(each)
    session.close(cancel=True)
    assert all(caller.ends() for caller in callers)
    assert all(isinstance(caller.error, SessionClosedError) for caller in callers)


def test_closing_one_pipeline_with_cancel_leaves_the_others_of_the_model_alone(folder) -> None:
    with hugot.Session(threads=2, mode="throughput") as session:
        one, other = (session.pipeline("text-classification", folder) for _ in range(2))
        callers = [Caller(lambda each=each: each(LONG_TEXT)) for each in (one, other)]
        under_way(one)
        under_way(other)
        one.close(cancel=True)
        assert callers[0].ends()
        assert other("short")
        assert callers[1]._thread.is_alive()
        session.close(cancel=True)
        assert callers[1].ends()


def test_a_call_that_has_not_begun_to_run_when_all_is_stopped_does_not_run(
    endless, monkeypatch
) -> None:
    tokenized, go_on = threading.Event(), threading.Event()
    task = runner_of(endless).task
    make_rows = task.make_rows

    def held_up(*arguments):
        tokenized.set()
        assert go_on.wait(TIMEOUT)
        return make_rows(*arguments)

    calls = runner_of(endless).calls
    with monkeypatch.context() as patched:
        patched.setattr(task, "make_rows", held_up)
        caller = Caller(lambda: endless([LONG_TEXT] * 3))
        assert tokenized.wait(TIMEOUT)
    closing = Caller(lambda: endless.close(cancel=True))
    until(lambda: calls.ended_by is not None)
    go_on.set()
    assert caller.ends()
    assert closing.ends()
    assert isinstance(caller.error, SessionClosedError)


def test_sessions_side_by_side_come_and_go_without_harm_to_each_other() -> None:
    texts = [f"text {i} {'word ' * (i % 30)}" for i in range(100)]
    with hugot.pipeline("text-classification", TEXT_MODEL, threads=1) as made:
        expected = made(texts)

    def live_and_die(number: int) -> bool:
        for _ in range(5):
            mode = ["latency", "throughput"][number % 2]
            with hugot.Session(threads=1 + number % 3, mode=mode) as session:
                made = session.pipeline("text-classification", TEXT_MODEL)
                if not same(made(texts), expected):
                    return False
        return True

    callers = [Caller(lambda number=number: live_and_die(number)) for number in range(6)]
    assert all(caller.ends() for caller in callers)
    assert [caller.result for caller in callers] == [True] * 6


# Closing from a callback


@pytest.mark.parametrize("cancel", [False, True])
def test_a_callback_may_close_the_pipeline_that_it_is_called_by(cancel) -> None:
    made = hugot.pipeline("text-classification", TEXT_MODEL, mode="throughput", threads=1)
    closed = threading.Event()

    def close(_) -> None:
        made.close(cancel=cancel)
        closed.set()

    futures = [made.submit("word " * (i % 20)) for i in range(50)]
    futures[0].add_done_callback(close)
    assert closed.wait(TIMEOUT)
    errors = [future.exception(TIMEOUT) for future in futures]
    assert {type(error) for error in errors} <= {type(None), SessionClosedError}
    assert cancel or errors == [None] * 50
    with pytest.raises(SessionClosedError):
        made("a")
    until(lambda: has_let_go(made))


def test_a_callback_may_close_the_session_of_several_pipelines() -> None:
    before = set(threading.enumerate())
    session = hugot.Session(mode="throughput", threads=1)
    one, other = (session.pipeline("text-classification", TEXT_MODEL) for _ in range(2))
    closed = threading.Event()
    futures = [each.submit("word") for each in [one, other] * 30]
    futures[0].add_done_callback(lambda _: (session.close(), closed.set()))
    assert closed.wait(TIMEOUT)
    assert all(future.exception(TIMEOUT) is None for future in futures)
    until(lambda: set(threading.enumerate()) <= before)


def test_the_callback_of_a_cancelled_future_may_close(folder) -> None:
    made = hugot.pipeline("text-classification", folder, threads=1)
    future = made.submit(LONG_TEXT)
    future.add_done_callback(lambda _: made.close())
    until(lambda: runner_of(made).batcher.running == 1)
    assert Caller(future.cancel).ends()
    until(lambda: has_let_go(made))


def test_the_callback_of_a_future_that_is_too_late_may_close(folder) -> None:
    made = hugot.pipeline("text-classification", folder, threads=1)
    closed = threading.Event()
    other = made.submit(LONG_TEXT, timeout=0.4)
    future = made.submit(LONG_TEXT, timeout=0.2)
    future.add_done_callback(lambda _: (made.close(), closed.set()))
    assert closed.wait(TIMEOUT)
    assert isinstance(other.exception(TIMEOUT), hugot.DeadlineExceededError)
    until(lambda: has_let_go(made))


# Streams


def test_closing_a_stream_stops_the_window_that_runs_ahead(folder) -> None:
    with hugot.pipeline("text-classification", folder, mode="throughput", threads=2) as made:
        answers = made.stream(chain(["short"] * 64, repeat(LONG_TEXT)))
        next(answers)
        assert runner_of(made).calls._inside == 1
        closing = Caller(answers.close)
        assert closing.ends()
        assert closing.error is None
        assert made("short")


# Interrupts


INTERRUPTED = """
    import os, signal, sys, threading, time
    import hugot
    from hugot.pipelines.pipeline import runner_of
    signal.signal(signal.SIGINT, signal.default_int_handler)
    made = hugot.pipeline("text-classification", {folder!r}, mode="throughput", threads={threads})
    long = "word " * 50
    made("short")
    print("ready", flush=True)
    try:
        {call}
        print("ended")
    except KeyboardInterrupt:
        print("interrupted", len(made("short")), runner_of(made).calls._inside)
        made.close()
        print([t.name for t in threading.enumerate() if t.name.startswith("hugot")])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "call",
    [
        "made([long] * 100)",
        "made([long] * 3)",
        "made([long * 4])",
        "made(long * 4)",
        "list(made.stream(long for _ in range(100)))",
        "list(made.stream_batches([['short'] * 3, [long] * 20]))",
    ],
)
def test_an_interrupt_ends_a_call_at_once_and_the_pipeline_is_of_use(folder, call, threads) -> None:
    code = INTERRUPTED.format(folder=str(folder), threads=threads, call=call)
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.3)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=TIMEOUT)
        finally:
            child.kill()
    assert (child.returncode, out, err) == (0, "interrupted 1 0\n[]\n", "")


def test_a_small_run_tells_nothing_of_how_long_a_large_one_would_keep_an_interrupt_waiting(
    endless, monkeypatch
) -> None:
    ticks = count()
    monkeypatch.setattr(
        runner, "perf_counter", lambda: next(ticks) / 1e6
    )  # a run takes microseconds
    endless(["short"])
    assert runner_of(endless)._quick_tokens <= 128


# The end of the process


def run(code: str, **settings) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**os.environ, **settings},
    )


@pytest.mark.parametrize(
    "work",
    [
        "futures = [made.submit(long) for _ in range(20)]",
        "futures = [made.submit([long] * 20, timeout=60)]",
        "answers = made.stream(itertools.chain(['short'] * 64, itertools.repeat(long))); next(answers)",
        "in_thread(lambda: made([long] * 300))",
        "in_thread(lambda: made(long))",
        "in_thread(lambda: list(made.stream(itertools.repeat(long))))",
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_interpreter_can_end_with_work_that_would_never_end(folder, work, threads) -> None:
    done = run(f"""
        import itertools, threading, time
        import hugot
        threading.excepthook = lambda _: None
        def in_thread(call):
            threading.Thread(target=call, daemon=True).start()
        made = hugot.pipeline(
            "text-classification", {str(folder)!r}, mode="throughput", threads={threads}
        )
        long = "word " * 50
        {work}
        time.sleep(0.2)
        print("ended")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to handle")
def test_a_process_that_is_told_to_end_by_a_signal_ends(folder) -> None:
    done = run(f"""
        import os, signal, sys, threading
        import hugot
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        made = hugot.pipeline("text-classification", {str(folder)!r}, mode="throughput", threads=2)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        made(["word " * 50] * 100)
    """)
    assert (done.returncode, done.stderr) == (3, "")
