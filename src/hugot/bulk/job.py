"""A run: from files to files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hugot.bulk.answers import answers
from hugot.bulk.interrupts import Interrupts
from hugot.bulk.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugot.bulk.batch import Batch
    from hugot.bulk.output import Output
    from hugot.pipelines.base import Pipeline


class Records(Protocol):
    """Where batches come from."""

    def batches(self) -> Iterator[Batch | None]:
        """Batches; None says that for the moment there is nothing more."""

    def stop(self) -> None:
        """End the batches; a signal handler may call it."""


class Watcher(Protocol):
    """Who is told what was written."""

    def written(self, batch: Batch) -> None:
        """A batch was written; called on the writer's thread."""


class Outcome(NamedTuple):
    """How a run ended.

    Attributes:
        seconds: time it took.
        writing_seconds: time in formatting and writing, beside the rest.
        signal: number of the signal that ended it, None where it went through.
    """

    seconds: float
    writing_seconds: float
    signal: int | None


def run_job(
    pipeline: Pipeline[Any, Any],
    records: Records,
    output: Output,
    watcher: Watcher,
    *,
    skip_bad: bool,
) -> Outcome:
    """Run a pipeline over records and write the results, in order.

    Reading, tokenizing, inference and writing overlap. SIGINT and SIGTERM end it behind the records
    that are under way.

    Raises BadRecordError for a record that cannot be run, unless `skip_bad`, and what reading, running
    and writing raise; what was done before is written, and an output that can be continued is left so.
    """
    began = time.perf_counter()
    writer = Writer(output, watcher.written, records.stop)
    with Interrupts(records.stop) as interrupts:
        try:
            for answer in answers(pipeline, records.batches(), skip=skip_bad):
                if answer is None:
                    writer.flush()
                else:
                    writer.put(*answer)
        except BaseException:
            writer.close(whole=False)
            raise
        writer.close(whole=interrupts.signal is None)
    return Outcome(time.perf_counter() - began, writer.seconds, interrupts.signal)
