"""Records of a run, in batches that know where they stand in the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Position(NamedTuple):
    """A place between two records of the input.

    Attributes:
        file: number of the file.
        line: lines (or rows) of that file before this place.
        offset: bytes of that file before this place, where a reader can go there at once.
        skip: good records behind this place that count as before it.
    """

    file: int = 0
    line: int = 0
    offset: int | None = 0
    skip: int = 0


class BadRecord(NamedTuple):
    """A line or row that cannot be run.

    Attributes:
        source: the file it is in.
        line: its number there, from 1 on.
        reason: what is wrong with it.
        text: the line as it stands, or its beginning.
        before: good records of its batch that come before it.
    """

    source: str
    line: int
    reason: str
    text: str
    before: int = 0

    @property
    def message(self) -> str:
        """Where it is, and what is wrong with it."""
        return f"{self.source}, line {self.line}: {self.reason}"


class Batch:
    """Records that are run together.

    Attributes:
        inputs: what the pipeline is given, one per record.
        places: where each record comes from: a file, and the number of a line in it, from 1 on.
        start: the place before the first record.
        end: the place behind the last one.
        fields: what each record carries along, where the input is made of lines.
        lines: each record's line as it stands, where carrying it along needs that.
        table: what the records carry along, where the input is made of columns.
        bad: what was found among the records and cannot be run.
        bytes_done: bytes of all input files up to the end of this batch, about.
    """

    __slots__ = (
        "bad",
        "bytes_done",
        "end",
        "fields",
        "inputs",
        "lines",
        "places",
        "start",
        "table",
    )

    def __init__(
        self,
        inputs: list[Any],
        places: list[tuple[str, int]],
        start: Position,
        end: Position,
        fields: list[dict[str, Any]] | None = None,
        lines: list[bytes] | None = None,
        table: pa.RecordBatch | None = None,
        bad: list[BadRecord] | None = None,
        bytes_done: int = 0,
    ) -> None:
        self.inputs = inputs
        self.places = places
        self.start = start
        self.end = end
        self.fields = fields
        self.lines = lines
        self.table = table
        self.bad = bad if bad is not None else []
        self.bytes_done = bytes_done

    def __len__(self) -> int:
        return len(self.inputs)

    def split(self, count: int) -> tuple[Batch, Batch]:
        """The first `count` records, and the rest."""
        middle = self.start._replace(skip=self.start.skip + count)
        head = self._part(0, count, self.start, middle)
        tail = self._part(count, len(self), middle, self.end)
        return head, tail

    def _part(self, start: int, stop: int, before: Position, behind: Position) -> Batch:
        # What is bad belongs to the good record that follows it, as a reader that skips has it.
        last = stop == len(self)
        return Batch(
            self.inputs[start:stop],
            self.places[start:stop],
            before,
            behind,
            self.fields[start:stop] if self.fields is not None else None,
            self.lines[start:stop] if self.lines is not None else None,
            self.table.slice(start, stop - start) if self.table is not None else None,
            [
                each._replace(before=each.before - start)
                for each in self.bad
                if start <= each.before and (each.before < stop or last)
            ],
            self.bytes_done,
        )

    def rows(self) -> list[dict[str, Any]]:
        """What each record carries along, as a dict."""
        if self.fields is not None:
            return self.fields
        return self.table.to_pylist() if self.table is not None else [{} for _ in self.inputs]
