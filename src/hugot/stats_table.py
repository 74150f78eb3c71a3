"""The figures of pipelines as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hugot.stats import PipelineStats


def table(stats: Mapping[str, PipelineStats]) -> str:
    """A line for each figure, a column for each pipeline; lines that say nothing are left out."""
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
