"""Records of a run, in batches that know their place in the input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from hugot.errors import InputError
from hugot.tasks.schema import open_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from hugot.tasks.schema import Field

LARGEST_BATCH = 1024
# orjson reads a whole number of more than 64 bits as a float. The least one has this many digits.
LONG_NUMBER = re.compile(rb"\d{19}")
_SHOWN_LENGTH = 2000
_SHOWN_VALUE = 80
_SHOWN_KEYS = 20
_MISSING = object()

# The keys and values of a record, its input, and the object of JSON that it is in its file; None if it
# is none.
Parsed: TypeAlias = "tuple[dict[str, Any], Any, bytes | None]"


class Position(NamedTuple):
    """A place between two records of the input.

    Attributes:
        file: number of the file.
        line: lines (or rows) of that file before this place.
        offset: bytes of that file before this place, if a reader can seek to it.
        skip: records behind this place that count as before it.
    """

    file: int = 0
    line: int = 0
    offset: int | None = 0
    skip: int = 0


class RecordError(NamedTuple):
    """A line or row that cannot be run.

    Attributes:
        source: the file it is in.
        line: its number there, from 1 on.
        reason: what is wrong with it.
        text: the line, or its beginning.
        before: records of its batch that come before it and can be run.
        unit: ``"line"`` or ``"row"``, whichever `line` counts.
    """

    source: str
    line: int
    reason: str
    text: str
    before: int = 0
    unit: str = "line"

    @property
    def message(self) -> str:
        """The place of the record, and what is wrong with it."""
        return f"{self.source}, {self.unit} {self.line}: {self.reason}"


class Batch:
    """Records that are run together.

    Attributes:
        inputs: the pipeline's inputs, one per record.
        places: the file and the number of the line, from 1 on, of each record.
        start: the place before the first record.
        end: the place behind the last one.
        rows: the keys and values of each record; empty if the file consists of columns.
        lines: the object of JSON that each record is in its file, None for a record of another format;
            empty if the file consists of columns.
        table: the columns of the records; None if the file consists of lines. The input None of a
            record then stands for a null, whose result is null.
        text_columns: the columns of texts among them.
        unit: what the numbers of `places` count: ``"line"``, ``"row"`` or ``"item"``.
        columns: the names of the columns, if the batch has none of the rows of a file that names them.
        errors: the records among them that cannot be run.
        bytes_done: bytes of all input files up to the end of this batch, about.
        numbers: the number of each record among those that were read together, refused ones included;
            None if none was refused.
    """

    __slots__ = (
        "bytes_done",
        "columns",
        "end",
        "errors",
        "inputs",
        "lines",
        "numbers",
        "places",
        "rows",
        "start",
        "table",
        "text_columns",
        "unit",
    )

    def __init__(self, start: Position, end: Position, bytes_done: int = 0) -> None:
        self.inputs: list[Any] = []
        self.places: list[tuple[str, int]] = []
        self.start = start
        self.end = end
        self.rows: list[dict[str, Any]] = []
        self.lines: list[bytes | None] = []
        self.table: pa.RecordBatch | None = None
        self.text_columns: Sequence[str] = ()
        self.unit = "line"
        self.columns: Sequence[str] = ()
        self.errors: list[RecordError] = []
        self.bytes_done = bytes_done
        self.numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def nulls(self) -> int:
        """The number of records that are not run, since their input is null."""
        return 0 if self.table is None else self.inputs.count(None)

    def place_of(self, number: int) -> str:
        """The file and the line or row of a record, for messages."""
        source, line = self.places[number]
        return f"{source}, {self.unit} {line}"

    def column_names(self) -> Sequence[str]:
        """Return the names of the columns of a batch without records, if they are known."""
        return self.columns if self.table is None else self.table.schema.names

    def records(self) -> Sequence[Mapping[str, Any]]:
        """Return the keys and values of each record, as JSON has them; nothing is lost.

        Raises InputError for a text of a column that is not UTF-8.
        """
        if self.table is None:
            return list(map(_exact, self.rows, self.lines))
        from hugot.io.arrow_values import table_rows

        try:
            return table_rows(self.table, self.text_columns)
        except UnicodeDecodeError:
            for number in range(len(self)):
                try:
                    table_rows(self.table.slice(number, 1), self.text_columns)
                except UnicodeDecodeError as error:
                    raise InputError(
                        f"{self.place_of(number)}: a text is not UTF-8: {error}"
                    ) from error
            raise

    def split(self, count: int) -> tuple[Batch, Batch]:
        """Return the first `count` records, and the rest."""
        read = self.numbers[count - 1] + 1 if self.numbers is not None and count else count
        middle = self.start._replace(skip=self.start.skip + read)
        head = self._part(slice(0, count), self.start, middle)
        tail = self._part(slice(count, len(self)), middle, self.end)
        if self.numbers is not None:
            head.numbers = self.numbers[:count]
            tail.numbers = [number - read for number in self.numbers[count:]]
        for error in self.errors:
            # An error belongs to the record behind it, as for a reader that skips records.
            if error.before < count:
                head.errors.append(error)
            else:
                tail.errors.append(error._replace(before=error.before - count))
        return head, tail

    def without(self, refused: Mapping[int, RecordError]) -> Batch:
        """Return the batch without some records, by their numbers; they become errors of it."""
        kept = [number for number in range(len(self)) if number not in refused]
        batch = Batch(self.start, self.end, self.bytes_done)
        batch.inputs = [self.inputs[number] for number in kept]
        batch.places = [self.places[number] for number in kept]
        batch.rows = [self.rows[number] for number in kept] if self.rows else []
        batch.lines = [self.lines[number] for number in kept] if self.lines else []
        batch.unit = self.unit
        if self.table is not None:
            from hugot.io.arrow_texts import taken_rows

            batch.table, batch.text_columns = taken_rows(self.table, kept), self.text_columns
        batch.numbers = kept
        batch.columns = self.columns or (list(self.rows[0]) if self.rows else ())
        found = [(error.before, 0, error) for error in self.errors]
        found += [(number, 1, error) for number, error in refused.items()]
        gone = 0
        for before, is_refused, error in sorted(found, key=lambda each: each[:2]):
            batch.errors.append(error._replace(before=before - gone))
            gone += is_refused
        return batch

    def text_of(self, number: int) -> str:
        """The beginning of a record: its line in a file of JSON Lines, else its row as JSON."""
        if self.table is not None:
            return row_text(self.table, number)
        line = self.lines[number]
        return shown_line(orjson.dumps(self.rows[number]) if line is None else line)

    def _part(self, part: slice, start: Position, end: Position) -> Batch:
        batch = Batch(start, end, self.bytes_done)
        batch.inputs = self.inputs[part]
        batch.places = self.places[part]
        batch.rows = self.rows[part]
        batch.lines = self.lines[part]
        batch.unit = self.unit
        if self.table is not None:
            batch.table = self.table.slice(part.start, part.stop - part.start)
            batch.text_columns = self.text_columns
        return batch


class InputKeys:
    """The keys or columns of a record that make its input.

    Args:
        columns: name of a field of the task → the key or column that holds it.
        fields: all fields of the task.

    Attributes:
        keys: the keys, in the order of the fields.
        single: the key whose value is the input by itself; None if the input is a dict.
        optional: the keys that a record need not have.
        lists: the keys of lists of texts.
        alternatives: the keys of which each record has one; empty if there is no choice.
    """

    def __init__(self, columns: Mapping[str, str], fields: Sequence[Field]) -> None:
        self._all_fields = fields
        self._fields: list[Field] = []
        self.keys: list[str] = []
        self.optional: set[str] = set()
        for field in fields:
            if field.name in columns:
                self._fields.append(field)
                self.keys.append(columns[field.name])
                # A key that a flag names is one that records have.
                if field.if_present and columns[field.name] == field.default_column:
                    self.optional.add(columns[field.name])
        self.lists = [columns[each.name] for each in self._fields if each.is_list]
        self.alternatives = [columns[each.name] for each in open_fields(fields, columns)]
        alone = len(self.keys) == 1 and fields[0].name in columns
        self.single = self.keys[0] if alone else None

    @property
    def flags(self) -> str:
        """The flags that choose the keys, for messages."""
        return " or ".join([field.flag for field in self._all_fields])

    def of_record(self, record: Mapping[str, Any]) -> Any:
        """Return the input of a record; raises ValueError if a key is missing.

        A key such as ``meta.text`` is in an object, if the record itself has no such key.
        """
        values = []
        for field, key in zip(self._fields, self.keys, strict=True):
            value = _found(record, key)
            if value is _MISSING:
                if key not in self.optional:
                    raise ValueError(
                        f'there is no key "{key}"; the keys are {_shown_keys(record)}. Choose one with '
                        f"{field.flag}"
                    )
                value = None
            values.append(value)
        if self.alternatives and all(_found(record, key) is _MISSING for key in self.alternatives):
            keys = " or ".join(f'"{key}"' for key in self.alternatives)
            raise ValueError(
                f"each record needs the key {keys}; the keys are {_shown_keys(record)}. Choose one with "
                f"{self.flags}"
            )
        return self.of_values(values)

    def missing(self, names: Collection[str]) -> str | None:
        """Return a key that the columns of a file must have, and that is not among their names."""
        for key in self.keys:
            if key not in names and key not in self.optional:
                return key
        if self.alternatives and not any(key in names for key in self.alternatives):
            return self.alternatives[0]
        return None

    def wrong_text(self, value: Any) -> str | None:
        """Return what is wrong with the texts of an input that is a dict; None if nothing is."""
        for field, key in zip(self._fields, self.keys, strict=True):
            part = value.get(field.key)
            may_differ = field.is_list or (
                field.if_present and not (field.exclusive and field.key in value)
            )
            if not isinstance(part, str) and not may_differ:
                return f'"{key}" must be a string, not {shown_value(part)}'
        return None

    def is_null(self, values: Sequence[Any]) -> bool:
        """Whether a row with these values of the keys is not run, since one that it needs is null."""
        pairs = zip(self._fields, values, strict=True)
        either = [value for field, value in pairs if field.exclusive]
        if either and either.count(None) == len(either):
            return True
        return any(
            value is None and not field.if_present
            for field, value in zip(self._fields, values, strict=True)
        )

    def of_values(self, values: Sequence[Any]) -> Any:
        """Return the input for the values of the keys.

        Raises ValueError for a missing value of a field that is not required: without the field, the
        record would be another input.
        """
        if self.single is not None:
            return values[0]
        made = {}
        for field, key, value in zip(self._fields, self.keys, values, strict=True):
            if value is None and field.if_present:
                continue
            if value is None and not field.required:
                raise ValueError(f'"{key}" must be a string, not null')
            made[field.key] = value
        return made


def _found(record: Any, key: str) -> Any:
    """Return the value of a key, or of one within an object by the names of both joined by a dot."""
    if not isinstance(record, dict):
        return _MISSING
    if key in record:
        return record[key]
    parts = key.split(".")
    for count in range(len(parts) - 1, 0, -1):
        value = _found(record.get(".".join(parts[:count])), ".".join(parts[count:]))
        if value is not _MISSING:
            return value
    return _MISSING


def _shown_keys(record: Mapping[str, Any]) -> str:
    """The keys of a record and of the objects in it, for messages."""
    names = []
    for key, value in record.items():
        names.append(key)
        if isinstance(value, dict):
            names += [f"{key}.{name}" for name in value]
    shown = [f'"{shown_text(name)}"' for name in names[:_SHOWN_KEYS]]
    return ", ".join([*shown, "…"] if len(names) > len(shown) else shown) or "none"


def _exact(row: dict[str, Any], line: bytes | None) -> dict[str, Any]:
    """Return a row with values that lose nothing of its line."""
    if line is None or (type(row) is dict and not LONG_NUMBER.search(line)):
        return row
    from hugot.io.exact_json import exact_row

    return exact_row(line)


def shown_text(text: str) -> str:
    """A text without lone surrogates, which cannot be shown."""
    return text.encode(errors="backslashreplace").decode()


def row_text(table: pa.RecordBatch, row: int) -> str:
    """The beginning of a row of a table as JSON, for messages."""
    from hugot.io.arrow_values import table_rows

    try:
        [found] = table_rows(table.slice(row, 1))
    except UnicodeDecodeError as error:
        return repr(error.object)[:_SHOWN_LENGTH]
    return orjson.dumps(found, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()[
        :_SHOWN_LENGTH
    ]


def shown_line(line: bytes) -> str:
    """The beginning of a line as text."""
    return line[:_SHOWN_LENGTH].decode(errors="replace")


def shown_value(value: Any) -> str:
    """The beginning of a value as JSON, for messages; its type if it is nested too deeply."""
    try:
        return orjson.dumps(value, default=repr).decode()[:_SHOWN_VALUE]
    except TypeError:
        return f"a {type(value).__name__} that is nested too deeply"
