"""hugot compared with other libraries on the same texts in alternating rounds: one table of ratios.

    pip install -r benchmarks/requirements-peers.txt
    python benchmarks/models.py MODELS
    python benchmarks/peers.py MODELS [--size small] [--prompts FILE] [--quick]

MODELS holds the folders that models.py makes. Every peer that can be imported and can load the model
takes part, with all CPUs of the process. If a peer has a batch size, 1, 8 and 32 are tried first and
the best is used. A ratio is the median over the rounds of the peer's time divided by hugot's time in
the same round: above 1, hugot is faster. Single times are not printed, since they depend on the
machine.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

# No calls to a hub: the folders are complete.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from answers import compare
from contestants import (
    BATCHES,
    EMBEDDING,
    EMBEDDING_ONLY,
    PEERS,
    TEXT,
    TOKEN,
    TRIED,
    hugot_in,
)
from texts import read_prompts, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from contestants import Answer

# Lets the threads of the previous peer go to sleep: idle pools spin for some milliseconds.
PAUSE = 0.05
# Number of single texts that each peer answers in a turn.
TURN = 10
# Number of times that everything is loaded anew for single texts: the address of the weights in memory
# changes the time of a run by several per cent, and may decide between two equally fast peers.
LOADS = 4


@dataclass(frozen=True)
class Workload:
    """A row of the table."""

    name: str
    task: str
    kind: str
    count: int
    single: bool = False

    @property
    def mode(self) -> str:
        """Return the mode of hugot for this workload."""
        return "latency" if self.single else "throughput"


WORKLOADS = (
    Workload("embedding, short, bulk", EMBEDDING, "short", 1000),
    Workload("embedding, paragraphs, bulk", EMBEDDING, "paragraphs", 100),
    Workload("embedding, short, one at a time", EMBEDDING, "short", 100, single=True),
    Workload("text classification, short, bulk", TEXT, "short", 200),
    Workload("text classification, short, one at a time", TEXT, "short", 50, single=True),
    Workload("token classification, short, bulk", TOKEN, "short", 200),
    Workload("token classification, short, one at a time", TOKEN, "short", 50, single=True),
)


def contestants_of(
    folder: Path, workload: Workload, threads: int, wanted: str
) -> dict[str, Answer]:
    """Return hugot, then every available peer with `wanted` in its name."""
    loaded = {
        "hugot": hugot_in(workload.mode)(folder, workload.task, threads),
        "hugot, mode auto": hugot_in("auto")(folder, workload.task, threads),
    }
    for name, load in PEERS.items():
        if wanted not in name or (workload.task != EMBEDDING and name in EMBEDDING_ONLY):
            continue
        try:
            loaded[name] = load(folder, workload.task, threads)
        except Exception as error:  # a peer that cannot load the model takes no part
            print(f"left out: {name}: {type(error).__name__}: {error}", flush=True)
    return loaded


def work_of(answer: Answer, workload: Workload, inputs: list[str], batch: int) -> Callable[[], Any]:
    """Return a function that runs all inputs, in one call or one by one."""
    if workload.single:
        return lambda: one_by_one(answer, inputs)
    return lambda: answer(inputs, batch)


def one_by_one(answer: Answer, inputs: list[str]) -> list[Any] | None:
    """Return the answers, or None for a peer that does not compute whole answers."""
    answers = [answer([text], 1) for text in inputs]
    return None if answers[0] is None else [each[0] for each in answers]


def timed(work: Callable[[], Any]) -> float:
    time.sleep(PAUSE)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def best_batch(name: str, answer: Answer, workload: Workload, inputs: list[str]) -> int:
    """Return the batch size with which a peer is fastest on a part of the texts."""
    if name.startswith("hugot"):
        return 0
    sizes = (1,) if workload.single else BATCHES.get(name, TRIED)
    if len(sizes) == 1:
        return sizes[0]
    part = inputs[: max(2 * max(sizes), len(inputs) // 4)]
    return min(sizes, key=lambda size: min(timed(lambda: answer(part, size)) for _ in range(2)))


@dataclass
class Measured:
    """The results of a peer: its times in all rounds, its batch size, the difference of its answers."""

    batch: int
    answers: str
    times: list[float] = field(default_factory=list)


def measure(
    loaded: dict[str, Answer], workload: Workload, inputs: list[str], rounds: int
) -> dict[str, Measured]:
    """Return the times of all peers, measured in alternating rounds."""
    batches = {name: best_batch(name, answer, workload, inputs) for name, answer in loaded.items()}
    answers = {
        name: work_of(answer, workload, inputs, batches[name])() for name, answer in loaded.items()
    }
    found = {
        name: Measured(batches[name], compare(answers["hugot"], answers[name])) for name in loaded
    }
    # Single texts are run in turns of a few, because in the seconds that all texts take, the machine
    # drifts by more than the difference between peers.
    step = TURN if workload.single else len(inputs)
    parts = [inputs[start : start + step] for start in range(0, len(inputs), step)]
    names = list(loaded)
    for number, part in enumerate(part for _ in range(rounds) for part in parts):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].times.append(timed(work_of(loaded[name], workload, part, batches[name])))
    return found


def rows_of(workload: Workload, loads: Sequence[dict[str, Measured]]) -> list[list[str]]:
    """Return the rows of the table: peer, batch, ratio, the middle half of the ratios, answers."""
    rows = []
    for name, measured in loads[0].items():
        if name == "hugot":
            continue
        ratios = sorted(
            peer / own
            for load in loads
            for peer, own in zip(load[name].times, load["hugot"].times, strict=True)
        )
        quarter = len(ratios) // 4
        rows.append(
            [
                workload.name,
                name,
                str(measured.batch or "own"),
                f"{statistics.median(ratios):.2f}",
                f"{ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f}",
                measured.answers,
            ]
        )
    return rows


def print_tables(rows: Sequence[Sequence[str]]) -> None:
    """Print the table of ratios with a row for each peer, and the details below it."""
    works = list(dict.fromkeys(row[0] for row in rows))
    ratios = {(row[1], row[0]): row[3] for row in rows}
    head = ["hugot is faster than", *works]
    table = [
        [peer, *(ratios.get((peer, work), "") for work in works)]
        for peer in dict.fromkeys(row[1] for row in rows)
    ]
    print_table(head, table)
    print()
    print_table(
        ["work", "peer", "batch", "hugot is faster by", "half of the rounds", "answers"], rows
    )


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(row)} |", flush=True)


def limit_torch(threads: int) -> None:
    """Set torch's number of threads: it counts the CPUs of the machine, not those of the process."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(threads)


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="folder of the folders SIZE-TASK")
    parser.add_argument("--size", default="small")
    parser.add_argument("--prompts", type=Path, help="JSON Lines with the key 'input'")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=1000, help="texts, at most")
    parser.add_argument("--only", default="", help="only work whose name has this in it")
    parser.add_argument("--peers", default="", help="only peers whose name has this in it")
    parser.add_argument("--quick", action="store_true", help="a tenth of the texts, two rounds")
    arguments = parser.parse_args(given)
    cpus = len(os.sched_getaffinity(0))
    limit_torch(cpus)
    prompts = read_prompts(arguments.prompts) if arguments.prompts else None
    rounds = 2 if arguments.quick else arguments.rounds
    rows: list[list[str]] = []
    for workload in WORKLOADS:
        folder = arguments.models / f"{arguments.size}-{workload.task}"
        if arguments.only not in workload.name:
            continue
        count = max(4, workload.count // 10) if arguments.quick else workload.count
        inputs = texts(workload.kind, min(count, arguments.limit), prompts=prompts)
        loads = []
        for _ in range(LOADS if workload.single else 1):
            loaded = contestants_of(folder, workload, cpus, arguments.peers)
            loads.append(measure(loaded, workload, inputs, rounds))
            del loaded
            gc.collect()
        rows += rows_of(workload, loads)
    print_tables(rows)


if __name__ == "__main__":
    main()
