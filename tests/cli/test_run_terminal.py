"""`hugot run` as a person sees it: the bar, its clock, and ^C."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("terminals of POSIX", allow_module_level=True)

import slow_models
from terminal import INTERRUPT, Terminal

RECORDS = 1200
_RECORDS_SHOWN = re.compile(r"([\d,]+) lines?, [\d,]+ texts/s, [\d,]+ tokens/s \[(\d\d:\d\d)<")


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory) -> Path:
    """A model that runs some thousand tokens in a second."""
    return slow_models.steady(tmp_path_factory.mktemp("steady") / "model", 20)


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "in.jsonl"
    rows = ({"id": i, "input": "the film was good and long " * 3} for i in range(RECORDS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(model: Path, source: Path, *flags: object) -> Terminal:
    output = source.parent / "out"
    given = ("-p", model, "-t", "text-classification", "-i", source, "-o", output)
    return Terminal("run", *given, "--threads", 1, *flags)


def states(shown: str) -> list[tuple[int, str]]:
    """The numbers of records and the clocks that a bar has shown."""
    return [(int(a.replace(",", "")), b) for a, b in _RECORDS_SHOWN.findall(shown)]


def moved(shown: str) -> bool:
    return any(records for records, _ in states(shown))


def ids_of(path: Path) -> list[int]:
    return [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_bar_moves_with_the_groups_and_its_clock_ticks(slow_model, source) -> None:
    command = run(slow_model, source)
    command.wait_for(lambda shown: len({clock for _, clock in states(shown)}) >= 3)
    seen = [records for records, _ in states(command.shown)]
    assert 0 < next(filter(None, seen)) < 100
    assert len(set(seen)) >= 5
    assert seen == sorted(seen)
    command.press(INTERRUPT)
    command.end()


def test_an_interrupt_ends_the_run_after_the_texts_under_way(slow_model, source) -> None:
    command = run(slow_model, source)
    command.wait_for(moved)
    command.press(INTERRUPT)
    assert command.end() == 130
    assert "stopping after the texts under way; ^C again ends now" in command.shown
    assert "--resume goes on" in command.shown
    assert "Traceback" not in command.shown
    written = list((source.parent).rglob("*.partial"))
    assert len(written) == 1
    begun = ids_of(written[0])
    assert begun == list(range(len(begun)))
    assert 0 < len(begun) < RECORDS / 2
    assert run(slow_model, source, "--resume").end() == 0
    assert ids_of(source.parent / "out" / "result_0.jsonl") == list(range(RECORDS))


def test_a_second_interrupt_ends_the_run_at_once(slow_model, source) -> None:
    command = run(slow_model, source)
    command.wait_for(moved)
    command.press(INTERRUPT)
    command.wait_for(lambda shown: "again ends now" in shown)
    command.press(INTERRUPT)
    assert command.end() == 130
    assert "Traceback" not in command.shown
    assert run(slow_model, source, "--resume").end() == 0
    assert ids_of(source.parent / "out" / "result_0.jsonl") == list(range(RECORDS))
