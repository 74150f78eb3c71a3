"""The thread pool of `tokenizers`, kept to the CPUs that a session has.

The pool is one for the process, and lasts as long. It is made by the first call that tokenizes a list,
with as many threads as the environment variable ``RAYON_NUM_THREADS`` says at that moment, or else as
there are CPUs. A number that the program's environment holds is left as it is.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_VARIABLE = "RAYON_NUM_THREADS"
_lock = threading.Lock()

# A child that is forked meanwhile would wait for the lock for ever, and keep the variable.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def start_pool(tokenizer: Any, threads: int) -> None:
    """Have `tokenizers` make its pool now, with so many threads, unless there is one already.

    Args:
        tokenizer: any `tokenizers.Tokenizer`.
        threads: size of the pool. The thread that calls waits meanwhile, so that no more work.
    """
    with _lock:
        if _VARIABLE in os.environ:
            return
        os.environ[_VARIABLE] = str(threads)
        try:
            tokenizer.encode_batch_fast([""])
        finally:
            os.environ.pop(_VARIABLE, None)
