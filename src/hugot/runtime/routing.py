"""Choosing the session of a run: one for all, or one for single rows and one for groups."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hugot._ort.row import RowRunner
from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot._ort.session import InferenceSession


class SessionRoute:
    """A session, and the runner of single rows on it.

    As a context manager, it counts a run as under way.

    Attributes:
        session: ONNX Runtime's session.
        row_runner: runs single rows; None if the graph has inputs that it cannot make.
    """

    def __init__(
        self, session: InferenceSession, users: _UseCount | None, input_names: Sequence[str] | None
    ) -> None:
        self.session = session
        try:
            self.row_runner: RowRunner | None = RowRunner(session, input_names)
        except InputError:
            self.row_runner = None
        self._users = users

    def __enter__(self) -> SessionRoute:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._users is not None:
            self._users.leave()


class SessionRouter:
    """Chooses the session of each run.

    If there are two, the first has all threads within a run, which is fastest for a single row. The
    second, made at its first use, has one thread, so that as many runs as there are CPUs execute at
    once: it is for groups of rows, and for single rows that arrive while others run.

    Args:
        first: the only session, or the one for single rows.
        open_second: makes the session for everything else; None if there is only one.
        input_names: the usual names of the graph's inputs; None for their own.

    Attributes:
        only: the route if there is only one session, else None.
    """

    def __init__(
        self,
        first: InferenceSession,
        open_second: Callable[[], InferenceSession] | None,
        input_names: Sequence[str] | None = None,
    ) -> None:
        self._users = None if open_second is None else _UseCount()
        self._first = SessionRoute(first, self._users, input_names)
        self.only = self._first if open_second is None else None
        self._open_second = open_second
        self._input_names = input_names
        self._second: SessionRoute | None = None
        self._lock = threading.Lock()

    def take(self, *, alone: bool) -> SessionRoute:
        """Return the route of a run, to be used with ``with``; `alone` means that it is of one row."""
        if self._users is None or self._open_second is None:
            return self._first
        others = self._users.enter()
        if alone and others == 0:
            return self._first
        if self._second is None:
            try:
                with self._lock:
                    if self._second is None:
                        self._second = SessionRoute(
                            self._open_second(), self._users, self._input_names
                        )
            except BaseException:
                self._users.leave()
                raise
        return self._second


class _UseCount:
    """The number of runs that are under way."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def enter(self) -> int:
        """Count one more and return the number before."""
        with self._lock:
            self._count += 1
            return self._count - 1

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self._count -= 1
