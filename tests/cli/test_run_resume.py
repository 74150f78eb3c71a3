"""A run that ends early: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

pyarrow = pytest.importorskip("pyarrow")

from pyarrow import feather, parquet  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

HUGOT = [sys.executable, "-c", "from hugot.cli.main import main; main()", "run"]
TASK = ["-t", "text-classification"]
STATE = "hugot-run.json"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def begun(models, many_lines, tmp_path):
    """Starts a run as a process, with a point to go on from behind every batch."""

    def begin(*more: object, source: Path = many_lines, **how) -> subprocess.Popen:
        model = str(models / "bert-uncased-text")
        flags = ["-p", model, "-t", "text-classification", "-i", str(source), "--threads", "1"]
        flags += ["-o", str(tmp_path / "out"), "--checkpoint-seconds", "0", *map(str, more)]
        return subprocess.Popen(
            [*HUGOT, *flags], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, **how
        )

    return begin


def side_of(output: Path) -> Path:
    return output.with_name(output.name + ".hugot")


def state_path(output: Path) -> Path:
    return side_of(output) / STATE


def state_of(output: Path) -> dict:
    return json.loads(state_path(output).read_text(encoding="utf-8"))


def wait_for_records(folder: Path, process: subprocess.Popen, count: int) -> None:
    """Wait until so many records are on the disk, or the run is over."""
    while process.poll() is None:
        if state_path(folder).exists() and state_of(folder)["records"] >= count:
            return
        time.sleep(0.005)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


@posix
@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_a_run_killed_at_random_times_is_resumed_to_the_same_result(
    classify, begun, many_lines, tmp_path, kind
) -> None:
    flags = ["--output-format", kind, "--shard-size", "1500"]
    draw, kills = random.Random(kind), 0
    while True:
        process = begun("--resume", *flags)
        if kills < 3:
            wait_for_records(tmp_path / "out", process, kills * 512 + 1)
            time.sleep(draw.uniform(0, 0.05))
            process.kill()
        code, errors = ended(process)
        if code == 0:
            break
        assert (code, errors) == (-signal.SIGKILL, errors)
        kills += 1
    classify("-i", many_lines, "-o", tmp_path / "whole", *flags)
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert content(tmp_path / "out" / name) == content(tmp_path / "whole" / name)
    assert [path.name for path in side_of(tmp_path / "out").iterdir()] == [STATE]


def content(path: Path) -> object:
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    if path.suffix == ".arrow":
        return feather.read_table(path).to_pylist()
    if path.suffix == ".gz":
        import gzip

        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        with pyarrow.input_stream(str(path), compression="zstd") as stream:
            return bytes(stream.read())
    return path.read_bytes()


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_in_a_state_that_can_be_resumed(
    begun, more_lines, tmp_path, records_of, number, code
) -> None:
    process = begun(source=more_lines)
    wait_for_records(tmp_path / "out", process, 1)
    process.send_signal(number)
    found, errors = ended(process)
    assert found == code
    assert "Traceback" not in errors
    state = state_of(tmp_path / "out")
    partial = records_of(side_of(tmp_path / "out") / "result_0.jsonl.partial")
    assert len(partial) == state["records"] > 0
    assert not (tmp_path / "out" / "result_0.jsonl").exists()
    assert ended(begun("--resume", source=more_lines))[0] == 0
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    assert [row["id"] for row in rows] == list(range(20_000))


@posix
def test_a_signal_to_a_run_over_stdin_ends_it_behind_what_was_read(models) -> None:
    process = subprocess.Popen(
        [*HUGOT, "-p", str(models / "bert-uncased-text"), "-t", "text-classification"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(b'{"input": "a"}\n')
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    for stream in (process.stdin, process.stdout):
        stream.close()


# The signal goes to a thread beside the main one, whose waiting it does not end.
TAKEN_BY_ANOTHER_THREAD = """
import signal, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
from hugot.cli.main import main
main()
"""


@posix
def test_a_signal_that_does_not_end_the_waiting_for_a_line_ends_the_run(models) -> None:
    model = str(models / "bert-uncased-text")
    process = subprocess.Popen(
        [sys.executable, "-c", TAKEN_BY_ANOTHER_THREAD, *HUGOT[3:], "-p", model, *TASK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdin.write(b'{"input": "a"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        time.sleep(0.3)  # until it waits
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            stream.close()


@posix
def test_a_full_disk_is_an_error_after_which_the_run_goes_on(begun, tmp_path, records_of) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    code, errors = ended(begun(preexec_fn=limit))
    assert code == 1
    assert "cannot be written" in errors
    assert "Traceback" not in errors
    assert ended(begun("--resume"))[0] == 0
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    assert [row["id"] for row in rows] == list(range(2000))


def broken_off(classify, source: Path, folder: Path, *flags: object) -> None:
    """A run that a bad line stops behind two batches."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    source.write_text("".join([*lines[:1500], "not json\n", *lines[1500:]]), encoding="utf-8")
    done = classify("-i", source, "-o", folder, *flags)
    assert done.code == 1
    assert "line 1501" in done.stderr
    assert "Repair the input and start over with --overwrite" in done.stderr
    assert "--resume --on-error skip" in done.stderr
    assert "--resume goes on" not in done.stderr


def test_a_bad_line_leaves_what_came_before_and_can_be_skipped_on_resuming(
    classify, many_lines, tmp_path, records_of
) -> None:
    out = tmp_path / "out"
    broken_off(classify, many_lines, out)
    assert state_of(out)["records"] == 1500
    done = classify("-i", many_lines, "-o", out, "--resume", "--on-error", "skip")
    assert done.code == 3
    assert [row["id"] for row in records_of(out / "result_0.jsonl")] == list(range(2000))
    assert [row["line"] for row in records_of(side_of(out) / "errors.jsonl")] == [1501]


@pytest.mark.parametrize(
    "kind",
    [
        *("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "csv.zst", "tsv", "txt", "txt.gz"),
        *("parquet", "parquet.gz", "arrow", "arrow.zst"),
    ],
)
def test_what_was_written_behind_the_last_point_is_cut_off_and_done_again(
    classify, many_lines, tmp_path, kind
) -> None:
    out, flags = tmp_path / "out", ("--output-format", kind)
    broken_off(classify, many_lines, out, *flags)
    [partial] = side_of(out).glob("result_0.*.partial")
    with partial.open("ab") as file:
        file.write(b"half of a block")
    more = ("--on-error", "skip", *flags)
    assert classify("-i", many_lines, "-o", out, "--resume", *more).code == 3
    assert classify("-i", many_lines, "-o", tmp_path / "whole", *more).code == 3
    name = partial.name.removesuffix(".partial")
    assert content(out / name) == content(tmp_path / "whole" / name)


def test_an_unfinished_run_is_not_overwritten_unasked(classify, many_lines, tmp_path) -> None:
    out = tmp_path / "out"
    broken_off(classify, many_lines, out)
    refused = classify("-i", many_lines, "-o", out)
    assert refused.code == 1
    assert "--resume" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert state_of(out)["records"] == 1500
    classify("-i", many_lines, "-o", out, "--overwrite", "--on-error", "skip")
    assert state_of(out)["records"] == 2000


@pytest.mark.parametrize(
    ("change", "named"),
    [("input", "the input"), ("option", "option top_k"), ("format", "option output_format")],
)
def test_resuming_refuses_what_is_not_as_it_was(
    classify, many_lines, tmp_path, change, named
) -> None:
    out = tmp_path / "out"
    broken_off(classify, many_lines, out)
    flags = {"input": (), "option": ("--top-k", 1), "format": ("--output-format", "csv")}[change]
    if change == "input":
        many_lines.write_text(many_lines.read_text("utf-8").replace("not json", ""), "utf-8")
    done = classify("-i", many_lines, "-o", out, "--resume", *flags)
    assert done.code == 1
    assert f"cannot be resumed: {named}" in done.stderr
    has_changed = f"the input {many_lines.resolve()} has changed since. Start over with --overwrite"
    assert (has_changed in done.stderr) == (change == "input")


def test_resuming_refuses_another_model(hugot_command, copy_of, many_lines, tmp_path) -> None:
    model = copy_of("bert-uncased-text")
    flags = (
        "run",
        "-p",
        model,
        "-t",
        "text-classification",
        "-i",
        many_lines,
        "-o",
        tmp_path / "o",
    )
    many_lines.write_text('{"input": "a"}\nnot json\n', encoding="utf-8")
    assert hugot_command(*flags).code == 1
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    shown = hugot_command(*flags, "--resume").stderr
    assert f"the model {(model / 'config.json').resolve()} has changed since" in shown


def test_resuming_does_not_mind_an_optimised_file(
    hugot_command, copy_of, many_lines, tmp_path
) -> None:
    model = copy_of("bert-uncased-text")
    flags = (
        "run",
        "-p",
        model,
        "-t",
        "text-classification",
        "-i",
        many_lines,
        "-o",
        tmp_path / "o",
    )
    many_lines.write_text('{"input": "a"}\nnot json\n', encoding="utf-8")
    assert hugot_command(*flags).code == 1
    assert hugot_command("optimize", model).code == 0
    assert hugot_command(*flags, "--resume", "--on-error", "skip").code == 3


def test_threads_may_change_between_the_parts_of_a_run(classify, many_lines, tmp_path) -> None:
    broken_off(classify, many_lines, tmp_path / "out", "--threads", 1)
    done = classify(
        *("-i", many_lines, "-o", tmp_path / "out", "--resume", "--threads", 2),
        *("--on-error", "skip"),
    )
    assert done.code == 3


def test_the_task_may_have_another_of_its_names_on_resuming(
    classify, hugot_command, models, many_lines, tmp_path
) -> None:
    broken_off(classify, many_lines, tmp_path / "out")
    done = hugot_command(
        *("run", "-p", models / "bert-uncased-text", "-t", "sentiment-analysis", "-i", many_lines),
        *("-o", tmp_path / "out", "--resume", "--on-error", "skip"),
    )
    assert done.code == 3


@pytest.mark.parametrize(
    ("model", "task", "code"),
    [
        ("bert-uncased-text", "text-classification", 3),
        ("bert-uncased-features", "feature-extraction", 1),
    ],
)
def test_the_type_of_numbers_may_change_on_resuming_if_there_are_no_vectors(
    hugot_command, models, tmp_path, model, task, code
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"input": "a"}\nnot json\n', encoding="utf-8")
    flags = ("run", "-p", models / model, "-t", task, "-i", source, "-o", tmp_path / "out")
    assert hugot_command(*flags).code == 1
    more = ("--resume", "--on-error", "skip", "--embedding-type", "float16")
    done = hugot_command(*flags, *more)
    assert (done.code, "option embedding_type" in done.stderr) == (code, code == 1)


def test_a_run_that_noted_another_name_of_the_task_is_resumed(
    classify, many_lines, tmp_path
) -> None:
    out = tmp_path / "out"
    entry = ("--session-config", "session.use_env_allocators=0")
    broken_off(classify, many_lines, out, *entry)
    state = state_of(out)
    noted = state["fingerprint"]
    assert (noted["option task"], noted["option embedding_type"]) == (TASK[1], "float32")
    assert noted["option session_config"] == [["session.use_env_allocators", "0"]]
    noted["option task"] = "sentiment-analysis"
    state_path(out).write_text(json.dumps(state), encoding="utf-8")
    flags = ("-i", many_lines, "-o", out, "--resume", "--on-error", "skip")
    assert classify(*flags, *entry).code == 3


@pytest.mark.parametrize("columns", [(), ("--input-column", "input")])
def test_the_column_of_the_text_may_be_named_or_not_on_resuming(
    classify, many_lines, tmp_path, columns
) -> None:
    broken_off(classify, many_lines, tmp_path / "out")
    flags = ("-i", many_lines, "-o", tmp_path / "out", "--resume", "--on-error", "skip")
    assert classify(*flags, *columns).code == 3


def test_resuming_what_is_done_does_nothing(classify, many_lines, tmp_path) -> None:
    flags = ("-i", many_lines, "-o", tmp_path / "out", "--resume")
    assert classify(*flags).code == 0
    path = tmp_path / "out" / "result_0.jsonl"
    before = path.stat()
    done = classify(*flags)
    assert (done.code, "is done already" in done.stderr) == (0, True)
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_run_that_ended_between_renaming_and_saving_goes_on(
    classify, many_lines, tmp_path, records_of
) -> None:
    out = tmp_path / "out"
    flags = ("-i", many_lines, "-o", out, "--shard-size", 1500)
    classify(*flags)
    # What was on the disk when the first file had its name and the state did not say so yet.
    (out / "result_1.jsonl").unlink()
    state = state_of(out)
    position = {"file": 0, "line": 1500, "offset": None, "skip": 0}
    state |= {"position": position, "shard": 0, "shard_records": 1500, "records": 1500}
    state |= {"files": [], "publishing": True, "last": False, "done": False}
    state["length"] = (out / "result_0.jsonl").stat().st_size
    state_path(out).write_text(json.dumps(state), encoding="utf-8")
    assert classify(*flags, "--resume").code == 0
    rows = [*records_of(out / "result_0.jsonl"), *records_of(out / "result_1.jsonl")]
    assert [row["id"] for row in rows] == list(range(2000))


def test_files_of_an_earlier_run_go_when_the_new_one_is_done(
    classify, many_lines, tmp_path
) -> None:
    out = tmp_path / "out"
    classify("-i", many_lines, "-o", out, "--shard-size", 500)
    (out / "result_9.jsonl").write_text("of somebody else", encoding="utf-8")
    classify("-i", many_lines, "-o", out)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["result_0.jsonl", "result_9.jsonl"]


def test_a_working_file_that_is_gone_is_an_error(classify, many_lines, tmp_path) -> None:
    broken_off(classify, many_lines, tmp_path / "out")
    (side_of(tmp_path / "out") / "result_0.jsonl.partial").unlink()
    done = classify("-i", many_lines, "-o", tmp_path / "out", "--resume")
    assert (done.code, "is gone or shorter" in done.stderr) == (1, True)


@posix
def test_two_runs_do_not_write_to_one_folder(classify, begun, many_lines, tmp_path) -> None:
    process = begun()
    wait_for_records(tmp_path / "out", process, 1)
    process.send_signal(signal.SIGSTOP)
    try:
        done = classify("-i", many_lines, "-o", tmp_path / "out")
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        ended(process)
    assert (done.code, "another run writes" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "flags",
    [
        ("--resume",),
        ("--resume", "-o", "out"),
        ("--shard-size", 5),
        ("--overwrite", "--resume", "-o", "out", "-i", "."),
    ],
)
def test_flags_that_make_no_sense_together_are_refused(classify, flags) -> None:
    assert classify(*flags).code == 2
