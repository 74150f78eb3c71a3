"""The script that measures Arrow runs, on the smallest of everything."""

from __future__ import annotations

import subprocess
import sys

import pytest
from places import EXAMPLES, ROOT

pytest.importorskip("pyarrow")


def test_columnar_prints_rates_and_conversions():
    command = [sys.executable, "columnar.py", "ner", str(EXAMPLES / "tiny-ner")]
    done = subprocess.run(
        [*command, "--count", "30", "--rounds", "2", "--rows", "10"],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["list", "table", "stream", "texts_of", "to_pylist", "results_array"]
