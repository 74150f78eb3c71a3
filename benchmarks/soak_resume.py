"""Kills runs of the command line at random times, resumes them, and compares the results.

    python benchmarks/soak_resume.py [--kills 300] [--format jsonl csv.gz parquet arrow] [--seed 0]

Each case is a file that is processed by one undisturbed run, and by runs that are killed (by SIGKILL,
sometimes by SIGTERM or SIGINT) and resumed until one completes. The results must be the same byte by
byte, or for Parquet and Arrow value by value, which reveals lines that are lost, duplicated or moved.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAIN = "from hugot.cli.main import main; main()"
FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "models"
FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "parquet", "arrow")
EXPECTED = {0, 3, 130, 143, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}


def write_input(path: Path, kind: str, count: int, draw: random.Random) -> None:
    """Write records, every hundredth of them bad."""
    rows = []
    for i in range(count):
        text = " ".join(draw.choice(("good", "bad", "film", "long", "a")) for _ in range(i % 23))
        # Large enough for a file to grow between two checkpoints.
        rows.append({"id": i, "input": text if i % 100 else None, "note": "note " * 150})
    if kind == "parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=700)
    elif kind == "csv":
        import csv

        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(list(rows[0]))
            for row in rows:
                writer.writerow([row["id"], f'{row["input"]}\n"quoted", {row["id"]}', row["note"]])
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def command(source: Path, folder: Path, output: str, shards: int | None) -> list[str]:
    """Return the command of a resumable run with many checkpoints."""
    arguments = ["run", "-p", str(FIXTURES / "bert-uncased-text"), "-t", "text-classification"]
    arguments += ["-i", str(source), "-o", str(folder), "--output-format", output, "--quiet"]
    arguments += ["--resume", "--on-error", "skip", "--threads", "1"]
    arguments += ["--checkpoint-seconds", str(random.choice((0, 0, 0.1, 0.3)))]
    arguments += ["--shard-size", str(shards)] if shards else []
    return [sys.executable, "-c", MAIN, *arguments]


def content(folder: Path) -> dict[str, object]:
    """Return the contents of a folder as bytes or values, and the errors beside it."""
    found: dict[str, object] = {}
    errors = folder.with_name(f"{folder.name}.hugot").glob("errors.jsonl")
    for path in (*sorted(folder.iterdir()), *errors):
        if path.suffix in (".parquet", ".arrow"):
            from pyarrow import feather, parquet

            read = parquet.read_table if path.suffix == ".parquet" else feather.read_table
            found[path.name] = read(path).to_pylist()
        elif path.suffix in (".gz", ".zst"):
            # The boundaries of compressed blocks depend on time; the content does not.
            found[path.name] = lines_of(path)
        else:
            found[path.name] = path.read_bytes()
    return found


def lines_of(path: Path) -> bytes:
    """Return the content of a compressed file, read with the standard tool."""
    if path.suffix == ".gz":
        import gzip

        return gzip.decompress(path.read_bytes())
    import pyarrow as pa

    with pa.input_stream(str(path), compression="zstd") as stream:
        return bytes(stream.read())


def soak(
    folder: Path, kind: str, output: str, shards: int | None, count: int, draw: random.Random
) -> int:
    """Kill and resume until the run is done; return the number of kills."""
    source = folder / f"in.{kind}"
    write_input(source, kind, count, draw)
    began = time.monotonic()
    subprocess.run(command(source, folder / "whole", output, shards), check=False)
    took = time.monotonic() - began
    kills, out = 0, folder / "killed"
    while True:
        process = subprocess.Popen(command(source, out, output, shards), stderr=subprocess.PIPE)
        try:
            process.wait(draw.uniform(0.3, 1.05) * took)
        except subprocess.TimeoutExpired:
            process.send_signal(draw.choice([signal.SIGKILL] * 4 + [signal.SIGTERM, signal.SIGINT]))
            process.wait()
            kills += 1
        errors = process.stderr.read().decode()
        process.stderr.close()
        assert process.returncode in EXPECTED, errors
        assert "Traceback" not in errors or process.returncode < 0, errors
        if process.returncode in (0, 3):
            break
    before, after = content(folder / "whole"), content(out)
    assert before.keys() == after.keys(), (before.keys(), after.keys())
    for name in before:
        assert before[name] == after[name], f"{name} differs ({kind} to {output}, {shards})"
    assert before, "there is no result"
    return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--format", nargs="*", default=FORMATS, choices=FORMATS)
    parser.add_argument("--count", type=int, default=6000, help="records in a file")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    draw = random.Random(arguments.seed)
    kills = files = 0
    while kills < arguments.kills:
        kind = draw.choice(("jsonl", "csv", "parquet"))
        output = draw.choice(arguments.format)
        shards = draw.choice((None, None, 700, 1024, 2500))
        with tempfile.TemporaryDirectory() as folder:
            count = soak(Path(folder), kind, output, shards, arguments.count, draw)
        kills += count
        files += 1
        print(f"{kind} to {output}, shards of {shards}: {count} kills", flush=True)
    print(f"{kills} kills over {files} files; each file as if nothing had happened")


if __name__ == "__main__":
    main()
