"""Damaged model folders, opened in a child process: an answer or an error of hugot's, nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading

import fuzz_damage
import fuzz_graphs
import pytest
from fuzz_children import Child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="memory limits of POSIX")

MODELS = {
    "feature-extraction": ("electra-features", "roberta-features", "albert-features"),
    "text-classification": ("bert-uncased-text", "xlm-roberta-text", "modernbert-text"),
    "token-classification": ("bert-cased-token", "deberta-token", "qwen2-token"),
}
TEXTS = ("Wolfgang lives in Berlin.", "", "a " * 700, "日本語 \U0001f600 \0 x", "good")
STRATEGIES = ("none", "simple", "first", "average", "max")


@pytest.fixture(scope="module")
def child():
    child = Child()
    yield child
    child.end()


def opened(child, models, place, random, damage):
    """Damage a copy of a model, and open it; gives what was done and the child's report."""
    task = random.choice(list(MODELS))
    name = random.choice(MODELS[task])
    folder = place / "model"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(models / name, folder)
    done = damage(folder, random)
    options = {"threads": random.choice((1, 2))}
    if task == "token-classification":
        options["aggregation_strategy"] = random.choice(STRATEGIES)
    return f"{name}: {done}", child.ask(task, folder, TEXTS, **options)


@pytest.mark.parametrize("damage", [fuzz_damage.damage, fuzz_graphs.change])
def test_a_damaged_folder_gives_answers_or_an_error_that_says_why(
    child, models, tmp_path, rounds, damage
):
    for seed, random in rounds(40):
        done, report = opened(child, models, tmp_path, random, damage)
        assert report["outcome"] in ("answer", "error"), f"seed {seed}: {done}: {report}"
        assert report.get("problem") is None, f"seed {seed}: {done}: {report}"
        assert len(report.get("message", "a reason")) > 5, f"seed {seed}: {done}: {report}"


def test_a_crash_of_the_child_is_seen_and_the_next_folder_opened_in_another(child, models):
    request = "text-classification", models / "bert-uncased-text", ["a"]
    process = child._running()
    os.kill(process.pid, signal.SIGSTOP)
    killer = threading.Timer(0.5, process.kill)
    killer.start()
    report = child.ask(*request)
    killer.join()
    assert (report["outcome"], report["status"]) == ("crash", -signal.SIGKILL)
    assert child.ask(*request) == {"outcome": "answer", "problem": None}
