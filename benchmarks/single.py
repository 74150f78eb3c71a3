"""One text at a time: the time of a call minus that of the tokenizer and of the bare runtime.

    python benchmarks/single.py [--rounds 200] [--callgrind]

The bundled small models are used, of which a run takes little time: measured is a call of the pipeline,
minus the time of `Tokenizer.encode` for the same text and `onnxruntime.InferenceSession.run` on
prepared inputs, in alternating rounds; the result is the median. With `--callgrind` (needs valgrind),
instructions are counted instead of time; they do not depend on other work on the machine.
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
_CALLS_PER_ROUND = 20
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "feature-extraction": ("tiny-embedding", {}),
    "text-classification": ("tiny-sentiment", {}),
    "token-classification": ("tiny-ner", {"aggregation_strategy": "simple"}),
}


def works(task: str) -> dict[str, Callable[[], object]]:
    """Return the pipeline's call, and the necessary part of it: the tokenizer, then the bare run."""
    name, options = CASES[task]
    folder = MODELS / name
    pipeline = hugot.pipeline(task, folder, mode="latency", threads=1, **options)
    session = open_session(folder / "model.onnx", 1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    names = [each.name for each in session.get_inputs()]
    feeds = feeds_of([tokenizer.encode(TEXT).ids], names)
    outputs = [session.get_outputs()[0].name]

    def bare() -> object:
        tokenizer.encode(TEXT)
        return session.run(outputs, feeds)

    return {"call": lambda: pipeline(TEXT), "bare": bare}


def microseconds(task: str, rounds: int) -> list[tuple[float, float]]:
    """Return the time of a call and of its necessary part in each of many short alternating rounds."""
    each = works(task)
    clock = time.perf_counter_ns
    found = []
    for _ in range(rounds):
        times = []
        for work in each.values():
            work()  # the previous work has left its own data in the CPU's caches
            began = clock()
            for _ in range(_CALLS_PER_ROUND):
                work()
            times.append((clock() - began) / _CALLS_PER_ROUND / 1e3)
        found.append((times[0], times[1]))
    return found


def instructions(task: str, what: str) -> float:
    """Return the instructions of one call, from the difference of two counts under callgrind."""
    few, many = (_count(task, what, calls) for calls in (100, 400))
    return (many - few) / 300


def _count(task: str, what: str, calls: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        repeat = ["--repeat", task, what, str(calls)]
        run = subprocess.run(
            [*command, sys.executable, __file__, *repeat],
            capture_output=True,
            text=True,
            check=True,
        )
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
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
            call, bare = (instructions(task, name) for name in ("call", "bare"))
            print(f"{task:22} {call - bare:7.0f} instructions above the bare {bare:.0f}")
            continue
        found = microseconds(task, arguments.rounds)
        above = sorted(call - bare for call, bare in found)
        quarter = len(above) // 4
        print(
            f"{task:22} {statistics.median(above):6.1f} us above the bare "
            f"{statistics.median(bare for _, bare in found):.1f} "
            f"(half of the rounds {above[quarter]:.1f} to {above[-1 - quarter]:.1f})"
        )


if __name__ == "__main__":
    main()
