"""Batches to results."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from hugot.bulk.batch import BadRecord, Batch
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hugot.pipelines.base import Pipeline

_SHOWN = 2000


class BadRecordError(InputError):
    """A line cannot be run, and the run is to stop there."""


def answers(
    pipeline: Pipeline[Any, Any], batches: Iterable[Batch | None], *, skip: bool
) -> Iterator[tuple[Batch, Sequence[Any]] | None]:
    """Each batch with its results, in order; None when all that was given is answered.

    What is bad stands in a batch's `bad`, also an input that the pipeline refuses (one that is too
    long). Unless `skip`, the first one raises BadRecordError after all records before it were given.
    """
    source = iter(batches)
    pending: deque[Batch] = deque()
    first: Batch | None = None
    while True:
        try:
            for results in pipeline.stream_batches(_inputs(source, pending, first, skip=skip)):
                yield from _emptied(pending)
                if not len(results):
                    yield None
                    continue
                batch = pending.popleft()
                if len(results) < len(batch):  # the next record is refused, and that raises then
                    batch, rest = batch.split(len(results))
                    pending.appendleft(rest)
                yield batch, results
            yield from _emptied(pending)
            return
        except InputError as error:
            if error.index is None or not pending:
                raise
            yield from _emptied(pending)
            refused, rest = pending.popleft().split(1)
            bad = _refused(refused, error)
            if not skip:
                yield None
                raise BadRecordError(bad.message) from error
            yield _without_records(refused, bad), ()
            first = rest


def _inputs(
    source: Iterator[Batch | None], pending: deque[Batch], first: Batch | None, *, skip: bool
) -> Iterator[list[Any]]:
    """What the pipeline is given, noting in `pending` what it was."""
    if first is not None:
        pending.append(first)
        if first.inputs:
            yield first.inputs
    for batch in source:
        if batch is None:
            yield []
            continue
        if batch.bad and not skip:
            found = batch.bad[0]
            before, _ = batch.split(found.before)
            before.bad = []
            if before.inputs:
                pending.append(before)
                yield before.inputs
            yield []
            raise BadRecordError(found.message)
        pending.append(batch)
        if batch.inputs:
            yield batch.inputs


def _emptied(pending: deque[Batch]) -> Iterator[tuple[Batch, Sequence[Any]]]:
    """The next batches that have nothing to run, only what is bad."""
    while pending and not pending[0].inputs:
        yield pending.popleft(), ()


def _without_records(batch: Batch, bad: BadRecord) -> Batch:
    """What is left of a batch whose only record is refused."""
    return Batch(
        [], [], batch.start, batch.end, [], bad=[*batch.bad, bad], bytes_done=batch.bytes_done
    )


def _refused(batch: Batch, error: InputError) -> BadRecord:
    source, line = batch.places[0]
    reason = str(error).removeprefix(f"input {error.index} ").removeprefix(f"input {error.index}: ")
    return BadRecord(source, line, f"the input {reason}", str(batch.inputs[0])[:_SHOWN])
