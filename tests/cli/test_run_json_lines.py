"""JSON Lines as others write them: what is copied, what is read, what is refused by name."""

from __future__ import annotations

import csv
import json

import pytest

pa = pytest.importorskip("pyarrow")

from pyarrow import parquet  # noqa: E402

SKIP = ("--on-error", "skip")


@pytest.fixture
def run_lines(classify, tmp_path):
    """Runs the classifier over the bytes of a file, and returns how it ended and the result."""

    def run(data: bytes, *flags: object, kind: str = "jsonl", name: str = "in.jsonl"):
        (tmp_path / name).write_bytes(data)
        out = tmp_path / f"out.{kind}"
        done = classify("-i", tmp_path / name, "-o", out, *flags)
        return done, out.read_bytes() if out.exists() else None

    return run


@pytest.fixture
def errors(tmp_path, records_of):
    """Reads the notes of records that could not be run."""
    return lambda: records_of(tmp_path / "out.jsonl.hugot" / "errors.jsonl")


@pytest.mark.parametrize(
    "members",
    [
        b'"id": 123456789012345678901234567890',
        b'"id":-9223372036854775809',
        b'"f":1e400, "g":-1e400',
        b'"f":1E5,"g":-0.0,"h":-0,"i":1.50,"j":0.1000000000000000055511151231257827',
        b'"m": {"big": [12345678901234567890123, 1e999]}',
        b'"k":"\\ud800","l":"\\udc00x","\\ud800":1',
        b'"twice":1,"twice":2',
        b'"escaped":"\\u00e4\\/\\ud83d\\ude00","raw":"\xc3\xa4"',
        b'"spaces" :\t[ 1 , 2 ]',
    ],
)
def test_other_keys_are_copied_as_they_are_written(run_lines, members) -> None:
    done, out = run_lines(b'{"input":"good",' + members + b"}\r\n")
    assert done.code == 0, done.stderr
    assert out.startswith(b'{"input":"good",' + members + b',"output":[{')
    assert out.count(b"\n") == 1


def test_only_the_output_of_a_record_that_has_one_is_replaced(run_lines) -> None:
    _, out = run_lines(b'{"a":1E5,"output": [1, 1e400],"input":"x", "b": "\\ud800","output":0}\n')
    assert out.startswith(b'{"a":1E5,"output":[{')
    assert out.endswith(b'}],"input":"x","b":"\\ud800"}\n')


def test_big_numbers_keep_their_digits_in_csv(run_lines) -> None:
    _, out = run_lines(
        b'{"input":"good","id":123456789012345678901234567890,"f":1e400,'
        b'"m":{"big":12345678901234567890123,"s":"\\ud800"},"l":%s}\n' % (b"9" * 5000),
        kind="csv",
    )
    [row] = csv.DictReader(out.decode().splitlines())
    assert row["id"] == "123456789012345678901234567890"
    assert row["f"] == "1e400"
    assert row["m"] == '{"big":12345678901234567890123,"s":"\\ud800"}'
    assert row["l"] == "9" * 5000


def test_whole_numbers_up_to_64_bits_without_a_sign_are_kept_in_columns(
    run_lines, tmp_path
) -> None:
    done, _ = run_lines(b'{"input":"a","id":18446744073709551615}\n', kind="parquet")
    assert done.code == 0, done.stderr
    assert parquet.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [2**64 - 1]


def test_a_whole_number_that_no_column_holds_is_named_with_its_line(run_lines) -> None:
    done, _ = run_lines(
        b'{"input":"a","id":1}\n{"input":"b","id":18446744073709551616}\n', kind="parquet"
    )
    assert done.code == 1
    assert "in.jsonl, line 2: 'id' is 18446744073709551616" in done.stderr


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_lone_surrogate_is_refused_by_formats_that_cannot_hold_it(run_lines, kind) -> None:
    done, _ = run_lines(b'{"input":"good","note":"\\ud800"}\n', kind=kind)
    assert done.code == 1
    assert "'note'" in done.stderr
    assert "line 1" in done.stderr


def test_a_lone_surrogate_in_the_input_is_a_bad_record(run_lines, errors) -> None:
    done, out = run_lines(b'{"input":"a \\udfff b"}\n{"input":"fine"}\n', *SKIP)
    assert (done.code, out.count(b"\n")) == (3, 1)
    [error] = errors()
    assert (error["line"], error["reason"]) == (1, '"input" holds the lone surrogate \\udfff')


@pytest.mark.parametrize(
    ("value", "said"),
    [(b"NaN", '"x" is NaN'), (b"-Infinity", '"x" is -Infinity'), (b"[1, NaN]", '"x" holds NaN')],
)
def test_numbers_that_json_does_not_have_are_refused_or_copied(
    run_lines, errors, value, said
) -> None:
    data = b'{"input":"a","x":' + value + b'}\n{"input":"b"}\n'
    done, out = run_lines(data, *SKIP)
    assert (done.code, out.count(b"\n")) == (3, 1)
    [error] = errors()
    assert error["reason"] == f"not JSON: {said}, which JSON does not have; --allow-nan accepts it"
    done, out = run_lines(data, "--allow-nan")
    assert done.code == 0, done.stderr
    assert out.startswith(b'{"input":"a","x":' + value + b',"output":')


def test_a_record_over_several_lines_is_called_so(run_lines) -> None:
    done, _ = run_lines(b'{\n  "input": "a"\n}\n')
    assert "line 1: not JSON: the object does not end in its line" in done.stderr
    assert "jq -c" in done.stderr


def test_lines_that_are_strings_are_texts(run_lines) -> None:
    done, out = run_lines(b'"one"\n "t\\u00e4wo" \n{"body":"three"}\n', "--input-column", "body")
    assert done.code == 0, done.stderr
    assert [json.loads(line)["body"] for line in out.splitlines()] == ["one", "täwo", "three"]


def test_a_key_of_an_object_in_the_record_is_the_input(run_lines, errors) -> None:
    lines = [
        b'{"meta": {"text": "a"}}',
        b'{"meta.text": "b", "meta": {"text": 7}}',
        b'{"meta": {"other": {"text": "c"}}}',
        b'{"meta": "text"}',
    ]
    done, out = run_lines(b"\n".join(lines), "--input-column", "meta.text", *SKIP)
    assert done.code == 3
    assert [line.partition(b',"output"')[0] for line in out.splitlines()] == [
        line[:-1] for line in lines[:2]
    ]
    assert [each["reason"] for each in errors()] == [
        'there is no key "meta.text"; the keys are "meta", "meta.other". Choose one with --input-column',
        'there is no key "meta.text"; the keys are "meta". Choose one with --input-column',
    ]


def test_a_key_of_an_object_is_the_second_text_of_a_pair(run_lines) -> None:
    done, _ = run_lines(b'{"a":{"q":"x","d":"y"}}\n', "--input-column=a.q", "--pair-column=a.d")
    assert done.code == 0, done.stderr
    done, _ = run_lines(b'{"input":"x"}\n', "--pair-column=d")
    assert 'there is no key "d"; the keys are "input". Choose one with --pair-column' in done.stderr


def test_a_run_that_wrote_nothing_is_begun_anew_without_a_flag(run_lines) -> None:
    done, _ = run_lines(b'{"text":"x"}\n')
    assert 'no key "input"; the keys are "text"' in done.stderr
    assert "--resume" not in done.stderr
    done, out = run_lines(b'{"text":"x"}\n', "--input-column", "text")
    assert done.code == 0, done.stderr
    assert out.count(b"\n") == 1


@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
def test_an_array_is_read_item_by_item(run_lines, name) -> None:
    data = b'\xef\xbb\xbf\n[ {"input": "a ]},\\"",\r\n  "k": [1, {"n": 1E5}]} , "text",{"input":"c"}]\n'
    done, out = run_lines(data, name=name)
    assert done.code == 0, done.stderr
    lines = out.splitlines()
    assert [json.loads(line)["input"] for line in lines] == ['a ]},"', "text", "c"]
    assert lines[0].startswith(b'{"input": "a ]},\\"",    "k": [1, {"n": 1E5}],"output":')


def test_bad_items_of_an_array_are_numbered(run_lines, errors) -> None:
    done, out = run_lines(b'["a", {"x": 1}, 7, "b"]', *SKIP, name="in.json")
    assert (done.code, out.count(b"\n")) == (3, 2)
    assert [(each["line"], each["text"].strip()) for each in errors()] == [
        (2, '{"x": 1}'),
        (3, "7"),
    ]
    done, _ = run_lines(b'["a", 7]', "--overwrite", name="in.json")
    assert "in.json, item 2: each line must be" in done.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'["a", "b', "the array of JSON does not end"),
        (b'["a", "b"', "the array of JSON does not end"),
        (b'["a"]\n{}', "there is more behind the array of JSON"),
    ],
)
def test_a_damaged_array_is_an_error_behind_its_items(run_lines, errors, data, said) -> None:
    done, out = run_lines(data, *SKIP, name="in.json")
    assert (done.code, out.count(b"\n")) == (3, 1)
    [error] = errors()
    assert (error["line"], error["reason"]) == (2, f"the file cannot be read: {said}")


def test_an_empty_array_and_an_empty_file_have_no_results(run_lines) -> None:
    for data in (b"[]", b" [ \n ] ", b"", b"\n"):
        done, out = run_lines(data)
        assert (done.code, out) == (0, b"")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt"])
def test_another_encoding_is_called_so(run_lines, kind) -> None:
    text = {"jsonl": '{"input":"grün"}\n', "csv": "input\ngrün\n", "txt": "grün\n"}[kind]
    done, _ = run_lines(text.encode("latin-1"), name=f"in.{kind}")
    assert f"in.{kind}, line {2 if kind == 'csv' else 1}: not UTF-8: byte " in done.stderr
    assert "iconv -f WINDOWS-1252 -t UTF-8" in done.stderr
    done, _ = run_lines(text.encode("utf-16"), name=f"in.{kind}")
    assert f"in.{kind}, line 1: the file cannot be read: it is UTF-16, not UTF-8" in done.stderr


def test_refused_records_are_tokenized_once(run_lines, monkeypatch, errors) -> None:
    from hugot.pipelines.runner import Runner

    prepared = []
    prepare = Runner.prepare

    def counted(self, inputs, *more):
        prepared.extend(inputs)
        return prepare(self, inputs, *more)

    monkeypatch.setattr(Runner, "prepare", counted)
    texts = ["word " * 600 if i % 2 else f"text {i}" for i in range(1000)]
    data = b"".join(json.dumps({"input": text}).encode() + b"\n" for text in texts)
    done, out = run_lines(data, "--truncation", "error", *SKIP)
    assert (done.code, out.count(b"\n"), len(errors())) == (3, 500, 500)
    assert sorted(prepared) == sorted(texts)
