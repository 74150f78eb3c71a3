"""Tables in files, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet


def write_table(table: Any, path: Any) -> Any:
    """Write a table in the format of a path, and return the path."""
    if path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        parquet.write_table(table, path)
    return path


def read_table(path: Any) -> Any:
    """Read a table from a file of Parquet or Arrow."""
    if path.suffix == ".arrow":
        return feather.read_table(path)
    return parquet.ParquetFile(path).read()


def broken_text() -> Any:
    """A column of strings, of which the second is not UTF-8."""
    offsets = pa.py_buffer(np.array([0, 1, 3], np.int32).tobytes())
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"xa\xff")])
