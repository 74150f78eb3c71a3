"""Parquet and Arrow files in and out of `hugot run`: columns, types, nulls, folders."""

from __future__ import annotations

import csv
import datetime
import decimal
import json

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

from pyarrow import dataset, feather, parquet  # noqa: E402

import hugot  # noqa: E402

KINDS = ["parquet", "arrow"]
RESULT = pa.list_(pa.struct([("Label", pa.string()), ("Score", pa.float32())]))


def write(table, path):
    if path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        parquet.write_table(table, path)
    return path


def read(path):
    return feather.read_table(path) if path.suffix == ".arrow" else parquet.read_table(path)


@pytest.fixture
def classified(classify, tmp_path):
    """Runs a tiny classifier over a table or a path; returns the table of its results."""

    def run(source, kind: str = "parquet", *flags: object):
        if not hasattr(source, "suffix"):
            source = write(source, tmp_path / f"in.{kind}")
        done = classify("-i", source, "-o", tmp_path / f"out.{kind}", *flags)
        assert done.code == 0, done.stderr
        return read(tmp_path / f"out.{kind}")

    return run


# No rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", KINDS)
def test_a_file_without_rows_keeps_its_columns_and_gains_output(
    classify, tmp_path, kind, to
) -> None:
    columns = pa.schema(
        [("day", pa.date32()), ("input", pa.string()), ("n", pa.uint8())], {"a": "b"}
    )
    source = write(columns.empty_table(), tmp_path / f"in.{kind}")
    out = tmp_path / f"out.{to}"
    assert classify("-i", source, "-o", out).code == 0
    found = read(out)
    assert found.num_rows == 0
    assert found.schema.equals(columns.append(pa.field("output", RESULT)))
    assert found.schema.metadata == {b"a": b"b"}


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_a_header_alone_becomes_columns_of_text_and_output(classify, tmp_path, kind) -> None:
    source = tmp_path / f"in.{kind}"
    source.write_text("id,input\n".replace(",", "," if kind == "csv" else "\t"), encoding="utf-8")
    assert classify("-i", source, "-o", tmp_path / "out.parquet").code == 0
    schema = parquet.read_schema(tmp_path / "out.parquet")
    assert [(field.name, field.type) for field in schema] == [
        *(("id", pa.string()), ("input", pa.string()), ("output", RESULT))
    ]
    assert classify("-i", source, "-o", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == b"id,input,output\n"


def test_a_file_of_columns_without_rows_becomes_a_header(classify, tmp_path) -> None:
    source = write(pa.table({"input": pa.array([], "string"), "n": []}), tmp_path / "in.parquet")
    assert classify("-i", source, "-o", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == b"input,n,output\n"
    assert classify("-i", source, "-o", tmp_path / "out.jsonl").code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_no_lines_of_json_become_an_output_of_its_type(hugot_command, models, tmp_path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"")
    run = ("run", "-p", models / "bert-uncased-features", "-t", "feature-extraction")
    hugot_command(*run, "-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.parquet")
    [field] = parquet.read_schema(tmp_path / "out.parquet")
    assert (field.name, pa.types.is_fixed_size_list(field.type)) == ("output", True)


def test_a_file_whose_rows_all_are_refused_keeps_its_columns(classify, tmp_path) -> None:
    (tmp_path / "in.csv").write_text("id,input\n1," + "word " * 3000 + "\n", encoding="utf-8")
    flags = ("-i", tmp_path / "in.csv", "--truncation", "error", "--on-error", "skip")
    for name in ("out.csv", "out.parquet"):
        assert classify(*flags, "-o", tmp_path / name).code == 3
    assert (tmp_path / "out.csv").read_bytes() == b"id,input,output\n"
    assert parquet.read_schema(tmp_path / "out.parquet").names == ["id", "input", "output"]


def test_a_file_without_rows_among_others_adds_its_columns(classified, tmp_path) -> None:
    for name, rows in (("a", 0), ("b", 2), ("c", 0)):
        write(pa.table({"input": ["x"] * rows, name: [1] * rows}), tmp_path / f"{name}.parquet")
    found = classified(tmp_path / "*.parquet")
    assert found.column_names[:4] == ["input", "a", "output", "b"]
    assert found.num_rows == 2


# Nulls


@pytest.mark.parametrize("column", ["plain", "dictionary", "view", "large", "binary"])
@pytest.mark.parametrize("kind", ["parquet", "arrow", "jsonl", "csv", "txt"])
def test_a_null_has_a_null_result_in_every_format(classify, models, tmp_path, column, kind) -> None:
    texts = pa.array(["a film", None, "another", None])
    if column == "dictionary":
        texts = texts.dictionary_encode()
    elif column != "plain":
        types = {"view": pa.string_view(), "large": pa.large_string(), "binary": pa.binary()}
        texts = pa.array(texts.to_pylist(), types[column])
    source = write(pa.table({"id": range(4), "input": texts}), tmp_path / "in.arrow")
    out = tmp_path / f"out.{kind}"
    done = classify("-i", source, "-o", out, "--format", "transformers")
    assert done.code == 0, done.stderr
    assert "4 records, 2 null in" in done.stderr
    if kind in KINDS:
        results = read(out)["output"].to_pylist()
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
    source = write(pa.table({"input": pa.array(texts, "string")}), tmp_path / f"in.{kind}")
    assert hugot_command(*run, "-i", source, "-o", tmp_path / f"out.{kind}").code == 0
    full = pa.table({"input": pa.array([text for text in texts if text] or ["x"])})
    source = write(full, tmp_path / f"full.{kind}")
    assert hugot_command(*run, "-i", source, "-o", tmp_path / f"whole.{kind}").code == 0
    found = read(tmp_path / f"out.{kind}")["output"]
    wanted = read(tmp_path / f"whole.{kind}")["output"]
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
    source = write(pa.table({"id": range(len(texts)), "input": texts}), tmp_path / "in.parquet")
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
    source = write(pa.table({"id": range(7), "input": texts}), tmp_path / "in.parquet")
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
    source = write(pa.table({"input": ["a", None]}), tmp_path / "in.parquet")
    run = ("run", "-p", models / "bert-uncased-features", "-t", "feature-extraction", "-i", source)
    monkeypatch.setattr(pa, "__version__", "20.0.0")
    done = hugot_command(*run, "-o", tmp_path / "out.parquet")
    assert (done.code, "--output-format arrow" in done.stderr) == (1, True)
    assert hugot_command(*run, "-o", tmp_path / "out.arrow").code == 0


# Values


VALUES = {
    "date": (pa.array([datetime.date(2020, 1, 1)]), "2020-01-01"),
    "decimal": (pa.array([decimal.Decimal("1.10")]), "1.10"),
    "small": (pa.array([decimal.Decimal("0.0000000010")]), "0.0000000010"),
    "time": (pa.array([datetime.time(12, 30)]), "12:30:00"),
    "nanotime": (pa.array([45_000_000_000_001], pa.time64("ns")), "12:30:00.000000001"),
    "stamp": (pa.array([datetime.datetime(2020, 1, 1, 12, 30)]), "2020-01-01T12:30:00"),
    "zoned": (
        pa.array([1_577_836_800_500], pa.timestamp("ms", "Europe/Berlin")),
        "2020-01-01T01:00:00.500000+01:00",
    ),
    "nano": (
        pa.array([-1], pa.timestamp("ns", "UTC")),
        "1969-12-31T23:59:59.999999999+00:00",
    ),
    "duration": (pa.array([datetime.timedelta(minutes=-1, seconds=-30.5)]), "-PT90.5S"),
    "bytes": (pa.array([b"\xff\x00"]), "/wA="),
    "uuid": (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(range(16))], pa.binary(16)))
        if hasattr(pa, "uuid")
        else pa.array(["00010203-0405-0607-0809-0a0b0c0d0e0f"]),
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
    ),
    "category": (pa.array(["red"]).dictionary_encode(), "red"),
    "view": (pa.array(["seen"], pa.string_view()), "seen"),
}
NUMBERS = {
    "uint64": (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
    "float32": (pa.array([0.1], pa.float32()), 0.1),
    "float16": (pa.array([np.float16(0.1)]), 0.1),
    "float64": (pa.array([0.1]), 0.1),
    "true": (pa.array([True]), True),
    "list": (pa.array([[datetime.date(2020, 1, 1)]]), ["2020-01-01"]),
    "struct": (
        pa.array(
            [{"x": decimal.Decimal("1.10"), "y": None}],
            pa.struct([("x", pa.decimal128(3, 2)), ("y", pa.int8())]),
        ),
        {"x": "1.10", "y": None},
    ),
    "vector": (pa.array([[0.1, 0.2]], pa.list_(pa.float32(), 2)), [0.1, 0.2]),
    "map": (pa.array([[("k", b"a")]], pa.map_(pa.string(), pa.binary())), [["k", "YQ=="]]),
}


@pytest.fixture(scope="module")
def values_file(tmp_path_factory):
    """A file with a row of values of many types, and a row of nulls."""
    columns = {name: value[0] for name, value in {**VALUES, **NUMBERS}.items()}
    nulls = {name: pa.nulls(1, column.type) for name, column in columns.items()}
    table = pa.concat_tables(
        [pa.table({"input": ["a"], **columns}), pa.table({"input": ["b"], **nulls})]
    )
    return write(table.unify_dictionaries(), tmp_path_factory.mktemp("values") / "in.arrow")


def test_values_of_columns_become_cells_that_other_programs_read(
    classify, values_file, tmp_path
) -> None:
    assert classify("-i", values_file, "-o", tmp_path / "out.csv").code == 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        row, nulls = csv.DictReader(file)
    assert {name: row[name] for name in VALUES} == {
        name: text for name, (_, text) in VALUES.items()
    }
    assert {name: row[name] for name in NUMBERS} == {
        name: json.dumps(value, separators=(",", ":")) for name, (_, value) in NUMBERS.items()
    }
    assert {nulls[name] for name in (*VALUES, *NUMBERS)} == {""}


def test_values_of_columns_become_values_of_json(
    classify, values_file, tmp_path, records_of
) -> None:
    assert classify("-i", values_file, "-o", tmp_path / "out.jsonl").code == 0
    row, nulls = records_of(tmp_path / "out.jsonl")
    wanted = {name: value for name, (_, value) in {**VALUES, **NUMBERS}.items()}
    assert {name: row[name] for name in wanted} == wanted
    assert {nulls[name] for name in wanted} == {None}


def test_values_of_columns_are_the_same_in_columns(classified, values_file) -> None:
    found, wanted = classified(values_file, "arrow"), feather.read_table(values_file)
    assert found.drop_columns("output").equals(wanted)


def test_numbers_that_json_does_not_have_are_text_in_cells(classify, tmp_path) -> None:
    numbers = pa.array([float("nan"), float("inf"), None], pa.float32())
    table = pa.table({"input": ["a", "b", "c"], "f": numbers, "d": numbers.cast(pa.float64())})
    classify("-i", write(table, tmp_path / "in.parquet"), "-o", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["f"] for row in rows] == [row["d"] for row in rows] == ["nan", "inf", ""]


def test_a_text_that_is_carried_over_and_is_not_utf_8_is_named(classify, tmp_path) -> None:
    table = pa.table({"input": ["a", "b"], "note": broken_text()})
    source = write(table, tmp_path / "in.arrow")
    done = classify("-i", source, "-o", tmp_path / "out.jsonl")
    assert (done.code, f"{source}, row 2: a text is not UTF-8" in done.stderr) == (1, True)


def broken_text():
    """A column of strings, of which the second is not UTF-8."""
    offsets = pa.py_buffer(np.array([0, 1, 3], np.int32).tobytes())
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"xa\xff")])


# Texts


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()],
    ids=str,
)
@pytest.mark.parametrize("encoded", [False, True])
def test_every_type_of_text_is_read_and_kept(classified, kind, encoded) -> None:
    texts = pa.array(["Ünïcode", "b", "Ünïcode"], kind)
    if encoded and pa.types.is_string_view(kind):
        indices = pa.array([0, 1, 0], pa.int8())
        texts = pa.DictionaryArray.from_arrays(indices, pa.array(["Ünïcode", "b"], kind))
    elif encoded:
        texts = texts.dictionary_encode()
    found = classified(pa.table({"input": texts}), "arrow")
    plain = classified(pa.table({"input": ["Ünïcode", "b", "Ünïcode"]}), "arrow", "--overwrite")
    assert found["output"].equals(plain["output"])
    assert found["input"].type == texts.type
    assert found["input"].to_pylist() == texts.to_pylist()


def test_texts_of_bytes_are_written_as_texts(classify, tmp_path, records_of) -> None:
    table = pa.table({"input": [b"text", None], "blob": [b"blob", None]})
    classify("-i", write(table, tmp_path / "in.parquet"), "-o", tmp_path / "out.jsonl")
    first, second = records_of(tmp_path / "out.jsonl")
    assert (first["input"], first["blob"]) == ("text", "YmxvYg==")
    assert (second["input"], second["blob"]) == (None, None)


@pytest.mark.parametrize("kind", ["binary", "fixed", "string", "words"])
def test_bytes_that_are_no_text_are_a_bad_row(classify, tmp_path, records_of, kind) -> None:
    column = {
        "binary": lambda: pa.array([b"ab", b"a\xff", b"cd"]),
        "fixed": lambda: pa.array([b"ab", b"a\xff", b"cd"], pa.binary(2)),
        "string": lambda: pa.concat_arrays([broken_text(), pa.array(["c"])]),
        "words": lambda: pa.array([[b"ab"], [b"a\xff"], [b"c"]]),
    }[kind]()
    source = write(pa.table({"input": column}), tmp_path / "in.arrow")
    words = kind == "words"
    done = classify("-i", source, "-o", tmp_path / "out")
    reason = "the column 'input' is not UTF-8: byte 2 of the text (invalid start byte)"
    assert done.code == 1
    if not words:  # whose first row is refused for its type
        assert f"{source}, row 2: {reason}" in done.stderr
    flags = ("--overwrite", "--on-error", "skip")
    assert classify("-i", source, "-o", tmp_path / "out", *flags).code == 3
    errors = records_of(tmp_path / "out.hugot" / "errors.jsonl")
    assert (2, reason) in [(error["line"], error["reason"]) for error in errors]
    if not words:
        assert read(tmp_path / "out" / "result_0.arrow").num_rows == 2


def test_a_number_is_refused_as_a_row(classify, tmp_path) -> None:
    source = write(pa.table({"input": [1, 2]}), tmp_path / "in.parquet")
    done = classify("-i", source, "-o", tmp_path / "out")
    assert done.stderr.startswith(f"hugot: {source}, row 1: ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_can_be_a_member_of_structs(classified, kind) -> None:
    inner = pa.StructArray.from_arrays([pa.array(["a", None, "c"])], ["text"])
    meta = pa.StructArray.from_arrays([inner], ["in"], mask=pa.array([False, False, True]))
    plain = classified(pa.table({"input": ["a", None, None]}), kind)["output"]
    found = classified(
        pa.table({"meta": meta}), kind, "--input-column", "meta.in.text", "--overwrite"
    )
    assert found["output"].equals(plain)
    assert found["meta"].to_pylist() == meta.to_pylist()


def test_a_column_with_a_dot_in_its_name_goes_before_a_member(classified) -> None:
    meta = pa.array([{"text": "the film"}])
    both = pa.table(
        {"meta": meta, "meta.text": [None]},
        pa.schema([("meta", meta.type), ("meta.text", pa.string())]),
    )
    assert classified(both, "parquet", "--input-column", "meta.text")["output"].to_pylist() == [
        None
    ]


def test_members_are_listed_if_there_is_no_such_column(classify, tmp_path) -> None:
    source = write(pa.table({"meta": [{"text": "a"}]}), tmp_path / "in.parquet")
    done = classify("-i", source, "-o", tmp_path / "out", "--input-column", "meta.txt")
    assert done.code == 1
    assert "no column 'meta.txt'; it has 'meta', 'meta.text'" in done.stderr


# Schemas


@pytest.mark.parametrize("kind", KINDS)
def test_two_columns_of_one_name_are_refused(classify, tmp_path, kind) -> None:
    table = pa.Table.from_arrays(
        [pa.array(["a"]), pa.array([1]), pa.array([2])], ["input", "n", "n"]
    )
    source = write(table, tmp_path / f"in.{kind}")
    done = classify("-i", source, "-o", tmp_path / "out")
    assert (done.code, f"{source} has more than one column 'n'" in done.stderr) == (1, True)


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_of_schema_and_columns_survives(classified, kind) -> None:
    fields = [pa.field("input", pa.string(), False, {"unit": "words"}), pa.field("n", pa.int8())]
    table = pa.table([["a"], [1]], pa.schema(fields, {"made by": "hand"}))
    found = classified(table, kind).schema
    assert found.metadata[b"made by"] == b"hand"
    assert found.field("input").metadata[b"unit"] == b"words"
    assert not found.field("input").nullable


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_of_pandas_is_read_back_with_its_index_and_categories(classified, kind) -> None:
    pandas = pytest.importorskip("pandas")
    colours = pandas.Categorical(["red", None], categories=["blue", "red"], ordered=True)
    index = pandas.Index([5, 7], name="key")
    frame = pandas.DataFrame(
        {"input": ["a", "b"], "colour": colours, "output": [1, 2]}, index=index
    )
    table = classified(pa.Table.from_pandas(frame), kind)
    entries = json.loads(table.schema.metadata[b"pandas"])["columns"]
    assert sorted(entry["field_name"] for entry in entries) == ["colour", "input", "key", "output"]
    found = table.to_pandas()
    assert found["colour"].equals(frame["colour"])
    assert found.index.equals(frame.index)
    assert found["output"].map(len).tolist() == [1, 1]


def test_the_default_index_of_pandas_is_that_of_the_rows_written(classified, tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    for name in ("a", "b"):
        pandas.DataFrame({"input": [name] * 3}).to_parquet(tmp_path / f"{name}.parquet")
    assert classified(tmp_path / "*.parquet").to_pandas().index.tolist() == list(range(6))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [3, 5000])
def test_dictionaries_survive_with_their_values_and_order(classified, tmp_path, kind, rows) -> None:
    values = pa.array(["c", "a", "b", "never"])
    indices = pa.array([(i * 7) % 3 if i % 5 else None for i in range(rows)], pa.int8())
    column = pa.DictionaryArray.from_arrays(indices, values, ordered=True)
    table = pa.table({"input": ["x"] * rows, "d": column})
    found = classified(table, kind)["d"]
    # pyarrow 17 reads the indices of Parquet as int32.
    assert found.type == read(write(table, tmp_path / f"again.{kind}"))["d"].type
    assert found.to_pylist() == column.to_pylist()
    if kind == "arrow":
        assert found.chunk(0).dictionary.equals(values)


@pytest.mark.parametrize("kind", KINDS)
def test_files_with_other_dictionaries_become_one(classified, tmp_path, kind) -> None:
    wanted = []
    for number in range(4):
        texts = [f"{number % 3} {i % 100}" for i in range(1500)]
        wanted += texts
        column = pa.array(texts).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
        write(pa.table({"input": ["x"] * 1500, "d": column}), tmp_path / f"{number}.{kind}")
    found = classified(tmp_path / f"[0-9].{kind}", kind)["d"]
    assert found.to_pylist() == wanted
    assert pa.types.is_dictionary(found.type)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["dictionary", "plain"])
def test_dictionaries_and_plain_values_become_plain(classified, tmp_path, kind, first) -> None:
    plain = pa.array(["u", "v", None])
    columns = [plain.dictionary_encode(), plain]
    for number, column in enumerate(columns if first == "dictionary" else columns[::-1]):
        write(pa.table({"input": ["x"] * 3, "d": column}), tmp_path / f"{number}.{kind}")
    found = classified(tmp_path / f"[0-9].{kind}", kind)["d"]
    assert (found.type, found.to_pylist()) == (pa.string(), ["u", "v", None] * 2)


def test_dictionaries_within_lists_become_plain(classified) -> None:
    items = pa.array(["u", "v", "u"]).dictionary_encode()
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3]), items)
    found = classified(pa.table({"input": ["a", "b"], "l": lists}), "arrow")["l"]
    assert (found.type, found.to_pylist()) == (pa.list_(pa.string()), [["u", "v"], ["u"]])


def test_run_end_encoding_becomes_plain(classify, tmp_path) -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["u", None]))
    table = pa.table({"input": runs, "r": runs})
    source = write(table, tmp_path / "in.arrow")
    assert classify("-i", source, "-o", tmp_path / "out.parquet").code == 0
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found["r"].to_pylist() == ["u", "u", None]
    assert [each is None for each in found["output"].to_pylist()] == [False, False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_polars_survive(classified, tmp_path, kind) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"input": ["a", None, "c"], "c": ["x", "y", "x"]}).with_columns(
        c=polars.col("c").cast(polars.Categorical),
        e=polars.Series(["u", "v", "u"], dtype=polars.Enum(["v", "u"])),
    )
    source = tmp_path / f"in.{kind}"
    (frame.write_ipc if kind == "arrow" else frame.write_parquet)(source)
    classified(source, kind)
    read_frame = polars.read_ipc if kind == "arrow" else polars.read_parquet
    found = read_frame(tmp_path / f"out.{kind}")
    assert found.drop("output").equals(frame)
    assert found.schema["e"] == frame.schema["e"]
    assert found["output"].is_null().to_list() == [False, True, False]


def test_a_type_that_parquet_does_not_have_is_named(classify, tmp_path) -> None:
    kind = pa.month_day_nano_interval()
    table = pa.table({"input": ["a"], "i": pa.array([(1, 2, 3)], kind)})
    source = write(table, tmp_path / "in.arrow")
    done = classify("-i", source, "-o", tmp_path / "out.parquet")
    assert done.code == 1
    assert f"{source}, from row 1 on: " in done.stderr
    assert "Parquet has no type for month_day_nano_interval, that of i" in done.stderr
    assert classify("-i", source, "-o", tmp_path / "out.arrow").code == 0


def test_views_become_a_type_that_parquet_has(classify, tmp_path) -> None:
    table = pa.table({"input": pa.array(["a", None], pa.string_view())})
    source = write(table, tmp_path / "in.arrow")
    assert classify("-i", source, "-o", tmp_path / "out.parquet").code == 0
    assert parquet.read_table(tmp_path / "out.parquet")["input"].to_pylist() == ["a", None]


def test_a_column_that_only_some_files_require_may_be_null(classified, tmp_path) -> None:
    required = pa.schema([pa.field("input", pa.string(), False), pa.field("n", pa.int64(), False)])
    write(pa.table([["a"], [1]], required), tmp_path / "a.parquet")
    write(pa.table({"input": ["b"]}), tmp_path / "b.parquet")
    assert classified(tmp_path / "[ab].parquet")["n"].to_pylist() == [1, None]


# Whole numbers


def lines(*values: object) -> bytes:
    return b"".join(
        json.dumps({"input": "a", "n": value}).encode() + b"\n"
        for value in values
        for _ in range(1024)
    )


@pytest.mark.parametrize("values", [(2**64 - 1, 5), (5, 2**64 - 1)])
def test_numbers_of_64_bits_without_a_sign_are_kept(classified, tmp_path, values) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*values))
    column = classified(tmp_path / "in.jsonl")["n"]
    assert column.type == pa.uint64()
    assert set(column.to_pylist()) == set(values)


@pytest.mark.parametrize(
    "values", [(2**64 - 1, -5), (-5, 2**64 - 1), (2**53 + 1, 0.5), (0.5, 2**53 + 1)]
)
def test_numbers_that_a_common_type_would_change_are_refused(classify, tmp_path, values) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(lines(*values))
    done = classify("-i", source, "-o", tmp_path / "out.parquet")
    assert done.code == 1
    assert (
        f"{source}, from line 1025 on: a key's values do not fit its column (n has" in done.stderr
    )


@pytest.mark.parametrize("values", [(3, 0.5), (0.5, 3)])
def test_small_whole_numbers_become_fractions(classified, tmp_path, values) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*values))
    assert classified(tmp_path / "in.jsonl")["n"].to_pylist()[::1024] == list(values)


# Folders with keys


@pytest.fixture
def hive(tmp_path):
    """Writes a small file into each of some folders."""

    def make(*folders: str, kind: str = "parquet", **columns):
        for number, folder in enumerate(folders):
            (tmp_path / "in" / folder).mkdir(parents=True)
            table = pa.table({"input": [f"text {number}"], **columns})
            write(table, tmp_path / "in" / folder / f"part.{kind}")
        return tmp_path / "in"

    return make


@pytest.mark.parametrize(
    "folders",
    [
        ("day=1", "day=2"),
        ("day=01", "day=-2"),
        ("day=1", "day=a"),
        ("day=1", "day=3000000000"),
        ("day=+1",),
        ("day=2020-01-01", "day=__HIVE_DEFAULT_PARTITION__"),
        ("day=1", "day=__HIVE_DEFAULT_PARTITION__"),
        ("day=a%20b", "day=a=b"),
        ("year=2020/month=1", "year=2020/month=x", "year=2021/month=2"),
    ],
    ids=str,
)
def test_the_keys_of_folders_are_columns_as_pyarrow_reads_them(classified, hive, folders) -> None:
    folder = hive(*folders)
    found = classified(folder).drop_columns("output").sort_by("input")
    wanted = dataset.dataset(folder, partitioning="hive").to_table().sort_by("input")
    assert found.equals(wanted.cast(found.schema))
    assert [field.type for field in found.schema] == [field.type for field in wanted.schema]


def test_the_keys_of_folders_of_arrow_files_are_columns(classified, hive) -> None:
    assert classified(hive("day=1", "day=2", kind="arrow"), "arrow")["day"].to_pylist() == [1, 2]


def test_a_pattern_reads_the_keys_of_the_folders_that_it_matches(classified, hive) -> None:
    folder = hive("year=2020/day=1", "year=2020/day=2", "year=2021/day=1")
    found = classified(folder / "year=2020" / "day=*" / "*.parquet")
    assert found.column_names == ["input", "day", "output"]
    assert found["day"].to_pylist() == [1, 2]


def test_a_file_keeps_its_own_column_of_a_key(classified, hive) -> None:
    assert classified(hive("day=1", day=[7]))["day"].to_pylist() == [7]


def test_a_key_of_a_folder_can_be_the_text(classified, hive) -> None:
    found = classified(
        hive("t=a film", "t=__HIVE_DEFAULT_PARTITION__"), "parquet", "--input-column", "t"
    )
    assert [each is None for each in found["output"].to_pylist()] == [True, False]


def test_folders_that_are_no_keys_are_not_read(classified, hive) -> None:
    folder = hive("day=1", "other")
    assert classified(folder).num_rows == 1


# Damage


def test_a_file_that_is_damaged_within_is_named(classify, tmp_path) -> None:
    source = write(pa.table({"input": [str(i) for i in range(50_000)]}), tmp_path / "in.parquet")
    data = bytearray(source.read_bytes())
    data[1000:2000] = b"\xff" * 1000
    source.write_bytes(data)
    done = classify("-i", source, "-o", tmp_path / "out")
    assert done.code == 1
    assert f"{source} cannot be read as parquet" in done.stderr
    assert "Traceback" not in done.stderr


def test_rows_are_called_rows(classify, tmp_path) -> None:
    source = write(pa.table({"input": [b"a", b"\xff"]}), tmp_path / "in.parquet")
    done = classify(
        *("-i", source, "-o", tmp_path / "out", "--on-error", "skip", "--log-seconds", 0)
    )
    assert "hugot: 2 rows, " in done.stderr
    assert "hugot: 1 record, 1 bad in " in done.stderr
    assert "hugot: 1 row could not be run; " in done.stderr
