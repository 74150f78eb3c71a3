"""One text at a time: what a call costs above the tokenizer and the run of the bare runtime.

    python benchmarks/single.py [--calls 3000] [--callgrind]

Measured on the small bundled models, where a run takes little, so that the rest can be seen: a call of
the pipeline, less `Tokenizer.encode` of the same text, less `onnxruntime.InferenceSession.run` on
inputs that are ready. All three in alternation; medians of single calls. With `--callgrind` (needs
valgrind) instructions are counted instead of time, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bare import feeds_of, open_session
from tokenizers import Tokenizer

import hugot

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = Path(__file__).resolve().parent.parent / "examples" / "models"
TEXT = "Wolfgang Schmidt and his friends live in Berlin near Alexanderplatz"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "feature-extraction": ("tiny-embedding", {}),
    "text-classification": ("tiny-sentiment", {}),
    "token-classification": ("tiny-ner", {"aggregation_strategy": "simple"}),
}


def works(task: str) -> dict[str, Callable[[], object]]:
    """The pipeline's call, and the two things in it that the bare runtime has to do as well."""
    name, options = CASES[task]
    folder = MODELS / name
    pipeline = hugot.pipeline(task, folder, mode="latency", threads=1, **options)
    session = open_session(folder / "model.onnx", 1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    names = [each.name for each in session.get_inputs()]
    feeds = feeds_of([tokenizer.encode(TEXT).ids], names)
    outputs = [session.get_outputs()[0].name]
    return {
        "call": lambda: pipeline(TEXT),
        "tokenizer": lambda: tokenizer.encode(TEXT),
        "run": lambda: session.run(outputs, feeds),
    }


def microseconds(task: str, calls: int) -> dict[str, float]:
    """Median time of each."""
    taken: dict[str, list[float]] = {}
    each = works(task)
    clock = time.perf_counter_ns
    for work in each.values():
        for _ in range(50):
            work()
    for _ in range(calls):
        for name, work in each.items():
            began = clock()
            work()
            taken.setdefault(name, []).append((clock() - began) / 1e3)
    return {name: statistics.median(times) for name, times in taken.items()}


def instructions(task: str, what: str) -> float:
    """Instructions of one call, from the difference of two counts under callgrind."""
    few, many = (_count(task, what, calls) for calls in (100, 400))
    return (many - few) / 300


def _count(task: str, what: str, calls: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        repeat = ["--repeat", task, what, str(calls)]
        run = subprocess.run(
            [*command, sys.executable, __file__, *repeat], capture_output=True, text=True, check=True
        )
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--task", nargs="*", default=list(CASES), choices=CASES)
    parser.add_argument("--callgrind", action="store_true")
    parser.add_argument("--repeat", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repeat:
        task, what, calls = arguments.repeat
        work = works(task)[what]
        for _ in range(int(calls)):
            work()
        return
    if arguments.callgrind and shutil.which("valgrind") is None:
        parser.error("--callgrind needs valgrind")
    for task in arguments.task:
        if arguments.callgrind:
            found = {name: instructions(task, name) for name in ("call", "tokenizer", "run")}
            unit = "instructions"
        else:
            found, unit = microseconds(task, arguments.calls), "us"
        above = found["call"] - found["tokenizer"] - found["run"]
        parts = ", ".join(f"{name} {value:.1f}" for name, value in found.items())
        print(f"{task:22} {above:8.1f} {unit} above tokenizer and run ({parts})")


if __name__ == "__main__":
    main()
