"""Columns of Arrow as values that lines of JSON and CSV hold."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from hugot.io.arrow_texts import Column, decoded, is_binary, plain_column, read_texts, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Converters = list[tuple[Callable[[Any], bool], Callable[[Column], list[Any]]]]

# Digits of a fraction of a second.
_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
# Extension types whose values pyarrow reads as more than those of their storage.
_VALUES_OF_PYTHON: Final = ("extension<arrow.uuid>", "extension<arrow.bool8>")


def table_rows(table: pa.RecordBatch, texts: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of a table, whose values are those that JSON has, or numpy's.

    ===================  ============================================================================
    date, time           ISO 8601: ``"2020-01-01"``, ``"12:30:00.5"``
    timestamp            ISO 8601, in the column's time zone: ``"2020-01-01T12:30:00+01:00"``
    duration             ISO 8601, in seconds: ``"PT90.5S"``
    decimal              all its digits, as text: ``"1.10"``
    float32, float16     numbers of numpy, which are printed with the fewest digits that identify them
    binary               base64; the columns `texts` as texts
    dictionary           the values
    list, struct, map    list, dict, list of pairs
    ===================  ============================================================================
    """
    names = table.schema.names
    columns = []
    for name, column in zip(names, table.columns, strict=True):
        columns.append(read_texts(column)[0] if name in texts else column_values(column))
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def column_values(column: Column) -> list[Any]:
    """Return the values of an array; see `table_rows`."""
    if str(column.type) in _VALUES_OF_PYTHON:
        values = column.to_pylist()
        return [each if each is None or isinstance(each, bool) else str(each) for each in values]
    column = plain_column(column)
    if pa.types.is_dictionary(column.type):
        return column_values(decoded(column))
    for is_kind, convert in _CONVERTERS:
        if is_kind(column.type):
            if not column.null_count:
                return convert(column)
            valid = column.is_valid().to_pylist()
            following = iter(convert(taken(column, [i for i, there in enumerate(valid) if there])))
            return [next(following) if there else None for there in valid]
    return column.to_pylist()  # type: ignore[no-any-return]


# The functions below are called with columns that have no nulls.


def _float32(column: Column) -> list[Any]:
    return list(column.to_numpy())


def _float16(column: Column) -> list[Any]:
    return [float(str(each)) for each in column.to_numpy()]


def _structs(column: Column) -> list[Any]:
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    if not names:
        return column.to_pylist()  # type: ignore[no-any-return]
    members = map(column_values, column.flatten())
    return [dict(zip(names, values, strict=True)) for values in zip(*members, strict=True)]


def _maps(column: Column) -> list[Any]:
    kind = column.type
    entries = pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
    return [[list(pair.values()) for pair in pairs] for pairs in _lists(column.cast(entries))]


def _lists(column: Column) -> list[Any]:
    import pyarrow.compute as pc

    items = column.flatten()
    # Slices of numpy's numbers are printed much faster than lists of them.
    is_numbers = pa.types.is_float32(items.type) or pa.types.is_float64(items.type)
    values = items.to_numpy() if is_numbers and not items.null_count else column_values(items)
    made = []
    at = 0
    for length in pc.list_value_length(column).to_pylist():
        made.append(values[at : at + length])
        at += length
    return made


def _dates(column: Column) -> list[Any]:
    try:
        return [str(each) for each in column.to_pylist()]
    except (ValueError, OverflowError):  # beyond the years that Python has
        return column.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]


def _timestamps(column: Column) -> list[Any]:
    """Return ISO 8601, with the digits of nanoseconds, which Python's type does not have."""
    counts = column.cast(pa.int64()).to_pylist()
    unit, zone = column.type.unit, column.type.tz
    if unit == "ns":
        column = pa.array([count // 1000 for count in counts], pa.int64()).cast(
            pa.timestamp("us", zone)
        )
    made = []
    for scalar, count in zip(column, counts, strict=True):
        try:
            made.append(_iso(scalar.as_py(), count % 1000 if unit == "ns" else 0))
        except (ValueError, OverflowError):  # beyond the years that Python has
            made.append(f"{np.datetime64(count, unit)}{'' if zone is None else '+00:00'}")
    return made


def _times(column: Column) -> list[Any]:
    if column.type.unit != "ns":
        return [each.isoformat() for each in column.to_pylist()]
    counts = column.cast(pa.int64()).to_pylist()
    micros = pa.array([count // 1000 for count in counts], pa.int64()).cast(pa.time64("us"))
    return [
        _iso(value, count % 1000) for value, count in zip(micros.to_pylist(), counts, strict=True)
    ]


def _iso(value: Any, nanoseconds: int) -> str:
    """Return a time of Python and the nanoseconds within its last microsecond as ISO 8601."""
    if not nanoseconds:
        return value.isoformat()  # type: ignore[no-any-return]
    text: str = value.isoformat(timespec="microseconds")
    end = text.index(".") + 7
    return f"{text[:end]}{nanoseconds:03}{text[end:]}"


def _durations(column: Column) -> list[Any]:
    digits = _DIGITS[column.type.unit]
    made = []
    for count in column.cast(pa.int64()).to_pylist():
        seconds, rest = divmod(abs(count), 10**digits)
        fraction = f".{rest:0{digits}}".rstrip("0") if rest else ""
        made.append(f"{'-' if count < 0 else ''}PT{seconds}{fraction}S")
    return made


def _decimals(column: Column) -> list[Any]:
    return [format(each, "f") for each in column.to_pylist()]


def _base64(column: Column) -> list[Any]:
    return [base64.b64encode(each).decode() for each in column.to_pylist()]


def _text(column: Column) -> list[Any]:
    return list(map(str, column.to_pylist()))


def _is_list(kind: Any) -> bool:
    # Of the nested types, structs and maps are known by now.
    return pa.types.is_nested(kind) and not pa.types.is_union(kind)


_CONVERTERS: Converters = [
    (pa.types.is_float32, _float32),
    (pa.types.is_float16, _float16),
    (pa.types.is_struct, _structs),
    (pa.types.is_map, _maps),
    (_is_list, _lists),
    (pa.types.is_date, _dates),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_time, _times),
    (pa.types.is_duration, _durations),
    (pa.types.is_decimal, _decimals),
    (is_binary, _base64),
    (pa.types.is_interval, _text),
]
