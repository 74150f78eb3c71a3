"""The progress bar of a list of inputs, for the option ``show_progress``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class ProgressBar:
    """A bar of tqdm on stderr, which moves after each group; a context manager.

    Args:
        total: number of inputs.
    """

    def __init__(self, total: int) -> None:
        from tqdm.auto import tqdm

        self._total = total
        self._bar = tqdm(total=total, unit=" inputs")
        self._done = 0.0
        self._lock = threading.Lock()

    def update(self, count: float) -> None:
        """Count inputs that have run, also parts of one; called by any thread."""
        with self._lock:
            self._done += count
            self._bar.update(int(self._done) - self._bar.n)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:  # sums of shares may end below the total
            self._bar.update(self._total - self._bar.n)
        self._bar.close()
