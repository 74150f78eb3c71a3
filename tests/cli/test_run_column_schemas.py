"""Types, dictionaries and metadata of columns survive `hugot run`."""

from __future__ import annotations

import json

import pytest

pa = pytest.importorskip("pyarrow")

from column_files import read_table, write_table  # noqa: E402
from pyarrow import parquet  # noqa: E402

KINDS = ["parquet", "arrow"]
RESULT = pa.list_(pa.struct([("Label", pa.string()), ("Score", pa.float32())]))


@pytest.mark.parametrize("kind", KINDS)
def test_two_columns_of_one_name_are_refused(classify, tmp_path, kind) -> None:
    table = pa.Table.from_arrays(
        [pa.array(["a"]), pa.array([1]), pa.array([2])], ["input", "n", "n"]
    )
    source = write_table(table, tmp_path / f"in.{kind}")
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
    assert found.type == read_table(write_table(table, tmp_path / f"again.{kind}"))["d"].type
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
        write_table(pa.table({"input": ["x"] * 1500, "d": column}), tmp_path / f"{number}.{kind}")
    found = classified(tmp_path / f"[0-9].{kind}", kind)["d"]
    assert found.to_pylist() == wanted
    assert pa.types.is_dictionary(found.type)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["dictionary", "plain"])
def test_dictionaries_and_plain_values_become_plain(classified, tmp_path, kind, first) -> None:
    plain = pa.array(["u", "v", None])
    columns = [plain.dictionary_encode(), plain]
    for number, column in enumerate(columns if first == "dictionary" else columns[::-1]):
        write_table(pa.table({"input": ["x"] * 3, "d": column}), tmp_path / f"{number}.{kind}")
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
    source = write_table(table, tmp_path / "in.arrow")
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
    source = write_table(table, tmp_path / "in.arrow")
    done = classify("-i", source, "-o", tmp_path / "out.parquet")
    assert done.code == 1
    assert f"{source}, from row 1 on: " in done.stderr
    assert "Parquet has no type for month_day_nano_interval, that of i" in done.stderr
    assert classify("-i", source, "-o", tmp_path / "out.arrow").code == 0


def test_views_become_a_type_that_parquet_has(classify, tmp_path) -> None:
    table = pa.table({"input": pa.array(["a", None], pa.string_view())})
    source = write_table(table, tmp_path / "in.arrow")
    assert classify("-i", source, "-o", tmp_path / "out.parquet").code == 0
    assert parquet.read_table(tmp_path / "out.parquet")["input"].to_pylist() == ["a", None]


def test_a_column_that_only_some_files_require_may_be_null(classified, tmp_path) -> None:
    required = pa.schema([pa.field("input", pa.string(), False), pa.field("n", pa.int64(), False)])
    write_table(pa.table([["a"], [1]], required), tmp_path / "a.parquet")
    write_table(pa.table({"input": ["b"]}), tmp_path / "b.parquet")
    assert classified(tmp_path / "[ab].parquet")["n"].to_pylist() == [1, None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [0, 1])
def test_files_whose_types_have_no_common_one_without_loss_are_refused(
    classify, tmp_path, kind, number
) -> None:
    columns = [pa.array([2], pa.decimal128(20, 2)), pa.array([0.5])]
    for name, column in zip("ab", columns if number else columns[::-1], strict=True):
        write_table(pa.table({"input": ["x"], "n": column}), tmp_path / f"{name}.{kind}")
    done = classify("-i", tmp_path / f"[ab].{kind}", "-o", tmp_path / f"out.{kind}")
    assert done.code == 1
    assert f"b.{kind}, from row 1 on: " in done.stderr
    assert "n has decimals and floats" in done.stderr


def test_a_time_that_the_common_unit_cannot_hold_is_an_error(classify, tmp_path) -> None:
    for name, column in (("a", pa.array([2**40], pa.timestamp("s"))), ("b", [1])):
        stamps = column if name == "a" else pa.array(column, pa.timestamp("ns"))
        write_table(pa.table({"input": ["x"], "t": stamps}), tmp_path / f"{name}.arrow")
    done = classify("-i", tmp_path / "[ab].arrow", "-o", tmp_path / "out.arrow")
    assert done.code == 1
    assert "a value does not fit its column" in done.stderr
    assert "Traceback" not in done.stderr
