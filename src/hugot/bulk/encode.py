"""Records and their results to bytes: the writers of lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from hugot.bulk.values import json_values
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hugot.bulk.batch import Batch
    from hugot.bulk.formats import Format

OUTPUT = "output"

# orjson prints a float32 with the fewest digits that give it back.
_VALUE = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_LINE = _VALUE | orjson.OPT_APPEND_NEWLINE
# orjson reads a number of more than 64 bits as a float; such a line is carried along as it stands.
_LONG_NUMBER = re.compile(rb"\d{17}")


class Encoder(Protocol):
    """Makes a working file's bytes; `finish` makes the final file of it.

    Attributes:
        suffix: that of the final file.
    """

    suffix: str

    def begin(self, state: Any, *, new: bool) -> None:
        """Begin a file, or go on with one; `state` is what `state` gave last, None at first."""

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """The bytes of a batch."""

    def state(self) -> Any:
        """What `begin` needs to go on, for JSON."""

    def finish(self, working: Path, target: Path) -> None:
        """Make the final file `target` of a working file; what is at `target` is replaced at once."""


class LineEncoder:
    """What the writers of lines share: the working file is the final one, under another name."""

    def __init__(self, format: Format, values: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self.suffix = str(format)
        self._values = values

    def begin(self, state: Any, *, new: bool) -> None:
        """Nothing is to be done."""

    def state(self) -> Any:
        """Nothing."""
        return None

    def finish(self, working: Path, target: Path) -> None:
        """Rename it."""
        working.replace(target)


class JsonLinesEncoder(LineEncoder):
    """Each record with the result under ``output``."""

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """An object a line."""
        rows, values, lines = batch.rows(), self._values(results), batch.lines
        made = []
        for i, (fields, value) in enumerate(zip(rows, values, strict=True)):
            if lines is not None and OUTPUT not in fields and _LONG_NUMBER.search(lines[i]):
                made.append(_with_output(lines[i], value))
                continue
            try:
                made.append(_dumps({**fields, OUTPUT: value}))
            except TypeError:  # orjson reads what is nested deeper than what it writes
                if lines is None or OUTPUT in fields:
                    raise too_deep(batch, i) from None
                made.append(_with_output(lines[i], value))
        return b"".join(made)


class TextEncoder(LineEncoder):
    """The result alone, as JSON."""

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """A value a line."""
        return b"".join(map(_dumps, self._values(results)))


class CsvEncoder(LineEncoder):
    """Each record's columns, and the result as JSON in the column ``output``."""

    def __init__(
        self, format: Format, values: Callable[[Sequence[Any]], Sequence[Any]], delimiter: str
    ) -> None:
        super().__init__(format, values)
        self._delimiter = delimiter
        self._columns: list[str] | None = None
        self._headed = False

    def begin(self, state: Any, *, new: bool) -> None:
        """A further file has the columns of the first."""
        if state is not None:
            self._columns, self._headed = state["columns"], state["headed"]
        self._headed = self._headed and not new

    def state(self) -> Any:
        """The columns, and whether they stand in the file already."""
        return {"columns": self._columns, "headed": self._headed}

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """A row a line; before the first the header."""
        rows = batch.rows()
        if not rows:
            return b""
        if self._columns is None:
            names = dict.fromkeys(name for fields in rows for name in fields if name != OUTPUT)
            self._columns = [*names, OUTPUT]
        import csv
        import io

        text = io.StringIO()
        write = csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow
        if not self._headed:
            write(self._columns)
            self._headed = True
        known = frozenset(self._columns)
        for i, (fields, value) in enumerate(zip(rows, self._values(results), strict=True)):
            if not fields.keys() <= known:
                source, line = batch.places[i]
                new = sorted(fields.keys() - known)
                raise InputError(
                    f"{source}, line {line}: the key {new[0]!r} comes too late to be a column; choose "
                    "--output-format jsonl"
                )
            whole = {**fields, OUTPUT: value}
            try:
                write([_cell(whole.get(name)) for name in self._columns])
            except TypeError:
                raise too_deep(batch, i) from None
        return text.getvalue().encode()


def make_encoder(format: Format, task: str, result_format: str, *, half: bool = False) -> Encoder:
    """The writer of a format."""
    if format.columnar:
        from hugot.bulk.arrow_encode import ArrowEncoder

        return ArrowEncoder(format, task, result_format, half=half)
    values = json_values(task, result_format, half=half)
    if format.kind in ("csv", "tsv"):
        return CsvEncoder(format, values, "," if format.kind == "csv" else "\t")
    return (TextEncoder if format.kind == "txt" else JsonLinesEncoder)(format, values)


def too_deep(batch: Batch, number: int) -> InputError:
    """The error for a record whose values are nested too deeply to be written."""
    source, line = batch.places[number]
    return InputError(f"{source}, line {line}: what it carries along is nested too deeply")


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=_LINE)


def _with_output(line: bytes, value: Any) -> bytes:
    """A line of JSON with one more key; what stands in it stays as it is."""
    head = line.rstrip()[:-1].rstrip()
    return b'%s,"%s":%s}\n' % (head, OUTPUT.encode(), orjson.dumps(value, option=_VALUE))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    return orjson.dumps(value, default=_plain, option=_VALUE).decode()


def _plain(value: Any) -> Any:
    """What JSON has for a value of a column that it does not know."""
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    return str(value)
