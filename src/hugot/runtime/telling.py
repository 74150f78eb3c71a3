"""Whether a thread is in a callback that somebody has added to a future."""

from __future__ import annotations

import threading


class _Telling(threading.local):
    """Whether this thread calls what people have added to futures; with ``with``, it does."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exc_info: object) -> None:
        self.depth -= 1


telling = _Telling()


def in_callback() -> bool:
    """Whether this is called by a future's callback, which the request that it is of waits for."""
    return telling.depth > 0
