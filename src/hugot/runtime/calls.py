"""The calls of a pipeline that are under way, and how they are stopped."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from hugot.runtime.executor import Job
from hugot.runtime.gate import Gate
from hugot.runtime.lifetime import forked_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot._ort.session import RunOptions
    from hugot.errors import HugotError
    from hugot.runtime.executor import Work
    from hugot.text.planner import Group


class Calls(Gate):
    """A gate that knows what runs behind it.

    Attributes:
        rows: stops the runs of single rows; all of them use the same, which costs them nothing.
        ended_by: makes the error of calls that were stopped; None where none were.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.rows: RunOptions | None = None
        self.ended_by: Callable[[], HugotError] | None = None
        self._jobs: dict[int, Job] = {}
        self._numbers = count()

    def new_job(self, work: Work, groups: Sequence[Group], stop: RunOptions) -> Job:
        """The job of a call that is inside; it leaves the gate when the job is done."""
        number = next(self._numbers)
        job = Job(work, groups, stop.terminate, partial(self._end_job, number))
        if groups:
            self._jobs[number] = job
        # Those who stop everything look for jobs after they have set this: none is forgotten.
        if self.ended_by is not None:
            job.stop(self.ended_by())
        return job

    def stop(self, error: Callable[[], HugotError]) -> None:
        """End what runs, and what is about to; nothing may come in any more."""
        self.ended_by = error
        if self.rows is not None:
            self.rows.terminate()
        for job in list(self._jobs.values()):
            job.stop(error())

    def abandon(self) -> None:  # noqa: D102  (see Forked)
        super().abandon()
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.abandon(forked_error(self._what))

    def _end_job(self, number: int) -> None:
        self._jobs.pop(number, None)
        self.leave()
