"""`hugot` in this process, and the files that the tests of `hugot run` share."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Done(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def hugot_command(monkeypatch, capfd) -> Callable[..., Done]:
    """Runs the command line in this process."""
    from hugot.cli.main import main

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["hugot", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        return Done(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def classify(hugot_command, models) -> Callable[..., Done]:
    """Runs `hugot run` with a tiny classifier."""

    def run(*arguments: object) -> Done:
        model = models / "bert-uncased-text"
        return hugot_command("run", "-p", model, "-t", "text-classification", *arguments)

    return run


@pytest.fixture
def many_lines(tmp_path) -> Path:
    """A file of 2000 lines of JSON, each with an id."""
    return write_lines(tmp_path / "many.jsonl", 2000)


@pytest.fixture
def more_lines(tmp_path) -> Path:
    """A file of 20,000 such lines: still being run when a signal arrives late."""
    return write_lines(tmp_path / "more.jsonl", 20_000)


def write_lines(path: Path, count: int) -> Path:
    rows = ({"id": i, "input": f"text {i} {'word ' * (i % 9)}"} for i in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def records_of() -> Callable[[Path], list[dict]]:
    """Reads lines of JSON."""

    def read(path: Path) -> list[dict]:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    return read


@pytest.fixture
def classified(classify, tmp_path):
    """Runs a tiny classifier over a table or a path; returns the table of its results."""
    from column_files import read_table, write_table

    def run(source, kind: str = "parquet", *flags: object):
        if not hasattr(source, "suffix"):
            source = write_table(source, tmp_path / f"in.{kind}")
        done = classify("-i", source, "-o", tmp_path / f"out.{kind}", *flags)
        assert done.code == 0, done.stderr
        return read_table(tmp_path / f"out.{kind}")

    return run
