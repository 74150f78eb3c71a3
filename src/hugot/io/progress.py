"""The reports of a run: its progress, as a bar or as lines of log, and its figures at the end."""

from __future__ import annotations

import os
import sys
import time
from math import inf
from typing import TYPE_CHECKING, Any

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


class Progress:
    """Counts the records that are written; its subclasses show them.

    Args:
        pipeline: the pipeline, whose tokens are shown.
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
        self._bytes = done
        self._began = time.monotonic()
        self._due = inf  # when `_show` is called next
        self.records = 0

    def written(self, batch: Batch) -> None:
        """Count a batch that was written."""
        self.records += len(batch.inputs) + len(batch.errors)
        self._bytes = max(self._bytes, batch.bytes_done)
        if (now := time.monotonic()) >= self._due:
            self._show(now)

    def close(self) -> None:
        """End the display."""

    def _show(self, now: float) -> None:
        """Show how far the run is."""

    def _rates(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        tokens = self._pipeline.stats().tokens / seconds
        return (
            f"{counted(self.records, self._unit)}, {self.records / seconds:,.0f} texts/s, "
            f"{tokens:,.0f} tokens/s"
        )


class Bar(Progress):
    """A bar of tqdm on stderr."""

    def __init__(
        self, pipeline: Pipeline[Any, Any], total: int | None, done: int = 0, unit: str = "line"
    ) -> None:
        from tqdm import tqdm

        super().__init__(pipeline, total, done, unit)
        self._bar = tqdm(
            total=total,
            initial=done,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            **_width(),
            bar_format=_BAR if total is not None else _BAR_OF_STDIN,
        )
        self._due = 0.0

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    def _show(self, now: float) -> None:
        self._bar.set_postfix_str(self._rates(), refresh=False)
        self._bar.update(self._bytes - self._bar.n)
        if self._total is None:
            self._bar.refresh()


def _width() -> dict[str, Any]:
    """Return the arguments of tqdm for the terminal's width; for one without a width a usual one."""
    try:
        known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": _USUAL_WIDTH, "nrows": 2}


class LogLines(Progress):
    """A line of log, at most one in `every` seconds."""

    def __init__(
        self,
        pipeline: Pipeline[Any, Any],
        total: int | None,
        done: int,
        log: Callable[[str], None],
        every: float,
        unit: str = "line",
    ) -> None:
        super().__init__(pipeline, total, done, unit)
        self._log = log
        self._every = every
        self._due = self._began + every

    def _show(self, now: float) -> None:
        self._due = now + self._every
        self._log(self._rates() + self._left(now))

    def _left(self, now: float) -> str:
        """Return the part that is done, and the duration of the rest at the present rate."""
        fresh = self._bytes - self._bytes_before
        if not self._total or not fresh:
            return ""
        left = (self._total - self._bytes) * (now - self._began) / fresh
        return f", {self._bytes / self._total:.0%} done, {duration(left)} left"


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
