"""What `hugot run` tells on stderr, and in files."""

from __future__ import annotations

import json
import os
import re
import sys

import pyarrow
import pytest
import slow_models
from pyarrow import parquet

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")


def test_the_summary_tells_counts_rates_stages_and_memory(classify, many_lines, tmp_path) -> None:
    done = classify("-i", many_lines, "-o", tmp_path / "out")
    first, second = done.stderr.splitlines()
    assert re.match(r"hugot: 2,000 records in 0:\d\d:\d\d: [\d,]+ texts/s, [\d,]+ tokens/s", first)
    assert re.search(r"padding ratio 1\.\d{3}$", first)
    assert re.search(
        r"tokenization .* s, inference .* s, .*writing .* s; peak memory \d+ MB", second
    )


def test_figures_are_written_as_json(classify, many_lines, tmp_path) -> None:
    path = tmp_path / "stats.json"
    with many_lines.open("a", encoding="utf-8") as file:
        file.write("not json\n")
    classify("-i", many_lines, "-o", tmp_path / "o", "--stats-json", path, "--on-error", "skip")
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert (figures["records"], figures["bad_records"], figures["complete"]) == (2000, 1, True)
    assert figures["files"] == ["result_0.jsonl"]
    assert figures["tokens"] > 2000
    assert figures["padding_ratio"] >= 1.0
    assert {"tokenization", "inference", "writing"} <= figures["stages"].keys()
    assert figures["peak_memory_bytes"] > 1e7
    assert figures["pipelines"]["text-classification"]["texts"] == 2000


def test_figures_of_the_pipeline_are_shown_on_request(classify, many_lines, tmp_path) -> None:
    done = classify("-i", many_lines, "-o", tmp_path / "out", "--stats", "--quiet")
    assert "text-classification" in done.stderr


@pytest.mark.parametrize("unit", ["line", "row"])
def test_progress_is_told_in_lines_where_stderr_is_no_terminal(
    hugot_command, many_lines, records_of, tmp_path, unit
) -> None:
    source = many_lines
    if unit == "row":
        source = tmp_path / "many.parquet"
        parquet.write_table(pyarrow.Table.from_pylist(records_of(many_lines)), source)
    model = slow_models.steady(tmp_path / "model", 5)
    flags = ("-o", tmp_path / "out", "--log-seconds", 0)
    done = hugot_command("run", "-p", model, "-t", "text-classification", "-i", source, *flags)
    lines = [line for line in done.stderr.splitlines() if "% done" in line]
    assert len(lines) > 2
    for line in lines:
        assert re.match(
            rf"hugot: [\d,]+ {unit}s?, [\d,]+ texts/s, [\d,]+ tokens/s, \d+% done, 0:00:\d\d left$",
            line,
        )


@pytest.mark.parametrize("flags", [("--quiet",), ("--log-level", "error")])
def test_quiet_tells_errors_alone(classify, many_lines, tmp_path, flags) -> None:
    done = classify("-i", many_lines, "-o", tmp_path / "out", "--log-seconds", 0, *flags)
    assert done.stderr == ""
    many_lines.write_text("not json\n", encoding="utf-8")
    assert "line 1" in classify("-i", many_lines, "-o", tmp_path / "two", *flags).stderr


def test_the_level_of_warnings_tells_of_bad_lines_without_figures(
    classify, many_lines, tmp_path
) -> None:
    many_lines.write_text("not json\n", encoding="utf-8")
    flags = ("--log-level", "warning", "--on-error", "skip")
    done = classify("-i", many_lines, "-o", tmp_path / "out", *flags)
    assert len(done.stderr.splitlines()) == 1
    assert "errors.jsonl says which and why" in done.stderr


def test_the_level_of_debugging_tells_model_and_files(classify, many_lines, tmp_path) -> None:
    done = classify("-i", many_lines, "-o", tmp_path / "out", "--log-level", "debug")
    assert "model.onnx" in done.stderr.splitlines()[0]
    assert str(many_lines) in done.stderr.splitlines()[0]


@posix
def test_a_terminal_gets_a_bar(models, many_lines, tmp_path) -> None:
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        code = "from hugot.cli.main import main; main()"
        model = str(models / "bert-uncased-text")
        flags = ["run", "-p", model, "-t", "text-classification", "-i", str(many_lines)]
        os.execv(sys.executable, [sys.executable, "-c", code, *flags, "-o", str(tmp_path / "out")])
    shown = b""
    while True:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # what Linux gives at the end of a terminal
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    text = shown.decode()
    assert "100%|" in text
    assert re.search(r"2,000 lines, [\d,]+ texts/s, [\d,]+ tokens/s \[\d\d:\d\d<", text)
    assert "2,000 records in" in text
