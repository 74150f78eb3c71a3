"""Bulk embedding: hugot against onnxruntime's own Python API, in one run.

    python benchmarks/bulk_embedding.py MODEL_FOLDER PROMPTS.jsonl [--rounds 5]

Both embed the same texts on all CPUs of this process, in turn, round by round. The bare runtime is fed
as most scripts do it: batches of 32 in the order of arrival, padded to the longest text of the batch.
`hugot run` is timed as a command, loading and JSON included. Ratios are medians over the rounds; single
times mean little on a shared machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import hugot

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 32


def bare(model: Path, threads: int) -> Callable[[list[str]], np.ndarray]:
    """Mean-pooled, normalised vectors with onnxruntime and tokenizers alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(model / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    names = [each.name for each in session.get_inputs()]

    def embed(texts: list[str]) -> np.ndarray:
        parts = []
        for start in range(0, len(texts), BATCH):
            encodings = tokenizer.encode_batch(texts[start : start + BATCH])
            mask = np.array([each.attention_mask for each in encodings])
            feeds = {
                "input_ids": np.array([each.ids for each in encodings]),
                "attention_mask": mask,
                "token_type_ids": np.array([each.type_ids for each in encodings]),
            }
            [hidden, *_] = session.run(None, {name: feeds[name] for name in names})
            weights = mask[:, :, None].astype(np.float32)
            vectors = (hidden * weights).sum(1) / weights.sum(1)
            parts.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        return np.concatenate(parts)

    return embed


def command(model: Path, prompts: Path) -> None:
    """`hugot run` over the prompts, into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["run", "-p", model, "-t", "featureExtraction", "-i", prompts, "-o", folder]
        code = "from hugot.cli.main import main; main()"
        subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)


def seconds(work: Callable[[], object]) -> float:
    """Time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    lines = arguments.prompts.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["input"] for line in lines]
    threads = len(os.sched_getaffinity(0))
    peer = bare(arguments.model, threads)
    modes = ("throughput", "latency", "auto")
    pipelines = {
        mode: hugot.pipeline("feature-extraction", arguments.model, mode=mode, threads=threads)
        for mode in modes
    }
    difference = np.abs(peer(texts) - pipelines["throughput"](texts)).max()
    print(f"{len(texts)} texts, {threads} CPUs; largest difference of a component {difference:.1e}")

    works: dict[str, Callable[[], object]] = {"onnxruntime": lambda: peer(texts)}
    for mode, pipeline in pipelines.items():
        works[f"hugot {mode}"] = lambda pipeline=pipeline: pipeline(texts)
    works["hugot run"] = lambda: command(arguments.model, arguments.prompts)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(arguments.rounds):
        for name, work in works.items():
            times[name].append(seconds(work))
    for name, taken in times.items():
        ratios = [base / own for base, own in zip(times["onnxruntime"], taken, strict=True)]
        rate = len(texts) / statistics.median(taken)
        print(f"{name:18} {rate:7.0f} texts/s   {statistics.median(ratios):5.2f} x onnxruntime")


if __name__ == "__main__":
    main()
