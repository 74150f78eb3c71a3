"""Counting the calls in flight, so that closing can wait for them."""

from __future__ import annotations

import threading

from hugot.errors import SessionClosedError


class Gate:
    """Lets calls through until it is closed; closing waits until the last one has left."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._inside = 0
        self._closed = False
        # A plain lock, not a condition: every call passes here twice.
        self._lock = threading.Lock()
        self._empty = threading.Event()

    def enter(self) -> None:
        """Begin a call; raises SessionClosedError once the gate is closed."""
        with self._lock:
            if self._closed:
                raise SessionClosedError(f"{self._what} is closed; make a new one")
            self._inside += 1

    def leave(self) -> None:
        """End a call."""
        with self._lock:
            self._inside -= 1
            if self._closed and self._inside == 0:
                self._empty.set()

    def close(self) -> bool:
        """Turn new calls away and wait for those inside; False if it was closed already."""
        with self._lock:
            first = not self._closed
            self._closed = True
            if self._inside == 0:
                self._empty.set()
        self._empty.wait()
        return first

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
