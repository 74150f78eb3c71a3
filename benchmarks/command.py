"""The rate of `hugot run` relative to the library's own bulk rate, and its memory over many lines.

    python benchmarks/command.py rate MODEL TASK [--prompts FILE] [--copies 4] [--rounds 5]
    python benchmarks/command.py memory [--lines 1000000]
    python benchmarks/command.py start MODEL TASK [--against COMMAND]

`rate` compares the command's own clock (reading, parsing, inference and writing; without the start of
Python and the loading of the model) with one call of a pipeline over the same texts, in alternating
rounds. `memory` runs a tiny model over a million lines of JSON and shows the memory at each tenth.
`start` times whole commands of one line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from texts import read_prompts, texts

import hugot

MAIN = "from hugot.cli.main import main; main()"
TINY = Path(__file__).parents[1] / "tests" / "fixtures" / "models" / "bert-uncased-features"


def write_lines(path: Path, inputs: list[str]) -> None:
    """Write texts as JSON Lines or as Parquet."""
    rows = [{"id": i, "input": text} for i, text in enumerate(inputs)]
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
        return
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def arguments_of(model: Path, task: str, source: Path, folder: Path) -> list[str]:
    """Return the arguments of a run of the command over a file, to the same kind of file."""
    command = [sys.executable, "-c", MAIN, "run", "-p", str(model), "-t", task]
    return [*command, "-i", str(source), "-o", str(folder), "--overwrite"]


def run_seconds(model: Path, task: str, source: Path, folder: Path) -> float:
    """Return the seconds of a run by its own clock."""
    stats = folder / "stats.json"
    command = arguments_of(model, task, source, folder)
    subprocess.run([*command, "--quiet", "--stats-json", str(stats)], check=True)
    return float(json.loads(stats.read_text())["seconds"])


def rate(arguments: argparse.Namespace) -> None:
    """Print the ratio of rates for JSON Lines and for Parquet."""
    prompts = read_prompts(arguments.prompts) if arguments.prompts else None
    inputs = texts("short", 1000, prompts=prompts) * arguments.copies
    options = {"aggregation_strategy": "simple"} if "token" in arguments.task else {}
    taken: dict[str, list[float]] = {"library": [], "jsonl": [], "parquet": []}
    with (
        tempfile.TemporaryDirectory() as name,
        hugot.pipeline(arguments.task, arguments.model, mode="throughput", **options) as pipeline,
    ):
        folder = Path(name)
        for kind in ("jsonl", "parquet"):
            (folder / kind).mkdir()
            write_lines(folder / f"in.{kind}", inputs)
        pipeline(inputs[:1000])
        for _ in range(arguments.rounds):
            began = time.perf_counter()
            pipeline(inputs)
            taken["library"].append(time.perf_counter() - began)
            for kind in ("jsonl", "parquet"):
                seconds = run_seconds(
                    arguments.model, arguments.task, folder / f"in.{kind}", folder / kind
                )
                taken[kind].append(seconds)
    for kind, seconds in taken.items():
        ratios = sorted(own / each for own, each in zip(taken["library"], seconds, strict=True))
        print(
            f"{kind:8} {len(inputs) / statistics.median(seconds):8.0f} texts/s, "
            f"{statistics.median(ratios):.3f} of the library's ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        )


def memory(arguments: argparse.Namespace) -> None:
    """Print the memory of a run over many lines as it progresses."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "in.jsonl"
        with source.open("w", encoding="utf-8") as file:
            for i in range(arguments.lines):
                file.write(f'{{"id":{i},"input":"text number {i}{" and more" * (i % 5)}"}}\n')
        command = arguments_of(TINY, "feature-extraction", source, folder / "out")
        command += ["--output-format", arguments.format]
        process = subprocess.Popen([*command, "--log-seconds", "10"])
        began = time.perf_counter()
        seen: list[tuple[float, int]] = []
        while process.poll() is None:
            seen.append((time.perf_counter() - began, resident_bytes(process.pid)))
            time.sleep(0.5)
        step = max(1, len(seen) // 10)
        for seconds, size in seen[step::step]:
            print(f"{seconds:6.0f} s {size / 1e6:8.1f} MB")
        sizes = [size for _, size in seen]
        half = len(sizes) // 2
        print(
            f"{arguments.lines} lines to {arguments.format}: at most {max(sizes) / 1e6:.1f} MB; in the "
            f"first half {max(sizes[:half]) / 1e6:.1f}, in the second {max(sizes[half:]) / 1e6:.1f}"
        )


def resident_bytes(pid: int) -> int:
    """Return the anonymous memory of a process, without mapped files."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def start(arguments: argparse.Namespace) -> None:
    """Print the time of a whole command over one line, of this and of another Python."""
    pythons = {"this": sys.executable}
    if arguments.against:
        pythons["other"] = arguments.against
    flags = ["run", "-p", str(arguments.model), "-t", arguments.task, *arguments.flags.split()]
    taken: dict[str, list[float]] = {name: [] for name in pythons}
    for _ in range(arguments.rounds):
        for name, python in pythons.items():
            began = time.perf_counter()
            subprocess.run(
                [python, "-c", MAIN, *flags],
                input=b'{"input": "a"}\n',
                check=True,
                capture_output=True,
            )
            taken[name].append(time.perf_counter() - began)
    for name, seconds in taken.items():
        print(
            f"{name}: {statistics.median(seconds) * 1000:.0f} ms (least {min(seconds) * 1000:.0f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, work in (("rate", rate), ("start", start)):
        each = commands.add_parser(name)
        each.add_argument("model", type=Path)
        each.add_argument("task")
        each.add_argument("--prompts", type=Path)
        each.add_argument("--copies", type=int, default=4)
        each.add_argument("--rounds", type=int, default=5)
        each.add_argument("--against", help="Python with another version of hugot")
        each.add_argument("--flags", default="", help="further flags of the command, in one string")
        each.set_defaults(work=work)
    each = commands.add_parser("memory")
    each.add_argument("--lines", type=int, default=1_000_000)
    each.add_argument("--format", default="jsonl")
    each.set_defaults(work=memory)
    arguments = parser.parse_args()
    arguments.work(arguments)


if __name__ == "__main__":
    main()
