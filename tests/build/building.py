"""How the tests of the build run programs and make virtual environments."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# Of the caller's environment, what would change a build or an import.
_LEAKS = re.compile(
    "(CFLAGS|CMAKE|HUGOT|LD_|LDFLAGS|ONNXRUNTIME|PKG_CONFIG|PYTHON|SKBUILD|VIRTUAL_ENV)", re.I
)
# Most files of the packages that are installed here are never imported.
_ADDED = {"PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(
    *command: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    fails: bool = False,
) -> str:
    """Run a command in a clean environment; returns stdout, or all output of one that must fail."""
    clean = {name: value for name, value in os.environ.items() if not _LEAKS.match(name)}
    done = subprocess.run(
        [os.fspath(part) for part in command],
        cwd=cwd,
        env={**clean, **_ADDED, **(env or {})},
        input=input,
        capture_output=True,
        text=True,
    )
    if fails != (done.returncode != 0):
        pytest.fail(f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr if fails else done.stdout


def make_environment(folder: Path, *, pip: bool = False) -> Path:
    """Make a virtual environment and return its Python."""
    run(
        sys.executable, "-m", "venv", *([] if pip else ["--without-pip"]), folder, cwd=folder.parent
    )
    return folder / "bin" / "python"
