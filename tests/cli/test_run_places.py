"""Where `hugot run` puts results, state and unfinished files, and what reads the results."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from hugot.io.places import Place, place_of

STATE = "hugot-run.json"
MANY = 2000


def side_of(output: Path) -> Path:
    return output.with_name(output.name + ".hugot")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def broken_off(classify, source: Path, output: Path, *flags: object) -> None:
    """A run that a bad line stops behind 1500 records."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    source.write_text("".join([*lines[:1500], "not json\n", *lines[1500:]]), encoding="utf-8")
    assert classify("-i", source, "-o", output, *flags).code == 1


def as_an_earlier_version_left_it(output: Path) -> None:
    """Put the state, the errors and the unfinished files among the results."""
    for path in side_of(output).iterdir():
        path.replace(output / path.name)
    side_of(output).rmdir()


def read_by_pandas(folder: Path, kind: str) -> list:
    pandas = pytest.importorskip("pandas")
    return pandas.read_parquet(folder)["id"].tolist()


def read_by_pyarrow(folder: Path, kind: str) -> list:
    dataset = pytest.importorskip("pyarrow.dataset")
    kind = {"jsonl": "json"}.get(kind, kind)
    return dataset.dataset(folder, format=kind).to_table(columns=["id"])["id"].to_pylist()


def read_by_polars(folder: Path, kind: str) -> list:
    polars = pytest.importorskip("polars")
    read = {
        "parquet": polars.scan_parquet,
        "csv": polars.scan_csv,
        "jsonl": polars.scan_ndjson,
        "arrow": polars.scan_ipc,
    }
    return read[kind](f"{folder}/").select("id").collect()["id"].to_list()


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (read_by_pandas, "parquet"),  # of other kinds pandas reads no folders
        *((read_by_pyarrow, kind) for kind in ("parquet", "csv", "jsonl", "arrow")),
        *((read_by_polars, kind) for kind in ("parquet", "csv", "jsonl", "arrow")),
    ],
)
def test_a_finished_folder_is_read_as_a_dataset(classify, many_lines, tmp_path, read, kind) -> None:
    pytest.importorskip("pyarrow")
    lines = many_lines.read_text(encoding="utf-8")
    many_lines.write_text("not json\n" + lines, encoding="utf-8")
    out = tmp_path / "out"
    flags = ("--output-format", kind, "--shard-size", 700, "--on-error", "skip")
    assert classify("-i", many_lines, "-o", out, *flags).code == 3
    assert read(out, kind) == list(range(MANY))


def test_state_and_errors_stand_beside_a_folder_of_results(classify, many_lines, tmp_path) -> None:
    out = tmp_path / "out"
    broken_off(classify, many_lines, out)
    assert names_in(out) == []
    assert names_in(side_of(out)) == [STATE, "result_0.jsonl.partial"]
    classify("-i", many_lines, "-o", out, "--resume", "--on-error", "skip")
    assert names_in(out) == ["result_0.jsonl"]
    assert names_in(side_of(out)) == ["errors.jsonl", STATE]


@pytest.mark.parametrize("kind", ["jsonl", "csv.gz", "parquet"])
def test_a_run_that_an_earlier_version_has_begun_is_resumed(
    classify, many_lines, tmp_path, kind
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    lines = many_lines.read_text(encoding="utf-8")
    many_lines.write_text("no json either\n" + lines, encoding="utf-8")
    flags = ("-i", many_lines, "--on-error", "skip", "--output-format", kind, "--shard-size", 1024)
    broken_off(classify, many_lines, out, *flags[4:])  # stops at the first line
    assert classify(*flags, "-o", whole).code == 3
    # After 1500 records, one whole shard among them.
    assert classify(*flags, "-o", out, "--resume").code == 3
    rewind(out, kind)
    as_an_earlier_version_left_it(out)
    assert classify(*flags, "-o", out, "--resume").code == 3
    assert names_in(out) == names_in(whole)
    assert names_in(side_of(out)) == names_in(side_of(whole)) == ["errors.jsonl", STATE]
    for name in names_in(whole):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    errors = [(side_of(each) / "errors.jsonl").read_bytes() for each in (out, whole)]
    assert errors[0] == errors[1]


def rewind(output: Path, kind: str) -> None:
    """Put a run back behind its first shard, at the beginning of the second."""
    path = side_of(output) / STATE
    state = json.loads(path.read_text(encoding="utf-8"))
    (output / f"result_1.{kind}").unlink()
    position = {"file": 0, "line": 1025, "offset": None, "skip": 0}
    first = state["files"][:1]
    errors = (side_of(output) / "errors.jsonl").read_bytes().splitlines(keepends=True)
    state |= {"position": position, "shard": 1, "shard_records": 0, "length": 0, "records": 1024}
    state |= {"files": first, "last": False, "done": False, "bad": 1}
    state["errors_length"] = len(errors[0])
    path.write_text(json.dumps(state), encoding="utf-8")


def test_an_unfinished_run_of_an_earlier_version_is_not_overwritten_unasked(
    classify, many_lines, tmp_path
) -> None:
    out = tmp_path / "out"
    broken_off(classify, many_lines, out)
    as_an_earlier_version_left_it(out)
    refused = classify("-i", many_lines, "-o", out)
    assert (refused.code, "has an unfinished run" in refused.stderr) == (1, True)
    assert classify("-i", many_lines, "-o", out, "--resume", "--on-error", "skip").code == 3


def test_moving_the_state_of_an_earlier_version_can_be_broken_off(
    classify, many_lines, tmp_path, records_of
) -> None:
    out = tmp_path / "out"
    broken_off(classify, many_lines, out)
    as_an_earlier_version_left_it(out)
    # The unfinished file was moved when the machine stopped, the state was not.
    side_of(out).mkdir()
    (out / "result_0.jsonl.partial").rename(side_of(out) / "result_0.jsonl.partial")
    assert classify("-i", many_lines, "-o", out, "--resume", "--on-error", "skip").code == 3
    assert [row["id"] for row in records_of(out / "result_0.jsonl")] == list(range(MANY))


def test_files_of_a_finished_run_of_an_earlier_version_are_replaced(
    classify, many_lines, tmp_path
) -> None:
    out = tmp_path / "out"
    classify("-i", many_lines, "-o", out, "--shard-size", 500)
    as_an_earlier_version_left_it(out)
    classify("-i", many_lines, "-o", out)
    assert names_in(out) == ["result_0.jsonl"]


def test_the_output_can_be_one_file_in_the_format_of_its_name(
    classify, many_lines, tmp_path, records_of
) -> None:
    out = tmp_path / "new" / "results.jsonl"
    assert classify("-i", many_lines, "-o", out).code == 0
    assert [row["id"] for row in records_of(out)] == list(range(MANY))
    assert names_in(out.parent) == ["results.jsonl", "results.jsonl.hugot"]
    assert names_in(side_of(out)) == [STATE]


@pytest.mark.parametrize("name", ["r.csv", "r.tsv.gz", "r.parquet", "r.feather", "r.ndjson.zst"])
def test_one_file_is_resumed_as_a_folder_is(classify, many_lines, tmp_path, name) -> None:
    pytest.importorskip("pyarrow")
    out, whole = tmp_path / name, tmp_path / "whole" / name
    broken_off(classify, many_lines, out)
    assert not out.exists()
    refused = classify("-i", many_lines, "-o", out)
    assert (refused.code, "--resume" in refused.stderr) == (1, True)
    flags = ("-i", many_lines, "--on-error", "skip")
    assert classify(*flags, "-o", out, "--resume").code == 3
    assert classify(*flags, "-o", whole).code == 3
    assert rows_in(out) == rows_in(whole)


def rows_in(path: Path) -> object:
    """The content of a file, whose blocks may end at different places."""
    if path.suffix == ".parquet":
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    if path.suffix == ".feather":
        return pytest.importorskip("pyarrow.feather").read_table(path).to_pylist()
    if path.suffix in (".gz", ".zst"):
        with pytest.importorskip("pyarrow").input_stream(str(path)) as stream:
            return stream.read()
    return path.read_bytes()


def test_one_file_that_is_done_is_replaced_when_the_next_run_is_done(
    classify, many_lines, tmp_path, records_of
) -> None:
    out = tmp_path / "results.jsonl"
    out.write_text("of somebody else", encoding="utf-8")
    broken_off(classify, many_lines, out)
    assert out.read_text(encoding="utf-8") == "of somebody else"
    assert classify("-i", many_lines, "-o", out, "--resume", "--on-error", "skip").code == 3
    assert len(records_of(out)) == MANY
    done = classify("-i", many_lines, "-o", out, "--resume", "--on-error", "skip")
    assert (done.code, f"{out} is done already" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("r.csv", ("--output-format", "jsonl"), "is csv by its name, but --output-format is jsonl"),
        ("r.jsonl", ("--output-format", "jsonl.gz"), "is jsonl by its name"),
        ("r.parquet.gz", (), "name the file r.parquet, and choose --output-format parquet.gz"),
        ("r.csv", ("--shard-size", 5), "--shard-size needs a folder"),
    ],
)
def test_flags_that_contradict_the_name_of_the_file_are_refused(
    hugot_command, many_lines, tmp_path, name, flags, message
) -> None:
    source = ("-p", "no/model", "-t", "ner", "-i", many_lines)
    done = hugot_command("run", *source, "-o", tmp_path / name, *flags)
    assert done.code in (1, 2)
    assert message in done.stderr
    assert names_in(tmp_path) == ["many.jsonl"]


def test_a_file_of_columns_may_be_compressed_within(classify, many_lines, tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "r.parquet"
    assert classify("-i", many_lines, "-o", out, "--output-format", "parquet.gz").code == 0
    assert parquet.read_metadata(out).row_group(0).column(0).compression == "GZIP"


def test_the_input_is_not_overwritten_by_one_file(classify, many_lines) -> None:
    done = classify("-i", many_lines, "-o", many_lines)
    assert (done.code, "input and output at once" in done.stderr) == (1, True)
    assert names_in(many_lines.parent) == ["many.jsonl"]


def test_a_folder_stays_a_folder_whatever_its_name(classify, many_lines, tmp_path) -> None:
    out = tmp_path / "results.csv"
    out.mkdir()
    assert classify("-i", many_lines, "-o", out).code == 0
    assert names_in(out) == ["result_0.jsonl"]


def test_a_link_to_a_folder_has_its_state_beside_the_folder(classify, many_lines, tmp_path) -> None:
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "out")
    assert classify("-i", many_lines, "-o", tmp_path / "link").code == 0
    assert names_in(tmp_path / "disk") == ["out", "out.hugot"]


def test_the_present_folder_has_its_state_beside_it(classify, many_lines, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert classify("-i", many_lines, "-o", ".").code == 0
    assert names_in(tmp_path / "here") == ["result_0.jsonl"]
    assert names_in(side_of(tmp_path / "here")) == [STATE]


def test_a_volume_keeps_its_state_within(classify, many_lines, tmp_path, monkeypatch) -> None:
    out = tmp_path / "volume"
    out.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == out)
    broken_off(classify, many_lines, out)
    assert names_in(out) == [".hugot"]
    # The place is that in which the run was begun.
    monkeypatch.undo()
    assert place_of(out) == Place(out, out / ".hugot")


def test_the_root_of_a_file_system_has_no_sibling() -> None:
    root = Path(Path.cwd().anchor)
    assert place_of(root) == Place(root, root / ".hugot")


def test_a_second_run_into_one_file_is_refused(classify, many_lines, tmp_path) -> None:
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "r.jsonl"
    side_of(out).mkdir()
    held = os.open(side_of(out), os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = classify("-i", many_lines, "-o", out)
    finally:
        os.close(held)
    assert (done.code, "another run writes" in done.stderr) == (1, True)
    shutil.rmtree(side_of(out))


@pytest.mark.parametrize(
    "name", ["x.xlsx", "out.jsonl.bz2", "out.jsonlines", "out.tar", "out.GZ", "out.html.gz"]
)
def test_the_name_of_a_file_of_another_format_does_not_become_a_folder(
    classify, tmp_path, name
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"input":"a"}\n', encoding="utf-8")
    done = classify("-i", source, "-o", tmp_path / name)
    assert done.code == 2
    assert f"there are no results of the format {Path(name).suffix}; " in done.stderr
    assert "a file ends in .jsonl, .csv, .tsv, .txt, .parquet, .arrow" in done.stderr
    assert names_in(tmp_path) == ["in.jsonl"]
    (tmp_path / name).mkdir()
    assert classify("-i", source, "-o", tmp_path / name).code == 0


@pytest.mark.parametrize("name", ["v1.2", "all-MiniLM-L6-v2.results", ".hidden"])
def test_a_name_with_another_suffix_is_that_of_a_folder(classify, tmp_path, name) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"input":"a"}\n', encoding="utf-8")
    assert classify("-i", source, "-o", tmp_path / name).code == 0
    assert names_in(tmp_path / name) == ["result_0.jsonl"]
