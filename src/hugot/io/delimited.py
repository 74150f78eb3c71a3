"""CSV and TSV: a header, then a row a line; a quoted field may have line ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.errors import InputError
from hugot.io.batch import shown_text
from hugot.io.lines import decoded
from hugot.io.values import JSON_OPTIONS, OUTPUT, LineEncoder, json_default, too_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hugot.io.batch import Batch, InputKeys, Parsed
    from hugot.io.formats import Format

DELIMITERS: Final = {"csv": ",", "tsv": "\t"}
_NOT_FINITE: Final = {
    "nan": "NaN",
    "inf": "Infinity",
    "-inf": "-Infinity",
}  # as JSON writers have them


class HeaderError(ValueError):
    """The header of a file lacks what every row needs."""


class DelimitedParser:
    """Makes a record of each row; see `hugot.io.records.Parser`.

    Fields are those of Python's module csv (``strict=True``), which limits their size for the whole
    process and loses the line ends in them.

    Args:
        delimiter: the character between two fields.
        keys: the columns of the input.
        header: the first line of the file, if the reading begins behind it.
        longest: most bytes in a row.
    """

    def __init__(
        self, delimiter: str, keys: InputKeys, header: bytes | None = None, longest: int = 1 << 24
    ) -> None:
        self._delimiter = delimiter
        self._keys = keys
        self._longest = longest
        self._header: list[str] | None = None
        self._fields: list[str] = []  # of a row that goes on
        self._quoted: list[str] | None = None  # the parts of its last field, which has not ended
        self._size = 0
        if header is not None:
            self.parse(header)

    @property
    def columns(self) -> Sequence[str]:
        """The names in the header; empty before it was read."""
        return self._header or ()

    @property
    def within_record(self) -> bool:
        """Whether a quoted field has not ended."""
        return self._quoted is not None

    def parse(self, line: bytes) -> Parsed | None:
        """Return the row as a dict with the names of the header, and its input."""
        row = self._row(line)
        if row is None:
            return None
        if self._header is None:
            self._set_header(row)
            return None
        if len(row) != len(self._header):
            raise ValueError(f"the row has {len(row)} fields, the header {len(self._header)}")
        record = dict(zip(self._header, row, strict=True))
        single = self._keys.single
        if single is not None:
            return record, record[single], None
        lists = {key: _listed(key, record[key]) for key in self._keys.lists if key in record}
        return record, self._keys.of_record({**record, **lists} if lists else record), None

    def reset(self) -> None:
        """Drop the row that has not ended."""
        self._fields, self._quoted, self._size = [], None, 0

    def _row(self, line: bytes) -> list[str] | None:
        """Return the row that ends with a line; None for a blank line or a row that goes on."""
        text = decoded(line)
        if self._quoted is None:
            if '"' not in text:
                text = text.removesuffix("\r")
                return text.split(self._delimiter) if text else None
            if text == "\r":
                return None
        self._size += len(line) + 1
        if self._size > self._longest:
            raise ValueError(f"the row has more than {self._longest} bytes; more are not taken")
        if not self._add_fields(text):
            return None
        row = self._fields
        self.reset()
        return row

    def _add_fields(self, text: str) -> bool:
        """Add the fields in a line to the row; return whether the row ends with it."""
        delimiter, fields, at = self._delimiter, self._fields, 0
        while True:
            if self._quoted is None:
                if not text.startswith('"', at):
                    end = text.find(delimiter, at)
                    if end < 0:
                        fields.append(text[at:].removesuffix("\r"))
                        return True
                    fields.append(text[at:end])
                    at = end + 1
                    continue
                self._quoted = []
                at += 1
            end = text.find('"', at)
            if end < 0:
                self._quoted.append(text[at:] + "\n")
                return False
            self._quoted.append(text[at:end])
            at = end + 1
            if text.startswith('"', at):  # two quotes stand for one
                self._quoted.append('"')
                at += 1
                continue
            fields.append("".join(self._quoted))
            self._quoted = None
            if text[at:] in ("", "\r"):
                return True
            if text[at] != delimiter:
                raise ValueError(f"not CSV: {delimiter!r} expected behind a quoted field")
            at += 1

    def _set_header(self, row: list[str]) -> None:
        if (key := self._keys.missing(row)) is not None:
            raise HeaderError(
                f"there is no column {key!r}; the columns are {', '.join(map(repr, row))}. "
                f"Choose one with {self._keys.flags}"
            )
        if len(set(row)) < len(row):
            raise HeaderError("two columns have the same name")
        if any("\n" in name or "\r" in name for name in row):
            raise HeaderError(
                "a column's name holds a line end. If the lines of the file end in a carriage return "
                "alone, convert it: tr '\\r' '\\n' < FILE"
            )
        self._header = row


class DelimitedEncoder(LineEncoder):
    """Writes each record's columns, and the result as JSON in the column ``output``."""

    def __init__(self, format: Format, convert: Callable[[Any], Any] | None) -> None:
        super().__init__(format, convert)
        self._delimiter = DELIMITERS[format.kind]
        self._special = re.compile(f'["\\r\\n{self._delimiter}]')
        self._columns: list[str] | None = None
        self._headed = False

    def begin(self, state: Any, *, new: bool) -> None:
        """Begin a file; a further one has the columns of the first."""
        if state is not None:
            self._columns, self._headed = state["columns"], state["headed"]
        self._headed = self._headed and not new

    def state(self) -> Any:
        """Return the columns, and whether the file has its header."""
        return {"columns": self._columns, "headed": self._headed}

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return a row a line, and before the first of a file the header."""
        records = batch.records()
        if not records and (self._headed or not batch.column_names()):
            return b""
        if self._columns is None:
            names = [name for record in records for name in record] or batch.column_names()
            self._columns = [*(name for name in dict.fromkeys(names) if name != OUTPUT), OUTPUT]
        made = []
        if not self._headed:
            made.append(self._line(self._columns))
            self._headed = True
        columns, known, convert = self._columns, frozenset(self._columns), self._convert
        for i, record in enumerate(records):
            if not record.keys() <= known:
                raise _late_column(batch, i, record.keys() - known)
            value = results[i] if convert is None else convert(results[i])
            whole = {**record, OUTPUT: value}
            try:
                made.append(self._line([_cell(whole.get(name)) for name in columns]))
            except TypeError:
                raise too_deep(batch, i) from None
            except UnicodeEncodeError:
                raise _lone_surrogate(batch, i, record) from None
        return b"".join(made)

    def _line(self, cells: Sequence[str]) -> bytes:
        quoted = [
            '"' + cell.replace('"', '""') + '"' if self._special.search(cell) else cell
            for cell in cells
        ]
        # A line without characters is no row.
        return ((self._delimiter.join(quoted) or '""') + "\n").encode()


def _lone_surrogate(batch: Batch, number: int, record: Mapping[str, Any]) -> InputError:
    from hugot.io.exact_json import lone_surrogate

    name = next(name for name in record if lone_surrogate({name: record[name]}))
    return InputError(
        f"{batch.place_of(number)}: the key {shown_text(name)!r} holds a lone surrogate, which UTF-8 "
        "does not have; choose --output-format jsonl"
    )


def _listed(key: str, cell: str) -> list[Any] | None:
    """Return the list that a cell holds as JSON, None for an empty cell; raises ValueError."""
    if not cell:
        return None
    try:
        value = orjson.loads(cell)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, list):
        raise ValueError(f'"{key}" must be a list of strings in JSON, such as ["a", "b"]')
    return value


def _late_column(batch: Batch, number: int, names: set[str]) -> InputError:
    return InputError(
        f"{batch.place_of(number)}: the key {min(names)!r} comes too late to be a column; choose "
        "--output-format jsonl"
    )


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # The digits of a whole number of any size, or those of a float32, which are fewer than those of the
    # same number as a float.
    if isinstance(value, int | float) or getattr(value, "ndim", None) == 0:
        return str(value)
    return orjson.dumps(value, default=json_default, option=JSON_OPTIONS).decode()
