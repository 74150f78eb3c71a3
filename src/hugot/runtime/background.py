"""Work that is done on a thread of its own while the caller does something else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Background(Generic[Value]):
    """One call on a thread of its own, begun at once.

    The thread is no daemon: a process that ends meanwhile waits for it, since native code that still
    runs while a library is unloaded would crash.
    """

    def __init__(self, work: Callable[[], Value], name: str) -> None:
        self._value: Value
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), name=name)
        self._thread.start()

    def result(self) -> Value:
        """Wait for the call to end; gives what it returned, or raises what it raised."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def wait(self) -> None:
        """Wait for the call to end, however it does."""
        self._thread.join()

    def _run(self, work: Callable[[], Value]) -> None:
        try:
            self._value = work()
        except BaseException as error:
            self._error = error
