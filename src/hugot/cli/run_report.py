"""What ``hugot run`` tells on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.run_options import LOG_LEVELS

if TYPE_CHECKING:
    from hugot.bulk.job import Outcome
    from hugot.bulk.output import Output
    from hugot.bulk.progress import Progress
    from hugot.pipelines.base import Pipeline
    from hugot.session import Session


class Log:
    """Lines on stderr, from a level on."""

    def __init__(self, level: str, *, quiet: bool) -> None:
        self._from = LOG_LEVELS.index("error" if quiet else level)

    def shows(self, level: str) -> bool:
        """Whether lines of a level are shown."""
        return LOG_LEVELS.index(level) >= self._from

    def __call__(self, level: str, message: str) -> None:
        """Show a line."""
        if self.shows(level):
            click.echo(f"hugot: {message}", err=True)


def choose_progress(
    pipeline: Pipeline[Any, Any],
    log: Log,
    total: int | None,
    done: int,
    *,
    to_stdout: bool,
    every: float,
) -> Progress:
    """A bar where a person looks at stderr and the results go elsewhere; else lines of log."""
    from hugot.bulk.progress import Bar, LogLines, Progress

    if not log.shows("info"):
        return Progress(pipeline, total, done)
    if sys.stderr.isatty() and not (to_stdout and sys.stdout.isatty()):
        return Bar(pipeline, total, done)
    return LogLines(pipeline, total, done, lambda line: log("info", line), every)


def tell_end(
    session: Session,
    pipeline: Pipeline[Any, Any],
    output: Output,
    outcome: Outcome,
    before: int,
    log: Log,
    values: dict[str, Any],
) -> None:
    """The summary, and what was asked for beside it; `before` records were there at the beginning."""
    # Results on stdout are as a rule for another program; nobody asked for figures then.
    shown = (values["folder"] is not None or sys.stderr.isatty()) and log.shows("info")
    if shown or values["stats_json"]:
        from hugot.bulk.summary import describe, summarize

        summary = summarize(output, outcome, pipeline.stats(), before)
        for line in describe(summary) if shown else ():
            log("info", line)
        if values["stats_json"]:
            _write_stats(session, summary, values["stats_json"])
    if values["stats"]:
        click.echo(_stats_text(session), err=True)
    if output.state.bad:
        log(
            "warning",
            f"{output.state.bad:,} lines could not be run; {output.errors_path} tells which and why",
        )


def _stats_text(session: Session) -> str:
    try:
        from hugot.stats import format_stats  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        return "\n".join(f"{name}: {stats}" for name, stats in session.stats().items())
    return str(format_stats(session.stats()))


def _write_stats(session: Session, summary: dict[str, Any], path: str) -> None:
    from dataclasses import asdict
    from pathlib import Path

    import orjson

    pipelines = {}
    for name, stats in session.stats().items():
        to_dict = getattr(stats, "to_dict", None)
        pipelines[name] = to_dict() if to_dict is not None else asdict(stats)
    data = orjson.dumps({**summary, "pipelines": pipelines}, option=orjson.OPT_INDENT_2)
    Path(path).write_bytes(data + b"\n")
