"""The calls of a pipeline that are under way: closing waits for them, or stops them."""

from __future__ import annotations

import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from hugot.errors import SessionClosedError
from hugot.runtime.executor import Job
from hugot.runtime.process import forked_error, register_fork_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot._ort.session import RunOptions
    from hugot.errors import HugotError
    from hugot.inputs.rows import Group
    from hugot.runtime.executor import Work


class Gate:
    """Admits calls until it is closed; closing waits until the last one has ended.

    In a forked child it is closed, since the child has neither the threads nor the native sessions.

    Attributes:
        refused: whether it was closed by `refuse`, here or before a fork.
        forked: whether this process was forked after the gate was made.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._inside = 0
        self._closed = False
        self.refused = False
        self.forked = False
        # A plain lock, which is faster than a condition: every call takes it twice.
        self._lock = threading.Lock()
        self._empty = threading.Event()
        self._then: list[Callable[[], object]] = []
        register_fork_handler(self)

    def enter(self) -> None:
        """Begin a call.

        Raises SessionClosedError once the gate is closed, ForkedProcessError in a child that was forked
        before.
        """
        with self._lock:
            if self._closed:
                raise self._refusal()
            self._inside += 1

    def leave(self) -> None:
        """End a call."""
        with self._lock:
            self._inside -= 1
            last = self._closed and self._inside == 0
        if last:
            self._end()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *exc_info: object) -> None:
        self.leave()

    def refuse(self) -> bool:
        """Refuse new calls; return False if they were refused before."""
        with self._lock:
            first = not self._closed
            self._closed = self.refused = True
            empty = self._inside == 0
        if empty:
            self._end()
        return first

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until no call is inside, once new ones are refused; return False after `seconds`."""
        return self._empty.wait(seconds)

    def close(self) -> bool:
        """Refuse new calls and wait for those inside; return False if it was closed already."""
        first = self.refuse()
        self.wait()
        return first

    def on_idle(self, action: Callable[[], object]) -> None:
        """Call `action` as soon as no call is inside; new calls must be refused already.

        It is called by the thread that leaves last, or by this one if no call is inside.
        """
        with self._lock:
            if not self._empty.is_set():
                self._then.append(action)
                return
        action()

    @property
    def closed(self) -> bool:
        """Whether new calls are refused."""
        return self._closed

    def reset_after_fork(self) -> None:  # noqa: D102  (see ForkHandler)
        self._lock = threading.Lock()
        self._empty = threading.Event()
        self._empty.set()
        self._closed = self.forked = True
        self._then = []

    def _refusal(self) -> HugotError:
        if self.forked and not self.refused:
            return forked_error(self._what)
        return SessionClosedError(f"{self._what} is closed; make a new one")

    def _end(self) -> None:
        with self._lock:
            self._empty.set()
            then, self._then = self._then, []
        for action in then:
            action()


class ActiveCalls(Gate):
    """A gate that can stop the calls inside.

    Attributes:
        run_options: the handle that stops all runs on the callers' own threads.
        ended_by: makes the error of calls that were stopped; None if none were.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.run_options: RunOptions | None = None
        self.ended_by: Callable[[], HugotError] | None = None
        self._jobs: dict[int, Job] = {}
        self._numbers = count()

    def new_job(self, work: Work, groups: Sequence[Group], stop: RunOptions) -> Job:
        """Return the job of a call that is inside; the call leaves when the job is done."""
        number = next(self._numbers)
        job = Job(work, groups, stop.terminate, partial(self._end_job, number))
        if groups:
            self._jobs[number] = job
        # `stop` sets this before it reads the jobs, so that none is missed.
        if self.ended_by is not None:
            job.stop(self.ended_by())
        return job

    def stop(self, error: Callable[[], HugotError]) -> None:
        """End the calls inside with an error; new calls must be refused already."""
        self.ended_by = error
        if self.run_options is not None:
            self.run_options.terminate()
        for job in list(self._jobs.values()):
            job.stop(error())

    def reset_after_fork(self) -> None:  # noqa: D102  (see ForkHandler)
        super().reset_after_fork()
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.reset_after_fork(forked_error(self._what))

    def _end_job(self, number: int) -> None:
        self._jobs.pop(number, None)
        self.leave()


class _CallbackGuard(threading.local):
    """Marks the threads that run the callbacks of futures."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exc_info: object) -> None:
        self.depth -= 1


callback_guard = _CallbackGuard()


def in_callback() -> bool:
    """Whether this thread runs a future's callback, which is part of a request that has not ended."""
    return callback_guard.depth > 0
