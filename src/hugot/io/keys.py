"""The keys or columns of the first record of a file, which decide on the results of a run."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import orjson

from hugot.io.delimited import DELIMITERS
from hugot.io.lines import header_line

if TYPE_CHECKING:
    from hugot.io.files import InputFile


def first_keys(file: InputFile) -> list[str]:
    """Return the keys of a file's first record, or its columns; empty if it has none."""
    if file.format.columnar:
        from hugot.io.column_files import open_table

        with ExitStack() as opened:
            _, tables = open_table(file, {}, opened)
            return next((table.schema.names for _, table in tables(0)), [])
    line = header_line(file)
    if file.format.kind in DELIMITERS:
        import csv

        delimiter = DELIMITERS[file.format.kind]
        text = line.decode(errors="replace").rstrip("\r")
        return next(csv.reader([text], delimiter=delimiter), [])
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return list(record) if isinstance(record, dict) else []
