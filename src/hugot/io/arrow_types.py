"""Results as Arrow arrays: the one table of types, for files and for the Arrow adapter."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from hugot.errors import InputError
from hugot.io.values import key_of
from hugot.tasks.schema import ListOf, Scalar, Struct, Vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from hugot.tasks.schema import ResultType

_SCALARS: Final = {
    "string": pa.string(),
    "float32": pa.float32(),
    "int32": pa.int32(),
    "int64": pa.int64(),
}


def arrow_type(
    result: ResultType, key_style: str = "transformers", *, half: bool = False
) -> pa.DataType:
    """Return the Arrow type of results: vectors are fixed-size lists, dicts structs.

    Args:
        result: the type of the results; its vectors have a dimension.
        key_style: ``"hugot"`` or ``"transformers"``, the names of a struct's fields.
        half: whether vectors are of float16.
    """
    match result:
        case Scalar(name):
            return _SCALARS[name]
        case Vector(dimension):
            return pa.list_(pa.float16() if half else pa.float32(), dimension)
        case ListOf(item):
            return pa.list_(arrow_type(item, key_style, half=half))
        case Struct(members):
            return pa.struct(
                [
                    (key_of(member, key_style), arrow_type(member.type, key_style, half=half))
                    for member in members
                ]
            )
    raise InputError("a column has no room for lists and other results")


def result_keys(result: ResultType, key_style: str) -> dict[str, str]:
    """Return the name of each struct's field in a style → the key of the result."""
    match result:
        case ListOf(item):
            return result_keys(item, key_style)
        case Struct(members):
            keys = {key_of(member, key_style): member.name for member in members}
            for member in members:
                keys |= result_keys(member.type, key_style)
            return keys
    return {}


def arrow_array(
    results: Sequence[Any], type: pa.DataType, keys: Mapping[str, str] | None = None
) -> pa.Array:
    """Return results as an Arrow array of a type that `arrow_type` returned, an element for each.

    The element of None is null.

    A dict stands for a list of one if the type is a list. An array [n, dim] of float32 becomes a
    fixed-size list over the array's own memory.

    Args:
        results: the results.
        type: the type of the array.
        keys: name of a struct's field → key of the result, if they differ.

    Raises InputError, with the index of the result, for one of another type.
    """
    keys = keys or {}
    try:
        if isinstance(results, list) and any(each is None for each in results):
            valid = np.array([each is not None for each in results], np.bool_)
            present = _array([each for each in results if each is not None], type, keys)
            return with_nulls(present, valid)
        return _array(results, type, keys)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"a result is of another kind than {type}", _first_misfit(results, type, keys)
        ) from error


def with_nulls(results: pa.Array, valid: NDArray[np.bool_]) -> pa.Array:
    """Return results at the places that are valid, and nulls at the others."""
    if not len(results):
        return pa.nulls(len(valid), results.type)
    places = np.maximum(np.cumsum(valid) - 1, 0)
    return results.take(pa.array(places, mask=~valid))


def fitting_type(results: Sequence[Any], types: Iterable[ResultType]) -> ResultType | None:
    """Return the first of some types that results have, with the dimension of vectors; None if none is.

    Results that are all empty have none.
    """
    return next((found for each in types if (found := _fitted(results, each)) is not None), None)


def _array(results: Sequence[Any], type: pa.DataType, keys: Mapping[str, str]) -> pa.Array:
    if pa.types.is_fixed_size_list(type):
        return _vectors(results, type)
    if pa.types.is_list(type):
        item = type.value_type
        rows: list[Any] = [[each] if isinstance(each, dict) else each for each in results]
        is_array = bool(rows) and isinstance(rows[0], np.ndarray)
        items: Any = np.concatenate(rows) if is_array else list(chain.from_iterable(rows))
        return pa.ListArray.from_arrays(_offsets(rows), _array(items, item, keys), type=type)
    if pa.types.is_struct(type):
        fields = [type.field(i) for i in range(type.num_fields)]
        names = [keys.get(field.name, field.name) for field in fields]
        columns = [
            _array([each[name] for each in results], field.type, keys)
            for field, name in zip(fields, names, strict=True)
        ]
        return pa.StructArray.from_arrays(columns, fields=fields)
    if pa.types.is_string(type):
        # Labels may be numbers.
        return pa.array([each if isinstance(each, str) else str(each) for each in results], type)
    # By way of numpy, which rounds a float to the float32 that was computed.
    try:
        return pa.array(np.array(results, type.to_pandas_dtype()))
    except ValueError as error:  # a list among numbers
        raise TypeError(str(error)) from error


def _first_misfit(results: Sequence[Any], type: pa.DataType, keys: Mapping[str, str]) -> int | None:
    """Return the index of the first result that has another type, if it is one by itself."""
    for index, result in enumerate(results):
        try:
            if result is not None:
                _array([result], type, keys)
        except (KeyError, TypeError):
            return index
    return None


def _vectors(results: Sequence[Any], type: pa.DataType) -> pa.Array:
    """Rows [n, dim] as fixed-size lists; without a copy if the numbers have the wanted type already."""
    wanted = type.value_type.to_pandas_dtype()
    rows = results if isinstance(results, np.ndarray) else np.array(results)
    flat = np.ascontiguousarray(rows, wanted).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=type)


def _offsets(rows: Sequence[Any]) -> pa.Array:
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return pa.array(offsets)


def _fitted(results: Iterable[Any], result: ResultType) -> ResultType | None:
    match result:
        case ListOf(item):
            rows = [each if isinstance(each, list | np.ndarray) else [each] for each in results]
            found = _fitted(chain.from_iterable(rows), item)
            return None if found is None else ListOf(found)
        case Vector():
            first: Any = next(iter(results), None)
            is_vector = isinstance(first, np.ndarray) and first.ndim == 1
            return Vector(len(first)) if is_vector else None
        case Struct(members):
            first = next(iter(results), None)
            is_struct = isinstance(first, dict) and first.keys() >= {each.name for each in members}
            return result if is_struct else None
        case Scalar():
            first = next(iter(results), None)
            return None if isinstance(first, list | dict | np.ndarray | None) else result
    return None
