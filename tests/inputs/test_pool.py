"""The thread pool of tokenizers has no more threads than the session has CPUs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

needs_tasks = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="there is no /proc/self/task"
)

# The native threads that a first list of texts brings, in a session that has its own already.
CHILD = """
import os, sys
import hugot
from hugot.pipelines.pipeline import runner_of

pipeline = hugot.pipeline("feature-extraction", sys.argv[1], mode="latency", **eval(sys.argv[2]))
pipeline("a")
before = set(os.listdir("/proc/self/task"))
texts = ["a b c", "d e"] * 200
runner_of(pipeline).task.tokenizer.encode(texts, type_ids=False)
print(len(set(os.listdir("/proc/self/task")) - before), os.environ.get("RAYON_NUM_THREADS"))
"""


def pool(models, environment=None, **options):
    """Threads of the pool, and what the environment says of them afterwards."""
    clean = {
        name: text
        for name, text in os.environ.items()
        if name not in ("RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM")
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, models / "bert-uncased-features", repr(options)],
        env=clean | (environment or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    threads, variable = done.stdout.split()
    return int(threads), variable


@needs_tasks
@pytest.mark.parametrize("threads", [1, 3])
def test_the_pool_has_as_many_threads_as_the_session(models, threads):
    assert pool(models, threads=threads) == (threads, "None")


@needs_tasks
def test_a_number_of_the_programs_own_is_kept(models):
    assert pool(models, {"RAYON_NUM_THREADS": "4"}, threads=1) == (4, "4")


@needs_tasks
def test_a_program_that_wants_no_pool_gets_none(models):
    assert pool(models, {"TOKENIZERS_PARALLELISM": "false"}, threads=2) == (0, "None")
