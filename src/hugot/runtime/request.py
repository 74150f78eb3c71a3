"""A request for an answer, and how the answer reaches the thread or task that waits for it."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hugot.runtime import lifetime
from hugot.runtime.telling import telling

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from hugot._fast.recorder import Recorder
    from hugot.runtime.deadlines import Deadline
    from hugot.runtime.group import RunningGroup
    from hugot.text.batch import TokenBatch
    from hugot.text.tokenizer import Text


class Item:
    """One text of a request, tokenized; its rows stay together.

    Attributes:
        request: the request that it is part of.
        number: its place among the texts of the request.
        text: the text.
        batch: its rows, as a batch of one text.
        rows: number of its rows.
        longest: tokens of the longest row.
        tokens: tokens of all rows.
        waits: whether it has not begun.
    """

    __slots__ = ("batch", "longest", "number", "request", "rows", "text", "tokens", "waits")

    def __init__(self, request: Request, number: int, text: Text, batch: TokenBatch) -> None:
        self.request = request
        self.number = number
        self.text = text
        self.batch = batch
        self.rows = len(batch)
        self.tokens = batch.token_count
        self.longest = self.tokens if self.rows == 1 else int(batch.lengths.max())
        self.waits = True


class Request:
    """What one call of `submit` or `acall` asked for.

    Attributes:
        owner: the pipeline.
        options: its options for this request, merged; requests share a batch where they are equal.
        value: the inputs as they were given.
        call_options: the options as they were given.
        future: whom to tell the answer: an `AnswerFuture`, or a future of `loop`.
        loop: the event loop of the future, None for a thread's.
        timeout: seconds that it may take; None for no limit.
        token_budget: padded tokens, at most, of a group that is made around it.
        items: its texts; empty until they are tokenized.
        results: the results of its texts so far.
        unanswered: number of texts without a result.
        waiting: number of texts that have not begun.
        groups: the running groups that it is part of.
        begun: whether a worker took one of its texts.
        settled: whether its answer, an error or a cancellation is decided.
        deadline: what ends it when the time is up.
        recorder: counts how it ended; None where nobody wants to know.
        asked: when it was made, by `perf_counter`.
    """

    __slots__ = (
        "asked", "begun", "call_options", "deadline", "future", "groups", "items", "loop", "next_item",
        "options", "owner", "recorder", "results", "settled", "timeout", "token_budget", "unanswered",
        "value", "waiting",
    )  # fmt: skip

    def __init__(
        self,
        owner: Any,
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
        self.owner = owner
        self.options = options
        self.value = value
        self.call_options: Mapping[str, Any] | None = call_options
        self.timeout = timeout
        self.loop = loop
        self.future: Any = AnswerFuture() if loop is None else loop.create_future()
        self.token_budget = 0
        self.items: Sequence[Item] = ()
        self.results: Any = []
        self.unanswered = 0
        self.waiting = 0
        self.next_item = 0
        self.groups: list[RunningGroup] = []
        self.begun = False
        self.settled = False
        self.deadline: Deadline | None = None

    def set_items(self, items: Sequence[Item]) -> None:
        """The texts are tokenized."""
        self.items = items
        self.results = [None] * len(items)
        self.unanswered = self.waiting = len(items)

    def forget(self) -> None:
        """Let go of everything that it refers to."""
        self.owner = self.options = self.value = self.call_options = self.future = None
        self.items = self.results = ()
        self.deadline = None

    def first_waiting(self) -> Item:
        """The first text that has not begun; there must be one."""
        while not self.items[self.next_item].waits:
            self.next_item += 1
        return self.items[self.next_item]


class AnswerFuture(Future[Any]):
    """The future of a request; unlike an executor's, it can be cancelled while the request runs.

    It counts as pending until it is done. In a forked child it has no answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forks = lifetime.forks
        self.withdraw: Callable[[], object] | None = None
        self._first_to_cancel = threading.Lock()

    def cancel(self) -> bool:
        """Give the request up; False where its answer is there already."""
        if self._forks != lifetime.forks:
            return False
        with telling:
            if not super().cancel():
                return False
        if self._first_to_cancel.acquire(blocking=False):
            # Or those who wait for several futures at once would not hear of it.
            self.set_running_or_notify_cancel()
            if (withdraw := self.withdraw) is not None:
                withdraw()
                self.withdraw = None
        return True

    def result(self, timeout: float | None = None) -> Any:
        """The answer; see `Future.result`."""
        self._refuse_in_child()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The error; see `Future.exception`."""
        self._refuse_in_child()
        return super().exception(timeout)

    def _refuse_in_child(self) -> None:
        if self._forks != lifetime.forks:
            raise lifetime.forked_error("the request of this future")


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

    def count(self) -> None:
        """Count the request as answered, or with its error."""
        if self.recorder is None:
            return
        if self.error is None:
            self.recorder.answered(perf_counter() - self.asked)
        else:
            self.recorder.failed(self.error)


def deliver(outcomes: Sequence[Outcome]) -> None:
    """Tell those who wait; an event loop is woken once for all that it waits for."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        outcome.count()  # before anyone can see the answer and ask for the figures
        if outcome.loop is not None:
            by_loop.setdefault(outcome.loop, []).append(outcome)
        else:
            outcome.future.withdraw = None
            with telling:
                _tell_thread(outcome)
    for loop, some in by_loop.items():
        try:
            loop.call_soon_threadsafe(_tell_tasks, some)
        except RuntimeError:  # the loop is closed, and with it every task that waited
            continue


def _tell_thread(outcome: Outcome) -> None:
    try:
        if outcome.error is None:
            outcome.future.set_result(outcome.result)
        else:
            outcome.future.set_exception(outcome.error)
    except InvalidStateError:  # cancelled at this very moment
        return


def _tell_tasks(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.future.done():
            continue
        if outcome.error is None:
            outcome.future.set_result(outcome.result)
        else:
            outcome.future.set_exception(outcome.error)
