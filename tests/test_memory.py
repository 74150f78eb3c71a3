"""Native memory, threads and files all go back, however a pipeline ends."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from places import FIXTURES

# Loads that are measured; HUGOT_TEST_LOADS asks for a longer run.
LOADS = int(os.environ.get("HUGOT_TEST_LOADS", "60"))

CODE = """
    import gc, os, threading
    import hugot

    def figures():
        gc.collect()
        resident = int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
        return resident, len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def once():
        made = hugot.pipeline("text-classification", {model!r}, mode="throughput", threads=2)
        made(["a text of some words"] * 200)
        made.submit("a", timeout=10).result()
        {end}

    for _ in range(20):
        once()
    before = figures()
    for _ in range({loads}):
        once()
    after = figures()
    print(*before, *after)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
@pytest.mark.parametrize("end", ["made.close()", "del made"])
def test_loading_and_ending_a_model_many_times_leaves_nothing(end) -> None:
    code = textwrap.dedent(CODE).format(
        model=str(FIXTURES / "bert-uncased-text"), end=end, loads=LOADS
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    resident, threads, files, resident_after, threads_after, files_after = map(
        float, done.stdout.split()
    )
    # Fewer than before: a thread was still ending when they were counted first.
    assert threads_after <= threads
    assert files_after == files
    # A session that stayed would be that many times some hundred kilobytes.
    assert resident_after < resident + 10
