"""Formats in and out of `hugot run`."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

from pyarrow import feather, parquet  # noqa: E402

import hugot  # noqa: E402

ROWS = [
    {"id": 1, "input": "The film was excellent", "note": "a"},
    {"id": 2, "input": 'She said "no",\nthen left', "note": ""},
    {"id": 3, "input": "Ünïcode 🎬", "note": "c"},
]
TEXTS = [row["input"] for row in ROWS]


def as_lines(rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_rows(path, rows=ROWS):
    """Write rows in the format that the name tells, plain or compressed."""
    kind, _, compression = path.name.partition(".")[2].partition(".")
    plain = path.with_name(f"plain.{kind}")
    if kind == "jsonl":
        plain.write_bytes(as_lines(rows))
    elif kind in ("csv", "tsv"):
        with plain.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], delimiter="," if kind == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "txt":
        plain.write_text("".join(row["input"].replace("\n", " ") + "\n" for row in rows), "utf-8")
    elif kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), plain)
    elif kind == "arrow":
        feather.write_feather(pa.Table.from_pylist(rows), plain)
    data = plain.read_bytes()
    plain.unlink()
    if compression == "gz":
        # Two members: tools that compress in parallel write such files.
        data = gzip.compress(data[:30]) + gzip.compress(data[30:])
    elif compression == "zst":
        codec = pa.Codec("zstd")
        data = codec.compress(data[:30], asbytes=True) + codec.compress(data[30:], asbytes=True)
    path.write_bytes(data)
    return path


def read_rows(path) -> list[dict]:
    """Rows of a result in any format; of CSV the result itself is read as JSON."""
    kind, _, compression = path.name.partition(".")[2].partition(".")
    if kind == "parquet":
        return parquet.read_table(path).to_pylist()
    if kind == "arrow":
        return feather.read_table(path).to_pylist()
    with pa.input_stream(str(path), compression=None) as stream:
        data = stream.read()
    if compression == "gz":
        data = gzip.decompress(data)
    elif compression == "zst":
        data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    if kind == "jsonl":
        return [json.loads(line) for line in data.splitlines()]
    delimiter = "," if kind == "csv" else "\t"
    text = data.decode().splitlines(keepends=True)
    rows = csv.DictReader(text, delimiter=delimiter)
    return [{**row, "output": json.loads(row["output"])} for row in rows]


def labels_of(rows: list[dict]) -> list[str]:
    return [row["output"][0]["Label"] for row in rows]


@pytest.fixture(scope="module")
def expected(models) -> list[str]:
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as classify:
        return [answer["label"] for answer in classify(TEXTS)]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet", "arrow"])
def test_every_format_is_read_and_its_columns_are_carried_over(
    classify, tmp_path, expected, records_of, kind, compression
) -> None:
    source = write_rows(tmp_path / f"in.{kind}{compression}")
    done = classify("-i", source, "-o", tmp_path / "out", "--output-format", "jsonl")
    assert done.code == 0, done.stderr
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    assert labels_of(rows) == expected
    assert [row["input"] for row in rows] == TEXTS
    assert [str(row["id"]) for row in rows] == ["1", "2", "3"]
    assert [row["note"] for row in rows] == ["a", "", "c"]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet", "arrow"])
def test_every_format_is_written_with_the_columns_of_the_input(
    classify, tmp_path, expected, kind, compression
) -> None:
    if (kind, compression) == ("arrow", ".gz"):
        return
    source = write_rows(tmp_path / "in.jsonl")
    done = classify("-i", source, "-o", tmp_path / "out", "--output-format", kind + compression)
    assert done.code == 0, done.stderr
    # Parquet and Arrow compress within.
    inner = "" if kind in ("parquet", "arrow") else compression
    rows = read_rows(tmp_path / "out" / f"result_0.{kind}{inner}")
    assert labels_of(rows) == expected
    assert [row["input"] for row in rows] == TEXTS
    assert [row["note"] for row in rows] == ["a", "", "c"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow"])
def test_the_output_has_the_format_of_the_input(classify, tmp_path, kind) -> None:
    source = write_rows(tmp_path / f"in.{kind}")
    assert classify("-i", source, "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out" / f"result_0.{kind}").is_file()


def test_plain_text_is_a_text_a_line_blank_ones_included(classify, tmp_path, records_of) -> None:
    source = tmp_path / "in.txt"
    source.write_bytes(b"one\r\n\ntwo")
    assert classify("-i", source, "-o", tmp_path / "out").code == 0
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    assert [row["input"] for row in rows] == ["one", "", "two"]


def test_plain_text_out_is_the_results_alone(classify, tmp_path) -> None:
    source = write_rows(tmp_path / "in.jsonl")
    classify("-i", source, "-o", tmp_path / "out", "--output-format", "txt")
    lines = (tmp_path / "out" / "result_0.txt").read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line)[0]) for line in lines] == [["Label", "Score"]] * 3


@pytest.mark.parametrize(("kind", "dtype"), [("float32", pa.float32()), ("float16", pa.float16())])
@pytest.mark.parametrize("output", ["parquet", "arrow"])
def test_embeddings_are_fixed_size_lists(
    hugot_command, models, tmp_path, output, kind, dtype
) -> None:
    model = models / "bert-uncased-features"
    source = write_rows(tmp_path / "in.jsonl")
    done = hugot_command(
        *("run", "-p", model, "-t", "feature-extraction", "-i", source, "-o", tmp_path / "out"),
        *("--output-format", output, "--embedding-type", kind),
    )
    assert done.code == 0, done.stderr
    read = parquet.read_table if output == "parquet" else feather.read_table
    column = read(tmp_path / "out" / f"result_0.{output}")["output"]
    with hugot.pipeline("feature-extraction", model) as embed:
        vectors = embed(TEXTS)
    assert column.type == pa.list_(dtype, vectors.shape[1])
    found = column.combine_chunks().flatten().to_numpy().reshape(3, -1)
    assert np.array_equal(found, vectors.astype(found.dtype))


def test_token_vectors_are_lists_of_fixed_size_lists(hugot_command, models, tmp_path) -> None:
    model = models / "bert-uncased-features"
    source = write_rows(tmp_path / "in.jsonl")
    hugot_command(
        *("run", "-p", model, "-t", "feature-extraction", "-i", source, "-o", tmp_path / "out"),
        *("--output-format", "parquet", "--pooling", "none"),
    )
    column = parquet.read_table(tmp_path / "out" / "result_0.parquet")["output"]
    with hugot.pipeline("feature-extraction", model, pooling="none") as embed:
        for found, vectors in zip(column.to_pylist(), embed(TEXTS), strict=True):
            assert np.array_equal(np.array(found, np.float32), vectors)


def test_classifications_are_lists_of_structs(classify, tmp_path) -> None:
    source = write_rows(tmp_path / "in.jsonl")
    classify("-i", source, "-o", tmp_path / "out", "--output-format", "parquet", "--top-k", 2)
    kind = parquet.read_schema(tmp_path / "out" / "result_0.parquet").field("output").type
    assert pa.types.is_list(kind)
    assert {field.name: field.type for field in kind.value_type} == {
        "Label": pa.string(),
        "Score": pa.float32(),
    }


def test_entities_are_lists_of_structs_also_where_a_text_has_none(
    hugot_command, models, tmp_path
) -> None:
    source = write_rows(tmp_path / "in.jsonl", [{"input": ""}, {"input": "Wolfgang in Berlin"}])
    done = hugot_command(
        *("run", "-p", models / "bert-cased-token", "-t", "ner", "-i", source),
        *("-o", tmp_path / "out", "--output-format", "parquet", "--format", "transformers"),
    )
    assert done.code == 0, done.stderr
    first, second = parquet.read_table(tmp_path / "out" / "result_0.parquet")["output"].to_pylist()
    assert first == []
    assert list(second[0]) == ["entity_group", "score", "word", "start", "end"]


def test_numbers_of_any_size_are_carried_over_as_they_stand(classify, tmp_path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": 123456789012345678901234567890, "input": "a"}\n', encoding="utf-8")
    classify("-i", source, "-o", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "result_0.jsonl").read_text())["id"] == (
        123456789012345678901234567890
    )


def test_an_output_of_the_input_is_replaced(classify, tmp_path, records_of) -> None:
    source = write_rows(tmp_path / "in.jsonl", [{"output": 12345678901234567890, "input": "a"}])
    classify("-i", source, "-o", tmp_path / "out")
    text = (tmp_path / "out" / "result_0.jsonl").read_text(encoding="utf-8")
    assert text.count('"output"') == 1
    assert isinstance(json.loads(text)["output"], list)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_the_column_of_the_text_can_be_chosen(classify, tmp_path, expected, kind) -> None:
    rows = [{"id": row["id"], "body": row["input"], "input": "other"} for row in ROWS]
    source = write_rows(tmp_path / f"in.{kind}", rows)
    classify("-i", source, "-o", tmp_path / "out", "--input-column", "body")
    assert labels_of(read_rows(tmp_path / "out" / f"result_0.{kind}")) == expected


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_second_column_makes_pairs(classify, models, tmp_path, kind) -> None:
    rows = [{"input": "How many?", "second": "Three."}, {"input": "Who?", "second": "He."}]
    source = write_rows(tmp_path / f"in.{kind}", rows)
    done = classify("-i", source, "-o", tmp_path / "out", "--pair-column", "second")
    assert done.code == 0, done.stderr
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as pipeline:
        wanted = [pipeline({"text": r["input"], "text_pair": r["second"]}) for r in rows]
    found = [row["output"][0] for row in read_rows(tmp_path / "out" / f"result_0.{kind}")]
    assert [each["Score"] for each in found] == pytest.approx([each["score"] for each in wanted])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(classify, tmp_path, kind) -> None:
    source = write_rows(tmp_path / f"in.{kind}")
    done = classify("-i", source, "-o", tmp_path / "out", "--input-column", "body")
    assert done.code == 1
    assert "no column 'body'" in done.stderr
    assert "'note'" in done.stderr


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "arrow"])
def test_results_are_split_by_the_shard_size_in_order(classify, many_lines, tmp_path, kind) -> None:
    done = classify(
        *("-i", many_lines, "-o", tmp_path / "out", "--shard-size", 700, "--output-format", kind)
    )
    assert done.code == 0, done.stderr
    shards = [read_rows(tmp_path / "out" / f"result_{i}.{kind}") for i in range(3)]
    assert [len(rows) for rows in shards] == [700, 700, 600]
    assert [int(row["id"]) for rows in shards for row in rows] == list(range(2000))
    assert not (tmp_path / "out" / f"result_3.{kind}").exists()


def test_a_pattern_gives_the_files_that_it_matches_by_name(classify, tmp_path, records_of) -> None:
    for name in ("b1", "a1", "c"):
        write_rows(tmp_path / f"{name}.jsonl", [{"input": name}])
    classify("-i", tmp_path / "*1.jsonl", "-i", tmp_path / "c.jsonl", "-o", tmp_path / "out")
    rows = records_of(tmp_path / "out" / "result_0.jsonl")
    assert [row["input"] for row in rows] == ["a1", "b1", "c"]


def test_a_pattern_without_a_match_raises(classify, tmp_path) -> None:
    done = classify("-i", tmp_path / "*.jsonl")
    assert (done.code, "no file matches" in done.stderr) == (1, True)


def test_a_folder_of_several_kinds_needs_a_choice(classify, tmp_path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    write_rows(source / "a.csv")
    write_rows(source / "b.parquet")
    refused = classify("-i", source, "-o", tmp_path / "out")
    assert (refused.code, "--input-format" in refused.stderr) == (1, True)
    assert classify("-i", source, "-o", tmp_path / "out", "--input-format", "csv").code == 0
    assert len(read_rows(tmp_path / "out" / "result_0.csv")) == 3


def test_stdin_may_be_compressed_and_of_another_format(models) -> None:
    model = str(models / "bert-uncased-text")
    main = "from hugot.cli.main import main; main()"
    flags = ["-p", model, "-t", "text-classification", "--input-format", "csv"]
    done = subprocess.run(
        [sys.executable, "-c", main, "run", *flags],
        input=gzip.compress(b"id,input\n7,a film\n"),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["id"] == "7"


def test_a_new_key_becomes_a_column_that_was_null_before(classify, tmp_path) -> None:
    rows = [{"input": "a"}] * 1500 + [{"input": "b", "new": 7}]
    source = write_rows(tmp_path / "in.jsonl", rows)
    done = classify("-i", source, "-o", tmp_path / "out", "--output-format", "parquet")
    assert done.code == 0, done.stderr
    column = parquet.read_table(tmp_path / "out" / "result_0.parquet")["new"].to_pylist()
    assert column == [None] * 1500 + [7]


def test_lists_and_objects_become_text_in_columns(classify, tmp_path) -> None:
    source = write_rows(tmp_path / "in.jsonl", [{"input": "a", "meta": {"k": [1]}}])
    classify("-i", source, "-o", tmp_path / "out", "--output-format", "parquet")
    assert read_rows(tmp_path / "out" / "result_0.parquet")[0]["meta"] == '{"k":[1]}'


def test_values_that_fit_no_column_are_named_with_their_line(classify, tmp_path) -> None:
    rows = [{"input": "a", "k": 1}] * 1024 + [{"input": "b", "k": "text"}]
    source = write_rows(tmp_path / "in.jsonl", rows)
    done = classify("-i", source, "-o", tmp_path / "out", "--output-format", "parquet")
    assert done.code == 1
    assert "line 1025" in done.stderr
    assert "--output-format jsonl" in done.stderr


def test_no_input_gives_an_empty_file_of_columns(classify, tmp_path) -> None:
    source = write_rows(tmp_path / "in.jsonl", [])
    assert classify("-i", source, "-o", tmp_path / "out", "--output-format", "parquet").code == 0
    assert parquet.read_table(tmp_path / "out" / "result_0.parquet").num_rows == 0


@pytest.mark.parametrize("arguments", [("--output-format", "parquet"), ("--output-format", "x")])
def test_a_format_that_cannot_be_written_raises(classify, tmp_path, arguments) -> None:
    done = classify("-i", write_rows(tmp_path / "in.jsonl"), *arguments)
    assert done.code in (1, 2)
    assert "format" in done.stderr


@pytest.mark.parametrize("name", ["in.parquet", "in.jsonl.zst"])
def test_a_missing_pyarrow_names_the_extra(classify, tmp_path, monkeypatch, name) -> None:
    source = write_rows(tmp_path / name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    done = classify("-i", source, "-o", tmp_path / "out", "--output-format", "jsonl")
    assert done.code == 1
    assert "hugot[arrow]" in done.stderr


def test_lines_and_columns_are_not_mixed(classify, tmp_path) -> None:
    first, second = write_rows(tmp_path / "in.jsonl"), write_rows(tmp_path / "in.parquet")
    assert "mixes" in classify("-i", first, "-i", second, "-o", tmp_path / "out").stderr
