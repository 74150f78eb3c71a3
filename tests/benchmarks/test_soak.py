"""The soak script, for a few seconds."""

from __future__ import annotations

import subprocess
import sys

from places import ROOT


def test_a_short_soak_finds_nothing_wrong():
    # So short a time says little of the memory, which the allocator still settles.
    command = [sys.executable, ROOT / "benchmarks" / "soak.py", "--seconds", "4", "--growth", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sessions" in done.stdout
