"""Memory: the peak of a bulk run relative to the bare runtime, the effect of options, and its growth.

    python benchmarks/memory.py peak MODEL_FOLDER [--prompts FILE] [--rounds 3]
    python benchmarks/memory.py options MODEL_FOLDER [--who bare] [--rounds 5]
    python benchmarks/memory.py flat [--count 200000] [--no-mem-pattern] [--no-arena]

`peak` compares the largest resident size (VmHWM) of fresh processes, in alternating order: hugot in
throughput mode on strings; and one onnxruntime session, called by as many threads, on texts that are
tokenized and grouped beforehand. `options` runs either with ONNX Runtime's memory options on and off,
and reports the speed as well. `flat` streams texts of mixed lengths through a tiny model.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import tiny
from processes import ask, memory_mb
from texts import KINDS, stream_texts

DEFAULT: dict[str, Any] = {
    "mem_pattern": True,
    "arena": True,
    "shrink": False,
    "session_config": {},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "default": DEFAULT,
    "no memory pattern": {**DEFAULT, "mem_pattern": False},
    "no arena": {**DEFAULT, "arena": False},
    "neither": {**DEFAULT, "mem_pattern": False, "arena": False},
    "arena shrunk after each run": {**DEFAULT, "shrink": True},
    "initializers outside the arena": {
        **DEFAULT,
        "session_config": {"session.use_device_allocator_for_initializers": "1"},
    },
}


def alternate(
    cases: dict[str, tuple[str, dict[str, Any]]], folder: Path, rounds: int
) -> dict[str, dict[str, float]]:
    """Return the medians of the figures of each case's processes, which run in alternating order."""
    said: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    names = list(cases)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            who, spec = cases[name]
            said[name].append(ask("memory_child.py", who, folder, json.dumps(spec)))
    return {
        name: {key: statistics.median(each[key] for each in answers) for key in answers[0]}
        for name, answers in said.items()
    }


def peak(arguments: argparse.Namespace) -> float:
    """Print both peaks and return their ratio."""
    spec = {**common(arguments), **DEFAULT}
    cases = {"bare": ("bare", spec), "hugot": ("hugot", spec)}
    found = alternate(cases, arguments.model, arguments.rounds)
    print("| | loaded MB | peak MB | ratio of peaks |")
    print("|---|---|---|---|")
    for name, figures in found.items():
        ratio = figures["peak"] / found["bare"]["peak"]
        print(f"| {name} | {figures['loaded']:.0f} | {figures['peak']:.0f} | {ratio:.3f} |")
    return found["hugot"]["peak"] / found["bare"]["peak"]


def options(arguments: argparse.Namespace) -> None:
    """Print time and memory of each variant against the defaults."""
    cases = {
        name: (arguments.who, {**common(arguments), **variant})
        for name, variant in VARIANTS.items()
        # hugot does not set this run option.
        if not (arguments.who == "hugot" and variant["shrink"])
    }
    found = alternate(cases, arguments.model, arguments.rounds)
    default = found["default"]
    print(f"| {arguments.who} | rate | rate, first run | peak MB | peak | at the end MB |")
    print("|---|---|---|---|---|---|")
    for name, each in found.items():
        print(
            f"| {name} | {default['seconds'] / each['seconds']:.3f} "
            f"| {default['first'] / each['first']:.3f} | {each['peak']:.0f} "
            f"| {each['peak'] / default['peak']:.3f} | {each['now']:.0f} |"
        )


def common(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of all processes of a command."""
    return {
        "count": arguments.count,
        "kind": arguments.kind,
        "prompts": str(arguments.prompts) if arguments.prompts else None,
        "threads": len(os.sched_getaffinity(0)),
        "longest": arguments.longest,
        "repeats": arguments.repeats,
    }


def flat(arguments: argparse.Namespace) -> float:
    """Stream through a tiny model, print the resident size, and return its growth per 100,000 texts."""
    import hugot

    with tempfile.TemporaryDirectory() as folder:
        model = tiny.write_model(Path(folder) / "tiny")
        pipeline = hugot.pipeline(
            "feature-extraction",
            model,
            mode="throughput",
            enable_mem_pattern=arguments.mem_pattern,
            enable_cpu_mem_arena=arguments.arena,
        )
        samples = []
        inputs = stream_texts("mixed", arguments.count)
        for number, _ in enumerate(pipeline.stream(inputs), 1):
            if number % arguments.every == 0:
                samples.append((number, memory_mb("VmRSS")))
                if arguments.verbose:
                    print(f"{number:8} texts {samples[-1][1]:8.1f} MB", flush=True)
        pipeline.close()
    return report_flat(samples)


def report_flat(samples: list[tuple[int, float]]) -> float:
    """Print start, end and slope of the second half, before which reused memory has been allocated."""
    later = samples[len(samples) // 2 :]
    slope = statistics.linear_regression(*zip(*later, strict=True)).slope * 100_000
    print(
        f"start {samples[0][1]:.1f} MB, middle {later[0][1]:.1f} MB, end {samples[-1][1]:.1f} MB, "
        f"growth in the second half {slope:.2f} MB per 100,000 texts"
    )
    return slope


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, rounds, repeats in (("peak", 3, 1), ("options", 5, 3)):
        command = commands.add_parser(name)
        command.add_argument("model", type=Path)
        command.add_argument("--count", type=int, default=1000)
        command.add_argument("--kind", default="short", choices=KINDS)
        command.add_argument("--prompts", type=Path)
        command.add_argument("--longest", type=int, default=256, help="tokens of a text, at most")
        command.add_argument("--rounds", type=int, default=rounds)
        command.add_argument("--repeats", type=int, default=repeats, help="runs in a process")
        command.add_argument("--who", default="bare", choices=("bare", "hugot"))
    command = commands.add_parser("flat")
    command.add_argument("--count", type=int, default=200_000)
    command.add_argument("--every", type=int, default=5_000)
    command.add_argument("--no-mem-pattern", dest="mem_pattern", action="store_false")
    command.add_argument("--no-arena", dest="arena", action="store_false")
    command.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args(given)
    {"peak": peak, "options": options, "flat": flat}[arguments.command](arguments)


if __name__ == "__main__":
    main()
