"""Threads, pipelines, sessions, cancellations and errors for as long as asked: nothing may grow or stay.

    python benchmarks/soak.py --seconds 3600

Every answer is compared with one that was computed beforehand. The process's memory is measured after a
warm-up of a quarter of the time; at the end it must not have grown by more than `--growth` (2 %), and no
thread or file descriptor may be left. Exit status 1 where any of that fails.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

import numpy as np

import hugot

MODELS = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
TASKS = {
    "feature-extraction": "bert-uncased-features",
    "text-classification": "roberta-text",
    "token-classification": "bert-cased-token",
}
WORDS = ("the film was good", "bad Berlin", "Wolfgang lives in London", "nobody knows", "é", "日本")
TOLERANCE = 1e-4


class Soak:
    """What runs, what it must answer, and what went wrong."""

    def __init__(self, seed):
        numbers = random.Random(seed)
        self.texts = [
            " ".join(numbers.choices(WORDS, k=numbers.choice((0, 1, 3, 8, 40, 120))))
            for _ in range(200)
        ]
        self.counts = Counter()
        self.problems = []
        self.stop = threading.Event()
        self.answers = {}
        for task, name in TASKS.items():
            with hugot.pipeline(task, MODELS / name) as pipeline:
                self.answers[task] = [pipeline([text])[0] for text in self.texts]

    def check(self, task, numbers, results):
        """Compare results with the answers to the texts of these numbers."""
        if len(results) != len(numbers):
            self.problems.append(f"{task}: {len(results)} answers to {len(numbers)} texts")
        for number, result in zip(numbers, results, strict=False):
            if not same(result, self.answers[task][number]):
                self.problems.append(
                    f"{task}: another answer to {self.texts[number]!r}: {result!r}"
                )
        self.counts["answers"] += len(numbers)

    def work(self, pipelines, seed):
        """One thread: calls, streams, requests, cancellations and errors in random order."""
        choose = random.Random(seed)
        ways = (self.call, self.stream, self.submit, self.cancel, self.fail)
        while not self.stop.is_set():
            pipeline = choose.choice(pipelines)
            numbers = [
                choose.randrange(len(self.texts)) for _ in range(choose.choice((1, 1, 2, 9, 70)))
            ]
            way = choose.choice(ways)
            try:
                way(pipeline, numbers)
            except BaseException as error:
                self.problems.append(f"{way.__name__}: {error!r}")
            self.counts[way.__name__] += 1

    def call(self, pipeline, numbers):
        self.check(pipeline.task, numbers, pipeline([self.texts[i] for i in numbers]))

    def stream(self, pipeline, numbers):
        results = list(pipeline.stream(self.texts[i] for i in numbers))
        self.check(pipeline.task, numbers, results)

    def submit(self, pipeline, numbers):
        futures = [pipeline.submit([self.texts[i]]) for i in numbers[:20]]
        self.check(pipeline.task, numbers[:20], [future.result(60)[0] for future in futures])

    def cancel(self, pipeline, numbers):
        future = pipeline.submit([self.texts[i] for i in numbers])
        future.cancel()
        with suppress(CancelledError, hugot.CancelledError):
            self.check(pipeline.task, numbers, future.result(60))
        iterator = pipeline.stream(self.texts[i] for i in numbers)
        next(iterator)
        iterator.close()

    def fail(self, pipeline, numbers):
        for bad in ([*(self.texts[i] for i in numbers), None], ["\ud800"]):
            try:
                pipeline(bad)
            except hugot.InputError as error:
                if error.index != len(bad) - 1:
                    self.problems.append(f"input {error.index} is blamed, not {len(bad) - 1}")
            else:
                self.problems.append("a bad input was answered")

    def round(self, threads, seconds, seed):
        """A session with all pipelines, shared by threads, opened and closed."""
        self.stop.clear()
        mode = random.Random(seed).choice(("auto", "latency", "throughput"))
        with hugot.Session(mode=mode, threads=2) as session:
            pipelines = [session.pipeline(task, MODELS / name) for task, name in TASKS.items()]
            workers = [
                threading.Thread(target=self.work, args=(pipelines, f"{seed}-{i}"))
                for i in range(threads)
            ]
            for worker in workers:
                worker.start()
            time.sleep(seconds)
            self.stop.set()
            for worker in workers:
                worker.join()
        self.counts["sessions"] += 1


def same(a, b):
    """Whether two answers are equal, but for the rounding that padding brings."""
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and bool(np.allclose(a, b, atol=TOLERANCE))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return abs(a - b) < TOLERANCE if isinstance(a, float) else a == b


def resident():
    """Resident memory in bytes, without what is free; 0 where the system does not tell."""
    if sys.platform == "linux":
        # glibc keeps freed memory in an arena of each thread that there ever was.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def descriptors():
    """Number of open file descriptors; 0 where the system does not tell."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def soak(seconds, threads, growth, seed):
    """Run for so many seconds; gives the counts and a list of what went wrong."""
    test = Soak(seed)
    began, number, memory = time.monotonic(), 0, []
    length = min(2.0, seconds / 8)
    test.round(threads, length, -1)
    before = threading.active_count(), descriptors()
    while time.monotonic() - began < seconds:
        test.round(threads, length, number)
        number += 1
        gc.collect()
        if time.monotonic() - began > seconds / 4:
            memory.append(resident())
    third = max(1, len(memory) // 3)
    first, last = (sorted(part)[len(part) // 2] for part in (memory[:third], memory[-third:]))
    test.counts["RSS MB after the warm-up"], test.counts["RSS MB at the end"] = (
        first >> 20,
        last >> 20,
    )
    if last > first * (1 + growth):
        test.problems.append(f"memory grew from {first / 2**20:.1f} to {last / 2**20:.1f} MB")
    after = threading.active_count(), descriptors()
    if after > before:
        test.problems.append(f"threads and descriptors: {before} before, {after} after")
    return test.counts, test.problems


def main():
    """Print what was done, and what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--growth", type=float, default=0.02, help="of memory that is allowed")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts, problems = soak(given.seconds, given.threads, given.growth, given.seed)
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for problem in problems[:20]:
        print(f"WRONG: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
