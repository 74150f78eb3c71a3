"""`hugot optimize`, as a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

HUGOT = [sys.executable, "-c", "from hugot.cli.main import main; main()"]


def hugot_optimize(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HUGOT, "optimize", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(copy_of):
    return copy_of("bert-uncased-features")


def test_it_writes_the_file_and_prints_path_and_sizes(folder) -> None:
    done = hugot_optimize(folder)
    assert done.stderr == ""
    [path] = folder.glob("model.*.ort")
    assert done.stdout.startswith(f"{path} (")
    assert f"from {folder / 'model.onnx'} (" in done.stdout
    assert done.stdout.count(" MB)") == 2


def test_check_tells_that_the_file_is_used(folder) -> None:
    hugot_optimize(folder)
    done = hugot_optimize("--check", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is used" in done.stdout


def test_check_tells_that_there_is_no_file_and_writes_none(folder) -> None:
    done = hugot_optimize("--check", folder)
    assert done.returncode == 1
    assert "has no optimised file" in done.stderr
    assert not list(folder.glob("*.ort*"))


def test_check_tells_why_the_file_is_not_used(folder) -> None:
    hugot_optimize(folder)
    [path] = folder.glob("model.*.ort")
    path.write_bytes(path.read_bytes()[:-1])
    done = hugot_optimize("--check", folder)
    assert done.returncode == 1
    assert "is not used" in done.stderr
    assert "bytes" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_onnx_file_can_be_chosen(copy_of) -> None:
    folder = copy_of("bert-uncased-features-two-files")
    assert hugot_optimize(folder, "--onnx-file", "model_other.onnx").returncode == 0
    assert [path.name for path in (folder / "onnx").glob("*.ort.json")] == ["model_other.ort.json"]


def test_the_model_folder_can_be_chosen(folder) -> None:
    named = folder.rename(folder.with_name("someone_model"))
    done = hugot_optimize("someone/model", "--model-folder", named.parent)
    assert done.stderr == ""
    assert list(named.glob("model.*.ort"))


def test_a_library_that_is_not_there_is_an_error_of_one_line(folder) -> None:
    done = hugot_optimize(folder, "--onnxruntime-shared-library", folder / "none.so")
    assert done.returncode == 1
    assert "there is no such file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
