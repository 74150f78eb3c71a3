"""The soak script, for a few seconds."""

from __future__ import annotations

import subprocess
import sys

from places import ROOT


def test_a_short_soak_finds_nothing_wrong():
    # So short a time says little of the resident memory, which the allocator still settles; what
    # it has given out says more.
    command = [sys.executable, ROOT / "benchmarks" / "soak.py", "--seconds", "8"]
    command += ["--growth", "1", "--heap-growth", "0.05"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sessions" in done.stdout
