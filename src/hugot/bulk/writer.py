"""Writing on a thread of its own, a few batches behind the pipeline."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot.bulk.batch import Batch
    from hugot.bulk.output import Output

_BATCHES_BEHIND = 4


class Writer:
    """Has an output write what it is given, and reports what came of it.

    Args:
        output: where results go; only the writer's thread uses it.
        on_written: called on that thread with each batch that was written.
        on_failure: called on that thread when the output fails.

    Attributes:
        seconds: time that formatting and writing took.
    """

    def __init__(
        self,
        output: Output,
        on_written: Callable[[Batch], None],
        on_failure: Callable[[], None],
    ) -> None:
        self._output = output
        self._on_written = on_written
        self._on_failure = on_failure
        self._given: queue.Queue[tuple[Batch, Sequence[Any]] | Callable[[], None] | None]
        self._given = queue.Queue(_BATCHES_BEHIND)
        self._error: BaseException | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._write, name="hugot-writer", daemon=True)
        self._thread.start()

    def put(self, batch: Batch, results: Sequence[Any]) -> None:
        """Hand over a batch. Raises what writing an earlier one raised."""
        self._raise()
        self._given.put((batch, results))

    def flush(self) -> None:
        """Have the output give out what it was given."""
        self._raise()
        self._given.put(self._output.flush)

    def close(self, *, whole: bool) -> None:
        """Write what was handed over, then finish the output, or pause it where it is not `whole`."""
        self._given.put(self._output.finish if whole else self._output.pause)
        self._given.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while (given := self._given.get()) is not None:
            if self._error is not None:
                continue  # so that nobody waits for room
            began = time.perf_counter()
            try:
                if isinstance(given, tuple):
                    self._output.write(*given)
                    self._on_written(given[0])
                else:
                    given()
            except BaseException as error:
                self._error = error
                with contextlib.suppress(OSError):
                    self._output.abandon()
                self._on_failure()
            self.seconds += time.perf_counter() - began
