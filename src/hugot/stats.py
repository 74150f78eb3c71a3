"""What pipelines have done, counted and timed: as objects, dicts, tables, and text for Prometheus.

Nothing here is imported before someone asks; what counts is `hugot._fast.recorder`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from hugot._fast import recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of the recorder's buckets, the bounds at powers of two from 66 microseconds to 17 seconds.
_OCTAVE = recorder.STEPS_PER_OCTAVE
_SHOWN = slice(6 * _OCTAVE, 25 * _OCTAVE, _OCTAVE)


@dataclass(frozen=True)
class Timing:
    """Time spent in one stage.

    Attributes:
        seconds: total, added up over threads.
        calls: number of times that the stage was run.
    """

    seconds: float = 0.0
    calls: int = 0

    @property
    def average(self) -> float:
        """Seconds per call; 0.0 before the first."""
        return self.seconds / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Latency:
    """How long those who called waited for their answers.

    Percentiles are those of a histogram whose buckets are 6 % wide: they are within 3.2 % of the exact
    ones, for times from 1 microsecond to 4.9 hours.

    Attributes:
        count: number of answers.
        seconds: total.
        p50: seconds that half of the answers took at most; 0.0 before the first.
        p95: as `p50`, for 95 % of them.
        p99: as `p50`, for 99 % of them.
        longest: seconds of the longest.
        buckets: for each of a row of seconds that doubles, how many answers took less.
    """

    count: int = 0
    seconds: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    longest: float = 0.0
    buckets: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class PipelineStats:
    """What a pipeline has done since it was made, or since `reset_stats`.

    Attributes:
        calls: calls that have ended, however they did: of the pipeline with a text or a list,
            requests (`submit`, `acall`), and streams.
        texts: texts tokenized.
        truncated: how many of them were cut, as they had more tokens than the model takes.
        rows: rows run; a long text may own several.
        tokens: tokens run, without padding.
        padded_tokens: the same with padding.
        tokenization: time in the tokenizer; it is run with a whole batch of texts.
        inference: time in ONNX Runtime, padding included; it is run with one group of rows.
        postprocessing: time from the outputs of a group to its results.
        latency: time of the calls and requests that were answered, from the call to the answer.
            Streams are left out, since their time is also that of who reads them.
        errors: calls that ended with an error, by the name of its type.
        cancelled: calls that were given up before the answer was there.
        rejected: requests that were refused since too many waited (QueueFullError).
    """

    calls: int = 0
    texts: int = 0
    truncated: int = 0
    rows: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    tokenization: Timing = Timing()
    inference: Timing = Timing()
    postprocessing: Timing = Timing()
    latency: Latency = Latency()
    errors: Mapping[str, int] = field(default_factory=dict)
    cancelled: int = 0
    rejected: int = 0

    @property
    def padding_ratio(self) -> float:
        """Padded over real tokens; 1.0 is no padding at all."""
        return self.padded_tokens / self.tokens if self.tokens else 1.0

    def to_dict(self) -> dict[str, Any]:
        """All figures as numbers, str and dicts of them, fit for JSON."""
        return {
            **{each.name: _plain(getattr(self, each.name)) for each in fields(self)},
            "padding_ratio": self.padding_ratio,
        }

    def __str__(self) -> str:
        return format_stats({"": self})


class SessionStats(dict[str, PipelineStats]):
    """The figures of each pipeline of a session, by its name; printed, it is a table."""

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """All figures as numbers, str and dicts of them, fit for JSON."""
        return {name: stats.to_dict() for name, stats in self.items()}

    def prometheus(self) -> str:
        """All figures in the text format of Prometheus; see `prometheus_text`."""
        return prometheus_text(self)

    def __str__(self) -> str:
        return format_stats(self)


def format_stats(stats: Mapping[str, PipelineStats]) -> str:
    """Return a table with a row for each figure and a column for each pipeline.

    Rows in which every pipeline has 0 are left out, except those of the basic counters.
    """
    errors = sorted({name for each in stats.values() for name in each.errors})
    columns = [_column(each, errors) for each in stats.values()]
    lines = [["", *stats]] if any(stats) else []
    for name, *cells in (
        zip(columns[0], *(column.values() for column in columns), strict=True) if columns else ()
    ):
        if any(cells):
            lines.append([name, *(cell or "-" for cell in cells)])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _column(stats: PipelineStats, errors: Sequence[str]) -> dict[str, str]:
    """The figures of a pipeline by what stands before them; "" for those that say nothing."""
    latency = stats.latency
    return {
        "calls": f"{stats.calls:,}",
        "texts": f"{stats.texts:,}",
        "truncated": f"{stats.truncated:,}",
        "tokens": f"{stats.tokens:,}",
        "padding ratio": f"{stats.padding_ratio:.3f}",
        "tokenization": f"{stats.tokenization.seconds:,.3f} s",
        "inference": f"{stats.inference.seconds:,.3f} s",
        "postprocessing": f"{stats.postprocessing.seconds:,.3f} s",
        "call, p50": _milliseconds(latency.p50),
        "call, p95": _milliseconds(latency.p95),
        "call, p99": _milliseconds(latency.p99),
        "call, longest": _milliseconds(latency.longest),
        "errors": f"{sum(stats.errors.values()):,}",
        **{f"  {name}": _number(stats.errors.get(name, 0)) for name in errors},
        "cancelled": _number(stats.cancelled),
        "rejected": _number(stats.rejected),
    }


def _number(number: int) -> str:
    return f"{number:,}" if number else ""


def _milliseconds(seconds: float) -> str:
    if not seconds:
        return ""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds * 1e3:,.0f} ms"


def prometheus_text(stats: Mapping[str, PipelineStats]) -> str:
    """Figures in Prometheus' text exposition format, version 0.0.4.

    Serve it as ``text/plain; version=0.0.4; charset=utf-8``. Those of several sessions go into one
    mapping, with names that differ: each metric may stand in the text but once.
    """
    from hugot.prometheus import exposition

    return exposition(
        {name: {**each.to_dict(), "buckets": each.latency.buckets} for name, each in stats.items()}
    )


def stats_of(counted: recorder.Recorder) -> PipelineStats:
    """What a recorder has counted so far."""
    found = counted.snapshot()
    for stage in ("tokenization", "inference", "postprocessing"):
        found[stage] = Timing(*found[stage])
    found["latency"] = _latency(*found["latency"])
    return PipelineStats(**found)


def _latency(count: int, seconds: float, longest: float, counts: Sequence[int]) -> Latency:
    bounds = recorder.bounds()
    upto = list(accumulate(counts))

    def percentile(percent: int) -> float:
        """Middle of the bucket in which the answer of this rank is."""
        if not count:
            return 0.0
        place = bisect_left(upto, math.ceil(count * percent / 100))
        lower = bounds[place - 1] if place else 0.0
        return min((lower + bounds[place]) / 2, longest)

    return Latency(
        count,
        seconds,
        percentile(50),
        percentile(95),
        percentile(99),
        longest,
        tuple(zip(bounds[_SHOWN], upto[_SHOWN], strict=True)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Latency):
        return {each.name: getattr(value, each.name) for each in fields(value)[:-1]}
    if isinstance(value, Timing):
        return {"seconds": value.seconds, "calls": value.calls}
    return dict(value) if isinstance(value, Mapping) else value
