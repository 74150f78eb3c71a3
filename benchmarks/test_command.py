"""`hugot run` over JSON Lines, including start and files, and the same work in a running process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from texts import texts

import hugot

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Case
    from pytest_benchmark.fixture import BenchmarkFixture

MAIN = "from hugot.cli.main import main; main()"
FEWER = {"tiny": 1, "small": 10, "base": 25}


@pytest.mark.parametrize("way", ["hugot run", "pipeline"])
def test_run(benchmark: BenchmarkFixture, case: Case, way: str, count: int, tmp_path: Path) -> None:
    inputs = texts("short", max(16, count // FEWER[case.size]))
    benchmark.group = f"{case}: hugot run"
    benchmark.extra_info.update(texts=len(inputs))
    if way == "pipeline":
        with hugot.pipeline(case.task, case.folder, mode="throughput", **case.options) as made:
            benchmark.pedantic(made, (inputs,), rounds=5, warmup_rounds=1)
        return
    lines = tmp_path / "texts.jsonl"
    lines.write_text("".join(json.dumps({"input": text}) + "\n" for text in inputs))
    command = [sys.executable, "-c", MAIN, "run", "--model", str(case.folder), "--type", case.task]
    command += ["--input", str(lines), "--output", str(tmp_path / "out")]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=5, warmup_rounds=1)
