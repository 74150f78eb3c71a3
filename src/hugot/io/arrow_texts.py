"""Texts of Arrow columns, for files and for the Arrow adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

# An Arrow column; pyarrow has no type annotations.
Column: TypeAlias = Any

# From then on `to_pylist` is as fast as the conversion to numpy objects, which imports pandas if it can.
_HAS_FAST_LISTS: Final = int(pa.__version__.split(".")[0]) >= 26
TEXT_TYPES: Final = (
    "string, large_string, string_view, binary that is UTF-8, a dictionary of these, or lists of them "
    "(words)"
)


def holds_texts(column_type: Any) -> bool:
    """Return whether a column of a type can hold texts, or lists of words."""
    plain = _plain_type(column_type)
    if pa.types.is_null(plain) or is_text(plain) or is_binary(plain):
        return True
    if not is_list(plain):
        return False
    return is_text(item := _plain_type(plain.value_type)) or is_binary(item)


def read_texts(column: Column) -> tuple[list[Any], dict[int, str]]:
    """Return the values of an array as inputs, and by row what is wrong with bytes that are not UTF-8.

    Texts are str, lists of texts lists of str, and nulls None. Values of another type are plain Python
    values. The value of a row that is not UTF-8 is None.

    A tokenizer needs each text as a Python object, so the bytes are copied once, by pyarrow's conversion
    to numpy objects or to a list, which take less than 0.1 microseconds per short text; slicing the
    buffers in Python takes 0.5.
    """
    column = plain_column(column)
    try:
        return _values(column), {}
    except (pa.ArrowException, UnicodeDecodeError):
        return _values_row_by_row(column)


def plain_column(column: Column) -> Column:
    """Return an array without extension types and run-end encoding at its surface."""
    if isinstance(column, pa.ExtensionArray):
        return plain_column(column.storage)
    if pa.types.is_run_end_encoded(column.type):
        import pyarrow.compute as pc

        return plain_column(pc.run_end_decode(column))
    return column


def decoded(column: Column) -> Column:
    """Return a dictionary array as an array of its values."""
    try:
        return column.dictionary_decode()
    except pa.ArrowNotImplementedError:  # of views, up to pyarrow 26
        values = without_views(column.dictionary)
        return pa.DictionaryArray.from_arrays(column.indices, values).dictionary_decode()


def without_views(column: Column) -> Column:
    """Return an array of views as one of large strings or bytes, another array as it is."""
    types = pa.types
    if types.is_string_view(column.type):
        return converted(column, pa.large_string())
    return converted(column, pa.large_binary()) if types.is_binary_view(column.type) else column


def converted(column: Column, kind: pa.DataType) -> Column:
    """Return an array of another type; raises ArrowInvalid if it cannot hold a value."""
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:  # to and from views, in pyarrow 17
        return pa.array(column.to_pylist(), kind)


def taken(column: Column, rows: Sequence[int]) -> Column:
    """Return some rows of an array, by their numbers."""
    try:
        return column.take(pa.array(rows, pa.int64()))
    except pa.ArrowNotImplementedError:  # as for views and run-end encoding, up to pyarrow 26
        parts = [column.slice(row, 1) for row in rows] or [column.slice(0, 0)]
        return pa.concat_arrays(parts)


def taken_rows(table: pa.RecordBatch, rows: Sequence[int]) -> pa.RecordBatch:
    """Return some rows of a record batch, by their numbers."""
    columns = [taken(column, rows) for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def is_text(column_type: Any) -> bool:
    """Return whether a type is one of strings."""
    types = pa.types
    return (  # type: ignore[no-any-return]
        types.is_string(column_type)
        or types.is_large_string(column_type)
        or types.is_string_view(column_type)
    )


def is_binary(column_type: Any) -> bool:
    """Return whether a type is one of bytes."""
    types = pa.types
    return (  # type: ignore[no-any-return]
        types.is_binary(column_type)
        or types.is_large_binary(column_type)
        or types.is_binary_view(column_type)
        or types.is_fixed_size_binary(column_type)
    )


def is_list(column_type: Any) -> bool:
    """Return whether a type is one of lists of any length."""
    return pa.types.is_list(column_type) or pa.types.is_large_list(column_type)  # type: ignore[no-any-return]


def _plain_type(column_type: Any) -> Any:
    if isinstance(column_type, pa.BaseExtensionType):
        return _plain_type(column_type.storage_type)
    if pa.types.is_dictionary(column_type) or pa.types.is_run_end_encoded(column_type):
        return _plain_type(column_type.value_type)
    return column_type


def _values(column: Column) -> list[Any]:
    """Return the values of an array; raises ArrowException or UnicodeDecodeError for wrong bytes."""
    if pa.types.is_dictionary(column.type):
        return _looked_up(column)
    if is_binary(column.type):
        column = _as_strings(column)
    if is_text(column.type) and not _HAS_FAST_LISTS:
        return column.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]
    if is_list(column.type) and is_binary(column.type.value_type):
        column = column.cast(pa.large_list(pa.large_string()))
    return column.to_pylist()  # type: ignore[no-any-return]


def _as_strings(column: Column) -> Column:
    # Fixed-size binary and views are not converted to strings directly.
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    return without_views(column).cast(pa.large_string())


def _looked_up(array: Column) -> list[Any]:
    """Return the values of a dictionary array; of a large dictionary, only those in use are read."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    indices = array.indices.cast(pa.int64()).fill_null(0).to_numpy()
    used = np.unique(indices[valid])
    values = _values(plain_column(taken(array.dictionary, used.tolist())))
    found = dict(zip(used.tolist(), values, strict=True))
    # The index of a null row does not refer to an entry of the dictionary.
    return [
        found[number] if there else None
        for number, there in zip(indices.tolist(), valid.tolist(), strict=True)
    ]


def _values_row_by_row(column: Column) -> tuple[list[Any], dict[int, str]]:
    values: list[Any] = []
    wrong: dict[int, str] = {}
    for row in range(len(column)):
        try:
            values.append(_value(column[row]))
        except UnicodeDecodeError as error:
            values.append(None)
            wrong[row] = f"not UTF-8: byte {error.start + 1} of the text ({error.reason})"
    return values, wrong


def _value(scalar: Any) -> Any:
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [each.decode() if isinstance(each, bytes) else each for each in value]
    return value
