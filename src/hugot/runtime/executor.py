"""Worker threads that run the groups of many calls."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Protocol, TypeAlias

from hugot.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hugot.inputs.rows import Group

Work: TypeAlias = "Callable[[Group], None]"

# Whether the thread is a worker of an executor: `is_worker`.
_this_thread = threading.local()

# Period in which a waiting thread handles signals.
_SIGNAL_SECONDS = 0.05


class Job:
    """The groups of one call: run by the workers, and waited for by the caller.

    The first error ends the job: groups that have not begun are dropped, and `wait` raises it.

    Args:
        work: runs one group; called from many threads at once.
        groups: the groups, in the order in which they should begin.
        stop: makes running groups end soon; called when the job is cancelled.
        on_done: called once, by the thread that finishes the last group.
    """

    def __init__(
        self,
        work: Work,
        groups: Iterable[Group],
        stop: Callable[[], None],
        on_done: Callable[[], None],
    ) -> None:
        self._work = work
        self._waiting = deque(groups)
        self._running = 0
        self._finished = False
        self._stop = stop
        self._on_done = on_done
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._done = threading.Event()
        if not self._waiting:
            self._finish()

    def __len__(self) -> int:
        """Return the number of groups that have not begun."""
        return len(self._waiting)

    def run_one(self) -> bool:
        """Run the next group; return False if all have begun."""
        with self._lock:
            if not self._waiting:
                return False
            group = self._waiting.popleft()
            self._running += 1
        try:
            self._work(group)
        except BaseException as error:
            self._end_group(error)
        else:
            self._end_group(None)
        return True

    def wait(self) -> None:
        """Wait until every group has ended; raises the first error. An interrupt cancels the job."""
        try:
            # A signal that arrives just before a wait does not end it, and on Windows no signal does.
            while not self._done.wait(_SIGNAL_SECONDS):
                pass
        except BaseException:
            self.cancel()
            raise
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Drop groups that have not begun and stop those that run; returns when none runs any more.

        `wait` raises CancelledError from then on, unless the job was done before. A worker does not
        wait: the garbage collector may end an abandoned stream while the worker runs a group of it.
        """
        self.stop(CancelledError("the job was cancelled"))
        if not getattr(_this_thread, "is_worker", False):
            self._done.wait()

    def stop(self, error: BaseException) -> None:
        """As `cancel`, but without waiting; `wait` raises `error`."""
        if self._done.is_set():
            return
        with self._lock:
            self._waiting.clear()
            self._error = self._error or error
            idle = self._running == 0
        self._stop()
        if idle:
            self._finish()

    def reset_after_fork(self, error: BaseException) -> None:
        """End in a forked child, which has no workers; `wait` raises `error`."""
        self._lock = threading.Lock()
        self._waiting.clear()
        self._finished = True
        self._error = self._error or error
        self._done = threading.Event()
        self._done.set()

    def _end_group(self, error: BaseException | None) -> None:
        with self._lock:
            self._running -= 1
            if error is not None:
                self._error = self._error or error
                self._waiting.clear()
            last = self._running == 0 and not self._waiting
        if last:
            self._finish()

    def _finish(self) -> None:
        with self._lock:
            if self._finished:
                return
            self._finished = True
        self._on_done()
        self._done.set()


class Runnable(Protocol):
    """Work that an executor runs piece by piece, such as a `Job`."""

    def __len__(self) -> int:
        """Return the number of pieces that have not begun."""

    def run_one(self) -> bool:
        """Run the next piece; return False if all had begun."""


class Executor:
    """Worker threads that take groups from all their jobs in turn.

    Jobs that run at the same time advance together, a group at a time, so a short one does not wait for
    the end of a long one. Threads start with the first job and end when the executor is closed or
    collected.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._queue: queue.SimpleQueue[Runnable | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._finalizer = weakref.finalize(
            self, _stop_threads, self._queue, self._threads, os.getpid()
        )

    def start(self, job: Runnable, pieces: int) -> None:
        """Queue `pieces` pieces of a job for the workers."""
        with self._lock:
            if self._closed:  # the job was stopped meanwhile
                return
            while len(self._threads) < self.workers:
                # The thread refers to the queue alone: it must not keep the executor alive.
                thread = threading.Thread(
                    target=_serve,
                    args=(self._queue,),
                    name=f"hugot-worker-{len(self._threads)}",
                    daemon=True,
                )
                self._threads.append(thread)
                thread.start()
        for _ in range(min(self.workers, pieces)):
            self._queue.put(job)

    def close(self) -> None:
        """End the threads. No job may be under way."""
        with self._lock:
            self._closed = True
        self._finalizer()


def _serve(jobs: queue.SimpleQueue[Runnable | None]) -> None:
    _this_thread.is_worker = True
    while (job := jobs.get()) is not None:
        if job.run_one() and len(job):
            jobs.put(job)
        del job  # otherwise it would stay alive, with all its arrays, while this thread waits


def _stop_threads(
    jobs: queue.SimpleQueue[Runnable | None], threads: list[threading.Thread], pid: int
) -> None:
    if os.getpid() != pid:
        return  # a forked child has no such threads
    for _ in threads:
        jobs.put(None)
    current = threading.current_thread()
    for thread in threads:
        if thread is not current:
            thread.join()
    threads.clear()
