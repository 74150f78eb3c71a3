"""Forked processes make the pipelines that they inherit again, and never hang."""

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

TIMEOUT = 60
MODEL = str(FIXTURES / "bert-uncased-text")
TOKENS = str(FIXTURES / "bert-uncased-token")
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
        deadline = time.monotonic() + 10
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(pid, 9)
                print("hangs")
                break
            time.sleep(0.005)
"""
REFUSED = "ForkedProcessError pipeline 'text-cl"
CLOSED = "SessionClosedError pipeline 'text-cl"
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


CALLS = [
    "made('a')",
    "made(['a'] * 300)",
    "list(made(iter(['a'])))",
    "list(made.stream(['a'] * 300))",
    "list(made.stream_batches([['a'], ['b'] * 3]))",
    "made.submit('a').result()",
    "asyncio.run(made.acall('a'))",
    "made.plan(['a'] * 40)",
    "made.warmup()",
    "made.providers",
    "type(made.tune(['a'] * 40, rounds=1))",
    "(made.stats().calls, made('a') and made.stats().calls, made.reset_stats(), made.stats().calls)",
]


@pytest.mark.parametrize("mode", ["latency", "throughput"])
@pytest.mark.parametrize("call", CALLS)
def test_an_inherited_pipeline_works_in_the_child(call, mode) -> None:
    answer, same, again = run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r}, mode={mode!r}, threads=2)
        made(["a"] * 300)
        made.submit("a").result()
        in_child(lambda: {call})
        made.reset_stats()
        print({call})
        in_child(lambda: {call})
    """)
    assert answer == same == again


def test_a_session_works_in_the_child_and_ends_there_what_was_made_there() -> None:
    assert run(f"""
        session = hugot.Session(threads=2)
        made = session.pipeline("text-classification", {MODEL!r})
        expected = made("a")

        def work():
            before = set(threading.enumerate())
            embed = session.pipeline("feature-extraction", {FEATURES!r}, name="embed")
            answers = session["text-classification"]("a") == expected, embed("a").shape
            shared = runner_of(made).model.executor is runner_of(embed).model.executor
            session.close()
            assert made.stats().calls == 1
            try:
                made("a")
            except hugot.SessionClosedError:
                return *answers, shared, set(threading.enumerate()) == before

        in_child(work)
        in_child(lambda: (session.close(), made.close(), session.close(cancel=True)))
        in_child(lambda: session.end_profiling())
        in_child(lambda: repr(session))
        with session:
            print(made("a") == expected)
        in_child(lambda: session.pipeline("text-classification", {MODEL!r}))
    """) == [
        "(True, (16,), True, True)",
        "(None, None, None)",
        "[]",
        "<Session, pipelines: text-classification>",
        "True",
        "SessionClosedError the session is cl",
    ]


@pytest.mark.parametrize("where", ["before the fork", "in the child"])
def test_a_closed_pipeline_stays_closed(where) -> None:
    assert run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r})
        if {where!r} == "before the fork":
            made.close()

        def call(work):
            made.close()
            return work()

        in_child(lambda: call(lambda: made("a")))
        in_child(lambda: call(lambda: made.submit("a").result()))
        in_child(lambda: call(lambda: repr(made)[-8:]))
        in_child(lambda: call(lambda: pickle.dumps(made)))
    """) == [CLOSED, CLOSED, " closed>", CLOSED]


def test_threads_of_the_child_that_call_at_once_make_the_pipeline_once() -> None:
    assert run(f"""
        from concurrent.futures import ThreadPoolExecutor
        made = hugot.pipeline("text-classification", {MODEL!r}, threads=2)
        expected = made("a")

        def work():
            barrier = threading.Barrier(8)

            def call(_):
                barrier.wait()
                return made("a") == expected, runner_of(made)

            with ThreadPoolExecutor(8) as pool:
                return len(set(pool.map(call, range(8)))), pool

        in_child(lambda: work()[0])
    """) == ["1"]


def test_a_failure_to_make_it_again_names_the_folder_and_the_next_call_tries_again(
    tmp_path, copy_of
) -> None:
    folder = copy_of("bert-uncased-text")
    assert run(f"""
        os.chdir({str(folder.parent)!r})
        made = hugot.pipeline("text-classification", {folder.name!r})
        expected = made("a")
        os.chdir("/")

        def work():
            os.rename({str(folder)!r}, {str(folder) + "-moved"!r})
            try:
                made("a")
            except hugot.ModelNotFoundError as error:
                named = {str(folder)!r} in str(error)
            os.rename({str(folder) + "-moved"!r}, {str(folder)!r})
            return named, made("a") == expected

        in_child(work)
    """) == ["(True, True)"]


def test_paths_of_options_do_not_depend_on_the_working_directory_of_the_child(tmp_path) -> None:
    assert run(f"""
        os.chdir({str(tmp_path)!r})
        made = hugot.pipeline("text-classification", {MODEL!r}, profiling="profile", threads=1)
        expected = made("a")

        def work():
            os.chdir("/")
            answers = made("a") == expected
            made.close()
            return answers

        in_child(work)
        made.close()
        print(len(os.listdir({str(tmp_path)!r})))
    """) == ["True", "2"]


def test_a_pipeline_on_a_device_that_forks_lose_says_so() -> None:
    (line,) = run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r})
        runner_of(made).model.providers = {{"CUDAExecutionProvider": 7}}

        def work():
            try:
                made("a")
            except hugot.ForkedProcessError as error:
                return error

        in_child(work)
    """)
    assert "CUDAExecutionProvider" in line
    assert "'spawn'" in line


@pytest.mark.parametrize("forks", [20])
def test_children_that_are_forked_during_calls_answer(forks) -> None:
    lines = run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r}, mode="throughput", threads=2)
        session = hugot.Session(threads=1)
        tag = session.pipeline("token-classification", {TOKENS!r}, name="tag")
        texts = ["a word"] * 40 + [long]
        expected = made(texts), tag(texts)
        ended = threading.Event()

        def call():
            while not ended.is_set():
                made(texts)
                made.submit(long).result()
                tag("a")

        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range({forks}):
            in_child(lambda: (made(texts), session["tag"](texts)) == expected)
            time.sleep(0.003)
        ended.set()
        for thread in threads:
            thread.join()
    """)
    assert lines == ["True"] * forks


def test_the_child_does_not_use_the_thread_pool_of_the_parents_tokenizers() -> None:
    assert run(f"""
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        made = hugot.pipeline("text-classification", {MODEL!r}, threads=2)
        made(["a word"] * 300)
        in_child(lambda: len(made(["a word"] * 300)))
    """) == ["300"]


def test_arrow_pipelines_work_in_the_child() -> None:
    pytest.importorskip("pyarrow")
    assert run(f"""
        from hugot.integrations.arrow import ArrowPipeline
        classify = ArrowPipeline("text-classification", {MODEL!r}, threads=2)
        expected = classify(["a", "b"]).to_pylist()

        def work():
            answers = classify(["a", "b"]).to_pylist(), classify.pipeline(["a", "b"]) is not None
            classify.unload()
            return answers[0] == expected, classify(["a", "b"]).to_pylist() == expected

        in_child(work)
        print(classify(["a", "b"]).to_pylist() == expected)
    """) == ["(True, True)", "True"]


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
            in_child(lambda: len(made.submit("a").result()))
    """) == ["1"]


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


def test_a_child_of_a_child_makes_it_again_too() -> None:
    assert run(f"""
        made = hugot.pipeline("text-classification", {MODEL!r})
        expected = made("a")

        def second():
            new = hugot.pipeline("text-classification", {MODEL!r}, name="new")
            answers = new("a"), made("a")
            future = made.submit("a")
            future.result()
            in_child(lambda: new("a") == expected)
            in_child(lambda: made("a") == expected)
            in_child(lambda: future.result())
            return answers == (expected, expected)

        in_child(second)
    """) == ["True", "True", "ForkedProcessError the request of th", "True"]
