"""The examples of the README, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CONSOLE = re.findall(r"^\$ (.*)\n(?!```)(.*)$", README, re.MULTILINE)


def matches(expected: str, got: str) -> bool:
    """Whether `got` is `expected`, in which an ellipsis stands for some digits."""
    pattern = r"[\d.e-]+".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, got) is not None


def test_the_python_blocks_run(capsys, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert len(PYTHON_BLOCKS) == 3
    # One script: each block goes on where the one before ends.
    code = "\n".join(PYTHON_BLOCKS)
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert matches("[{'label': 'POSITIVE', 'score': 0.99…}]", printed.splitlines()[0])
    assert "'word': 'Wolfgang'" in printed
    assert "'word': 'Berlin'" in printed
    assert printed.splitlines()[-1].count("'label'") == 3


def hugot_path() -> str:
    folder = Path(sys.executable).parent
    return os.pathsep.join([str(folder), os.environ["PATH"]])


@pytest.mark.skipif(sys.platform == "win32", reason="the examples are for a POSIX shell")
@pytest.mark.parametrize(("command", "expected"), CONSOLE, ids=[c for c, _ in CONSOLE])
def test_the_commands_print_what_the_readme_says(command, expected) -> None:
    done = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env={**os.environ, "PATH": hugot_path()},
        check=True,
        capture_output=True,
        text=True,
    )
    assert matches(expected, done.stdout.strip())


def test_the_readme_has_commands_to_run() -> None:
    assert len(CONSOLE) == 2


def test_the_flags_and_commands_that_the_readme_names_are_there() -> None:
    from hugot.cli.main import hugot
    from hugot.cli.run import run

    table = re.findall(r"^\| `hugot (\w+) ?\w*` \|", README, re.MULTILINE)
    assert len(table) == 5
    assert set(table) < set(hugot.list_commands(None))
    known = {flag for param in run.params for flag in param.opts}
    [shown] = re.findall(r"^\$ hugot run (-p .* --resume .*)$", README, re.MULTILINE)
    assert {part for part in shown.split() if part.startswith("-")} <= known


@pytest.mark.skipif(sys.platform == "win32", reason="the example is for a POSIX shell")
def test_the_run_over_files_that_the_readme_shows_works(tmp_path) -> None:
    import gzip
    import shutil

    parquet = pytest.importorskip("pyarrow.parquet")

    [shown] = re.findall(r"^\$ (hugot run -p .* --resume .*)$", README, re.MULTILINE)
    shutil.copytree(ROOT / "examples" / "models", tmp_path / "examples" / "models")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv.gz").write_bytes(gzip.compress(b"id,input\n7,good\n"))
    environment = {**os.environ, "PATH": hugot_path()}
    subprocess.run(shown, shell=True, cwd=tmp_path, env=environment, check=True)
    [row] = parquet.read_table(tmp_path / "out" / "result_0.parquet").to_pylist()
    assert row["output"][0]["Label"] == "POSITIVE"


@pytest.mark.parametrize("script", ["demo", "test"])
def test_the_scripts_that_the_readme_names_can_be_run(script) -> None:
    assert f"scripts/{script}" in README
    assert os.access(ROOT / "scripts" / script, os.X_OK)
