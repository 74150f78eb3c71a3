"""Two versions of hugot in alternation: what a change costs or saves, with its interval.

    python benchmarks/versions.py BEFORE [AFTER] [--model FOLDER --task TASK] [--pairs 31] [--only CASE]

BEFORE and AFTER are Python interpreters of environments with a version of hugot each (AFTER: this one).
A process of each is kept, and they run each case in turn, so that drifts of a shared machine meet both.
A row shows the rate of AFTER over that of BEFORE (above 1: faster): the median over the pairs and the
interval that holds the median with 95 % certainty (order statistics).

    one          a text                     submit       a text by submit().result()
    three        a list of three            clients      32 threads that submit 20 texts each
    fifty        a list of 50               start        a process to its first answer
    bulk         a list of 1000             command      hugot run of one line, the whole process
    stream       the same as a stream       lines        hugot run of 3000 lines, the whole process
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = Path(__file__).resolve().parent.parent / "examples" / "models" / "tiny-embedding"
RUN = "from hugot.cli.main import main; main()"
FIRST = "import sys, hugot; hugot.pipeline(sys.argv[1], sys.argv[2])('hello')"
TEXT = "where can I find a quiet place near the river with good coffee and some shade"


def texts(count: int) -> list[str]:
    """Texts of 3 to 40 words."""
    chance, words = random.Random(7), TEXT.split()
    return [" ".join(chance.choices(words, k=chance.randint(3, 40))) for _ in range(count)]


def library_cases(task: str, model: str) -> dict[str, Callable[[], Any]]:
    """What a kept process runs."""
    from concurrent.futures import ThreadPoolExecutor

    import hugot

    pipeline = hugot.pipeline(task, model)
    many = hugot.pipeline(task, model, mode="throughput")
    one, three, fifty, thousand = (texts(count) for count in (1, 3, 50, 1000))
    pool = ThreadPoolExecutor(32)

    def client(number: int) -> None:
        for text in thousand[number * 20 : number * 20 + 20]:
            many.submit(text).result()

    return {
        "one": lambda: [pipeline(one[0]) for _ in range(100)],
        "three": lambda: [pipeline(three) for _ in range(50)],
        "fifty": lambda: [many(fifty) for _ in range(5)],
        "bulk": lambda: many(thousand),
        "stream": lambda: [*many.stream(thousand)],
        "submit": lambda: [pipeline.submit(one[0]).result() for _ in range(100)],
        "clients": lambda: list(pool.map(client, range(32))),
    }


def serve(task: str, model: str) -> None:
    """Run the cases that are named on stdin, and print the seconds of each."""
    cases = library_cases(task, model)
    for case in cases.values():  # imports, memory, threads
        case()
    print("ready", flush=True)
    for line in sys.stdin:
        case = cases[line.strip()]
        began = time.perf_counter()
        case()
        print(time.perf_counter() - began, flush=True)


class Kept:
    """A process of one version that runs cases when it is asked to."""

    def __init__(self, python: str, task: str, model: str) -> None:
        command = [python, __file__, "--serve", task, model]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process of a version ended")
        return line

    def run(self, case: str) -> float:
        """Run a case and return its seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(case + "\n")
        self._process.stdin.flush()
        return float(self._read())


def process_cases(task: str, model: str, work: Path) -> dict[str, list[str]]:
    """Arguments of an interpreter for the cases that are whole processes."""
    for name, lines in (("one", texts(1)), ("many", texts(3000))):
        rows = (json.dumps({"input": text}) + "\n" for text in lines)
        (work / f"{name}.jsonl").write_text("".join(rows), encoding="utf-8")
    run = ["-c", RUN, "run", "-p", model, "-t", task, "--quiet", "-i"]
    return {
        "start": ["-c", FIRST, task, model],
        "command": [*run, str(work / "one.jsonl")],
        "lines": [*run, str(work / "many.jsonl")],
    }


def process_seconds(python: str, arguments: list[str]) -> float:
    """Run a process and return its seconds."""
    began = time.perf_counter()
    subprocess.run([python, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def report(name: str, ratios: list[float]) -> None:
    """Print the median of the ratios and its interval."""
    ordered, count = sorted(ratios), len(ratios)
    reach = min((count - 1) // 2, math.ceil(0.98 * math.sqrt(count)))
    middle = count // 2
    low, high = ordered[max(0, middle - reach)], ordered[min(count - 1, middle + reach)]
    print(f"{name:10} {statistics.median(ordered):6.3f}   {low:.3f} to {high:.3f}", flush=True)


def main() -> None:
    """Run the cases and print a row for each."""
    if "--serve" in sys.argv:
        serve(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after", nargs="?", default=sys.executable)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--task", default="feature-extraction")
    parser.add_argument("--pairs", type=int, default=31)
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    model = str(given.model.resolve())
    pythons = [given.before, given.after]
    kept = [Kept(python, given.task, model) for python in pythons]
    library = ("one", "three", "fifty", "bulk", "stream", "submit", "clients")
    print(f"{given.model.name}, {given.task}: rate after / before, {given.pairs} pairs")
    with tempfile.TemporaryDirectory() as folder:
        processes = process_cases(given.task, model, Path(folder))
        for name in (*library, *processes):
            if given.only and name not in given.only:
                continue
            ratios = []
            for number in range(given.pairs):
                taken = {}
                for version in (0, 1) if number % 2 else (1, 0):
                    if name in library:
                        taken[version] = kept[version].run(name)
                    else:
                        taken[version] = process_seconds(pythons[version], processes[name])
                ratios.append(taken[0] / taken[1])
            report(name, ratios)


if __name__ == "__main__":
    main()
