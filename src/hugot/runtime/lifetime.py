"""What has to be told when the process forks, or when it ends."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING, Protocol

from hugot.errors import ForkedProcessError

if TYPE_CHECKING:
    from collections.abc import Callable

# Runs stop between two nodes of a graph: a tenth of a second, as a rule. A process does not wait for
# ever to end.
_SECONDS_AT_EXIT = 5.0

# How many forks lie between the process that began all this and this one.
forks = 0


class Forked(Protocol):
    """What cannot be used in a forked child."""

    def abandon(self) -> None:
        """Become useless, without taking a lock: a thread that is not there may hold it."""


class Ending(Protocol):
    """What has calls under way."""

    def end_calls(self) -> Callable[[float], object] | None:
        """Have them end soon; gives what waits for that, for some seconds at most."""


_at_fork: weakref.WeakSet[Forked] = weakref.WeakSet()
_at_exit: weakref.WeakSet[Ending] = weakref.WeakSet()
_registered: list[str] = []


def tell_of_fork(each: Forked) -> None:
    """Have `abandon` called in every child that is forked from now on."""
    if "fork" not in _registered and hasattr(os, "register_at_fork"):
        _registered.append("fork")
        os.register_at_fork(after_in_child=_after_fork_in_child)
    _at_fork.add(each)


def tell_of_exit(each: Ending) -> None:
    """Have `end_calls` called when the interpreter ends."""
    if "exit" not in _registered:
        _registered.append("exit")
        atexit.register(_end_all)
    _at_exit.add(each)


def forked_error(what: str) -> ForkedProcessError:
    """The error of something that was made in the process of which this one is a fork."""
    return ForkedProcessError(
        f"{what} was made before this process (pid {os.getpid()}) was forked; ONNX Runtime's threads "
        "and locks do not come along. Make it in this process, send it here pickled, or start "
        "processes with 'spawn'"
    )


def _after_fork_in_child() -> None:
    global forks
    forks += 1
    _at_exit.clear()
    for each in list(_at_fork):
        each.abandon()


def _end_all() -> None:
    deadline = time.monotonic() + _SECONDS_AT_EXIT
    waits = [each.end_calls() for each in list(_at_exit)]
    for wait in waits:
        if wait is not None:
            wait(max(0.0, deadline - time.monotonic()))
