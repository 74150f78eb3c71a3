"""The reports of a run: its progress, as a bar or as lines of log, and its figures at the end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from hugot.io.batch import Batch
    from hugot.io.job import Outcome
    from hugot.io.output import Output
    from hugot.pipelines.pipeline import Pipeline
    from hugot.stats import PipelineStats

_BAR = "{percentage:3.0f}%|{bar}| {n_fmt}B/{total_fmt}B{postfix} [{elapsed}<{remaining}]"
_USUAL_WIDTH = 100
_BAR_OF_STDIN = "{elapsed}{postfix}"
# Seconds between two updates of the bar.
_BAR_SECONDS = 0.2
# Seconds between two lines of log, at least.
_LEAST_SECONDS = 0.1
# Rates are those of this many last seconds.
_RATE_SECONDS = 5.0


class Progress:
    """Counts the records that are run and written; its subclasses show them.

    Records of a window that is under way count as soon as their group has run.

    Args:
        pipeline: the pipeline, whose rows and tokens are counted.
        total: bytes of all input files, None for stdin.
        done: bytes of these that an earlier run has processed.
        unit: ``"line"`` or ``"row"``, whatever the files consist of.
    """

    def __init__(
        self, pipeline: Pipeline[Any, Any], total: int | None, done: int = 0, unit: str = "line"
    ) -> None:
        self._unit = unit
        self._pipeline = pipeline
        self._total = total
        self._bytes_before = done
        self._lock = threading.Lock()
        # Records that are written, and their bytes; those that are written or under way.
        self._written, self._written_bytes = 0, done
        self._begun, self._begun_bytes = 0, done
        self._inputs = 0  # of the records that are written
        self._began = time.monotonic()
        self._samples = deque([(self._began, 0, 0)])  # time, records, tokens
        self._ended = threading.Event()

    def begun(self, batch: Batch) -> None:
        """Count a batch that is about to run."""
        with self._lock:
            self._begun += len(batch.inputs) + len(batch.errors)
            self._begun_bytes = max(self._begun_bytes, batch.bytes_done)

    def written(self, batch: Batch) -> None:
        """Count a batch that was written."""
        with self._lock:
            self._written += len(batch.inputs) + len(batch.errors)
            self._inputs += len(batch.inputs) - batch.nulls
            self._written_bytes = max(self._written_bytes, batch.bytes_done)

    def close(self) -> None:
        """End the display."""

    def _measure(self) -> _Measure:
        """Return how far the run is, and the rates of the last seconds."""
        now = time.monotonic()
        stats = self._pipeline.stats()
        with self._lock:
            under_way = self._begun - self._written
            # A text may have several rows: what is under way is at most what has begun.
            ran = min(max(0, stats.rows - self._inputs), under_way)
            records = self._written + ran
            share = ran / under_way if under_way else 0.0
            ahead = self._begun_bytes - self._written_bytes
            done = self._written_bytes + int(share * ahead)
        samples = self._samples
        samples.append((now, records, stats.tokens))
        while len(samples) > 2 and now - samples[1][0] >= _RATE_SECONDS:
            samples.popleft()
        then, records_then, tokens_then = samples[0]
        seconds = max(now - then, 1e-9)
        return _Measure(
            now,
            done,
            records,
            max(0, records - records_then) / seconds,
            max(0, stats.tokens - tokens_then) / seconds,
            self._unit,
        )


class _Measure(NamedTuple):
    """How far a run is.

    Attributes:
        time: the time of the measurement.
        bytes: bytes of the input that are processed, about.
        records: number of records that have run.
        records_per_second: rate of the last seconds.
        tokens_per_second: rate of the last seconds.
        unit: ``"line"`` or ``"row"``.
    """

    time: float
    bytes: int
    records: int
    records_per_second: float
    tokens_per_second: float
    unit: str

    def __str__(self) -> str:
        return (
            f"{counted(self.records, self.unit)}, {self.records_per_second:,.0f} texts/s, "
            f"{self.tokens_per_second:,.0f} tokens/s"
        )


class Shown(Progress):
    """Shows the progress regularly, by a thread of its own.

    Args:
        pipeline: see `Progress`.
        total: see `Progress`.
        done: see `Progress`.
        unit: see `Progress`.
        every: seconds between two updates.
    """

    def __init__(
        self, pipeline: Pipeline[Any, Any], total: int | None, done: int, unit: str, every: float
    ) -> None:
        super().__init__(pipeline, total, done, unit)
        self._every = every
        self._thread = threading.Thread(
            target=self._keep_showing, name="hugot-progress", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _keep_showing(self) -> None:
        while not self._ended.wait(self._every):
            self._show(self._measure())

    def _show(self, measure: _Measure) -> None:
        raise NotImplementedError


class Bar(Shown):
    """A bar of tqdm on stderr."""

    def __init__(
        self, pipeline: Pipeline[Any, Any], total: int | None, done: int = 0, unit: str = "line"
    ) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # the bar is updated regularly without tqdm's own thread
        self._bar = tqdm(
            total=total,
            initial=done,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            **_width(),
            bar_format=_BAR if total is not None else _BAR_OF_STDIN,
        )
        super().__init__(pipeline, total, done, unit, _BAR_SECONDS)

    def close(self) -> None:
        """Leave the bar as it is at the end."""
        super().close()
        self._show(self._measure())
        self._bar.close()

    def _show(self, measure: _Measure) -> None:
        self._bar.set_postfix_str(str(measure), refresh=False)
        self._bar.n = max(self._bar.n, measure.bytes)
        self._bar.refresh()


def _width() -> dict[str, Any]:
    """Return the arguments of tqdm for the terminal's width; for one without a width a usual one."""
    try:
        known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": _USUAL_WIDTH, "nrows": 2}


class LogLines(Shown):
    """A line of log every few seconds."""

    def __init__(
        self,
        pipeline: Pipeline[Any, Any],
        total: int | None,
        done: int,
        log: Callable[[str], None],
        every: float,
        unit: str = "line",
    ) -> None:
        self._log = log
        super().__init__(pipeline, total, done, unit, max(every, _LEAST_SECONDS))

    def _show(self, measure: _Measure) -> None:
        self._log(f"{measure}{self._left(measure)}")

    def _left(self, measure: _Measure) -> str:
        """Return the part that is done, and the duration of the rest at the present rate."""
        fresh = measure.bytes - self._bytes_before
        if not self._total or not fresh:
            return ""
        left = (self._total - measure.bytes) * (measure.time - self._began) / fresh
        return f", {measure.bytes / self._total:.0%} done, {duration(left)} left"


def counted(number: int, what: str) -> str:
    """Return a number of things, such as ``1 row`` or ``2,000 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return seconds as ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def summarize(
    output: Output, outcome: Outcome, stats: PipelineStats, before: int
) -> dict[str, Any]:
    """Return the figures of a run, for JSON; the seconds of a stage are the sum over all threads.

    Args:
        output: the output, which is complete.
        outcome: how the run ended.
        stats: the figures of the pipeline.
        before: number of records that an earlier run had written.
    """
    state, seconds = output.state, outcome.seconds
    records = state.records - before
    return {
        "records": state.records,
        "records_before": before,
        "bad_records": state.bad,
        "null_records": state.nulls,
        "complete": outcome.signal is None,
        "files": state.files,
        "seconds": seconds,
        "texts_per_second": records / seconds if seconds else 0.0,
        "tokens": stats.tokens,
        "tokens_per_second": stats.tokens / seconds if seconds else 0.0,
        "truncated": getattr(stats, "truncated", None),
        "padding_ratio": stats.padding_ratio,
        "stages": {**_stages(stats), "writing": outcome.writing_seconds},
        "peak_memory_bytes": peak_memory(),
    }


def describe(summary: dict[str, Any]) -> list[str]:
    """Return the figures as lines for people."""
    counts = counted(summary["records"], "record")
    if summary["records_before"]:
        counts += f" ({summary['records_before']:,} of them before)"
    if summary["bad_records"]:
        counts += f", {summary['bad_records']:,} bad"
    if summary["null_records"]:
        counts += f", {summary['null_records']:,} null"
    if summary["truncated"]:
        counts += f", {summary['truncated']:,} truncated"
    stages = ", ".join(f"{name} {value:.1f} s" for name, value in summary["stages"].items())
    memory = summary["peak_memory_bytes"]
    return [
        f"{counts} in {duration(summary['seconds'])}: {summary['texts_per_second']:,.0f} texts/s, "
        f"{summary['tokens_per_second']:,.0f} tokens/s, padding ratio {summary['padding_ratio']:.3f}",
        f"{stages}; peak memory {memory / 1e6:,.0f} MB" if memory else stages,
    ]


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process had; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _stages(stats: PipelineStats) -> dict[str, float]:
    found = {}
    for name in ("tokenization", "inference", "postprocessing"):
        timing = getattr(stats, name, None)
        if timing is not None:
            found[name] = timing.seconds
    return found
