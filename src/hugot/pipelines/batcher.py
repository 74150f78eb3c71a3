"""Running the requests of many threads and asyncio tasks together.

    submit ─ admitted ─ prepared by the caller ─▶ queue ─▶ a worker takes a group ─▶ answers

There is no timer. A free worker takes waiting requests at once, so a single request does not wait; while
all workers are busy requests queue up, and the next free worker takes those that fit together best.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.errors import DeadlineExceededError, HugotError, QueueFullError
from hugot.pipelines.deadlines import Deadlines
from hugot.pipelines.request import Outcome, RunningGroup, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hugot._ort.session import RunOptions
    from hugot.pipelines.queue import RequestQueue
    from hugot.pipelines.request import Item, Request
    from hugot.runtime.calls import Gate
    from hugot.runtime.executor import Executor


class Work(NamedTuple):
    """The functions that run and answer requests; they find the pipeline through the request.

    Attributes:
        run: runs inputs together and returns the results of each input, as a sequence of one.
        answer: returns the answer of a request from the results of its inputs.
    """

    run: Callable[[Sequence[Item], RunOptions], Sequence[Any]]
    answer: Callable[[Request], Any]


class Batcher:
    """Queues the requests of one pipeline, and runs groups of them on the workers.

    Only requests refer to the pipeline's runner, so a pipeline stays alive as long as it is referenced
    or a request is under way.

    Args:
        work: runs groups and makes answers.
        executor: whose threads run the groups.
        queue: the empty queue.
        gate: each request is inside until no part of it runs any more.
        max_queue: maximum number of requests that wait.
        name: the pipeline's name, for messages.

    Attributes:
        running: number of groups that run.
    """

    def __init__(
        self,
        work: Work,
        executor: Executor,
        queue: RequestQueue,
        gate: Gate,
        max_queue: int,
        name: str,
    ) -> None:
        self._work = work
        self._executor = executor
        self._queue = queue
        self._gate = gate
        self._max_queue = max_queue
        self._name = name
        self._lock = threading.Lock()
        self._deadlines = Deadlines()
        self._queued = 0  # requests that were admitted and have not begun
        self._turns = 0  # turns that were started on workers and have not ended
        self.running = 0
        self._admitted: set[Request] = set()  # admitted requests that are not settled
        self._ended_by: Callable[[], HugotError] | None = None

    # On the threads of callers

    def admit(self, request: Request) -> None:
        """Reserve a place in the queue for a request.

        Raises SessionClosedError if the pipeline is closed, QueueFullError if the queue is full; the
        request's recorder counts both.
        """
        try:
            self._admit(request)
        except HugotError as error:
            if request.recorder is not None:
                request.recorder.failed(error)
            raise
        if request.loop is None:
            request.future.withdraw = partial(self.cancel, request)
            if request.timeout is not None and request.timeout <= 0:
                self.expire(request)
            elif request.timeout is not None:
                request.deadline = self._deadlines.add(
                    request.timeout, partial(self.expire, request)
                )

    def _admit(self, request: Request) -> None:
        self._gate.enter()
        with self._lock:
            ended_by = self._ended_by
            full = self._queued >= self._max_queue
            if not full and ended_by is None:
                self._queued += 1
                self._admitted.add(request)
        if ended_by is not None:
            self._gate.leave()
            raise ended_by()
        if full:
            self._gate.leave()
            raise QueueFullError(
                f"{self._max_queue} requests wait for pipeline {self._name!r}, as many as max_queue "
                "allows: wait for answers before sending more, or make it with a larger max_queue"
            )

    def put(self, request: Request, items: Sequence[Item]) -> None:
        """Queue an admitted request with its prepared inputs."""
        if not items:
            self._end(request, *_attempt(self._work.answer, request))
            return
        with self._lock:
            if request.settled:  # cancelled or expired while it was prepared
                return
            request.items = items
            request.results = [None] * len(items)
            request.unanswered = request.waiting = len(items)
            self._queue.add(request)
            turns = min(self._executor.workers - self._turns, len(items))
            self._turns += turns
        if turns:
            self._executor.start(self, turns)

    def fail(self, request: Request, error: BaseException) -> None:
        """End an admitted request that could not be prepared."""
        self._end(request, None, error)

    def withdraw(self, request: Request) -> bool:
        """Remove a request from the queue and its groups; return False if it was settled before.

        A group that no request needs any more is stopped.
        """
        return self._give_up(request, None)

    def cancel(self, request: Request) -> None:
        """Withdraw a request that its sender has cancelled, and count it."""
        if self.withdraw(request) and request.recorder is not None:
            request.recorder.cancelled()

    def expire(self, request: Request) -> None:
        """End a request whose deadline has passed."""
        state = "it was running" if request.begun else f"{self._queued} requests waited"
        error = DeadlineExceededError(f"no answer within timeout={request.timeout} s; {state}")
        self._give_up(request, Outcome(request, None, error))

    def stop(self, error: Callable[[], HugotError]) -> None:
        """End all requests with an error, including those that run, and admit no more."""
        with self._lock:
            self._ended_by = error
            requests = list(self._admitted)
        for request in requests:
            self._give_up(request, Outcome(request, None, error()))

    def close(self) -> None:
        """End the thread of the deadlines. The gate must be closed."""
        self._deadlines.close()

    # On the workers: for the executor, the batcher is a job of one piece that is started repeatedly

    def __len__(self) -> int:
        """Return 1, the number of turns of each start."""
        return 1

    def run_one(self) -> bool:
        """Run the next group, if there is one, and continue the turn while requests wait."""
        group = self._begin_group()
        if group is None:
            return False
        try:
            self._run(group)
        finally:
            with self._lock:
                self.running -= 1
                again = self._queue.inputs > 0
                if not again:
                    self._turns -= 1
            if again:
                self._executor.start(self, 1)
        return False

    def _begin_group(self) -> RunningGroup | None:
        with self._lock:
            items = self._queue.take(self._executor.workers - self.running)
            if not items:
                self._turns -= 1
                return None
            self.running += 1
            group = RunningGroup(items, items[0].request.runner.model.new_run_options())
            for request in group.requests:
                self._begin(request)
                request.groups.append(group)
            return group

    def _run(self, group: RunningGroup) -> None:
        results, error = _attempt(self._work.run, group.items, group.stop)
        if error is None:
            self._end_group(group, dict(zip(group.items, results, strict=True)), {})
        elif len(group.requests) == 1:
            self._end_group(group, {}, {group.requests[0]: error})
        else:
            self._end_group(group, *self._run_apart(group))

    def _run_apart(
        self, group: RunningGroup
    ) -> tuple[dict[Item, Any], dict[Request, BaseException]]:
        """Run each request of a failed group by itself, since another one may have caused the error."""
        results: dict[Item, Any] = {}
        errors: dict[Request, BaseException] = {}
        for request in group.requests:
            if request.settled:
                continue
            items = [item for item in group.items if item.request is request]
            parts, error = _attempt(self._work.run, items, group.stop)
            if error is None:
                results.update(zip(items, parts, strict=True))
            else:
                errors[request] = error
        return results, errors

    def _end_group(
        self,
        group: RunningGroup,
        results: Mapping[Item, Any],
        errors: Mapping[Request, BaseException],
    ) -> None:
        done, idle, unneeded = [], [], []
        with self._lock:
            for item, result in results.items():
                item.request.results[item.number] = result
                item.request.unanswered -= 1
            for request in group.requests:
                request.groups.remove(group)
                if not request.settled and (request.unanswered == 0 or request in errors):
                    unneeded += self._settle(request)
                    done.append(request)
                if request.settled and not request.groups:
                    idle.append(request)
        if done:
            deliver([self._outcome(request, errors.get(request)) for request in done])
        if unneeded:
            _stop(unneeded)
        self._let_go(idle)

    def _outcome(self, request: Request, error: BaseException | None) -> Outcome:
        if error is not None:
            return Outcome(request, None, error)
        return Outcome(request, *_attempt(self._work.answer, request))

    # On both

    def _end(self, request: Request, result: Any, error: BaseException | None) -> None:
        """End a request that was never queued."""
        self._give_up(request, Outcome(request, result, error))

    def _give_up(self, request: Request, outcome: Outcome | None) -> bool:
        """Settle a request before all its results are there, and deliver its outcome if it has one."""
        with self._lock:
            if request.settled:
                return False
            unneeded = self._settle(request)
            idle = not request.groups
        _stop(unneeded)
        # Before leaving the gate, so that the answer is there when a caller of `close` returns.
        if outcome is not None:
            deliver([outcome])
        if idle:
            self._let_go([request])
        return True

    def _begin(self, request: Request) -> None:
        """Count a request as begun; the lock must be held."""
        if not request.begun:
            request.begun = True
            self._queued -= 1

    def _settle(self, request: Request) -> list[RunningGroup]:
        """Remove a request; return the groups that no request needs any more. The lock must be held."""
        request.settled = True
        self._admitted.discard(request)
        if not request.begun:
            self._begin(request)
        if request.waiting:
            self._queue.remove(request)
        unneeded = []
        for group in request.groups:
            group.wanted -= 1
            if not group.wanted:
                unneeded.append(group)
        return unneeded

    def _let_go(self, requests: Sequence[Request]) -> None:
        """Drop the contents of settled requests of which no part runs any more."""
        for request in requests:
            if request.deadline is not None:
                self._deadlines.drop(request.deadline)
            request.forget()
            self._gate.leave()


def _attempt(call: Callable[..., Any], *arguments: Any) -> tuple[Any, BaseException | None]:
    """Return the result of a call, or its error.

    The error's traceback refers to this frame, so no variable of the frame may refer to the error.
    """
    try:
        return call(*arguments), None
    except BaseException as error:
        return None, error


def _stop(groups: Sequence[RunningGroup]) -> None:
    for group in groups:
        group.stop.terminate()
