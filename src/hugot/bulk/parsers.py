"""A line's fields and input, by the kind of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import orjson

from hugot.bulk.check import shown_value

if TYPE_CHECKING:
    from collections.abc import Callable

Parsed: TypeAlias = "tuple[dict[str, Any], Any]"

INPUT = "input"
_LONGEST_CSV_RECORD = 1 << 20
_BOM = b"\xef\xbb\xbf"


class Parser(Protocol):
    """Takes the lines of files, one by one."""

    def begin(self, header: bytes | None = None) -> None:
        """A file begins; `header` is its first line, where the reading begins further on."""

    def parse(self, line: bytes) -> Parsed | None:
        """The record that ends with this line, None where there is none (yet).

        Raises ValueError for a line that is no record.
        """

    def rest(self) -> None:
        """A file ends. Raises ValueError where it does so within a record."""


class JsonLines:
    """An object a line."""

    def __init__(self, name: str, pair: str | None, check: Callable[[Any], None]) -> None:
        self._name = name
        self._pair = pair
        self._check = check

    def begin(self, header: bytes | None = None) -> None:
        """A file begins."""

    def rest(self) -> None:
        """A file ends."""

    def parse(self, line: bytes) -> Parsed | None:
        """The object and what it has under the name of the input; None for a blank line."""
        try:
            fields = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not line or line.isspace():
                return None
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(fields, dict) or self._name not in fields:
            raise ValueError(f'each line must be an object with the key "{self._name}"')
        value = fields[self._name]
        if self._pair is not None:
            value = paired(value, fields.get(self._pair), self._pair)
        self._check(value)
        return fields, value


class PlainText:
    """A text a line; a blank line is an empty text, so that lines and answers keep in step."""

    def begin(self, header: bytes | None = None) -> None:
        """A file begins."""

    def rest(self) -> None:
        """A file ends."""

    def parse(self, line: bytes) -> Parsed | None:
        """The line as ``{"input": line}``."""
        text = decoded(line.removesuffix(b"\r"))
        return {INPUT: text}, text


class Csv:
    """A header, then a row a line; a quoted field may hold line ends."""

    def __init__(
        self, delimiter: str, name: str, pair: str | None, check: Callable[[Any], None]
    ) -> None:
        import csv  # here: other kinds of files do without

        self._csv = csv
        self._delimiter = delimiter
        self._name = name
        self._pair = pair
        self._check = check
        self._header: list[str] | None = None
        self._open: list[str] = []
        self._open_size = 0

    def begin(self, header: bytes | None = None) -> None:
        """A file begins; its header is read now where it is given, else from the first line."""
        self._header, self._open, self._open_size = None, [], 0
        if header is not None:
            self.parse(header)

    def parse(self, line: bytes) -> Parsed | None:
        """The row as a dict by the header's names."""
        row = self._row(line)
        if row is None:
            return None
        if self._header is None:
            self._set_header(row)
            return None
        if len(row) != len(self._header):
            raise ValueError(f"the row has {len(row)} fields, the header {len(self._header)}")
        fields = dict(zip(self._header, row, strict=True))
        value: Any = fields[self._name]
        if self._pair is not None:
            value = paired(value, fields[self._pair], self._pair)
        self._check(value)
        return fields, value

    def rest(self) -> None:
        """The file ends; raises ValueError within quotes."""
        if self._open:
            self._open, self._open_size = [], 0
            raise ValueError("the file ends within a quoted field")

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
        if self._open_size > _LONGEST_CSV_RECORD:
            self._open, self._open_size = [], 0
            raise ValueError("a quoted field does not end within a million characters")

    def _set_header(self, row: list[str]) -> None:
        for name in (self._name, self._pair):
            if name is not None and name not in row:
                raise HeaderError(
                    f"there is no column {name!r}; the columns are {', '.join(map(repr, row))}. "
                    "Choose one with --input-column or --pair-column"
                )
        if len(set(row)) < len(row):
            raise HeaderError("two columns have the same name")
        if any("\n" in name for name in row):
            raise HeaderError("a column's name holds a line end")
        self._header = row


class HeaderError(ValueError):
    """A file's header does not have what every row needs."""


def paired(text: Any, pair: Any, name: str) -> dict[str, Any]:
    """A pair of texts as the pipelines take it; raises ValueError where the second is none."""
    if not isinstance(pair, str):
        raise ValueError(f'"{name}" must be a string, not {shown_value(pair)}')
    return {"text": text, "text_pair": pair}


def decoded(line: bytes) -> str:
    """A line as text; raises ValueError for another encoding than UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.start + 1} of the line ({error.reason})"
        ) from None


def without_bom(line: bytes) -> bytes:
    """The first line of a file, without the mark that some programs put before it."""
    return line.removeprefix(_BOM)


def make_parser(kind: str, name: str, pair: str | None, check: Callable[[Any], None]) -> Parser:
    """The parser of a kind of line."""
    if kind == "csv":
        return Csv(",", name, pair, check)
    if kind == "tsv":
        return Csv("\t", name, pair, check)
    if kind == "txt":
        return PlainText()
    return JsonLines(name, pair, check)
