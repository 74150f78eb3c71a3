"""Nulls in columns of texts: `hugot run` writes nulls."""

from __future__ import annotations

import csv
import json

import pytest

pa = pytest.importorskip("pyarrow")

from column_files import read_table, write_table  # noqa: E402
from pyarrow import parquet  # noqa: E402

import hugot  # noqa: E402

KINDS = ["parquet", "arrow"]
RESULT = pa.list_(pa.struct([("Label", pa.string()), ("Score", pa.float32())]))


@pytest.mark.parametrize("column", ["plain", "dictionary", "view", "large", "binary"])
@pytest.mark.parametrize("kind", ["parquet", "arrow", "jsonl", "csv", "txt"])
def test_a_null_has_a_null_result_in_every_format(classify, models, tmp_path, column, kind) -> None:
    texts = pa.array(["a film", None, "another", None])
    if column == "dictionary":
        texts = texts.dictionary_encode()
    elif column != "plain":
        types = {"view": pa.string_view(), "large": pa.large_string(), "binary": pa.binary()}
        texts = pa.array(texts.to_pylist(), types[column])
    source = write_table(pa.table({"id": range(4), "input": texts}), tmp_path / "in.arrow")
    out = tmp_path / f"out.{kind}"
    done = classify("-i", source, "-o", out, "--format", "transformers")
    assert done.code == 0, done.stderr
    assert "4 records, 2 null in" in done.stderr
    if kind in KINDS:
        results = read_table(out)["output"].to_pylist()
    elif kind == "csv":
        with out.open(newline="", encoding="utf-8") as file:
            cells = [row["output"] for row in csv.DictReader(file)]
        results = [json.loads(cell) if cell else None for cell in cells]
    else:
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        results = lines if kind == "txt" else [line["output"] for line in lines]
    assert results[1] is results[3] is None
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as pipeline:
        wanted = pipeline(["a film", "another"])
    found = [results[0][0], results[2][0]]
    assert [each["label"] for each in found] == [each["label"] for each in wanted]
    assert [each["score"] for each in found] == pytest.approx([each["score"] for each in wanted])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("model", "task", "flags"),
    [
        ("bert-uncased-features", "feature-extraction", ()),
        ("bert-uncased-features", "feature-extraction", ("--embedding-type", "float16")),
        ("bert-uncased-features", "feature-extraction", ("--pooling", "none")),
        ("bert-cased-token", "ner", ()),
        ("bert-uncased-text", "text-classification", ("--top-k", "none")),
    ],
)
@pytest.mark.parametrize("texts", [["one", None, "two"], [None, None], [None] * 3000 + ["end"]])
def test_nulls_do_not_move_the_results_of_other_rows(
    hugot_command, models, tmp_path, model, task, flags, texts, kind
) -> None:
    if kind == "parquet" and model == "bert-uncased-features" and int(pa.__version__[:2]) < 26:
        pytest.skip("nulls among vectors need pyarrow 26")
    run = ("run", "-p", models / model, "-t", task, *flags)
    source = write_table(pa.table({"input": pa.array(texts, "string")}), tmp_path / f"in.{kind}")
    assert hugot_command(*run, "-i", source, "-o", tmp_path / f"out.{kind}").code == 0
    full = pa.table({"input": pa.array([text for text in texts if text] or ["x"])})
    source = write_table(full, tmp_path / f"full.{kind}")
    assert hugot_command(*run, "-i", source, "-o", tmp_path / f"whole.{kind}").code == 0
    found = read_table(tmp_path / f"out.{kind}")["output"]
    wanted = read_table(tmp_path / f"whole.{kind}")["output"]
    assert found.type == wanted.type
    assert [each is None for each in found.to_pylist()] == [text is None for text in texts]
    if any(texts):
        assert_close(found.drop_null().to_pylist(), wanted.to_pylist())


def assert_close(found, wanted) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        found, wanted = list(found.values()), list(wanted.values())
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_close(one, other)
    else:
        assert found == (pytest.approx(wanted, abs=2e-3) if isinstance(wanted, float) else wanted)


def test_a_column_of_nulls_without_a_type_has_null_results(classified) -> None:
    found = classified(pa.table({"input": pa.nulls(3)}))
    assert found["output"].to_pylist() == [None] * 3
    assert found["output"].type == RESULT


def test_a_pair_with_a_null_in_it_has_a_null_result(classified) -> None:
    table = pa.table({"input": ["a", None, "c", "d"], "second": ["A", "B", None, "D"]})
    found = classified(table, "parquet", "--pair-column", "second")["output"]
    assert [each is None for each in found.to_pylist()] == [False, True, True, False]


@pytest.mark.parametrize("size", [1, 3, 700])
def test_nulls_are_counted_as_records_of_shards_and_of_resuming(
    classify, tmp_path, size, monkeypatch
) -> None:
    texts = [None if i % 3 == 1 else f"text {i}" for i in range(1500 if size > 3 else 20)]
    source = write_table(
        pa.table({"id": range(len(texts)), "input": texts}), tmp_path / "in.parquet"
    )
    flags = ("-i", source, "-o", tmp_path / "out", "--shard-size", size)
    stop_after(monkeypatch, 2)
    assert classify(*flags).code == 1
    monkeypatch.undo()
    assert classify(*flags, "--resume").code == 0
    tables = [
        parquet.read_table(tmp_path / "out" / f"result_{i}.parquet")
        for i in range(-(-len(texts) // size))
    ]
    assert all(table.num_rows == size for table in tables[:-1])
    rows = pa.concat_tables(tables).to_pylist()
    assert [row["id"] for row in rows] == list(range(len(texts)))
    assert [row["output"] is None for row in rows] == [text is None for text in texts]


def stop_after(monkeypatch, files: int) -> None:
    """Have the run fail behind some result files."""
    from hugot.io.output import FileOutput

    complete, made = FileOutput._complete, []

    def fails(self) -> None:
        complete(self)
        made.append(1)
        if len(made) == files:
            raise OSError("the disk is gone")

    monkeypatch.setattr(FileOutput, "_complete", fails)


def test_nulls_beside_refused_rows_keep_their_places(classify, tmp_path, records_of) -> None:
    long = "word " * 3000
    texts = ["a", None, long, None, "b", long, None]
    source = write_table(pa.table({"id": range(7), "input": texts}), tmp_path / "in.parquet")
    flags = ("-i", source, "--truncation", "error", "--on-error", "skip")
    assert classify(*flags, "-o", tmp_path / "out.jsonl").code == 3
    rows = records_of(tmp_path / "out.jsonl")
    assert [(row["id"], row["output"] is None) for row in rows] == [
        *((0, False), (1, True), (3, True), (4, False), (6, True))
    ]
    errors = records_of(tmp_path / "out.jsonl.hugot" / "errors.jsonl")
    assert [error["line"] for error in errors] == [3, 6]


def test_null_vectors_are_not_written_to_a_file_that_could_not_be_read(
    hugot_command, models, tmp_path, monkeypatch
) -> None:
    source = write_table(pa.table({"input": ["a", None]}), tmp_path / "in.parquet")
    run = ("run", "-p", models / "bert-uncased-features", "-t", "feature-extraction", "-i", source)
    monkeypatch.setattr(pa, "__version__", "20.0.0")
    done = hugot_command(*run, "-o", tmp_path / "out.parquet")
    assert (done.code, "--output-format arrow" in done.stderr) == (1, True)
    assert hugot_command(*run, "-o", tmp_path / "out.arrow").code == 0
