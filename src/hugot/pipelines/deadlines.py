"""Deadlines: functions that are called at a given time, on a thread that starts with the first one."""

from __future__ import annotations

import heapq
import os
import threading
import time
import weakref
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Dropped deadlines stay in the heap until there are more than this number, and more than live ones.
_MOST_DROPPED = 256


class Deadline:
    """A function to call at a given time, unless the deadline is dropped before."""

    __slots__ = ("action", "number", "when")

    def __init__(self, when: float, number: int, action: Callable[[], object]) -> None:
        self.when = when
        self.number = number
        self.action: Callable[[], object] | None = action

    def __lt__(self, other: Deadline) -> bool:
        return (self.when, self.number) < (other.when, other.number)


class Deadlines:
    """Calls each function given to `add` at its time.

    The thread ends when the object is closed or collected.
    """

    def __init__(self) -> None:
        # The thread refers to the state alone: it must not keep this object alive.
        self._state = _State()
        self._finalizer = weakref.finalize(self, _State.stop, self._state)

    def add(self, seconds: float, action: Callable[[], object]) -> Deadline:
        """Call `action` after the given seconds, unless the deadline is dropped before."""
        return self._state.add(time.monotonic() + seconds, action)

    def drop(self, deadline: Deadline) -> None:
        """Drop a deadline: its function is not called any more."""
        self._state.drop(deadline)

    def close(self) -> None:
        """End the thread; no function is called any more."""
        self._finalizer()


class _State:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[Deadline] = []
        self._numbers = count()
        self._dropped = 0
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def add(self, when: float, action: Callable[[], object]) -> Deadline:
        """Call `action` at a time of `time.monotonic`, unless the deadline is dropped before."""
        deadline = Deadline(when, next(self._numbers), action)
        with self._changed:
            heapq.heappush(self._heap, deadline)
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(
                    target=self._serve, name="hugot-deadlines", daemon=True
                )
                self._thread.start()
            elif self._heap[0] is deadline:
                self._changed.notify()
        return deadline

    def drop(self, deadline: Deadline) -> None:
        """Drop a deadline: its function is not called any more."""
        with self._changed:
            if deadline.action is None:
                return
            deadline.action = None
            self._dropped += 1
            if self._dropped > max(_MOST_DROPPED, len(self._heap) // 2):
                self._heap = [each for each in self._heap if each.action is not None]
                heapq.heapify(self._heap)
                self._dropped = 0

    def stop(self) -> None:
        if os.getpid() != self._pid:
            return  # a forked child has no such thread, and the lock may be held for ever
        with self._changed:
            self._stopped = True
            self._heap.clear()
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _serve(self) -> None:
        while (action := self._next_due()) is not None:
            action()
            del action  # otherwise its referents would stay alive while this thread waits

    def _next_due(self) -> Callable[[], object] | None:
        """Wait for the next deadline and return its function; None at the end."""
        with self._changed:
            while not self._stopped:
                wait = self._heap[0].when - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    deadline = heapq.heappop(self._heap)
                    if deadline.action is None:
                        self._dropped -= 1
                        continue
                    action, deadline.action = deadline.action, None
                    return action
                self._changed.wait(None if wait is None else min(wait, threading.TIMEOUT_MAX))
            return None
