"""Columns of Arrow as values of JSON and CSV."""

from __future__ import annotations

import datetime

import pytest

pa = pytest.importorskip("pyarrow")

import numpy as np  # noqa: E402

from hugot.io.arrow_values import column_values, table_rows  # noqa: E402


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+01:00"])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_timestamps_are_those_of_python(unit, zone):
    column = pa.array([0, None, -1, 1_577_836_800], pa.timestamp(unit, zone))
    assert column_values(column) == [each and each.isoformat() for each in column.to_pylist()]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "1970-01-01T00:00:00"),
        (1, "1970-01-01T00:00:00.000000001"),
        (1000, "1970-01-01T00:00:00.000001"),
        (-1, "1969-12-31T23:59:59.999999999"),
        (-1001, "1969-12-31T23:59:59.999998999"),
    ],
)
def test_nanoseconds_have_all_their_digits(count, text):
    assert column_values(pa.array([count, None], pa.timestamp("ns"))) == [text, None]


def test_times_beyond_the_years_of_python_are_written_too():
    year_10000 = 253_402_300_800
    assert column_values(pa.array([year_10000, 0], pa.timestamp("s"))) == [
        *("10000-01-01T00:00:00", "1970-01-01T00:00:00")
    ]
    assert column_values(pa.array([year_10000], pa.timestamp("s", "UTC"))) == [
        "10000-01-01T00:00:00+00:00"
    ]
    assert column_values(pa.array([10_000_000], pa.date32())) == ["29349-01-26"]


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (0, "s", "PT0S"),
        (90_061, "s", "PT90061S"),
        (-1500, "ms", "-PT1.5S"),
        (1, "us", "PT0.000001S"),
        (1_000_000_001, "ns", "PT1.000000001S"),
    ],
)
def test_durations_are_seconds(count, unit, text):
    assert column_values(pa.array([count], pa.duration(unit))) == [text]


def test_a_slice_has_the_values_of_the_slice():
    dates = pa.array([datetime.date(2020, 1, day) for day in (1, 2, 3)])
    lists = pa.array([[1.0], None, [2.0, 3.0], []], pa.list_(pa.float32()))
    assert column_values(dates[1:]) == ["2020-01-02", "2020-01-03"]
    assert [each if each is None else list(each) for each in column_values(lists[1:])] == [
        *(None, [2.0, 3.0], [])
    ]


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64())], ids=str)
def test_lists_of_numbers_are_slices_of_one_array(kind):
    first, second = column_values(pa.array([[1, 2], [3]], kind))
    assert isinstance(first, np.ndarray)
    assert first.base is second.base


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(2)], ids=str)
def test_bytes_are_base64_but_for_the_columns_of_texts(kind):
    table = pa.record_batch({"a": pa.array([b"ab", None], kind)})
    assert table_rows(table) == [{"a": "YWI="}, {"a": None}]
    assert table_rows(table, ["a"]) == [{"a": "ab"}, {"a": None}]
