"""The figures of a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hugot.io.progress import duration

if TYPE_CHECKING:
    from hugot.io.job import Outcome
    from hugot.io.output import Output
    from hugot.stats import PipelineStats


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
    counts = f"{summary['records']:,} records"
    if summary["records_before"]:
        counts += f" ({summary['records_before']:,} of them before)"
    if summary["bad_records"]:
        counts += f", {summary['bad_records']:,} bad"
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
