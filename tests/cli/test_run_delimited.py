"""CSV and TSV: fields of any size, line ends and quotes in them, files without rows."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import table_models

import hugot


def rows_of(data: bytes, delimiter: str = ",") -> list[list[str]]:
    csv.field_size_limit(1 << 24)
    return list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))


@pytest.fixture
def run_file(classify, tmp_path):
    """Runs the classifier over the bytes of a file, and returns how it ended and the result."""

    def run(data: bytes, *flags: object, kind: str = "csv", name: str = "in.csv"):
        (tmp_path / name).write_bytes(data)
        out = tmp_path / f"out.{kind}"
        done = classify("-i", tmp_path / name, "-o", out, *flags)
        return done, out.read_bytes() if out.exists() else None

    return run


def test_a_field_may_be_as_long_as_a_line(run_file) -> None:
    limit = csv.field_size_limit(131_072)
    long = "word " * 27_000
    for data in (f"id,input\n1,{long}\n", f'id,input\n1,"{long}"\n', f'id,input\n1,"{long}\n"\n'):
        done, out = run_file(data.encode())
        assert csv.field_size_limit() == 131_072
        assert done.code == 0, done.stderr
        assert rows_of(out)[1][:2] == rows_of(data.encode())[1]
        csv.field_size_limit(131_072)
    csv.field_size_limit(limit)
    done, _ = run_file(f'id,input\n1,"{long}\n{long}"\n2,b\n'.encode(), "--max-line-bytes", 200_000)
    assert "line 2: the row has more than 200000 bytes" in done.stderr


def test_a_row_that_is_too_long_is_not_joined_with_the_next_one(run_file) -> None:
    data = b'id,input\n1,"' + b"x" * 100 + b"\n" + b"y" * 400 + b'"\n2,b\n'
    flags = ("--max-line-bytes", 300, "--on-error", "skip")
    done, out = run_file(data, *flags)
    assert done.code == 3
    assert [row[:2] for row in rows_of(out)[1:]] == [["2", "b"]]


def test_the_vectors_of_tokens_that_were_written_are_read_again(
    hugot_command, tmp_path, run_file
) -> None:
    vectors = np.random.default_rng(3).normal(size=(1000, 512)).astype(np.float32)
    model = table_models.lookup(
        tmp_path / "model", "bert-uncased-features", vectors, "last_hidden_state"
    )
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"input": "word " * 400}) + "\n", encoding="utf-8")
    done = hugot_command(
        *("run", "-p", model, "-t", "feature-extraction", "-i", source),
        *("-o", tmp_path / "vectors.csv", "--pooling", "none"),
    )
    assert done.code == 0, done.stderr
    data = (tmp_path / "vectors.csv").read_bytes()
    assert len(data) > 131_072
    done, out = run_file(data.replace(b"input,output", b"input,vectors"))
    assert done.code == 0, done.stderr
    assert rows_of(out)[1][1] == rows_of(data)[1][1]


def test_line_ends_in_quoted_fields_are_kept(hugot_command, models, tmp_path) -> None:
    text = "Hello\r\nWolfgang lives in Berlin"
    source = tmp_path / "in.csv"
    source.write_bytes(f'id,input\r\n1,"{text}"\r\n'.encode())
    model = models / "bert-cased-token"
    for kind in ("csv", "jsonl"):
        out = tmp_path / f"out.{kind}"
        done = hugot_command(
            *("run", "-p", model, "-t", "ner", "-i", source, "-o", out, "--format", "transformers")
        )
        assert done.code == 0, done.stderr
        if kind == "csv":
            _, [number, read, found] = rows_of(out.read_bytes())
            record = {"id": number, "input": read, "output": json.loads(found)}
        else:
            record = json.loads(out.read_bytes())
        assert (record["id"], record["input"]) == ("1", text)
        with hugot.pipeline("ner", model, aggregation_strategy="simple") as pipeline:
            wanted = pipeline(text)
        assert [(each["start"], each["end"]) for each in record["output"]] == [
            (each["start"], each["end"]) for each in wanted
        ]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_fields_are_those_of_the_csv_module(run_file, delimiter) -> None:
    kind = "csv" if delimiter == "," else "tsv"
    fields = [
        *(
            "plain",
            "",
            " spaces ",
            'mid"quote',
            '"',
            '""',
            "a,b",
            "a\tb",
            "line\nend",
            "cr\rlf\r\n",
        ),
        *("nul\0", "\ufeff", "end\r", "\r", '"\n"', "ünï"),
    ]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["input", "other"])
    writer.writerows([field, field] for field in fields)
    data = "\ufeff" + text.getvalue() + 'un"quoted' + delimiter + 'x""y\r\n'
    done, out = run_file(data.encode(), kind=kind, name=f"in.{kind}")
    assert done.code == 0, done.stderr
    rows = rows_of(out, delimiter)
    assert rows[0] == ["input", "other", "output"]
    assert [row[:2] for row in rows[1:]] == [[f, f] for f in fields] + [['un"quoted', 'x""y']]
    again, out_again = run_file(out, "--overwrite", kind=kind, name=f"again.{kind}")
    assert again.code == 0, again.stderr
    assert out_again == out


def test_blank_lines_are_no_rows_but_lines_of_delimiters_are(run_file) -> None:
    done, out = run_file(b"\n\r\ninput\tb\n\n\t\n\r\nx\ty\n", kind="tsv", name="in.tsv")
    assert done.code == 0, done.stderr
    assert [row[:2] for row in rows_of(out, "\t")] == [["input", "b"], ["", ""], ["x", "y"]]


def test_rows_are_written_as_json_also_if_they_hold_long_numbers(run_file) -> None:
    done, out = run_file(b"id,input\n12345678901234567890,a\n", kind="jsonl")
    assert done.code == 0, done.stderr
    assert json.loads(out)["id"] == "12345678901234567890"


def test_a_file_of_carriage_returns_alone_is_refused(run_file) -> None:
    done, _ = run_file(b"id,input\r1,a\r2,b\r")
    assert done.code == 1
    done, _ = run_file(b"input,id\ra,1\rb,2\r")
    assert "carriage return" in done.stderr


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_a_file_with_only_its_header_keeps_its_columns(run_file, kind) -> None:
    done, out = run_file(b'id,"a, b",input\n', kind=kind)
    assert done.code == 0, done.stderr
    wanted = {
        "csv": b'id,"a, b",input,output\n',
        "tsv": b"id\ta, b\tinput\toutput\n",
        "jsonl": b"",
    }
    assert out == wanted[kind]


@pytest.mark.parametrize("stem", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
def test_a_place_in_a_file_is_found_again(tmp_path, stem, kind) -> None:
    from hugot.io.batch import Position
    from hugot.io.files import InputFile
    from hugot.io.formats import Format
    from hugot.io.records import LineRecords
    from hugot.tasks.schema import TEXT

    texts = [f"text {i}" for i in range(3000)]
    lines = [json.dumps({"input": text}) for text in texts]
    if kind == "csv":
        lines = ["", "input,n", *(f'"{text}",{len(text)}' for text in texts)]
    data = f"[{','.join(lines)}]" if kind == "json" else "\n".join(lines)
    path = tmp_path / f"in.{kind}"
    path.write_bytes(stem + data.encode())
    file = InputFile(path, Format("csv" if kind == "csv" else "jsonl"), path.stat().st_size)

    def read(start: Position) -> list:
        records = LineRecords([file], start, "jsonl", {"input": "input"}, (TEXT,))
        return [batch for batch in records.batches() if batch is not None and len(batch)]

    first, *others = read(Position())
    assert len(others) >= 2
    done = len(first)
    for batch in (first, *others[:1]):
        found = [value for each in read(batch.end) for value in each.inputs]
        assert found == texts[done:]
        done += len(others[0])


def test_a_key_that_comes_after_the_header_is_written_stops_a_run_to_csv(
    classify, tmp_path
) -> None:
    lines = ['{"input":"a"}\n'] * 5500 + ['{"input":"a","late":1}\n']
    (tmp_path / "in.jsonl").write_text("".join(lines), encoding="utf-8")
    done = classify("-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.csv")
    assert done.code == 1
    assert "line 5501: the key 'late' comes too late to be a column" in done.stderr
