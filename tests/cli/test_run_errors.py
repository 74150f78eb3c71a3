"""Lines that cannot be run: the run stops there, or puts them aside."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("pyarrow")

GOOD = b'{"input": "fine"}\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "not JSON"),
        (b'{"text": "a"}', 'there is no key "input"; the keys are "text". Choose one with --'),
        (b"7", 'each line must be an object with the key "input"'),
        (b'{"input": 7}', '"input" must be a string'),
        (b'{"input": "\xff"}', "not UTF-8: byte 12 of the line"),
        (b'{"input": NaN}', "not JSON"),
        (b'{"input": "' + b"a" * 2000 + b'"}', "the line has 2013 bytes"),
    ],
)
def test_a_bad_line_stops_the_run_or_goes_to_a_file(
    classify, tmp_path, records_of, line, reason
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(GOOD * 2 + b"\n" + line + b"\n" + GOOD)
    flags = ("-i", source, "--max-line-bytes", 1000)
    stopped = classify(*flags, "-o", tmp_path / "stopped")
    assert stopped.code == 1
    assert stopped.stderr.startswith(f"hugot: {source}, line 4: {reason}")

    skipped = classify(*flags, "-o", tmp_path / "out", "--on-error", "skip")
    assert skipped.code == 3
    assert "1 line could not be run" in skipped.stderr
    assert len(records_of(tmp_path / "out" / "result_0.jsonl")) == 3
    [error] = records_of(tmp_path / "out.hugot" / "errors.jsonl")
    assert (error["file"], error["line"]) == (str(source), 4)
    assert error["reason"].startswith(reason)


def test_a_line_over_the_limit_that_ends_far_behind_is_one_bad_line(
    classify, tmp_path, records_of
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(GOOD + b"x" * 300_000 + b"\n" + GOOD)
    flags = ("--on-error", "skip", "--max-line-bytes", 1000)
    classify("-i", source, "-o", tmp_path / "out", *flags)
    assert len(records_of(tmp_path / "out" / "result_0.jsonl")) == 2
    [error] = records_of(tmp_path / "out.hugot" / "errors.jsonl")
    assert (error["line"], error["reason"][:25]) == (2, "the line has 300000 bytes")


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"id,input\n1,a\n2\n3,c\n", 3, "the row has 1 fields, the header 2"),
        (b"id,input\n1,a\n2,\xff\n3,c\n", 3, "not UTF-8: byte 3"),
        (b'id,input\n1,"a\nb"\n2,"c"d\n3,e\n', 4, "not CSV"),
        (b'id,input\n1,a\n3,c\n2,"never\nclosed', 4, "the file ends within a quoted field"),
    ],
)
def test_a_bad_row_of_csv_is_named_with_its_first_line(
    classify, tmp_path, records_of, data, line, reason
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(data)
    assert f"line {line}: {reason}" in classify("-i", source, "-o", tmp_path / "stopped").stderr
    flags = ("--on-error", "skip", "--output-format", "jsonl")
    assert classify("-i", source, "-o", tmp_path / "out", *flags).code == 3
    assert len(records_of(tmp_path / "out" / "result_0.jsonl")) == 2
    assert [each["line"] for each in records_of(tmp_path / "out.hugot" / "errors.jsonl")] == [line]


def test_texts_that_the_model_refuses_are_put_aside_one_by_one(
    classify, tmp_path, records_of
) -> None:
    source = tmp_path / "in.jsonl"
    long = " ".join(["word"] * 3000)
    texts = [long if i in (0, 7, 8, 1500) else f"text {i}" for i in range(2000)]
    source.write_text("".join(json.dumps({"input": text}) + "\n" for text in texts), "utf-8")
    flags = ("-i", source, "--truncation", "error")
    stopped = classify(*flags, "-o", tmp_path / "stopped")
    assert stopped.code == 1
    assert f"{source}, line 1: the input has 6002 tokens" in stopped.stderr
    assert classify(*flags, "-o", tmp_path / "out", "--on-error", "skip").code == 3
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    assert [row["input"] for row in rows] == [text for text in texts if text != long]
    assert [each["line"] for each in records_of(tmp_path / "out.hugot" / "errors.jsonl")] == [
        *(1, 8, 9, 1501)
    ]


def test_a_file_of_bad_lines_alone_gives_an_empty_result(classify, tmp_path, records_of) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("no\n" * 2500, encoding="utf-8")
    done = classify("-i", source, "-o", tmp_path / "out", "--on-error", "skip")
    assert done.code == 3
    assert records_of(tmp_path / "out" / "result_0.jsonl") == []
    assert len(records_of(tmp_path / "out.hugot" / "errors.jsonl")) == 2500


def test_the_file_for_bad_lines_can_be_chosen(classify, tmp_path, records_of) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(GOOD + b"no\n")
    flags = ("--on-error", "skip", "--errors", tmp_path / "bad.jsonl")
    done = classify("-i", source, *flags)
    assert (done.code, len(done.stdout.splitlines())) == (3, 1)
    assert len(records_of(tmp_path / "bad.jsonl")) == 1


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [600, 100_000])
def test_an_input_that_is_nested_deeply_is_a_bad_line(classify, tmp_path, depth) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(f'{{"input": {nested(depth)}}}\n', encoding="utf-8")
    done = classify("-i", source, "-o", tmp_path / "out")
    assert done.code == 1
    assert done.stderr.startswith(f"hugot: {source}, line 1: ")


def test_deeply_nested_values_are_carried_over_by_lines_and_refused_by_others(
    classify, tmp_path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(f'{{"input": "a", "k": {nested(600)}}}\n', encoding="utf-8")
    assert classify("-i", source, "-o", tmp_path / "out").code == 0
    assert nested(600) in (tmp_path / "out" / "result_0.jsonl").read_text(encoding="utf-8")
    for kind in ("csv", "parquet"):
        done = classify("-i", source, "-o", tmp_path / kind, "--output-format", kind)
        assert done.code == 1
        assert f"{source}, " in done.stderr
        assert "line 1" in done.stderr


def test_a_damaged_file_is_an_error_of_one_line(classify, tmp_path) -> None:
    source = tmp_path / "in.parquet"
    source.write_bytes(b"PAR1 and nothing else")
    done = classify("-i", source, "-o", tmp_path / "out")
    assert done.code == 1
    assert "cannot be read as parquet" in done.stderr
    assert "Traceback" not in done.stderr


def test_gzip_that_ends_early_is_an_error(classify, tmp_path) -> None:
    import gzip

    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(GOOD * 1000)[:-20])
    done = classify("-i", source, "-o", tmp_path / "out")
    assert (done.code, "cannot be read" in done.stderr) == (1, True)


def test_an_output_folder_that_cannot_be_made_is_an_error_of_one_line(classify, tmp_path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(GOOD)
    done = classify("-i", source, "-o", source / "out")
    assert done.code == 1
    assert done.stderr.startswith("hugot: the output cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_figures_that_cannot_be_written_are_an_error_of_one_line(classify, tmp_path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(GOOD)
    done = classify("-i", source, "--stats-json", tmp_path / "no" / "stats.json")
    assert (done.code, len(done.stdout.splitlines())) == (1, 1)
    assert done.stderr.startswith("hugot: --stats-json: ")


def test_columns_on_stdout_are_refused_before_the_model_is_loaded(hugot_command) -> None:
    done = hugot_command("run", "-p", "no/model", "-t", "ner", "--output-format", "parquet")
    assert (done.code, "is not for stdout" in done.stderr) == (2, True)
