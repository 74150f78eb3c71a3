"""Fresh processes: the bare interpreter, `import hugot`, and the first answer of each task."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Case
    from pytest_benchmark.fixture import BenchmarkFixture

IMPORTS = {
    "nothing": "pass",
    "hugot": "import hugot",
    "numpy": "import numpy",
    "onnxruntime": "import onnxruntime",
}
FIRST_ANSWER = """
import sys, hugot
assert hugot.pipeline(*sys.argv[1:3])("The film was excellent") is not None
"""


@pytest.mark.parametrize("what", IMPORTS)
def test_import(benchmark: BenchmarkFixture, what: str) -> None:
    benchmark.group = "import"
    benchmark.pedantic(_process, (IMPORTS[what],), rounds=10, warmup_rounds=1)


def test_first_answer(benchmark: BenchmarkFixture, case: Case) -> None:
    benchmark.group = f"{case.size}: first answer of a fresh process"
    arguments = (FIRST_ANSWER, case.task, str(case.folder))
    benchmark.pedantic(_process, arguments, rounds=5, warmup_rounds=1)


def _process(code: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
