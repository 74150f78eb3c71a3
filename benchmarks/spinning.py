"""What it costs and brings to let the threads of a run spin while they wait for work.

    python benchmarks/spinning.py [MODEL] [--threads 2] [--rounds 9] [--calls 30]

One text at a time on all threads, at intervals, as a service sees it; once more with a thread that
does other work beside it. For each way to wait: the time of a call, the CPUs that the process kept
busy meanwhile, and the CPU time that went by after the last call, while nothing was asked for. The
ways take turns; medians over the rounds, and their ratio to spinning always.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hugot

if TYPE_CHECKING:
    from hugot.pipelines.base import Pipeline

MODEL = Path(__file__).resolve().parent.parent / "examples" / "models" / "tiny-embedding"
TEXT = "Wolfgang Schmidt and his friends live in Berlin near Alexanderplatz"
WAYS = ("always", "run", "never")
INTERVALS_MS = (0, 1, 10)
_IDLE_SECONDS = 0.3


class Round(NamedTuple):
    """What one way to wait took in one round: the calls, the CPUs in use, the idle time after them."""

    call_ms: float
    cpus: float
    idle_cpu_ms: float


def measure(pipeline: Pipeline, interval: float, calls: int) -> Round:
    """Calls at an interval, then a pause; the other pipelines are asleep."""
    pipeline(TEXT)
    times = []
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        if interval:
            time.sleep(interval)
        began = time.perf_counter()
        pipeline(TEXT)
        times.append(time.perf_counter() - began)
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
        "| interval ms | spinning | call ms | ratio | CPUs busy | CPU ms spent after the last call |"
    )
    print("|---|---|---|---|---|---|")
    for interval in INTERVALS_MS:
        rounds: dict[str, list[Round]] = {way: [] for way in WAYS}
        for number in range(arguments.rounds):
            for way in WAYS if number % 2 else reversed(WAYS):
                rounds[way].append(measure(pipelines[way], interval / 1e3, arguments.calls))
        for way in WAYS:
            found = rounds[way]
            pairs = zip(found, rounds[WAYS[0]], strict=True)
            ratios = [mine.call_ms / its.call_ms for mine, its in pairs]
            call, cpus, idle = (statistics.median(values) for values in zip(*found, strict=True))
            print(
                f"| {interval} | {way} | {call:.3f} | {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f}..{max(ratios):.2f}) | {cpus:.2f} | {idle:.1f} |"
            )


if __name__ == "__main__":
    main()
