"""Arrow input and output relative to the library's own bulk rate, in alternating rounds of one run.

    python benchmarks/columnar.py TASK MODEL_FOLDER [--kind short] [--count 1000] [--prompts FILE]

The library gets a list of str and returns its own results; `ArrowPipeline` gets a Table (and a stream of
record batches) and returns Arrow data. A ratio of 1 would mean that Arrow takes no time. The time of the
conversions alone is printed as well.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from texts import KINDS, read_prompts, texts

from hugot.integrations.arrow import ArrowPipeline, results_array, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable

_CONVERSIONS = 20


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ways(adapter: ArrowPipeline, inputs: list[str], rows: int) -> dict[str, Callable[[], Any]]:
    """Return the library and the forms of Arrow data; the first one is the base of the ratios."""
    pipeline = adapter.pipeline
    table = pa.table({"input": inputs, "id": range(len(inputs))})
    batches = table.to_batches(rows)
    return {
        "list": lambda: pipeline(inputs),
        "table": lambda: adapter(table),
        "stream": lambda: list(adapter.stream(batches)),
    }


def report(taken: dict[str, list[float]], count: int) -> None:
    """Print the rates, and the ratios to the first."""
    base = next(iter(taken))
    for name, times in taken.items():
        ratios = sorted(b / t for b, t in zip(taken[base], times, strict=True))
        quarter = len(ratios) // 4
        print(
            f"{name:7} {count / statistics.median(times):7.0f} texts/s, "
            f"{statistics.median(ratios):.3f} of {base} "
            f"(half of the rounds {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f})"
        )


def report_conversions(adapter: ArrowPipeline, inputs: list[str]) -> None:
    """Print the time of the conversions for a text."""
    results = adapter.pipeline(inputs)
    column, type_ = pa.array(inputs), adapter.type
    conversions: dict[str, Callable[[], Any]] = {
        "texts_of": lambda: texts_of(column),
        "to_pylist": column.to_pylist,
        "results_array": lambda: results_array(adapter.task, results, type_),
    }
    for name, work in conversions.items():
        best = min(seconds(work) for _ in range(_CONVERSIONS))
        print(f"{name:14} {best / len(inputs) * 1e6:8.3f} microseconds a text")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("model", type=Path)
    parser.add_argument("--kind", default="short", choices=KINDS)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument(
        "--rows", type=int, default=256, help="rows of a record batch of the stream"
    )
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()

    inputs = texts(
        arguments.kind,
        arguments.count,
        prompts=read_prompts(arguments.prompts) if arguments.prompts else None,
    )
    options = {"aggregation_strategy": "simple"} if "token" in arguments.task else {}
    adapter = ArrowPipeline(
        arguments.task,
        arguments.model,
        mode="throughput",
        threads=len(os.sched_getaffinity(0)),
        **options,
    )
    works = ways(adapter, inputs, arguments.rows)
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for round_number in range(arguments.rounds):
        names = list(works)
        # The order changes, so that a drift of the machine affects all alike.
        turn = round_number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(seconds(works[name]))
    report(taken, len(inputs))
    report_conversions(adapter, inputs)


if __name__ == "__main__":
    main()
