"""Commands whose standard streams are closed, full, or not read: one line, and no traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="uses a POSIX shell")

HUGOT = [sys.executable, "-c", "from hugot.cli.main import main; main()"]


@pytest.fixture
def shell(tmp_path):
    """Runs a command line of a shell; ``@`` in it is hugot."""

    def run(line: str) -> subprocess.CompletedProcess:
        line = line.replace("@", shlex.join(HUGOT))
        return subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, timeout=60, cwd=tmp_path
        )

    return run


@pytest.fixture
def run_one(models, tmp_path) -> str:
    (tmp_path / "in.jsonl").write_text('{"input": "x"}\n', encoding="utf-8")
    return f"@ run -p {models / 'bert-uncased-text'} -t text-classification"


@pytest.mark.parametrize("arguments", ["run -i in.jsonl", "info", "--help", "completion bash"])
@pytest.mark.parametrize(
    ("target", "reason"), [("&-", "stdout is closed"), ("/dev/full", "No space left on device")]
)
def test_results_that_cannot_be_written_are_an_error_of_one_line(
    shell, run_one, models, arguments, target, reason
) -> None:
    if target == "/dev/full" and not os.path.exists(target):
        pytest.skip("there is no /dev/full")
    line = f"@ {arguments}"
    if arguments == "info":
        line = f"@ info {models / 'bert-uncased-text'}"
    elif arguments.startswith("run"):
        line = f"{run_one} -i in.jsonl"
    done = shell(f"{line} >{target}")
    assert done.returncode == 1
    assert done.stderr.startswith("hugot: the output cannot be written: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_closed_stdin_is_an_error_of_one_line(shell, run_one) -> None:
    done = shell(f"{run_one} <&-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hugot: stdin, line 1: the input cannot be read: stdin is closed\n"


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_results_are_written_without_a_stderr(shell, run_one, closed) -> None:
    done = shell(f"{run_one} -i in.jsonl {closed}")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_files_are_written_without_any_standard_stream(shell, run_one, tmp_path) -> None:
    done = shell(f"{run_one} -i in.jsonl -o out <&- >&- 2>&-")
    assert done.returncode == 0
    # No message ended in a file that had the number of a closed stream.
    result = (tmp_path / "out" / "result_0.jsonl").read_text(encoding="utf-8")
    assert (result.count("\n"), result[:13]) == (1, '{"input": "x"')


def test_an_error_keeps_its_code_without_a_stderr(shell, run_one) -> None:
    assert shell(f"{run_one} -i missing.jsonl 2>&-").returncode == 2


def test_nobody_reading_the_output_of_a_command_ends_it_quietly(shell, models) -> None:
    line = f"@ info {models / 'bert-uncased-text'}"
    done = shell(f"{{ {line}; echo $? >&2; }} | true")
    assert done.stderr.strip() == "141"
