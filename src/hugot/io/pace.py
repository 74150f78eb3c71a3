"""The size of the windows of a run: so much work that a run can be stopped and shown at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hugot.io.batch import LARGEST_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugot.io.batch import Batch

# Duration of a window. Windows of a second cost MiniLM 1 % more padding than those of 1024 texts.
_SECONDS = 1.0
_LEAST_SECONDS = 0.05
# Characters of the first window, some thousand tokens; each later one is at most twice as large.
_FIRST_SIZE = 4096
_GROWTH = 2
# Share of a window in the pace, of that of the next one.
_DECAY = 0.6
# Size of an input that is no text.
_OTHER_SIZE = 1024


class Pace:
    """Divides batches into windows of about a second's work.

    The work of a text is assumed to grow with its characters, up to those that a row of tokens can hold.

    Args:
        seconds: most seconds of work in a window.
        least: inputs that a window has at least.
        longest: most characters that count of a text, None for all.
    """

    def __init__(self, seconds: float, least: int, longest: int | None = None) -> None:
        self._seconds = min(max(seconds, _LEAST_SECONDS), _SECONDS)
        self._least = least
        self._longest = longest
        self._limit: float = _FIRST_SIZE
        # Sums over the windows that have run, in which older ones count less.
        self._size_before = self._seconds_before = 0.0

    def divide(self, batch: Batch) -> Iterator[Batch]:
        """Yield a batch in parts, each with the work that the pace has when it is asked for."""
        while (count := self._count(batch)) < len(batch):
            head, batch = batch.split(count)
            yield head
        yield batch

    def ran(self, batch: Batch, seconds: float) -> None:
        """Adapt the pace to the time that has passed while a window ran, since the one before it."""
        # A window begins while the one before it runs: one by itself seems too fast or too slow.
        self._size_before = sum(map(self._size, batch.inputs)) + _DECAY * self._size_before
        self._seconds_before = seconds + _DECAY * self._seconds_before
        if self._size_before and self._seconds_before > 0:
            limit = self._seconds * self._size_before / self._seconds_before
            self._limit = min(limit, _GROWTH * self._limit)

    def _count(self, batch: Batch) -> int:
        """Return the number of inputs at the beginning of a batch that make a window."""
        size = 0
        for count, value in enumerate(batch.inputs):
            size += self._size(value)
            if size > self._limit and count >= self._least:
                return count
            if count == LARGEST_BATCH:
                return count
        return len(batch)

    def _size(self, value: Any) -> int:
        if isinstance(value, str):
            size = len(value)
            return size if self._longest is None else min(size, self._longest)
        if isinstance(value, dict):
            return sum(map(self._size, value.values()))
        if isinstance(value, list | tuple):
            return sum(map(self._size, value))
        return _OTHER_SIZE
