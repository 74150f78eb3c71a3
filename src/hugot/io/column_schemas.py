"""Schemas of columnar output: that of a batch with its results, and the one that fits all batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
import pyarrow as pa

from hugot.io.arrow_texts import converted, decoded, without_views
from hugot.io.values import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hugot.io.arrow_texts import Column

    Range = tuple[int, int]

_PANDAS: Final = b"pandas"
_EXACT_FLOATS: Final = 2**53  # whole numbers up to this are float64 without loss


def schema_with_output(schema: pa.Schema, kind: pa.DataType) -> pa.Schema:
    """Return a schema with the column of results, in the place of a column of its name or at the end."""
    fields = {field.name: field for field in schema}
    fields[OUTPUT] = pa.field(OUTPUT, kind)
    metadata = dict(schema.metadata or {})
    if _PANDAS in metadata:
        metadata[_PANDAS] = _with_output(metadata[_PANDAS])
    return pa.schema(list(fields.values()), metadata or None)


def _with_output(pandas: bytes) -> bytes:
    """Return the metadata of pandas with an entry for the column of results."""
    try:
        found = orjson.loads(pandas)
        columns = [each for each in found["columns"] if each.get("field_name") != OUTPUT]
        entry = {"name": OUTPUT, "field_name": OUTPUT, "pandas_type": "object"}
        columns.append({**entry, "numpy_type": "object", "metadata": None})
        index = [each for each in found["index_columns"] if each != OUTPUT]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return pandas
    return orjson.dumps({**found, "columns": columns, "index_columns": index})


def carried(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a record batch without dictionaries within lists and structs, which become plain values."""
    fields = list(batch.schema)
    plain = [field.with_type(_without_inner(field.type)) for field in fields]
    if plain == fields:
        return batch
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, plain, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(plain, batch.schema.metadata))


def _without_inner(kind: pa.DataType, *, within: bool = False) -> pa.DataType:
    """Return a type in which no list or struct holds a dictionary."""
    types = pa.types
    if types.is_dictionary(kind):
        return kind.value_type if within else kind
    if types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct(
            [each.with_type(_without_inner(each.type, within=True)) for each in members]
        )
    if types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        item = kind.value_field.with_type(_without_inner(kind.value_type, within=True))
        if item == kind.value_field:
            return kind
        if types.is_fixed_size_list(kind):
            return pa.list_(item, kind.list_size)
        return pa.large_list(item) if types.is_large_list(kind) else pa.list_(item)
    return kind


def dictionaries_of(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the dictionary of each column that has one."""
    return {
        field.name: batch.column(i).dictionary
        for i, field in enumerate(batch.schema)
        if pa.types.is_dictionary(field.type)
    }


def whole_numbers(batch: pa.RecordBatch) -> dict[str, Range]:
    """Return the least and the greatest number of each column of whole numbers."""
    import pyarrow.compute as pc

    found = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_integer(field.type) and column.null_count < len(column):
            ends = pc.min_max(column).as_py()
            found[field.name] = (ends["min"], ends["max"])
    return found


def common_schema(
    before: pa.Schema | None, schema: pa.Schema, ranges: Mapping[str, Range]
) -> pa.Schema:
    """Return the schema that fits two; metadata is that of the first.

    Args:
        before: the schema of all batches before; None for the first batch.
        schema: that of a batch.
        ranges: the least and the greatest number of the columns of whole numbers, of all batches.

    Raises ArrowInvalid or ArrowTypeError for a column that has no type without loss.
    """
    if before is None:
        return schema
    pairs = []
    for first in before:
        at = schema.get_field_index(first.name)
        # Records without the column have nulls in it.
        second = schema.field(at) if at >= 0 else first.with_nullable(True)
        pairs.append((first, second))
    new = [field for field in schema if before.get_field_index(field.name) < 0]
    pairs += [(field.with_nullable(True), field.with_nullable(True)) for field in new]
    made = [_common_field(first, second, ranges) for first, second in pairs]
    return pa.schema(made, before.metadata)


def parquet_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema that Parquet can hold, in which views may be plain strings.

    Raises ArrowInvalid for a column that it cannot hold.
    """
    if _fits_parquet(schema):
        return schema
    fields = []
    for field in schema:
        if not _fits_parquet(pa.schema([field])):
            kind = without_views(pa.nulls(0, field.type)).type
            if kind == field.type or pa.types.is_dictionary(kind):
                raise pa.ArrowInvalid(f"Parquet has no type for {field.type}, that of {field.name}")
            field = field.with_type(kind)
        fields.append(field)
    return pa.schema(fields, schema.metadata)


def _fits_parquet(schema: pa.Schema) -> bool:
    from pyarrow import parquet

    try:
        parquet.ParquetWriter(pa.BufferOutputStream(), schema).close()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return False
    return True


def _common_field(first: pa.Field, second: pa.Field, ranges: Mapping[str, Range]) -> pa.Field:
    one, other = first.type, second.type
    if one != other:
        least, greatest = ranges.get(first.name, (0, 0))
        types = pa.types
        if types.is_dictionary(one) or types.is_dictionary(other):
            first, second = _common_dictionaries(first, second)
        elif {one, other} & {pa.uint64()} and types.is_integer(one) and types.is_integer(other):
            if least < 0:
                raise pa.ArrowInvalid(f"{first.name} has {least} and {greatest}")
            first, second = first.with_type(pa.uint64()), second.with_type(pa.uint64())
        elif types.is_floating(one) != types.is_floating(other):
            if types.is_decimal(one) or types.is_decimal(other):
                raise pa.ArrowInvalid(f"{first.name} has decimals and floats")
            for number in (least, greatest):
                if abs(number) > _EXACT_FLOATS:
                    raise pa.ArrowInvalid(f"{first.name} has {number} and fractions")
    schemas = [pa.schema([first]), pa.schema([second])]
    made = pa.unify_schemas(schemas, promote_options="permissive").field(0)
    return made.with_nullable(first.nullable or second.nullable or made.nullable)


def _common_dictionaries(first: pa.Field, second: pa.Field) -> tuple[pa.Field, pa.Field]:
    """Return fields of dictionaries whose types can be unified, or else of plain values."""
    one, other = first.type, second.type
    if pa.types.is_null(one) or pa.types.is_null(other):
        return first, second
    both = pa.types.is_dictionary(one) and pa.types.is_dictionary(other)
    if both and (one.value_type, one.ordered) == (other.value_type, other.ordered):
        return first, second
    return _plain_field(first), _plain_field(second)


def _plain_field(field: pa.Field) -> pa.Field:
    is_dictionary = pa.types.is_dictionary(field.type)
    return field.with_type(field.type.value_type) if is_dictionary else field


def unified(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, largest_index: int
) -> tuple[pa.Schema, dict[str, pa.Array]]:
    """Return a schema, and for its columns with dictionaries the dictionary that fits all batches.

    The type of the indices grows if the dictionary needs it.

    Args:
        schema: the schema that fits the batches.
        batches: the batches; they are not read if no column needs one dictionary.
        largest_index: bits of the largest indices of such columns.
    """
    names = [
        field.name
        for field in schema
        if pa.types.is_dictionary(field.type) and field.type.index_type.bit_width <= largest_index
    ]
    if not names:
        return schema, {}
    found: dict[str, pa.Array] = {}
    for batch in batches:
        for name, dictionary in dictionaries_of(batch).items():
            if name not in found:
                found[name] = dictionary
            elif name in names and not dictionary.equals(found[name]):
                found[name] = _joined(found[name], dictionary)
    for name in names:
        at = schema.get_field_index(name)
        kind, size = schema.field(at).type, len(found.get(name, ()))
        is_signed = pa.types.is_signed_integer(kind.index_type)
        if size > 1 << (kind.index_type.bit_width - is_signed):
            kind = pa.dictionary(pa.int32(), kind.value_type, kind.ordered)
            schema = schema.set(at, schema.field(at).with_type(kind))
    return schema, {name: found[name] for name in names if name in found}


def _joined(one: pa.Array, other: pa.Array) -> pa.Array:
    """Return the values of a dictionary, and behind them those that only another one has."""
    import pyarrow.compute as pc

    others = without_views(other)
    new = others.filter(pc.invert(pc.is_in(others, value_set=without_views(one))))
    return pa.concat_arrays([one, converted(new, one.type)])


def fitted(
    batch: pa.RecordBatch, schema: pa.Schema, dictionaries: Mapping[str, pa.Array]
) -> pa.RecordBatch:
    """Return a record batch in the schema that fits all.

    Args:
        batch: the record batch.
        schema: the schema.
        dictionaries: the dictionaries that columns must have, by their names.

    Raises ArrowInvalid for a value that does not fit.
    """
    columns = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        column = batch.column(at) if at >= 0 else pa.nulls(batch.num_rows, field.type)
        columns.append(_fitted(column, field.type, dictionaries.get(field.name)))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _fitted(column: Column, kind: pa.DataType, dictionary: pa.Array | None) -> Column:
    if pa.types.is_dictionary(kind) and pa.types.is_dictionary(column.type):
        indices = column.indices
        if dictionary is not None and not column.dictionary.equals(dictionary):
            indices = _indices(column.dictionary, dictionary).take(indices)
        return pa.DictionaryArray.from_arrays(
            indices.cast(kind.index_type),
            column.dictionary if dictionary is None else dictionary,
            ordered=kind.ordered,
        )
    if pa.types.is_dictionary(column.type):
        column = decoded(column)
    return column if column.type.equals(kind) else converted(column, kind)


def _indices(values: pa.Array, dictionary: pa.Array) -> pa.Array:
    """Return the index that each of some values has in a dictionary."""
    import pyarrow.compute as pc

    # pyarrow cannot look up views.
    return pc.index_in(without_views(values), value_set=without_views(dictionary))
