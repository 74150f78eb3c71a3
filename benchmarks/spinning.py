"""The cost and the benefit of spinning: how the threads of a run wait for work.

    python benchmarks/spinning.py [MODEL] [--threads 2] [--rounds 9] [--calls 30]

One text at a time is run on all threads, at intervals, as in a service, and from two callers at once.
For each value of the option `spinning`, the table shows the time of a call, the number of busy CPUs
meanwhile, and the CPU time of the idle process after the last call. The figures are medians over
alternating rounds, and their ratio to `"always"`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hugot

if TYPE_CHECKING:
    from hugot.pipelines.pipeline import Pipeline

MODEL = Path(__file__).resolve().parent.parent / "examples" / "models" / "tiny-embedding"
TEXT = "Wolfgang Schmidt and his friends live in Berlin near Alexanderplatz"
WAYS = ("always", "run", "never")
# Milliseconds between the calls of each caller, and the number of callers.
CASES = ((0, 1), (1, 1), (10, 1), (0, 2))
_IDLE_SECONDS = 0.3


class Round(NamedTuple):
    """The figures of one round: the time of calls, the CPUs in use, the CPU time after the calls."""

    call_ms: float
    cpus: float
    idle_cpu_ms: float


def measure(pipeline: Pipeline, interval: float, callers: int, calls: int) -> Round:
    """Measure callers that each call at an interval, then a pause. The other pipelines are idle."""
    pipeline(TEXT)

    def call(_: int) -> list[float]:
        times = []
        for _ in range(calls):
            if interval:
                time.sleep(interval)
            began = time.perf_counter()
            pipeline(TEXT)
            times.append(time.perf_counter() - began)
        return times

    with ThreadPoolExecutor(callers) as pool:
        cpu, wall = time.process_time(), time.perf_counter()
        times = [each for caller in pool.map(call, range(callers)) for each in caller]
        cpus = (time.process_time() - cpu) / (time.perf_counter() - wall)
    cpu = time.process_time()
    time.sleep(_IDLE_SECONDS)
    idle = time.process_time() - cpu
    return Round(statistics.median(times) * 1e3, cpus, idle * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=30)
    arguments = parser.parse_args()
    pipelines = {
        way: hugot.pipeline(
            "feature-extraction",
            arguments.model,
            mode="latency",
            threads=arguments.threads,
            spinning=way,
        )
        for way in WAYS
    }
    for pipeline in pipelines.values():
        pipeline(TEXT)
    time.sleep(_IDLE_SECONDS)
    print(
        "| interval ms | callers | spinning | call ms | ratio | CPUs busy | CPU ms after the last call |"
    )
    print("|---|---|---|---|---|---|---|")
    for interval, callers in CASES:
        rounds: dict[str, list[Round]] = {way: [] for way in WAYS}
        for number in range(arguments.rounds):
            for way in WAYS if number % 2 else reversed(WAYS):
                one = measure(pipelines[way], interval / 1e3, callers, arguments.calls)
                rounds[way].append(one)
        for way in WAYS:
            pairs = zip(rounds[way], rounds[WAYS[0]], strict=True)
            ratios = [mine.call_ms / its.call_ms for mine, its in pairs]
            columns = zip(*rounds[way], strict=True)
            call, cpus, idle = (statistics.median(values) for values in columns)
            print(
                f"| {interval} | {callers} | {way} | {call:.3f} | {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f}..{max(ratios):.2f}) | {cpus:.2f} | {idle:.1f} |"
            )


if __name__ == "__main__":
    main()
