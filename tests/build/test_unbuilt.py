"""hugot without its compiled modules."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from .building import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.build


def test_importing_hugot_unbuilt_names_the_command_that_builds_it(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src" / "hugot", tmp_path / "hugot", ignore=shutil.ignore_patterns("*.so", "*.pyd")
    )
    # -S: no site-packages, from which an installed hugot would lend its modules.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import hugot"
    output = run(sys.executable, "-I", "-S", "-c", code, cwd=tmp_path, fails=True)
    assert "ImportError: hugot's compiled modules cannot be imported" in output
    assert "pip install ." in output
