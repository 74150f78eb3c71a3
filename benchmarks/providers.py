"""Execution providers compared with the CPU's: rate, and difference of the answers.

    python benchmarks/providers.py MODEL TEXTS.jsonl --library FOLDER --provider openvino \
        [--settings '{"device_type": "CPU"}'] [--budget 256 1024] [--workers 1 2] [--shapes exact few]

Texts are JSON lines with the key "input". Each combination runs all texts in rounds that alternate with
the CPU provider of the ONNX Runtime that hugot finds by itself, on MODEL for feature extraction; the
table shows the median rate, its ratio to the CPU's in the same round, the largest difference of a number
and the smallest cosine of two vectors. --settings may be repeated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import hugot


def seconds(pipeline: Any, texts: list[str]) -> float:
    began = time.perf_counter()
    pipeline(texts)
    return time.perf_counter() - began


def smallest_cosine(found: np.ndarray, expected: np.ndarray) -> float:
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float((np.sum(found * expected, axis=1) / norms).min())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--library", help="ONNX Runtime with the provider")
    parser.add_argument("--provider", required=True)
    parser.add_argument("--settings", type=json.loads, action="append")
    parser.add_argument("--budget", type=int, nargs="+", default=[None])
    parser.add_argument("--workers", type=int, nargs="+", default=[None])
    parser.add_argument("--shapes", nargs="+", default=[None])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    lines = given.texts.read_text(encoding="utf-8").splitlines()[: given.count]
    texts = [json.loads(line)["input"] for line in lines]

    runs: dict[str, Any] = {
        "CPU": hugot.pipeline("feature-extraction", given.model, mode="throughput")
    }
    settings = given.settings or [{}]
    for each, budget, workers, shapes in itertools.product(
        settings, given.budget, given.workers, given.shapes
    ):
        name = f"{json.dumps(each)} budget {budget} workers {workers} shapes {shapes}"
        runs[name] = hugot.pipeline(
            "feature-extraction",
            given.model,
            onnxruntime_library=given.library,
            providers=[(given.provider, each)],
            token_budget=budget,
            workers=workers,
            shape_policy=shapes,
        )
    expected = runs["CPU"](texts)
    answers = {name: pipeline(texts) for name, pipeline in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(given.rounds):
        for name, pipeline in runs.items():
            times[name].append(seconds(pipeline, texts))
    tokens = runs["CPU"].plan(texts).tokens
    print("| | tokens/s | ratio | largest difference | smallest cosine | nodes |")
    print("|---|---|---|---|---|---|")
    for name, pipeline in runs.items():
        ratio = statistics.median(
            cpu / own for cpu, own in zip(times["CPU"], times[name], strict=True)
        )
        print(
            f"| {name} | {tokens / statistics.median(times[name]):.0f} | {ratio:.2f} "
            f"| {np.abs(answers[name] - expected).max():.1e} "
            f"| {smallest_cosine(answers[name], expected):.6f} | {pipeline.providers} |"
        )


if __name__ == "__main__":
    main()
