"""A long test of threads, pipelines, sessions, cancellations and errors, in which memory must not grow.

    python benchmarks/soak.py --seconds 3600

Every answer is compared with one that was computed beforehand. The process's memory is measured after a
warm-up of a quarter of the time; at the end it must not have grown by more than `--growth` (2 %), and no
thread or file descriptor may be left. The memory allocated by malloc is measured as well
(`--heap-growth`): if only the process's memory grows, the cause is glibc's arenas, which
MALLOC_ARENA_MAX=1 limits. tokenizers 0.23 keeps the cached words of every byte-level BPE model that was
ever loaded. The exit status is 1 if a check fails.
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
    """The work, the expected answers, and the failures."""

    def __init__(self, seed):
        numbers = random.Random(seed)
        self.texts = [
            " ".join(numbers.choices(WORDS, k=numbers.choice((0, 1, 3, 8, 40, 120))))
            for _ in range(200)
        ]
        self.counts, self.lock = Counter(), threading.Lock()
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
        self.count("answers", len(numbers))

    def count(self, what, number=1):
        """Add to a count, under a lock."""
        with self.lock:
            self.counts[what] += number

    def work(self, pipelines, seed):
        """Run one thread: calls, streams, requests, cancellations and errors in random order."""
        choose = random.Random(seed)
        ways = (self.call, self.stream, self.submit, self.cancel, self.expire, self.fail)
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
            self.count(way.__name__)

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
        self.check(pipeline.task, numbers[:1], [next(iterator)])
        iterator.close()

    def expire(self, pipeline, numbers):
        timeout = random.choice((1e-6, 1e-3, 1e-2, 0.1))
        future = pipeline.submit([self.texts[i] for i in numbers], timeout=timeout)
        with suppress(hugot.DeadlineExceededError):
            self.check(pipeline.task, numbers, future.result(60))

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
        """Open a session with all pipelines, use it from several threads, and close it."""
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
    """Whether two answers are equal, except for rounding that depends on padding."""
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and bool(np.allclose(a, b, atol=TOLERANCE))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return abs(a - b) < TOLERANCE if isinstance(a, float) else a == b


class Heap(ctypes.Structure):
    """The result of glibc's mallinfo2, over all arenas."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def heap():
    """Return the bytes that malloc has allocated, and those that it keeps free; 0 without glibc."""
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None) if sys.platform == "linux" else None
    if tell is None:
        return 0, 0
    tell.restype = Heap
    told = tell()
    return told.uordblks + told.hblkhd, told.fordblks


def resident():
    """Return the resident memory in bytes, without free memory; 0 if the system does not report it."""
    if sys.platform == "linux":
        # glibc keeps freed memory in an arena of each thread, even after the thread has ended.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def descriptors():
    """Return the number of open file descriptors; 0 if the system does not report it."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def describe(test, passed):
    """Return a line with the present resources of the process."""
    used, free = heap()
    threads, files = threading.active_count(), descriptors()
    return (
        f"{passed:.0f} s: {test.counts['sessions']} sessions, {test.counts['answers']} answers, "
        f"RSS {resident() / 2**20:.1f} MB, heap in use {used / 2**20:.1f} MB, "
        f"free {free / 2**20:.1f} MB, {sys.getallocatedblocks()} blocks of Python, "
        f"{threads} threads, {files} descriptors, {len(test.problems)} problems"
    )


def ends(sizes):
    """Return the medians of the first and the last third."""
    third = max(1, len(sizes) // 3)
    return [sorted(part)[len(part) // 2] for part in (sizes[:third], sizes[-third:])]


def soak(seconds, threads, growth, heap_growth, seed, every):
    """Run for this number of seconds; return the counts and a list of failures."""
    test = Soak(seed)
    began, told, number, memory, used = time.monotonic(), -every, 0, [], []
    length = min(2.0, seconds / 8)
    test.round(threads, length, -1)
    before = threading.active_count(), descriptors()
    while time.monotonic() - began < seconds:
        test.round(threads, length, number)
        number += 1
        gc.collect()
        if time.monotonic() - began >= told + every:
            told = time.monotonic() - began
            print(describe(test, told), flush=True)
        if time.monotonic() - began > seconds / 4:
            memory.append(resident())
            used.append(heap()[0])
    first, last = ends(memory)
    heap_first, heap_last = ends(used)
    if heap_last > heap_first * (1 + heap_growth):
        test.problems.append(
            f"heap in use grew from {heap_first / 2**20:.1f} to {heap_last / 2**20:.1f} MB"
        )
    test.counts["RSS MB after the warm-up"], test.counts["RSS MB at the end"] = (
        first >> 20,
        last >> 20,
    )
    if last > first * (1 + growth):
        test.problems.append(f"memory grew from {first / 2**20:.1f} to {last / 2**20:.1f} MB")
    after = threading.active_count(), descriptors()
    if any(a > b for a, b in zip(after, before, strict=True)):
        test.problems.append(f"threads and descriptors: {before} before, {after} after")
    return test.counts, test.problems


def main():
    """Print the counts and the failures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--growth", type=float, default=0.02, help="of memory that is allowed")
    parser.add_argument("--heap-growth", type=float, default=0.02, help="of what malloc gave out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=60, help="seconds between two lines")
    given = parser.parse_args()
    counts, problems = soak(
        given.seconds, given.threads, given.growth, given.heap_growth, given.seed, given.every
    )
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for problem in problems[:20]:
        print(f"WRONG: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
