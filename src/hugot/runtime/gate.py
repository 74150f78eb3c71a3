"""Counting the calls in flight, so that closing can wait for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hugot.errors import SessionClosedError
from hugot.runtime.lifetime import forked_error, tell_of_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from hugot.errors import HugotError


class Gate:
    """Lets calls through until it is closed; closing waits until the last one has left.

    In a forked child it is closed: what lies behind it stayed in the other process.

    Attributes:
        abandoned: whether this process is such a child.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._inside = 0
        self._closed = False
        self.abandoned = False
        # A plain lock, not a condition: every call passes here twice.
        self._lock = threading.Lock()
        self._empty = threading.Event()
        self._then: list[Callable[[], object]] = []
        tell_of_fork(self)

    def enter(self) -> None:
        """Begin a call.

        Raises SessionClosedError once the gate is closed, ForkedProcessError in a forked child.
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

    def shut(self) -> bool:
        """Turn new calls away; False if that was so already."""
        with self._lock:
            first = not self._closed
            self._closed = True
            empty = self._inside == 0
        if empty:
            self._end()
        return first

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nobody is inside of a gate that is shut; False where `seconds` were not enough."""
        return self._empty.wait(seconds)

    def close(self) -> bool:
        """Turn new calls away and wait for those inside; False if it was closed already."""
        first = self.shut()
        self.wait()
        return first

    def when_empty(self, action: Callable[[], object]) -> None:
        """Have `action` called once nobody is inside of the gate, which is shut: perhaps at once.

        It is called by the thread that leaves last.
        """
        with self._lock:
            if not self._empty.is_set():
                self._then.append(action)
                return
        action()

    @property
    def closed(self) -> bool:
        """Whether it is shut."""
        return self._closed

    def abandon(self) -> None:  # noqa: D102  (see Forked)
        self._lock = threading.Lock()
        self._empty = threading.Event()
        self._empty.set()
        self._closed = self.abandoned = True
        self._then = []

    def _refusal(self) -> HugotError:
        if self.abandoned:
            return forked_error(self._what)
        return SessionClosedError(f"{self._what} is closed; make a new one")

    def _end(self) -> None:
        with self._lock:
            self._empty.set()
            then, self._then = self._then, []
        for action in then:
            action()
