"""Requests of clients, and the delivery of answers to waiting threads and asyncio tasks."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hugot.inputs.rows import TokenRow
from hugot.runtime import process
from hugot.runtime.calls import callback_guard

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from hugot._fast.recorder import Recorder
    from hugot._ort.session import RunOptions
    from hugot.inputs.rows import Rows
    from hugot.pipelines.deadlines import Deadline


class Item:
    """One input of a request; its rows run in one group.

    Attributes:
        request: the request that it belongs to.
        number: its index among the inputs of the request.
        value: the input, as its task prepared it.
        rows: its rows.
        row_count: number of its rows.
        longest: size of the longest row.
        size: size of all rows, such as their number of tokens.
        waits: whether it has not begun.
    """

    __slots__ = ("longest", "number", "request", "row_count", "rows", "size", "value", "waits")

    def __init__(self, request: Request, number: int, value: Any, rows: Rows) -> None:
        self.request = request
        self.number = number
        self.value = value
        self.rows = rows
        self.row_count = 1 if type(rows) is TokenRow else len(rows)
        self.size = rows.size
        self.longest = self.size if self.row_count == 1 else int(rows.lengths.max(initial=0))
        self.waits = True


class Request:
    """One call of `submit` or `acall`.

    Attributes:
        runner: the runner of its pipeline.
        options: the options of the pipeline, merged with those of the call; requests with equal
            options can share a group.
        value: the inputs as they were given and, once they are prepared, as the task arranged them.
        single: whether they are one input, whose answer is unwrapped.
        call_options: the options as they were given.
        future: receives the answer: an `AnswerFuture`, or a future of `loop`.
        loop: the event loop of the future; None for an `AnswerFuture`.
        timeout: most seconds that the request may take; None for no limit.
        size_budget: maximum padded size of the group of its first input.
        items: its inputs; empty until they are prepared.
        results: the results of its inputs so far.
        unanswered: number of inputs without a result.
        waiting: number of inputs that have not begun.
        groups: the running groups that contain one of its inputs.
        begun: whether a worker has taken one of its inputs.
        settled: whether it has ended with an answer, an error or a cancellation.
        deadline: the deadline that ends it.
        recorder: counts how it ended; None if that is not counted.
        asked: the time at which it was made, by `perf_counter`.
    """

    __slots__ = (
        "asked",
        "begun",
        "call_options",
        "deadline",
        "future",
        "groups",
        "items",
        "loop",
        "next_item",
        "options",
        "recorder",
        "results",
        "runner",
        "settled",
        "single",
        "size_budget",
        "timeout",
        "unanswered",
        "value",
        "waiting",
    )  # fmt: skip

    def __init__(
        self,
        runner: Any,
        options: Any,
        value: Any,
        call_options: Mapping[str, Any],
        timeout: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        recorder: Recorder | None = None,
    ) -> None:
        self.asked = perf_counter()
        self.recorder = recorder
        self.runner = runner
        self.single = False
        self.options = options
        self.value = value
        self.call_options: Mapping[str, Any] | None = call_options
        self.timeout = timeout
        self.loop = loop
        self.future: Any = AnswerFuture() if loop is None else loop.create_future()
        self.size_budget = 0
        self.items: Sequence[Item] = ()
        self.results: Any = []
        self.unanswered = 0
        self.waiting = 0
        self.next_item = 0
        self.groups: list[RunningGroup] = []
        self.begun = False
        self.settled = False
        self.deadline: Deadline | None = None

    def forget(self) -> None:
        """Drop all references."""
        self.runner = self.options = self.value = self.call_options = self.future = None
        self.items = self.results = ()
        self.deadline = None

    def first_waiting(self) -> Item:
        """Return the first input that has not begun; there must be one."""
        while not self.items[self.next_item].waits:
            self.next_item += 1
        return self.items[self.next_item]


class RunningGroup:
    """Inputs that run together.

    Attributes:
        items: the inputs.
        requests: the requests that they belong to.
        stop: the handle that stops the run.
        wanted: number of requests that still need it.
    """

    __slots__ = ("items", "requests", "stop", "wanted")

    def __init__(self, items: Sequence[Item], stop: RunOptions) -> None:
        self.items = items
        self.requests = [items[0].request]
        if len(items) > 1:
            self.requests = list(dict.fromkeys([item.request for item in items]))
        self.stop = stop
        self.wanted = len(self.requests)


class AnswerFuture(Future[Any]):
    """The future of a request; unlike an executor's, it can be cancelled while the request runs.

    It is pending until it is done. In a forked child it raises ForkedProcessError.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forks = process.forks
        self.withdraw: Callable[[], object] | None = None
        self._first_to_cancel = threading.Lock()

    def cancel(self) -> bool:
        """Cancel the request; return False if it has ended already."""
        if self._forks != process.forks:
            return False
        with callback_guard:
            if not super().cancel():
                return False
        if self._first_to_cancel.acquire(blocking=False):
            # Notifies threads that wait for several futures at once.
            self.set_running_or_notify_cancel()
            if (withdraw := self.withdraw) is not None:
                withdraw()
                self.withdraw = None
        return True

    def result(self, timeout: float | None = None) -> Any:
        """Return the answer; see `Future.result`."""
        if self._forks != process.forks:
            self._refuse_in_child()
        try:
            return super().result(timeout)
        finally:
            # Breaks a reference cycle: the error's traceback refers to this frame.
            del self

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error; see `Future.exception`."""
        if self._forks != process.forks:
            self._refuse_in_child()
        return super().exception(timeout)

    def _refuse_in_child(self) -> None:
        raise process.forked_error("the request of this future")


class Outcome:
    """The answer to a request, or its error."""

    __slots__ = ("asked", "error", "future", "loop", "recorder", "result")

    def __init__(self, request: Request, result: Any, error: BaseException | None = None) -> None:
        self.future = request.future
        self.loop = request.loop
        self.recorder = request.recorder
        self.asked = request.asked
        self.result = result
        self.error = error


def deliver(outcomes: Sequence[Outcome]) -> None:
    """Set the answers and errors of futures; each event loop is woken only once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        # Counted before the answer is visible, so that statistics read afterwards include it.
        if outcome.recorder is None:
            pass
        elif outcome.error is None:
            outcome.recorder.answered(perf_counter() - outcome.asked)
        else:
            outcome.recorder.failed(outcome.error)
        if outcome.loop is not None:
            by_loop.setdefault(outcome.loop, []).append(outcome)
        else:
            outcome.future.withdraw = None
            with callback_guard:
                _set(outcome)
    for loop, some in by_loop.items():
        try:
            loop.call_soon_threadsafe(_set_all, some)
        except RuntimeError:  # the loop is closed, so no task waits any more
            continue


def _set(outcome: Outcome) -> None:
    try:
        if outcome.error is None:
            outcome.future.set_result(outcome.result)
        else:
            outcome.future.set_exception(outcome.error)
    except InvalidStateError:  # cancelled at the same moment
        return


def _set_all(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if not outcome.future.done():
            _set(outcome)
