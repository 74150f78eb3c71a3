"""What a forked process makes of the pipelines that it inherits: an error, and never a hang."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest
import slow_models
from places import FIXTURES

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

TIMEOUT = 15
MODEL = str(FIXTURES / "bert-uncased-text")
FEATURES = str(FIXTURES / "bert-uncased-features")

# Python warns of forks beside threads, which is what this is about.
BEGIN = """
    import asyncio, gc, itertools, os, pickle, sys, threading, time, warnings
    warnings.simplefilter("ignore")
    import hugot
    from hugot.pipelines.pipeline import runner_of

    long = "word " * 50

    def in_child(work):
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                print(work())
            except hugot.HugotError as error:
                print(type(error).__name__, str(error)[:17])
            except BaseException as error:
                print(repr(error))
            sys.stdout.flush()
            os._exit(0)
        deadline = time.monotonic() + 4
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(pid, 9)
                print("hangs")
                break
            time.sleep(0.005)
"""
REFUSED = "ForkedProcessError pipeline 'text-cl"
# What tokenizers 0.21 and 0.22.0 print in every child, whatever runs there.
NOTICE = re.compile(
    r"^huggingface/tokenizers: The current process just got forked.*\n"
    r"To disable this warning.*\n(?:\t- .*\n)+",
    re.MULTILINE,
)


def run(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, NOTICE.sub("", done.stderr)) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("options", ["mode='latency', threads=2", "mode='throughput', threads=2"])
@pytest.mark.parametrize(
    "call",
    [
        "made('a')",
        "made(['a'] * 300)",
        "next(made.stream(['a'] * 300))",
        "list(made(iter(['a'])))",
        "made.submit('a').result()",
        "asyncio.run(made.acall('a'))",
        "made.plan(['a'])",
        "made.warmup()",
    ],
)
def test_every_call_of_an_inherited_pipeline_raises(call, options) -> None:
    assert run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r}, {options})
        made(["a"] * 300)
        made.submit("a").result()
        in_child(lambda: {call})
        print(len(made("a")))
    """) == [REFUSED, "1"]


def test_an_inherited_session_makes_no_pipelines_and_can_be_closed() -> None:
    assert run(f"""
        session = hugot.Session(threads=2)
        made = session.pipeline("text-classification", {MODEL!r})
        made(["a"] * 300)
        in_child(lambda: session.pipeline("text-classification", {MODEL!r}))
        in_child(lambda: (session.close(), made.close(), session.close(cancel=True)))
        with session:
            print(len(made("a")))
    """) == ["ForkedProcessError the session was m", "(None, None, None)", "1"]


@pytest.mark.parametrize(
    "work",
    [
        "made.close()",
        "made.close(cancel=True)",
        "forget()",
        "future.result()",
        "future.exception()",
        "future.cancel()",
        "next(answers)",
        "answers.close()",
        "sys.exit(3)",
    ],
)
def test_with_work_under_way_nothing_in_the_child_hangs(tmp_path, work) -> None:
    folder = str(slow_models.endless(tmp_path / "endless"))
    lines = run(f"""
        made = hugot.pipeline("text-classification", {folder!r}, mode="throughput", threads=2)
        answers = made.stream(itertools.chain(["short"] * 64, itertools.repeat(long)))
        for _ in range(64):
            next(answers)
        future = made.submit(long, timeout=60)
        caller = threading.Thread(target=lambda: made(long), daemon=True)
        threading.excepthook = lambda _: None
        caller.start()
        time.sleep(0.2)

        def forget():
            global made, answers, future, caller
            made = answers = future = caller = None
            return gc.collect() >= 0

        in_child(lambda: {work})
        made.close(cancel=True)
        print("closed")
    """)
    expected = {
        "forget()": "True",
        "future.result()": "ForkedProcessError the request of th",
        "future.exception()": "ForkedProcessError the request of th",
        "future.cancel()": "False",
        "next(answers)": REFUSED,
        "sys.exit(3)": "SystemExit(3)",
    }
    assert lines == [expected.get(work, "None"), "closed"]


def test_a_fork_while_another_thread_makes_ready_for_requests_does_not_hang_the_child() -> None:
    assert run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r})
        with runner_of(made).batcher_lock:
            in_child(lambda: made.submit("a"))
    """) == [REFUSED]


def test_a_fork_waits_while_another_thread_starts_the_pool_of_the_tokenizers() -> None:
    assert run(f"""
        from hugot.inputs import pool
        made = hugot.pipeline("text-classification", {MODEL!r})
        held = threading.Event()

        def hold():
            with pool._lock:
                held.set()
                time.sleep(0.3)

        threading.Thread(target=hold).start()
        held.wait()
        in_child(lambda: len(pickle.loads(pickle.dumps(made))(["a"] * 300)))
    """) == ["300"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_child_ends_as_any_process_does(threads) -> None:
    assert run(f"""
        made = hugot.pipeline("feature-extraction", {FEATURES!r}, threads={threads})
        vectors = made(["a"] * 300)
        row = made("a")
        made.submit("a", timeout=10).result()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            sys.exit(3)     # the whole way: exit hooks, garbage, static destructors
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        made.close()
    """) == ["3"]


def test_a_pipeline_that_is_made_in_the_child_works_there() -> None:
    assert run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r}, mode="throughput", threads=2)
        texts = ["a word"] * 300
        expected = made(texts)

        def again():
            new = hugot.pipeline("text-classification", {MODEL!r}, mode="throughput", threads=2)
            with new:
                answers = new(texts) == expected, new.submit(texts[0]).result() == new(texts[0])
            return answers

        def pickled():
            return pickle.loads(pickle.dumps(made))(texts) == expected

        in_child(again)
        in_child(pickled)
    """) == ["(True, True)", "True"]


def test_a_grandchild_is_told_so_as_well() -> None:
    assert run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r})

        def second():
            new = hugot.pipeline("text-classification", {MODEL!r}, name="new")
            new("a")
            in_child(lambda: new("a"))
            in_child(lambda: made("a"))
            return len(new("a"))

        in_child(second)
    """) == ["ForkedProcessError pipeline 'new' wa", REFUSED, "1"]
