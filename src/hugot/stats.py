"""Statistics of pipelines, as objects, dicts, tables and text for Prometheus.

The counting itself is done by `hugot._fast.recorder`; this module is imported with the first call of
`stats`.
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

# The recorder's bounds at powers of two from 66 microseconds to 17 seconds, for `Latency.buckets`.
_OCTAVE = recorder.STEPS_PER_OCTAVE
_COARSE = slice(6 * _OCTAVE, 25 * _OCTAVE, _OCTAVE)


@dataclass(frozen=True)
class Timing:
    """Time spent in one stage.

    Attributes:
        seconds: total over all threads.
        calls: number of times that the stage ran.
    """

    seconds: float = 0.0
    calls: int = 0

    @property
    def average(self) -> float:
        """Seconds per call; 0.0 before the first call."""
        return self.seconds / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Latency:
    """Distribution of the time from a call to its answer.

    The percentiles come from a histogram with buckets 6 % wide. They are within 3.2 % of the exact ones
    for times from 1 microsecond to 4.9 hours.

    Attributes:
        count: number of answers.
        seconds: total time.
        p50: median in seconds; 0.0 before the first answer.
        p95: 95th percentile in seconds.
        p99: 99th percentile in seconds.
        longest: longest time in seconds.
        buckets: cumulative histogram as pairs of an upper bound in seconds, each twice the one before,
            and the number of answers that took less.
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
    """Statistics of a pipeline since it was created, or since `reset_stats`.

    Attributes:
        calls: number of calls that have ended, with success or not: calls of the pipeline with a text
            or a list, requests (`submit`, `acall`), and streams.
        texts: number of texts tokenized.
        truncated: number of texts that were truncated to the model's maximum number of tokens.
        not_finite: number of texts whose results have numbers that are not finite (NaN or infinity).
        rows: number of rows run; a long text may be split into several.
        tokens: number of tokens run, without padding.
        padded_tokens: number of tokens run, with padding.
        tokenization: time in the tokenizer, which runs once for each batch of texts.
        inference: time in ONNX Runtime, padding included; it runs once for each group of rows.
        postprocessing: time from the outputs of a group to its results.
        latency: time from a call or a request to its answer. Streams are left out, because their time
            includes that of the code that reads them.
        errors: number of calls that ended with an error, by the name of its type.
        cancelled: number of calls that were cancelled before they had an answer.
        rejected: number of requests that were refused because the queue was full (QueueFullError).
    """

    calls: int = 0
    texts: int = 0
    truncated: int = 0
    not_finite: int = 0
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
        """Padded tokens per token; 1.0 means no padding."""
        return self.padded_tokens / self.tokens if self.tokens else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as numbers, str and dicts of them, for JSON."""
        return {
            **{each.name: _plain(getattr(self, each.name)) for each in fields(self)},
            "padding_ratio": self.padding_ratio,
        }

    def __str__(self) -> str:
        return format_stats({"": self})


class SessionStats(dict[str, PipelineStats]):
    """The statistics of each pipeline of a session, by its name. `str` returns a table."""

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return all figures as numbers, str and dicts of them, for JSON."""
        return {name: stats.to_dict() for name, stats in self.items()}

    def prometheus(self) -> str:
        """Return all figures in the text format of Prometheus; see `prometheus_text`."""
        return prometheus_text(self)

    def __str__(self) -> str:
        return format_stats(self)


def format_stats(stats: Mapping[str, PipelineStats]) -> str:
    """Return a table with a row for each figure and a column for each pipeline.

    Percentiles, results that are not finite, single errors, cancelled and rejected calls have no row if
    they are 0 in every pipeline.
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
    """Return the cells of a pipeline by the label of their row; "" for a row that may be left out."""
    latency = stats.latency
    return {
        "calls": f"{stats.calls:,}",
        "texts": f"{stats.texts:,}",
        "truncated": f"{stats.truncated:,}",
        "not finite": _number(stats.not_finite),
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
    """Return the statistics in Prometheus' text exposition format, version 0.0.4.

    Serve the text as ``text/plain; version=0.0.4; charset=utf-8``. Put the statistics of several
    sessions into one mapping, under different names: the format allows each metric only once.
    """
    from hugot.prometheus import exposition

    return exposition(
        {name: {**each.to_dict(), "buckets": each.latency.buckets} for name, each in stats.items()}
    )


def stats_of(counted: recorder.Recorder) -> PipelineStats:
    """Return the statistics that a recorder has counted so far."""
    found = counted.snapshot()
    for stage in ("tokenization", "inference", "postprocessing"):
        found[stage] = Timing(*found[stage])
    found["latency"] = _latency(*found["latency"])
    return PipelineStats(**found)


def _latency(count: int, seconds: float, longest: float, counts: Sequence[int]) -> Latency:
    bounds = recorder.bounds()
    cumulative = list(accumulate(counts))

    def percentile(percent: int) -> float:
        """Return the middle of the bucket that holds the answer of this rank."""
        if not count:
            return 0.0
        place = bisect_left(cumulative, math.ceil(count * percent / 100))
        lower = bounds[place - 1] if place else 0.0
        return min((lower + bounds[place]) / 2, longest)

    return Latency(
        count,
        seconds,
        percentile(50),
        percentile(95),
        percentile(99),
        longest,
        tuple(zip(bounds[_COARSE], cumulative[_COARSE], strict=True)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Latency):
        return {each.name: getattr(value, each.name) for each in fields(value)[:-1]}
    if isinstance(value, Timing):
        return {"seconds": value.seconds, "calls": value.calls}
    return dict(value) if isinstance(value, Mapping) else value
