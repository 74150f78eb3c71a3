"""Values of columns that `hugot run` carries over to other formats."""

from __future__ import annotations

import csv
import datetime
import decimal
import json

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

from column_files import broken_text, write_table  # noqa: E402
from pyarrow import feather  # noqa: E402

KINDS = ["parquet", "arrow"]
RESULT = pa.list_(pa.struct([("Label", pa.string()), ("Score", pa.float32())]))


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
    return write_table(table.unify_dictionaries(), tmp_path_factory.mktemp("values") / "in.arrow")


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
    classify("-i", write_table(table, tmp_path / "in.parquet"), "-o", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["f"] for row in rows] == [row["d"] for row in rows] == ["nan", "inf", ""]


def test_a_text_that_is_carried_over_and_is_not_utf_8_is_named(classify, tmp_path) -> None:
    table = pa.table({"input": ["a", "b"], "note": broken_text()})
    source = write_table(table, tmp_path / "in.arrow")
    done = classify("-i", source, "-o", tmp_path / "out.jsonl")
    assert (done.code, f"{source}, row 2: a text is not UTF-8" in done.stderr) == (1, True)


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
