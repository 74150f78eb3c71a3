"""Many threads, tasks and processes at once, signals, and an end with work in flight."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from places import FIXTURES

import hugot

MODELS = {
    "feature-extraction": "bert-uncased-features",
    "text-classification": "roberta-text",
    "token-classification": "bert-cased-token",
}
TEXTS = [" ".join(["word"] * (1 + i % 17)) + f" {i}" for i in range(96)]
THREADS = 32


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and np.allclose(a, b, atol=1e-4)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == pytest.approx(b, abs=1e-4) if isinstance(a, float) else a == b


def wanted(task):
    with hugot.pipeline(task, FIXTURES / MODELS[task], threads=1) as pipeline:
        return [pipeline([text])[0] for text in TEXTS]


@pytest.mark.parametrize("task", MODELS)
def test_thirty_two_threads_on_one_pipeline_get_their_own_answers(task):
    answers = wanted(task)
    with (
        hugot.pipeline(task, FIXTURES / MODELS[task]) as pipeline,
        ThreadPoolExecutor(THREADS) as pool,
    ):

        def ask(i):
            text = TEXTS[i % len(TEXTS)]
            return pipeline([text, TEXTS[-1]])[0] if i % 3 else pipeline.submit([text]).result()[0]

        found = list(pool.map(ask, range(4 * len(TEXTS))))
    assert all(same(each, answers[i % len(TEXTS)]) for i, each in enumerate(found))


def test_thirty_two_threads_on_many_pipelines_get_their_own_answers():
    answers = {task: wanted(task) for task in MODELS}
    tasks = list(MODELS)
    with hugot.Session() as session, ThreadPoolExecutor(THREADS) as pool:
        pipelines = {task: session.pipeline(task, FIXTURES / MODELS[task]) for task in tasks}

        def ask(i):
            return pipelines[tasks[i % 3]]([TEXTS[i % len(TEXTS)]])[0]

        found = list(pool.map(ask, range(3 * len(TEXTS))))
    assert all(same(each, answers[tasks[i % 3]][i % len(TEXTS)]) for i, each in enumerate(found))


def test_threads_that_open_and_close_pipelines_do_not_disturb_each_other():
    answers = {task: wanted(task) for task in MODELS}

    def work(i):
        task = list(MODELS)[i % 3]
        with hugot.pipeline(task, FIXTURES / MODELS[task], threads=1) as pipeline:
            return all(map(same, pipeline(TEXTS[:9]), answers[task]))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))


@pytest.mark.parametrize("task", MODELS)
def test_many_tasks_of_a_loop_get_their_own_answers(task):
    answers = wanted(task)

    async def ask(pipeline):
        return await asyncio.gather(*[pipeline.acall([text]) for text in TEXTS])

    with hugot.pipeline(task, FIXTURES / MODELS[task]) as pipeline:
        found = asyncio.run(ask(pipeline))
    assert all(map(same, [each[0] for each in found], answers))


_PIPELINES = {}


def answer_in_process(i):
    if "here" not in _PIPELINES:
        _PIPELINES["here"] = hugot.pipeline(
            "text-classification", FIXTURES / MODELS["text-classification"], threads=1
        )
    return _PIPELINES["here"]([TEXTS[i]])[0]


def test_spawned_processes_give_the_same_answers():
    answers = wanted("text-classification")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert all(map(same, pool.map(answer_in_process, range(20)), answers))


WORK = f"""
import os, signal, sys, threading, time
import hugot
pipeline = hugot.pipeline("text-classification", {str(FIXTURES / "roberta-text")!r})
pipeline("warm")
texts = ["some words " * 60] * 4000
"""
ENDS = {
    "a thread is within a call": "threading.Thread(target=pipeline, args=(texts,), daemon=True).start()",
    "requests are queued": "futures = [pipeline.submit(text) for text in texts[:900]]",
    "a stream is half read": "stream = pipeline.stream(iter(texts)); next(stream)",
    "a model is being loaded": (
        "threading.Thread(target=lambda: [hugot.pipeline('text-classification', "
        f"{str(FIXTURES / 'roberta-text')!r}) for _ in range(50)], daemon=True).start()"
    ),
}


@pytest.mark.parametrize("work", ENDS)
def test_the_interpreter_ends_well_while(work):
    script = f"{WORK}{ENDS[work]}\ntime.sleep(0.05)\nprint('end', flush=True)\n"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "end\n"
    assert done.returncode == 0, done.stderr
    assert "Fatal" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_a_long_call_and_the_pipeline_works_on():
    script = (
        f"{WORK}signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may ignore it
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    pipeline(texts * 20)\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
        "print(len(pipeline(texts[:3])), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "interrupted\n3\n", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_signal_with_a_handler_does_not_disturb_a_call():
    script = (
        f"{WORK}seen = []\nsignal.signal(signal.SIGALRM, lambda *_: seen.append(1))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\n"
        "answers = pipeline(texts[:1500])\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
        "print(len(answers), len({a['score'] for a in answers}), len(seen) > 0, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "1500 1 True\n", done.stderr


def test_a_terminated_process_ends_by_the_signal():
    if sys.platform == "win32":
        pytest.skip("signals")
    script = f"{WORK}print('go', flush=True)\npipeline(texts * 50)\n"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
