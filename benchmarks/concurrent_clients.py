"""Many clients at once: requests that share batches, compared with direct calls by the same clients.

    python benchmarks/concurrent_clients.py [MODEL_FOLDER PROMPTS.jsonl] [--clients 32] [--rounds 5]

Each client sends one text, waits for its vector, and sends the next one, until all texts are answered.
These ways are measured in alternating rounds:

    bulk             one call with the list of all texts (mode "throughput")
    submit, acall    threads that call submit(text).result(); asyncio tasks that await acall(text)
    direct           threads that call the pipeline, which runs each text by itself
    bare             the same with only onnxruntime's Python API and tokenizers

"n x 1": every run has one thread; "1 x n": every run has all threads. Ratios are medians over the
rounds; latencies are those of all rounds together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import hugot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Embed = Callable[[str], object]

TINY = Path(__file__).parent.parent / "examples" / "models" / "tiny-embedding"


@dataclass
class Way:
    """A way of sending the texts.

    Attributes:
        run: has all texts answered and returns the latency of each.
        seconds: duration of each round.
        latencies: latency of every request of every round, in seconds.
    """

    run: Callable[[list[str], int], list[float]]
    seconds: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def measure(self, texts: list[str], clients: int) -> None:
        began = time.perf_counter()
        self.latencies += self.run(texts, clients)
        self.seconds.append(time.perf_counter() - began)


def made_texts(count: int) -> list[str]:
    """Return texts of 1 to 40 words, most of them short."""
    random = np.random.default_rng(1)
    lengths = np.minimum(random.geometric(0.1, count), 40)
    return [" ".join(["word", "again", "here"][i % 3] for i in range(n)) for n in lengths]


def from_threads(call: Embed) -> Callable[[list[str], int], list[float]]:
    """Return a way with client threads that each call and wait."""

    def run(texts: list[str], clients: int) -> list[float]:
        latencies: list[float] = []
        source = iter(texts)

        def client() -> None:
            for text in source:  # an iterator of a list may be shared by threads
                began = time.perf_counter()
                call(text)
                latencies.append(time.perf_counter() - began)

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return latencies

    return run


def from_tasks(pipeline: hugot.FeatureExtractionPipeline) -> Callable[..., list[float]]:
    """Return a way with client tasks of one event loop that each call and wait."""

    async def client(source: Iterator[str], latencies: list[float]) -> None:
        for text in source:
            began = time.perf_counter()
            await pipeline.acall(text)
            latencies.append(time.perf_counter() - began)

    async def all_clients(texts: list[str], clients: int) -> list[float]:
        latencies: list[float] = []
        source = iter(texts)
        await asyncio.gather(*(client(source, latencies) for _ in range(clients)))
        return latencies

    return lambda texts, clients: asyncio.run(all_clients(texts, clients))


def in_bulk(pipeline: hugot.FeatureExtractionPipeline) -> Callable[..., list[float]]:
    """Return a way of one call with all texts."""

    def run(texts: list[str], clients: int) -> list[float]:
        pipeline(texts)
        return []

    return run


def bare(model: Path, threads: int) -> Embed:
    """Return a function for one mean-pooled, normalised vector with only onnxruntime and tokenizers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(model / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    names = [each.name for each in session.get_inputs()]

    def embed(text: str) -> np.ndarray:
        encoding = tokenizer.encode(text)
        feeds = {
            "input_ids": np.array([encoding.ids]),
            "attention_mask": np.array([encoding.attention_mask]),
            "token_type_ids": np.array([encoding.type_ids]),
        }
        [hidden, *_] = session.run(None, {name: feeds[name] for name in names})
        vector = hidden[0].mean(0)
        return vector / np.linalg.norm(vector)

    return embed


def ways(model: Path, cpus: int, kept: list[hugot.FeatureExtractionPipeline]) -> dict[str, Way]:
    """Return the ways by name; the pipelines are added to `kept`, to be closed at the end."""
    modes = ("throughput", "latency")
    many, one = (
        hugot.pipeline("feature-extraction", model, mode=mode, threads=cpus) for mode in modes
    )
    kept += [many, one]
    wide, narrow = f"{cpus} x 1", f"1 x {cpus}"
    return {
        "bulk": Way(in_bulk(many)),
        f"submit {wide}": Way(from_threads(lambda text: many.submit(text).result())),
        f"submit {narrow}": Way(from_threads(lambda text: one.submit(text).result())),
        f"acall {wide}": Way(from_tasks(many)),
        f"acall {narrow}": Way(from_tasks(one)),
        f"direct {wide}": Way(from_threads(many)),
        f"direct {narrow}": Way(from_threads(one)),
        f"bare {wide}": Way(from_threads(bare(model, 1))),
        f"bare {narrow}": Way(from_threads(bare(model, cpus))),
    }


def report(measured: dict[str, Way], texts: list[str]) -> None:
    """Print a line for each way."""
    rounds = len(measured["bulk"].seconds)
    fastest = [
        min(way.seconds[i] for name, way in measured.items() if name.startswith(("direct", "bare")))
        for i in range(rounds)
    ]
    print(f"{'':14} requests/s    x bulk  x best direct   p50 ms   p99 ms")
    for name, way in measured.items():
        rate = len(texts) / statistics.median(way.seconds)
        bulk, direct = (
            statistics.median(base / own for base, own in zip(bases, way.seconds, strict=True))
            for bases in (measured["bulk"].seconds, fastest)
        )
        line = f"{name:14} {rate:10.0f} {bulk:9.2f} {direct:14.2f}"
        if way.latencies:
            p50, p99 = np.percentile(way.latencies, [50, 99]) * 1e3
            line += f" {p50:8.1f} {p99:8.1f}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", default=TINY)
    parser.add_argument("prompts", type=Path, nargs="?")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[""], help="beginnings of the ways' names")
    arguments = parser.parse_args()

    if arguments.prompts is None:
        texts = made_texts(arguments.texts)
    else:
        lines = arguments.prompts.read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["input"] for line in lines[: arguments.texts]]
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    kept: list[hugot.FeatureExtractionPipeline] = []
    measured = {
        name: way
        for name, way in ways(arguments.model, cpus, kept).items()
        if name.startswith(("bulk", *arguments.only))
    }
    print(
        f"{len(texts)} texts, {arguments.clients} clients, {cpus} CPUs, {arguments.rounds} rounds"
    )
    for way in measured.values():
        way.run(texts[:100], arguments.clients)
    for _ in range(arguments.rounds):
        for way in measured.values():
            way.measure(texts, arguments.clients)
    report(measured, texts)
    for pipeline in kept:
        pipeline.close()


if __name__ == "__main__":
    main()
