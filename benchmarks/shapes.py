"""The cost of a group of rows in the bare runtime by its shape, from which budgets and layouts follow.

    python benchmarks/shapes.py MODEL.onnx [--width 8 32 128] [--budget 64 256 1024] [--rounds 5]

Groups of equal rows, without padding, are run by onnxruntime's Python API in two layouts: one caller
for each CPU with one thread each, and one caller with all threads. The table shows tokens per second
(medians over alternating rounds); below it is the fit of a cost model,

    seconds of a group = a + b * tokens + c * rows * width ** 2

with the fixed cost a of a run, b for the matrix products and c for the attention.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime

WIDTHS = (8, 14, 32, 128, 512)
BUDGETS = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
VOCABULARY = 1000  # ids that exist in every model


def open_session(onnx_file: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])


def feeds_of(session: onnxruntime.InferenceSession, rows: int, width: int) -> dict[str, np.ndarray]:
    """Return full rows of random tokens."""
    ids = np.random.default_rng(0).integers(5, VOCABULARY, (rows, width))
    known = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }
    return {each.name: known[each.name] for each in session.get_inputs()}


def seconds_of_group(
    session: onnxruntime.InferenceSession,
    callers: int,
    feeds: dict[str, np.ndarray],
    at_least: float,
) -> float:
    """Return the mean time of a run if several callers run at once, each for a minimum duration."""
    counts = [0] * callers
    ends = [0.0] * callers
    start = threading.Barrier(callers)
    begins = [0.0] * callers

    def call(number: int) -> None:
        start.wait()
        begins[number] = now = time.perf_counter()
        while now - begins[number] < at_least or counts[number] < 2:
            session.run(None, feeds)
            counts[number] += 1
            now = time.perf_counter()
        ends[number] = now

    others = [threading.Thread(target=call, args=(i,)) for i in range(1, callers)]
    for each in others:
        each.start()
    call(0)
    for each in others:
        each.join()
    return statistics.mean((e - b) / c for b, e, c in zip(begins, ends, counts, strict=True))


def fit(shapes: list[tuple[int, int]], seconds: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the cost model by least squares of relative errors, and these errors."""
    table = np.array([[1, rows * width, rows * width**2] for rows, width in shapes], float)
    taken = np.array(seconds)
    weighted = table / taken[:, None]
    coefficients = np.linalg.lstsq(weighted, np.ones(len(taken)), rcond=None)[0]
    return coefficients, weighted @ coefficients - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("onnx_file", type=Path)
    parser.add_argument("--width", type=int, nargs="*", default=WIDTHS)
    parser.add_argument("--budget", type=int, nargs="*", default=BUDGETS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one measurement, at least")
    arguments = parser.parse_args()

    cpus = len(os.sched_getaffinity(0))
    layouts = sorted({(cpus, 1), (1, cpus)}, reverse=True)
    sessions = {threads: open_session(arguments.onnx_file, threads) for _, threads in layouts}
    shapes = sorted(
        {(max(1, b // w), w) for w, b in itertools.product(arguments.width, arguments.budget)},
        key=lambda shape: (shape[1], shape[0]),
    )
    cells = list(itertools.product(layouts, shapes))
    times: dict[object, list[float]] = {cell: [] for cell in cells}
    for number in range(arguments.rounds):
        for cell in cells[number % len(cells) :] + cells[: number % len(cells)]:
            (callers, threads), shape = cell
            session = sessions[threads]
            times[cell].append(
                seconds_of_group(session, callers, feeds_of(session, *shape), arguments.seconds)
            )
    report(layouts, shapes, {cell: statistics.median(taken) for cell, taken in times.items()})


def report(
    layouts: list[tuple[int, int]],
    shapes: list[tuple[int, int]],
    medians: dict[object, float],
) -> None:
    """Print the table and the fits."""
    names = [f"{callers}x{threads}" for callers, threads in layouts]
    print(f"| width | rows | tokens | {' | '.join(f'{name} tokens/s' for name in names)} |")
    print("|---" * (3 + len(layouts)) + "|")
    for rows, width in shapes:
        rates = [layout[0] * rows * width / medians[layout, (rows, width)] for layout in layouts]
        print(f"| {width} | {rows} | {rows * width} | {' | '.join(f'{r:.0f}' for r in rates)} |")
    print()
    for name, layout in zip(names, layouts, strict=True):
        (a, b, c), errors = fit(shapes, [medians[layout, shape] for shape in shapes])
        print(
            f"{name}: a = {a * 1e6:.0f} us, b = {b * 1e6:.2f} us/token, c = {c * 1e9:.2f} ns; "
            f"relative error median {np.median(abs(errors)):.3f}, largest {abs(errors).max():.3f}"
        )


if __name__ == "__main__":
    main()
