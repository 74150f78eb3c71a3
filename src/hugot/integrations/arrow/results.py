"""Results of the pipelines to Arrow arrays.

    feature-extraction                   fixed_size_list<float>[dim]
    feature-extraction, pooling="none"   list<fixed_size_list<float>[dim]>
    text-classification                  list<struct<label: string, score: float>>
    token-classification                 list<struct<entity_group: string, score: float, word: string,
                                                     start: int32, end: int32>>
                     without aggregation list<struct<entity: string, score: float, index: int32, …>>

Scores are computed as float32, so a float column holds them exactly. Vectors stay where numpy has them.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from hugot.errors import InputError
from hugot.pipelines import task_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.pipelines.base import Pipeline

_CLASS_FIELDS = {"label": pa.string(), "score": pa.float32()}
_TOKEN_FIELDS = {
    "entity": pa.string(),
    "score": pa.float32(),
    "index": pa.int32(),
    "word": pa.string(),
    "start": pa.int32(),
    "end": pa.int32(),
}
_GROUP_FIELDS = {
    "entity_group": pa.string(),
    **{name: _TOKEN_FIELDS[name] for name in ("score", "word", "start", "end")},
}
VECTOR_TYPES = {"float32": pa.float32(), "float16": pa.float16()}


def result_type(pipeline: Pipeline[Any, Any], vector_type: str = "float32") -> pa.DataType:
    """The Arrow type of a pipeline's results, with the options that it was made with.

    Args:
        pipeline: the pipeline. One of feature-extraction runs a short text, to know the size of its
            vectors.
        vector_type: ``"float32"`` or ``"float16"``.
    """
    if pipeline.task == "feature-extraction":
        sample = pipeline([pipeline.sample_input("hello")])[0]
        vector = pa.list_(VECTOR_TYPES[vector_type], sample.shape[-1])
        return vector if sample.ndim == 1 else pa.list_(vector)
    if pipeline.task == "text-classification":
        return _structs(_CLASS_FIELDS)
    grouped = pipeline.options.aggregation_strategy != "none"
    return _structs(_GROUP_FIELDS if grouped else _TOKEN_FIELDS)


def results_array(task: str, results: Sequence[Any], type: pa.DataType | None = None) -> pa.Array:
    """The results of a list of inputs as an Arrow array, a row each.

    Args:
        task: name of the task.
        results: what a pipeline gave for a list of inputs.
        type: as `result_type` gives it; by default it is read off the results, of which there must
            then be one that is not empty.

    An array [n, dim] of float32 becomes a fixed-size list over the array's own memory, which lives as
    long as the Arrow array does; do not write to it.

    Raises InputError for results of another task.
    """
    task = task_name(task)
    type = type if type is not None else _type_of(task, results)
    if task != "feature-extraction":
        rows = [each if isinstance(each, list) else [each] for each in results]
        return _list_of_structs(rows, type)
    if pa.types.is_fixed_size_list(type):
        array = results if isinstance(results, np.ndarray) else np.array(list(results))
        return _vectors(array, type)
    if not len(results):
        return pa.array([], type)
    return pa.ListArray.from_arrays(
        _offsets(results), _vectors(np.concatenate(results), type.value_type), type=type
    )


def _type_of(task: str, results: Sequence[Any]) -> pa.DataType:
    first = next((each for each in results if len(each)), None)
    if first is None:
        raise InputError(
            "without a result, type= must tell the type; result_type(pipeline) gives it"
        )
    if task == "feature-extraction":
        vector = pa.list_(pa.float32(), first.shape[-1])
        return vector if first.ndim == 1 else pa.list_(vector)
    if task == "text-classification":
        return _structs(_CLASS_FIELDS)
    return _structs(_TOKEN_FIELDS if "entity" in first[0] else _GROUP_FIELDS)


def _structs(fields: dict[str, pa.DataType]) -> pa.DataType:
    return pa.list_(pa.struct(list(fields.items())))


def _vectors(array: np.ndarray[Any, Any], type: pa.DataType) -> pa.Array:
    """Rows [n, dim] as fixed-size lists; no copy where the numbers have the wanted type already."""
    wanted = type.value_type.to_pandas_dtype()
    flat = np.ascontiguousarray(array, wanted).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=type)


def _list_of_structs(rows: Sequence[Any], type: pa.DataType) -> pa.Array:
    items = list(chain.from_iterable(rows))
    fields = [type.value_type.field(i) for i in range(type.value_type.num_fields)]
    try:
        columns = [_field([item[field.name] for item in items], field.type) for field in fields]
    except (KeyError, TypeError) as error:
        raise InputError(f"results of another kind than {type}: {error}") from error
    structs = pa.StructArray.from_arrays(columns, fields=fields)
    return pa.ListArray.from_arrays(_offsets(rows), structs, type=type)


def _field(values: list[Any], type: pa.DataType) -> pa.Array:
    if pa.types.is_string(type):
        return pa.array(values, type)
    # By way of numpy, which rounds a float to float32 as it was computed.
    return pa.array(np.array(values, type.to_pandas_dtype()))


def _offsets(rows: Sequence[Any]) -> pa.Array:
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return pa.array(offsets)
