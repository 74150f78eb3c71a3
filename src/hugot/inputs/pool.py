"""The thread pool of `tokenizers`, limited to the CPUs of a session.

A process has one such pool until it ends. The first call that tokenizes a list makes it, with the number
of threads in the environment variable ``RAYON_NUM_THREADS`` at that moment, or else one for each CPU. If
the variable is set by the program's environment, it is not changed.

A forked child does not have the threads of its parent's pool, and would wait for them for ever.
`tokenizers` then works without a pool, unless ``TOKENIZERS_PARALLELISM`` asks for one.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_VARIABLE = "RAYON_NUM_THREADS"
_PARALLELISM = "TOKENIZERS_PARALLELISM"
_lock = threading.Lock()
_used = False


def _after_fork_in_child() -> None:
    """Make `tokenizers` work without the pool, which is the parent's."""
    if _used and _PARALLELISM in os.environ:
        os.environ[_PARALLELISM] = "false"
    _lock.release()


# A child that is forked while the lock is held would wait for it for ever, and keep the variable.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork_in_child
    )


def start_pool(tokenizer: Any, threads: int) -> None:
    """Make `tokenizers` create its pool now with this number of threads, unless it has one already.

    Args:
        tokenizer: any `tokenizers.Tokenizer`.
        threads: size of the pool. The calling thread waits while the pool works.
    """
    global _used
    with _lock:
        _used = True
        if _VARIABLE in os.environ:
            return
        os.environ[_VARIABLE] = str(threads)
        try:
            tokenizer.encode_batch_fast([""])
        finally:
            os.environ.pop(_VARIABLE, None)
