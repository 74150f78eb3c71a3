"""CSV and TSV: a header, then a row a line; a quoted field may have line ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.errors import InputError
from hugot.io.lines import decoded
from hugot.io.values import JSON_OPTIONS, OUTPUT, LineEncoder, json_default, too_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot.io.batch import Batch, InputKeys
    from hugot.io.formats import Format

_LONGEST_RECORD: Final = 1 << 20
DELIMITERS: Final = {"csv": ",", "tsv": "\t"}


class HeaderError(ValueError):
    """The header of a file lacks what every row needs."""


class DelimitedParser:
    """Makes a record of each row; see `hugot.io.records.Parser`.

    Args:
        delimiter: the character between two fields.
        keys: the columns of the input.
        header: the first line of the file, if the reading begins behind it.
    """

    def __init__(self, delimiter: str, keys: InputKeys, header: bytes | None = None) -> None:
        import csv  # here: other kinds of files do without

        self._csv = csv
        self._delimiter = delimiter
        self._keys = keys
        self._header: list[str] | None = None
        self._open: list[str] = []  # lines of a record that goes on
        self._open_size = 0
        if header is not None:
            self.parse(header)

    @property
    def columns(self) -> Sequence[str]:
        """The names in the header; empty before it was read."""
        return self._header or ()

    @property
    def within_record(self) -> bool:
        """Whether a quoted field has not ended."""
        return bool(self._open)

    def parse(self, line: bytes) -> tuple[dict[str, Any], Any] | None:
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
            return record, record[single]
        lists = {key: _listed(key, record[key]) for key in self._keys.lists if key in record}
        return record, self._keys.of_record({**record, **lists} if lists else record)

    def _row(self, line: bytes) -> list[str] | None:
        text = decoded(line.removesuffix(b"\r")) + "\n"
        if not self._open and text.isspace():
            return None
        self._open.append(text)
        self._open_size += len(text)
        if len(self._open) > 1 and '"' not in text:
            self._refuse_endless()
            return None
        try:
            row = next(self._csv.reader(self._open, delimiter=self._delimiter, strict=True))
        except self._csv.Error as error:
            if "unexpected end of data" in str(error):
                self._refuse_endless()
                return None
            self._open, self._open_size = [], 0
            raise ValueError(f"not CSV: {error}") from error
        self._open, self._open_size = [], 0
        return row

    def _refuse_endless(self) -> None:
        if self._open_size > _LONGEST_RECORD:
            self._open, self._open_size = [], 0
            raise ValueError("a quoted field does not end within a million characters")

    def _set_header(self, row: list[str]) -> None:
        if (key := self._keys.missing(row)) is not None:
            raise HeaderError(
                f"there is no column {key!r}; the columns are {', '.join(map(repr, row))}. "
                f"Choose one with {self._keys.flags}"
            )
        if len(set(row)) < len(row):
            raise HeaderError("two columns have the same name")
        if any("\n" in name for name in row):
            raise HeaderError("a column's name holds a line end")
        self._header = row


class DelimitedEncoder(LineEncoder):
    """Writes each record's columns, and the result as JSON in the column ``output``."""

    def __init__(self, format: Format, convert: Callable[[Any], Any] | None) -> None:
        super().__init__(format, convert)
        self._delimiter = DELIMITERS[format.kind]
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
        import csv
        import io

        text = io.StringIO()
        write = csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow
        if self._columns is None:
            names = [name for record in records for name in record] or batch.column_names()
            self._columns = [*(name for name in dict.fromkeys(names) if name != OUTPUT), OUTPUT]
        if not self._headed:
            write(self._columns)
            self._headed = True
        columns, known, convert = self._columns, frozenset(self._columns), self._convert
        for i, record in enumerate(records):
            if not record.keys() <= known:
                raise _late_column(batch, i, record.keys() - known)
            value = results[i] if convert is None else convert(results[i])
            whole = {**record, OUTPUT: value}
            try:
                write([_cell(whole.get(name)) for name in columns])
            except TypeError:
                raise too_deep(batch, i) from None
        return text.getvalue().encode()


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


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return value
    if getattr(value, "ndim", None) == 0:
        return str(value)  # of a float32: fewer digits than those of the same number as a float
    return orjson.dumps(value, default=json_default, option=JSON_OPTIONS).decode()
