"""A run: records through a pipeline to an output. Reading, inference and writing overlap."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from hugot.errors import InputError
from hugot.io.batch import RecordError, shown_value
from hugot.io.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from hugot.io.batch import Batch, InputKeys
    from hugot.io.output import Output
    from hugot.pipelines.pipeline import Pipeline
    from hugot.pipelines.runner import Runner

_BATCHES_BEHIND: Final = 4
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SHOWN: Final = 2000
# Inputs of a window for each worker, at least.
_LEAST_PER_WORKER: Final = 2
# More than the characters of a token in nearly every language.
_CHARACTERS_PER_TOKEN: Final = 6


class RecordInputError(InputError):
    """A record cannot be run, and the run stops there."""


class Records(Protocol):
    """A source of batches.

    Attributes:
        keys: the keys of a record that make its input.
    """

    keys: InputKeys

    def batches(self) -> Generator[Batch | None]:
        """Yield batches; None if no more are there yet."""

    def stop(self) -> None:
        """End the batches; a signal handler may call it."""


class Watcher(Protocol):
    """Is notified of what is run and written."""

    def begun(self, batch: Batch) -> None:
        """Note that a batch is about to run; called on the thread that runs the job."""

    def written(self, batch: Batch) -> None:
        """Note that a batch was written; called on the writer's thread."""


class Outcome(NamedTuple):
    """How a run ended.

    Attributes:
        seconds: duration of the run.
        writing_seconds: duration of formatting and writing, beside the rest.
        signal: number of the signal that ended it, None if it went through.
    """

    seconds: float
    writing_seconds: float
    signal: int | None


def run_job(
    pipeline: Pipeline[Any, Any],
    records: Records,
    output: Output,
    watcher: Watcher,
    *,
    skip_errors: bool,
    checkpoint_seconds: float = inf,
    on_signal: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run a pipeline over records and write the results, in order.

    SIGINT and SIGTERM end it after the records that are being run, which is about a second's work; the
    second signal ends it at once.

    Args:
        pipeline: the pipeline.
        records: the records.
        output: where results are written.
        watcher: notified of what is run and written.
        skip_errors: whether records that cannot be run are noted, rather than raised.
        checkpoint_seconds: seconds between two checkpoints of the output, which windows must not exceed.
        on_signal: called by the handler of the first signal.

    Raises RecordInputError for a record that cannot be run, unless `skip_errors`, and what reading,
    running and writing raise; the results before it are written, and the output can be resumed.
    """
    # Imported here because they need numpy, which is imported while the model is loaded.
    from hugot.pipelines.pipeline import runner_of
    from hugot.pipelines.windows import run_windows

    began = time.perf_counter()
    runner = runner_of(pipeline)
    windows = _Windows(records, watcher.begun, _pace_of(runner, checkpoint_seconds))
    writer = _Writer(output, watcher.written, records.stop)
    parts = windows.parts()
    # Closing the parts ends the reading.
    with contextlib.closing(parts), _Interrupts(windows.stop, on_signal) as interrupts:
        answers = run_windows(runner, parts, runner.options)
        try:
            for results, refusals in answers:
                batch = windows.ran()
                if batch is None:
                    continue
                if batch.nulls:
                    results, refusals = _with_nulls(batch, results, refusals)
                if refusals:
                    batch = _without_refused(runner, records.keys, batch, refusals)
                if batch.errors and not skip_errors:
                    _stop_at_error(writer, batch, results)
                writer.put(batch, results)
                if interrupts.signal is not None and output.resumable:
                    answers.close()  # drops the window that was read ahead
                    break
        except BaseException as error:
            runner.recorder.failed(error)
            writer.close(complete=False)
            raise
        runner.recorder.read()
        writer.close(complete=interrupts.signal is None)
    return Outcome(time.perf_counter() - began, writer.seconds, interrupts.signal)


def _pace_of(runner: Runner[Any], seconds: float) -> Pace:
    """Return the pace for a pipeline: no window is so small that a worker is without work."""
    longest = runner.task.bundle.longest_row
    characters = None if longest is None else longest * _CHARACTERS_PER_TOKEN
    return Pace(seconds, _LEAST_PER_WORKER * runner.model.layout.workers, characters)


class _Windows:
    """The inputs of a run in windows of about a second's work.

    Args:
        records: the records.
        on_begin: called with each batch whose inputs are about to run.
        pace: sizes the windows.
    """

    def __init__(self, records: Records, on_begin: Callable[[Batch], None], pace: Pace) -> None:
        self._records = records
        self._on_begin = on_begin
        self._pace = pace
        self._pending: deque[Batch | None] = deque()
        self._since = time.perf_counter()
        self._stopped = False

    def parts(self) -> Generator[Sequence[Any]]:
        """Yield the inputs of each window, without nulls."""
        before = 0  # bytes of the input before the batch
        with contextlib.closing(self._records.batches()) as batches:
            for batch in batches:
                if batch is None:
                    self._pending.append(None)
                    yield ()  # an empty window has everything before it finished
                    continue
                begun, end = 0, batch.bytes_done
                for part in self._pace.divide(batch):
                    begun += len(part)
                    share = begun / len(batch) if batch.inputs else 1.0
                    part.bytes_done = before + round(share * (end - before))
                    yield self._begin(part)
                    if self._stopped:
                        return
                before = end

    def _begin(self, part: Batch) -> Sequence[Any]:
        if not self._pending:
            self._since = time.perf_counter()
        self._pending.append(part)
        self._on_begin(part)
        if part.nulls:
            return [each for each in part.inputs if each is not None]
        return part.inputs

    def stop(self) -> None:
        """End the windows after the present one; a signal handler may call it."""
        self._stopped = True
        self._records.stop()

    def ran(self) -> Batch | None:
        """Return the batch of the window that has run; None for an empty window."""
        batch = self._pending.popleft()
        now = time.perf_counter()
        if batch is not None:
            self._pace.ran(batch, now - self._since)
        self._since = now
        return batch


def _with_nulls(
    batch: Batch, results: Sequence[Any], refusals: Mapping[int, InputError]
) -> tuple[Sequence[Any], dict[int, InputError]]:
    """Return results with None for the records that are null, and refusals by the numbers of records."""
    numbers = [number for number, each in enumerate(batch.inputs) if each is not None]
    refused = {numbers[place]: error for place, error in refusals.items()}
    given = [number for number in numbers if number not in refused]
    # Refused records are without a result, and are left out with it.
    found = dict(zip(given, results, strict=True))
    return [found.get(number) for number in range(len(batch)) if number not in refused], refused


def _stop_at_error(writer: _Writer, batch: Batch, results: Sequence[Any]) -> None:
    """Write the records before the first error of a batch, and raise it."""
    first = batch.errors[0]
    head, _ = batch.split(first.before)
    head.errors = []
    writer.put(head, results[: first.before])
    raise RecordInputError(first.message)


def _without_refused(
    runner: Runner[Any], keys: InputKeys, batch: Batch, refusals: Mapping[int, InputError]
) -> Batch:
    """Return the batch without the records that the pipeline refused, which become errors."""
    errors = {}
    for number, error in refusals.items():
        source, line = batch.places[number]
        value = batch.inputs[number]
        reason, text = _wrong_type(runner, keys, value), batch.text_of(number)
        if reason is None:
            message = str(error).removeprefix(f"input {error.index} ")
            reason = f"the input {message.removeprefix(f'input {error.index}: ')}"
            text = str(value)[:_SHOWN]
        errors[number] = RecordError(source, line, reason, text, unit=batch.unit)
    return batch.without(errors)


def _wrong_type(runner: Runner[Any], keys: InputKeys, value: Any) -> str | None:
    """Return what is wrong with the type of an input, in terms of the file; None if nothing is."""
    task, options = runner.task, runner.options
    try:
        task.check_input(value, 0, options)
    except InputError:
        pass
    else:
        return None
    if keys.single is None:
        wrong = keys.wrong_text(value)
        if wrong is not None or any(field.if_present for field in task.fields):
            return wrong
    wanted = "a string"
    if isinstance(task.sample_input("text", options), list):
        wanted = "a list of words"
    elif not all(field.required for field in task.fields):
        parts = ", ".join(f'"{field.key}": ...' for field in task.fields)
        wanted = f"a string, or {{{parts}}}"
    return f'"{keys.keys[0]}" must be {wanted}, not {shown_value(value)}'


class _Writer:
    """Writes results on a thread of its own, a few batches behind the pipeline.

    Args:
        output: where results are written; only the writer's thread uses it.
        on_written: called on that thread with each batch that was written.
        on_failure: called on that thread if the output fails.

    Attributes:
        seconds: duration of formatting and writing.
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
        if self._error is not None:
            raise self._error
        self._given.put((batch, results))

    def close(self, *, complete: bool) -> None:
        """Write what was handed over, then finish the output, or pause it if it is not `complete`."""
        self._given.put(self._output.finish if complete else self._output.pause)
        self._given.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while (given := self._given.get()) is not None:
            if self._error is not None:
                continue  # `put` must not wait for room
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


class _Interrupts:
    """Calls functions at the first SIGINT or SIGTERM in the ``with`` block; the second ends it at once.

    Args:
        on_first: called in turn by the handler.

    Attributes:
        signal: number of the first signal, None if there was none.
    """

    def __init__(self, *on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._before: dict[int, Any] = {}
        self.signal: int | None = None

    def __enter__(self) -> _Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        for action in self._on_first:
            action()
