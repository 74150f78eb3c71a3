"""The thread pool of `tokenizers`, limited to the CPUs of a session.

A process has one such pool until it ends. The first call that tokenizes a list makes it, with the number
of threads in the environment variable ``RAYON_NUM_THREADS`` at that moment, or else one for each CPU. If
the variable is set by the program's environment, it is not changed.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_VARIABLE = "RAYON_NUM_THREADS"
_lock = threading.Lock()

# A child that is forked while the lock is held would wait for it for ever, and keep the variable.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def start_pool(tokenizer: Any, threads: int) -> None:
    """Make `tokenizers` create its pool now with this number of threads, unless it has one already.

    Args:
        tokenizer: any `tokenizers.Tokenizer`.
        threads: size of the pool. The calling thread waits while the pool works.
    """
    with _lock:
        if _VARIABLE in os.environ:
            return
        os.environ[_VARIABLE] = str(threads)
        try:
            tokenizer.encode_batch_fast([""])
        finally:
            os.environ.pop(_VARIABLE, None)
