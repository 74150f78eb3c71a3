"""Calls on a thread of their own while the caller does something else, such as loading ONNX Runtime.

Python code that accesses files runs before the thread begins: each access releases the GIL, and while
another thread imports modules, taking it again lasts up to 5 ms.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hugot._ort.loader import find_library

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from hugot._ort.library import Library

Value = TypeVar("Value")


class Background(Generic[Value]):
    """One call on a thread of its own, begun at once.

    The thread is not a daemon: the process waits for it at its end, since native code that runs while
    its library is unloaded crashes.
    """

    def __init__(self, work: Callable[[], Value], name: str) -> None:
        self._value: Value
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), name=name)
        self._thread.start()

    def result(self) -> Value:
        """Wait for the call to end; return what it returned, or raise what it raised."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def wait(self) -> None:
        """Wait for the call to end, with or without an error."""
        self._thread.join()

    def _run(self, work: Callable[[], Value]) -> None:
        try:
            self._value = work()
        except BaseException as error:
            self._error = error


def begin_loading(path: str | PathLike[str] | None, *, telemetry: bool) -> Background[Library]:
    """Find the library now and load it on a thread; raises RuntimeLibraryError if it is not found."""
    return Background(find_library(path, telemetry=telemetry), "hugot-library")


def load_ahead(path: Any, *, telemetry: Any) -> Background[Library] | None:
    """As `begin_loading`, for options that are not checked yet; return None if they are wrong.

    The session raises the error, after it has checked its other options.
    """
    try:
        return begin_loading(path, telemetry=bool(telemetry))
    except Exception:
        return None
