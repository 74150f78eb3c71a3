"""Converting Arrow columns to the Python strings that a tokenizer takes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from hugot.errors import InputError
from hugot.io.arrow_texts import TEXT_TYPES, Column, holds_texts, read_texts


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

    The column is an Array or ChunkedArray of string, large_string, string_view, dictionary or binary
    type, sliced or not, or anything that `as_column` converts. The texts of a column of lists of
    strings are lists of words.

    Raises InputError for a column of another type, and with the row's number, counted from
    `first_row`, for a text that is not UTF-8.
    """
    column = as_column(column)
    if not holds_texts(column.type):
        raise InputError(f"a column of type {column.type} holds no texts; it can be {TEXT_TYPES}")
    texts: list[Any] = []
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        found, wrong = read_texts(chunk)
        for row, reason in wrong.items():
            number = first_row + len(texts) + row
            raise InputError(f"row {number} is {reason}", number)
        texts.extend(found)
    return texts
