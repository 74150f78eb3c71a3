"""Converting Arrow columns to the Python strings that a tokenizer takes."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from hugot.errors import InputError

# An Arrow column; pyarrow has no type annotations.
Column: TypeAlias = Any

_TEXT_TYPES = "string, large_string, string_view, a dictionary of these, or lists of them (words)"


def as_column(column: Any) -> Column:
    """Return a column of any library as a `pyarrow.Array` or `pyarrow.ChunkedArray`.

    Arrow columns are returned unchanged; the memory of columns with the Arrow C stream (polars and
    pandas Series) is shared; others are converted by `pyarrow.array`, for which NaN in a column of
    objects is null, as in pandas.
    """
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        return column
    try:
        # The type of a pandas column of objects depends on its values, which pyarrow.array reads.
        if hasattr(column, "__arrow_c_stream__") and str(getattr(column, "dtype", "")) != "object":
            return pa.chunked_array(column)
        return pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{type(column).__name__} is no column of texts: {error}") from error


def texts_of(column: Any, first_row: int = 0) -> list[Any]:
    """Return the texts of a column: a str for each row, None for null.

    The column is an Array or ChunkedArray of string, large_string, string_view or dictionary type,
    sliced or not, or anything that `as_column` converts. The texts of a column of lists of strings are
    lists of words.

    A tokenizer needs each text as a Python object, so the bytes are copied once. pyarrow's conversion to
    numpy objects takes less than 0.1 microseconds per short text in all versions; `to_pylist` takes 0.1
    to 1, and slicing the buffers in Python 0.5.

    Raises InputError for a column of another type, and with the row's number, counted from
    `first_row`, for a text that is not UTF-8.
    """
    column = as_column(column)
    if _is_list(column.type) and _is_text(column.type.value_type):
        return column.to_pylist()  # type: ignore[no-any-return]
    if not (_is_text(column.type) or pa.types.is_null(column.type)):
        raise InputError(f"a column of type {column.type} holds no texts; it can be {_TEXT_TYPES}")
    try:
        if isinstance(column, pa.ChunkedArray):
            return [text for chunk in column.chunks for text in _objects(chunk)]
        return _objects(column)
    except (pa.ArrowException, UnicodeDecodeError):
        _refuse_bytes(column, first_row)
        raise


def _objects(array: Column) -> list[Any]:
    if pa.types.is_dictionary(array.type):
        return _looked_up(array)
    return array.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]


def _looked_up(array: Column) -> list[Any]:
    """Return the texts of a dictionary array; of a large dictionary, only used entries are converted."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    indices = array.indices.cast(pa.int64()).fill_null(0).to_numpy()
    dictionary = array.dictionary
    texts = {number: dictionary[number].as_py() for number in np.unique(indices[valid]).tolist()}
    # The index of a null row does not refer to an entry of the dictionary.
    return [
        texts[number] if there else None
        for number, there in zip(indices.tolist(), valid.tolist(), strict=True)
    ]


def _is_text(type_: Any) -> bool:
    types = pa.types
    if types.is_dictionary(type_):
        type_ = type_.value_type
    return types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_)  # type: ignore[no-any-return]


def _is_list(type_: Any) -> bool:
    types = pa.types
    return types.is_list(type_) or types.is_large_list(type_)  # type: ignore[no-any-return]


def _refuse_bytes(column: Column, first_row: int) -> None:
    """Raise InputError for the first row whose bytes are not UTF-8."""
    for row in range(len(column)):
        try:
            column[row].as_py()
        except UnicodeDecodeError as error:
            number = first_row + row
            raise InputError(f"row {number} is not UTF-8: {error}", number) from error
