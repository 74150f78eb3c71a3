"""The kernels compared with the usual code without them, in one table.

    python benchmarks/kernels.py [--rounds 30] [--only SUBSTRING]

Kernel and rival have the same result and are timed in alternating rounds; a ratio is the median over the
rounds. For kernels that are limited by memory, their bandwidth and that of a copy of the same size are
shown. If `transformers` can be imported, its own last step is a rival, too.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from typing import TYPE_CHECKING, Any

import kernel_cases
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

# Approximate duration of a block in seconds; it is timed as a whole.
BLOCK = 2e-3


def repeats(work: Callable[[], Any]) -> int:
    """Return the number of calls of a function in a block."""
    work()
    count = 1
    while (taken := block(work, count)) < BLOCK / 4:
        count *= 2
    return max(1, round(count * BLOCK / taken))


def block(work: Callable[[], Any], count: int) -> float:
    """Return the seconds of this number of calls."""
    began = time.perf_counter()
    for _ in range(count):
        work()
    return time.perf_counter() - began


def copying(size: int) -> Callable[[], Any]:
    """Return a function that copies this number of bytes."""
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    return lambda: np.copyto(target, source)


def check(ours: Any, theirs: Any) -> None:
    """Raise AssertionError unless both results are equal."""
    if isinstance(ours, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert one.keys() == other.keys()
            for key, value in one.items():
                assert (
                    np.isclose(value, other[key], atol=1e-5)
                    if key == "score"
                    else value == other[key]
                )
    else:
        for one, other in zip(np.atleast_2d(ours), np.atleast_2d(theirs), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def measure(case: kernel_cases.Case, rounds: int) -> str:
    """Return a line of the table."""
    ours, theirs = case.make()
    check(ours(), theirs())
    works = [ours, theirs, *([copying(case.bytes)] if case.bytes else [])]
    counts = [repeats(work) for work in works]
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, count, taken in zip(works, counts, times, strict=True):
            taken.append(block(work, count) / count)
    ratio = statistics.median(b / a for a, b in zip(times[0], times[1], strict=True))
    line = (
        f"{case.name:42} {statistics.median(times[0]) * 1e6:9.1f} us   "
        f"{ratio:6.1f} x {case.rival:16} {case.target:3g} {'' if ratio >= case.target else 'MISSED'}"
    )
    if case.bytes:
        read = case.bytes / statistics.median(times[0]) / 1e9
        # A copy reads and writes.
        copied = 2 * case.bytes / statistics.median(times[2]) / 1e9
        line += f" {read:.1f} GB/s read, a copy {copied:.1f} GB/s read and written"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # transformers warns of its own heuristics at each call
    print(f"{'kernel':42} {'median':>9}      {'ratio':>6}   {'rival':16} target")
    for case in kernel_cases.cases():
        if arguments.only in case.name:
            print(measure(case, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
