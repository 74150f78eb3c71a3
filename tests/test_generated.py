"""What is generated from the tasks' declarations is what stands in the repository."""

from __future__ import annotations

import subprocess
import sys

import pytest
from places import ROOT


@pytest.mark.skipif(not (ROOT / "src").is_dir(), reason="the sources are not here")
def test_the_generated_files_are_those_that_the_declarations_make() -> None:
    command = [sys.executable, ROOT / "scripts" / "generate", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
