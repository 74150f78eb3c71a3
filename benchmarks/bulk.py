"""Bulk work relative to the bare runtime, in one run.

    python benchmarks/bulk.py TASK MODEL_FOLDER [--kind short] [--count 1000] [--how call stream]

The bare runtime gets the texts tokenized, sorted, grouped and padded, in its best setting (see bare.py);
hugot gets the strings. A ratio of 1 would mean that everything that hugot does beside the runs takes no
time. Ratios are medians over alternating rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bare import Bare, Setting, open_session, settings
from texts import KINDS, read_prompts, texts
from tokenizers import Tokenizer

import hugot
from hugot.models.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Number of settings of the bare runtime that are kept after each number of screening rounds.
_SCREENING = ((2, 3), (5, 1))


def token_rows(model: Path, inputs: Sequence[str], longest: int | None) -> list[list[int]]:
    """Return the token ids of the texts, truncated as in hugot."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if longest is not None:
        tokenizer.enable_truncation(longest)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(inputs))]


def bare_settings(
    onnx_file: Path, calls: Sequence[Sequence[Sequence[int]]], cpus: int
) -> dict[Setting, Bare]:
    """Return the bare runtime in all settings, with two sessions in total."""
    sessions = {threads: open_session(onnx_file, threads) for threads in {1, cpus}}
    return {each: Bare(sessions[each.threads], calls, each) for each in settings(cpus)}


def fastest(bare: dict[Setting, Bare]) -> dict[Setting, Bare]:
    """Return the best setting, found in separate rounds.

    The best of several settings in the compared rounds would be the luckiest of them.
    """
    for rounds, kept in _SCREENING:
        times: dict[Setting, list[float]] = {setting: [] for setting in bare}
        for _ in range(rounds):
            for setting, runs in bare.items():
                times[setting].append(runs.seconds())
        order = sorted(times, key=lambda setting: statistics.median(times[setting]))
        bare = {setting: bare[setting] for setting in order[:kept]}
    return bare


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the elapsed seconds of one call, and the CPU seconds of the process."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def split(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Return a sequence in parts of a size."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def ways(
    pipeline: Any, calls: Sequence[Sequence[str]], how: Sequence[str]
) -> dict[str, Callable[[], Any]]:
    """Return the ways of running the pipeline over all calls."""
    works = {
        "call": lambda: [pipeline(inputs) for inputs in calls],
        "stream": lambda: [list(pipeline.stream(inputs)) for inputs in calls],
    }
    return {name: works[name] for name in how}


def measure(
    bare: dict[Setting, Bare], works: dict[str, Callable[[], Any]], rounds: int
) -> dict[Any, list[tuple[float, float]]]:
    """Return (elapsed, CPU) seconds of each in each round; bare settings and ways alternate."""
    runs: dict[Any, Callable[[], Any]] = {
        **{setting: each.seconds for setting, each in bare.items()},
        **works,
    }
    taken: dict[Any, list[tuple[float, float]]] = {name: [] for name in runs}
    for round_number in range(rounds):
        names = list(runs)
        # The order changes, so that a drift of the machine affects all alike.
        turn = round_number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(timed(runs[name]))
    return taken


def ratios(base: list[tuple[float, float]], own: list[tuple[float, float]]) -> list[list[float]]:
    """Return base over own in each round, sorted: of elapsed and of CPU time."""
    return [sorted(b[kind] / o[kind] for b, o in zip(base, own, strict=True)) for kind in (0, 1)]


def report(
    title: str, bare: dict[Setting, Bare], taken: dict[Any, list[tuple[float, float]]], tokens: int
) -> None:
    """Print the ratios to the bare best, and the rates."""
    rates = {name: tokens / statistics.median(t[0] for t in times) for name, times in taken.items()}
    best = max(bare, key=rates.__getitem__)
    for name, times in taken.items():
        if name in bare:
            continue
        clock, cpu = ratios(taken[best], times)
        quarter = len(clock) // 4
        print(
            f"{title} {name:7} {statistics.median(clock):.3f} of the bare best "
            f"(half of the rounds {clock[quarter]:.3f} to {clock[-1 - quarter]:.3f}; "
            f"by CPU time {statistics.median(cpu):.3f})",
            flush=True,
        )
    listed = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    print(f"    tokens/s: {listed}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("model", type=Path)
    parser.add_argument("--kind", nargs="*", default=["short"], choices=KINDS)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--call-size", type=int, help="texts in a call; all in one by default")
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--how", nargs="*", default=["call", "stream"])
    parser.add_argument("--mode", default="throughput")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()

    cpus = len(os.sched_getaffinity(0))
    prompts = read_prompts(arguments.prompts) if arguments.prompts else None
    options = {"aggregation_strategy": "simple"} if "token" in arguments.task else {}
    bundle = open_bundle(arguments.model)
    vectors = arguments.task == "feature-extraction"
    longest = bundle.longest_sentence if vectors else bundle.longest_row
    with hugot.pipeline(
        arguments.task, arguments.model, mode=arguments.mode, threads=cpus, **options
    ) as pipeline:
        for kind in arguments.kind:
            inputs = texts(kind, arguments.count, prompts=prompts)
            rows = token_rows(arguments.model, inputs, longest)
            size = arguments.call_size or arguments.count
            bare = fastest(bare_settings(bundle.onnx_path, split(rows, size), cpus))
            works = ways(pipeline, split(inputs, size), arguments.how)
            title = f"{arguments.task} {kind:11} {len(inputs)} texts, calls of {size}:"
            taken = measure(bare, works, arguments.rounds)
            report(title, bare, taken, sum(map(len, rows)))


if __name__ == "__main__":
    main()
