"""Arguments of other libraries: arrays and columns, whose items are inputs, and refused tables.

The kinds are told apart by their methods, so that no library has to be imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from hugot.errors import InputError

# Names that a column of texts often has, for messages.
_USUAL_NAMES = ("text", "input", "sentence", "content")
_MOST_LISTED = 20


def plain_str(text: str) -> str:
    """Return a str for an instance of a subclass, such as `numpy.str_` or a member of an enumeration.

    Its own ``__str__`` may return something else.
    """
    return str.__str__(text)


def unpack(inputs: Any, task: str) -> Any:
    """Return the items of an array or a column as a list; other inputs are returned as they are.

    They are arrays of numpy, Series of pandas and polars, Arrays and ChunkedArrays of pyarrow.

    Args:
        inputs: the inputs, other than a str, list, tuple or dict.
        task: name of the task, for messages.

    Raises InputError for a table, whose columns it names, and for a set, which has no order.
    """
    if isinstance(inputs, Iterator):
        return inputs
    names = _column_names(inputs)
    if names is not None:
        raise InputError(
            f"{task} takes texts, not {_described(inputs)}; pass the column with the texts"
            f"{_example(names)}"
        )
    if isinstance(inputs, set | frozenset):
        raise InputError(
            f"{task} takes a list of texts, not a {type(inputs).__name__}, whose order is not defined; "
            "pass sorted(...)"
        )
    # pyarrow, polars and pandas, numpy. Iterating pyarrow's arrays would yield scalars of its own.
    for name in ("to_pylist", "to_list", "tolist"):
        method = getattr(inputs, name, None)
        if callable(method):
            return method()
    return inputs


def word_list(value: Any) -> list[str] | None:
    """Return a list, tuple, array or column of words as a list of str; None for anything else."""
    if not isinstance(value, list | tuple):
        if isinstance(value, str | dict):
            return None
        value = unpack(value, "a word list")
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        return None
    return [word if type(word) is str else plain_str(word) for word in value]


def advice(value: Any) -> str:
    """Return what to do about an input that is no text, for the end of a message; maybe nothing."""
    if isinstance(value, Mapping) or _column_names(value) is not None:
        return f". Pass the column with the texts{_example(_column_names(value) or [])}"
    if isinstance(value, bytes | bytearray | memoryview):
        return ". Decode it first, such as with .decode('utf-8')"
    is_nan = isinstance(value, float) and math.isnan(value)
    if value is None or is_nan or type(value).__name__ in ("NAType", "NaTType"):
        return ". It is a missing value: drop it, or replace it by a text"
    return ""


def _column_names(value: Any) -> list[str] | None:
    """Return the names of a table's columns, None for anything else."""
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    dtype = getattr(value, "dtype", None)
    # pyarrow and datasets; pandas, polars and Spark; structured arrays of numpy.
    for owner, name in ((value, "column_names"), (value, "columns"), (dtype, "names")):
        names = getattr(owner, name, None)
        if names is not None and not callable(names) and hasattr(names, "__iter__"):
            return [str(each) for each in names]
    # RecordBatchReader, Dataset and Scanner of pyarrow.
    names = getattr(getattr(value, "schema", None), "names", None)
    return list(map(str, names)) if isinstance(names, list) else None


def _described(inputs: Any) -> str:
    kind = type(inputs).__name__
    return f"a {kind}" if isinstance(inputs, Mapping) else f"a table ({kind})"


def _example(names: list[str]) -> str:
    """Return an example of the access to a column, and the names of all, for messages."""
    if not names:
        return ""
    usual = next((name for name in _USUAL_NAMES if name in names), names[0])
    listed = ", ".join(map(repr, names[:_MOST_LISTED])) + (
        ", …" if len(names) > _MOST_LISTED else ""
    )
    return f", such as data[{usual!r}]; the columns are {listed}"
