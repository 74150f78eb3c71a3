"""The models of the benchmarks: the bundled tiny ones, and those that models.py has made.

    HUGOT_BENCH_MODELS=MODELS python -m pytest benchmarks

The tiny models show the cost of hugot itself, the others its share of the time of a real model.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

TINY = Path(__file__).parents[1] / "examples" / "models"
TASKS = {
    "feature-extraction": "tiny-embedding",
    "text-classification": "tiny-sentiment",
    "token-classification": "tiny-ner",
}
SIZES = ("tiny", "small", "base")


@dataclass(frozen=True)
class Case:
    """A model and its task."""

    size: str
    task: str
    folder: Path

    @property
    def options(self) -> dict[str, str]:
        """Return the options of the pipeline."""
        return {"aggregation_strategy": "simple"} if self.task == "token-classification" else {}

    def __str__(self) -> str:
        return f"{self.size}-{self.task}"


def cases() -> list[Case]:
    """Return every task in every size for which there is a model."""
    found = [Case("tiny", task, TINY / name) for task, name in TASKS.items()]
    made = os.environ.get("HUGOT_BENCH_MODELS")
    if made:
        for size in SIZES[1:]:
            found += [Case(size, task, Path(made) / f"{size}-{task}") for task in TASKS]
    return [case for case in found if case.folder.is_dir()]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--texts", type=int, default=1000, help="texts of a bulk benchmark; fewer for large models"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases(), ids=str, scope="module")


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    """Return the requested number of texts of a bulk benchmark."""
    return request.config.getoption("--texts")
