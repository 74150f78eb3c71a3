"""Batches that are cut, and the places from which their records are read again."""

from __future__ import annotations

import pytest

from hugot.io.batch import Position, RecordError
from hugot.io.files import InputFile
from hugot.io.formats import Format
from hugot.io.records import LineRecords
from hugot.tasks.schema import TEXT

LINES = ["no", "a", "b", 5, 5, "no", "c", 5, "d", "no", "no"]  # "no" is no JSON, 5 no text


@pytest.fixture(params=["jsonl", "parquet"])
def read(request, tmp_path):
    """Reads the records from a place on; numbers are refused."""
    path = tmp_path / f"in.{request.param}"
    if request.param == "jsonl":
        lines = [x if x == "no" else f'{{"input": {x!r}}}'.replace("'", '"') for x in LINES]
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        texts = [None if x in (5, "no") else x for x in LINES]
        parquet.write_table(pa.table({"input": texts}), path)
    file = InputFile(path, Format(request.param), path.stat().st_size)

    def batch_from(place):
        if request.param == "jsonl":
            records = LineRecords([file], place, "jsonl", {"input": "input"}, (TEXT,))
        else:
            from hugot.io.columnar import ColumnRecords

            records = ColumnRecords([file], place, {"input": "input"}, (TEXT,))
        [batch] = [batch for batch in records.batches() if batch is not None]
        refused = {
            number: RecordError(*batch.places[number], "refused", batch.text_of(number))
            for number, value in enumerate(batch.inputs)
            if not isinstance(value, str)
        }
        return batch.without(refused)

    return batch_from


def told(batch):
    return batch.inputs, [line for _, line in batch.places], [each.line for each in batch.errors]


def test_refused_records_become_errors_in_the_order_of_lines(read):
    inputs, lines, errors = told(read(Position()))
    assert inputs == ["a", "b", "c", "d"]
    assert lines == [2, 3, 7, 9]
    assert errors == [1, 4, 5, 6, 8, 10, 11]


@pytest.mark.parametrize("count", range(5))
def test_a_cut_batch_is_read_on_from_the_end_of_its_first_part(read, count):
    head, tail = read(Position()).split(count)
    again = read(head.end)
    assert told(again) == told(tail)
    assert head.inputs + tail.inputs == ["a", "b", "c", "d"]
    assert [each.before for each in again.errors] == [each.before for each in tail.errors]


@pytest.mark.parametrize("count", range(3))
def test_a_part_can_be_cut_again(read, count):
    _, tail = read(Position()).split(2)
    head, rest = tail.split(count)
    assert told(read(head.end)) == told(rest)
    assert rest.end == tail.end
