"""Handlers that run in a forked child, and when the interpreter ends."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING, Protocol

from hugot.errors import ForkedProcessError

if TYPE_CHECKING:
    from collections.abc import Callable

# Most seconds that the interpreter waits at its end for runs to stop. They stop between two nodes of a
# graph, usually within a tenth of a second.
_SECONDS_AT_EXIT = 5.0

# Number of forks between the process that imported this module and the current one.
forks = 0


class ForkHandler(Protocol):
    """An object that must be reset in a forked child."""

    def reset_after_fork(self) -> None:
        """Take the state for the child, without a lock: a thread of the parent may have held it."""


class ExitHandler(Protocol):
    """An object with calls under way."""

    def end_calls(self) -> Callable[[float], object] | None:
        """Stop the calls; return a function that waits for their end, for the given seconds at most."""


_fork_handlers: weakref.WeakSet[ForkHandler] = weakref.WeakSet()
_exit_handlers: weakref.WeakSet[ExitHandler] = weakref.WeakSet()
_registered: list[str] = []


def register_fork_handler(handler: ForkHandler) -> None:
    """Register an object whose `reset_after_fork` is called in every child forked from now on."""
    if "fork" not in _registered and hasattr(os, "register_at_fork"):
        _registered.append("fork")
        os.register_at_fork(after_in_child=_after_fork_in_child)
    _fork_handlers.add(handler)


def register_exit_handler(handler: ExitHandler) -> None:
    """Register an object whose `end_calls` is called when the interpreter ends."""
    if "exit" not in _registered:
        _registered.append("exit")
        atexit.register(_end_all)
    _exit_handlers.add(handler)


def forked_error(what: str) -> ForkedProcessError:
    """Return the error for a call of `what` that was begun before this process was forked."""
    return ForkedProcessError(
        f"{what}: the call was begun before this process (pid {os.getpid()}) was forked, and its "
        "threads are those of the other process. Begin it again in this process"
    )


def _after_fork_in_child() -> None:
    global forks
    forks += 1
    _exit_handlers.clear()
    for handler in list(_fork_handlers):
        handler.reset_after_fork()


def _end_all() -> None:
    deadline = time.monotonic() + _SECONDS_AT_EXIT
    waits = [handler.end_calls() for handler in list(_exit_handlers)]
    for wait in waits:
        if wait is not None:
            wait(max(0.0, deadline - time.monotonic()))
