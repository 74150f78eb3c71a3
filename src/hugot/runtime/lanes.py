"""The sessions of a model: one for all, or one for lone texts and one for many."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hugot._ort.row import RowRunner
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hugot._ort.session import InferenceSession


class Lane:
    """A session, and what runs single rows on it.

    With ``with``, it counts as in use.

    Attributes:
        session: ONNX Runtime's session.
        row_runner: runs single rows; None where the graph has inputs that it cannot make.
    """

    def __init__(self, session: InferenceSession, users: _Users | None) -> None:
        self.session = session
        try:
            self.row_runner: RowRunner | None = RowRunner(session)
        except InputError:
            self.row_runner = None
        self._users = users

    def __enter__(self) -> Lane:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._users is not None:
            self._users.leave()


class Lanes:
    """Tells in which session a run takes place.

    Where there are two, the first has all threads within a run: the fastest for a text that is alone.
    The second, made at its first use, has one thread, so that as many runs as there are CPUs go on at
    once: it is for groups of texts, and for lone ones that come while others run.

    Args:
        first: the only session, or the one for lone texts.
        open_second: makes the session for all else; None where there is only one.

    Attributes:
        only: the lane where there is but one session, else None.
    """

    def __init__(
        self, first: InferenceSession, open_second: Callable[[], InferenceSession] | None
    ) -> None:
        self._users = None if open_second is None else _Users()
        self._first = Lane(first, self._users)
        self.only = self._first if open_second is None else None
        self._open_second = open_second
        self._second: Lane | None = None
        self._lock = threading.Lock()

    def take(self, *, alone: bool) -> Lane:
        """The lane for a run, to be used with ``with``; `alone` says that it is of one row."""
        if self._users is None or self._open_second is None:
            return self._first
        others = self._users.enter()
        if alone and others == 0:
            return self._first
        if self._second is None:
            try:
                with self._lock:
                    if self._second is None:
                        self._second = Lane(self._open_second(), self._users)
            except BaseException:
                self._users.leave()
                raise
        return self._second


class _Users:
    """Counts the runs that are under way."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def enter(self) -> int:
        """Count one more; gives the number before."""
        with self._lock:
            self._count += 1
            return self._count - 1

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self._count -= 1
