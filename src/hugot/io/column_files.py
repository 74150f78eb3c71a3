"""Parquet and Arrow files as tables, from any row on."""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from hugot.errors import InputError, ModelFormatError
from hugot.io.arrow_texts import plain_column
from hugot.io.batch import LARGEST_BATCH
from hugot.io.formats import decompressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from hugot.io.files import InputFile

_INT32: Final = range(-(2**31), 2**31)
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")


def open_table(
    file: InputFile, key_types: Mapping[str, pa.DataType], opened: ExitStack
) -> tuple[int, Callable[[int], Iterator[tuple[int, pa.RecordBatch]]]]:
    """Return a file's number of rows, 0 if it is unknown, and a function that reads it from a row on.

    The function yields record batches and the number of the first row of each; of a file without rows
    one that is empty. The keys of the folders that the file is in are columns behind the file's own.

    Args:
        file: the file.
        key_types: the types of the keys, as `folder_key_types` returns them.
        opened: closes the file.

    Raises ModelFormatError for a damaged file, InputError for two columns of one name.
    """
    with _reading(file):
        source = _content(file, opened)
        open_kind = _open_parquet if file.format.kind == "parquet" else _open_arrow
        rows, schema, batches = open_kind(source, opened)
    _check_names(file, schema)
    keys = {name: value for name, value in file.keys if name not in schema.names}

    def read(row: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        any_rows = False
        for at, batch in _each_read(file, batches(row)):
            if batch.num_rows:
                done = max(0, min(row - at, batch.num_rows))
                any_rows = True
                if done < batch.num_rows:
                    yield at + done, _with_keys(_plain(batch.slice(done)), keys, key_types)
        if not any_rows and not row:
            arrays = [pa.nulls(0, field.type) for field in schema]
            empty = pa.RecordBatch.from_arrays(arrays, schema=schema)
            yield 0, _with_keys(_plain(empty), keys, key_types)

    return rows, read


def folder_key_types(files: Sequence[InputFile]) -> dict[str, pa.DataType]:
    """Return the types of the keys of folders, such as ``day=1``: int32 if all are, else string.

    These are the types that pyarrow.dataset infers.
    """
    found: dict[str, list[str]] = {}
    for file in files:
        for name, value in file.keys:
            found.setdefault(name, []).extend([value] if value is not None else [])
    return {
        name: pa.int32() if values and all(map(_is_int32, values)) else pa.string()
        for name, values in found.items()
    }


@contextmanager
def _reading(file: InputFile) -> Iterator[None]:
    """Raise ModelFormatError instead of what reading raises."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise ModelFormatError(f"the file cannot be read as {file.format.kind}: {error}") from error


def _each_read(file: InputFile, items: Iterator[Any]) -> Iterator[Any]:
    """Yield items; raises ModelFormatError instead of what making them raises."""
    while True:
        with _reading(file):
            item = next(items, None)
        if item is None:
            return
        yield item


def _content(file: InputFile, opened: ExitStack) -> Any:
    """Return what pyarrow opens: the path, or the content of a compressed file, which can seek."""
    if file.format.compression is None:
        return str(file.path)
    source = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (entered)
    with file.path.open("rb") as raw:
        shutil.copyfileobj(decompressed(raw, file.format.compression), source)
    source.seek(0)
    return source


def _is_int32(value: str) -> bool:
    return _WHOLE_NUMBER.fullmatch(value) is not None and int(value) in _INT32


def _check_names(file: InputFile, schema: pa.Schema) -> None:
    for name in schema.names:
        if schema.names.count(name) > 1:
            raise InputError(
                f"{file.path} has more than one column {name!r}; each must have a name of its own"
            )


def _with_keys(
    batch: pa.RecordBatch, keys: Mapping[str, str | None], types: Mapping[str, pa.DataType]
) -> pa.RecordBatch:
    """Return a record batch with the keys of its folders as columns."""
    if not keys:
        return batch
    columns, fields = list(batch.columns), list(batch.schema)
    for name, value in keys.items():
        typed = int(value) if value is not None and types[name] == pa.int32() else value
        columns.append(pa.repeat(pa.scalar(typed, types[name]), batch.num_rows))
        fields.append(pa.field(name, types[name]))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a record batch without run-end encoding, which Parquet cannot hold."""
    if not any(pa.types.is_run_end_encoded(field.type) for field in batch.schema):
        return batch
    columns, fields = list(batch.columns), list(batch.schema)
    for i, field in enumerate(fields):
        if pa.types.is_run_end_encoded(field.type):
            columns[i] = plain_column(columns[i])
            fields[i] = field.with_type(columns[i].type)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


def _open_parquet(source: Any, opened: ExitStack) -> tuple[int, pa.Schema, Any]:
    from pyarrow import parquet

    file = opened.enter_context(parquet.ParquetFile(source))
    meta = file.metadata

    def batches(row: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        at = 0
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group).num_rows
            if at + rows <= row:
                at += rows
                continue
            for batch in file.iter_batches(LARGEST_BATCH, row_groups=[group]):
                yield at, batch
                at += batch.num_rows

    return meta.num_rows, file.schema_arrow, batches


def _open_arrow(source: Any, opened: ExitStack) -> tuple[int, pa.Schema, Any]:
    mapped = isinstance(source, str)
    memory = pa.memory_map(source) if mapped else pa.PythonFile(source, mode="r")
    opened.enter_context(memory)
    try:
        file = pa.ipc.open_file(memory)
        count, schema = file.num_record_batches, file.schema
        found: Any = (file.get_batch(i) for i in range(count))
        # The rows of a mapped file are counted at next to no cost; another would be read for them.
        rows = sum(file.get_batch(i).num_rows for i in range(count)) if mapped else 0
    except pa.ArrowInvalid:
        memory.seek(0)
        found, rows = pa.ipc.open_stream(memory), 0
        schema = found.schema

    def batches(row: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        at = 0
        for batch in found:
            yield at, batch
            at += batch.num_rows

    return rows, schema, batches
