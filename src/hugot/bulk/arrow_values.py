"""Results as Arrow arrays: vectors as fixed-size lists, labels and entities as lists of structs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.bulk.values import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa


def arrow_values(
    task: str, result_format: str, *, half: bool = False
) -> Callable[[Sequence[Any]], pa.Array]:
    """What turns results into an array of one value per record.

    Vectors are ``fixed_size_list<float>[dim]`` (of halffloat with `half`), token vectors lists of
    them; classifications are ``list<struct<label, score>>``, entities ``list<struct<entity, score,
    word, start, end>>`` with the keys of `result_format`.
    """
    if task == "feature-extraction":
        return lambda results: _vectors(results, np.float16 if half else np.float32)
    keys = keys_of(result_format)
    return lambda results: _structs(results, keys)


def _vectors(results: Sequence[Any], kind: type[Any]) -> pa.Array:
    import pyarrow as pa

    if isinstance(results, np.ndarray):
        return _fixed(results.astype(kind, copy=False))
    if not len(results) or np.ndim(results[0]) == 1:
        return _fixed(np.asarray(results, kind))
    ends = np.cumsum([0, *map(len, results)], dtype=np.int32)
    return pa.ListArray.from_arrays(
        pa.array(ends), _fixed(np.concatenate(results).astype(kind, copy=False))
    )


def _fixed(vectors: Any) -> pa.Array:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[-1])


def _structs(results: Sequence[Any], keys: dict[str, str]) -> pa.Array:
    import pyarrow as pa

    lists = [each if isinstance(each, list) else [each] for each in results]
    items = [item for each in lists for item in each]
    ends = np.cumsum([0, *map(len, lists)], dtype=np.int32)
    names = list(items[0]) if items else []
    kinds = {"score": pa.float32(), "start": pa.int64(), "end": pa.int64(), "index": pa.int64()}
    columns = [
        pa.array([each[name] for each in items], kinds.get(name, pa.string())) for name in names
    ]
    if not items:
        return pa.ListArray.from_arrays(pa.array(ends), pa.nulls(0))
    structs = pa.StructArray.from_arrays(columns, [keys.get(name, name) for name in names])
    return pa.ListArray.from_arrays(pa.array(ends), structs)
