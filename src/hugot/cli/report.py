"""Reports of ``hugot run`` on stderr: messages, progress, and the summary at the end."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.io.batch import Position
    from hugot.io.files import InputFile
    from hugot.io.job import Outcome
    from hugot.io.output import Output
    from hugot.io.progress import Progress
    from hugot.pipelines.pipeline import Pipeline
    from hugot.session import Session

_STDERR = 2
LOG_LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Lines on stderr, from a level on.

    Attributes:
        levels: the levels whose lines are shown.
    """

    def __init__(self, level: str, *, quiet: bool) -> None:
        self.levels = LOG_LEVELS[LOG_LEVELS.index("error" if quiet else level) :]

    def __call__(self, level: str, message: str) -> None:
        """Show a line, if its level is shown."""
        if level in self.levels:
            # A run goes on if nobody takes its messages.
            with contextlib.suppress(OSError):
                click.echo(f"hugot: {message}", err=True)

    def at_signal(self, message: str) -> None:
        """Show a line if lines of level INFO are shown; a signal handler may call it.

        It goes past Python's stream, which the interrupted thread may be writing to.
        """
        if "info" in self.levels:
            with contextlib.suppress(OSError):
                os.write(_STDERR, f"\nhugot: {message}\n".encode())


def unit_of(files: Sequence[InputFile] | None) -> str:
    """Return what the input consists of, for messages: ``"row"`` or ``"line"``; None is stdin."""
    return files[0].format.unit if files else "line"


def choose_progress(
    pipeline: Pipeline[Any, Any],
    log: Log,
    files: Sequence[InputFile] | None,
    start: Position,
    to_stdout: bool,
    every: float,
) -> Progress:
    """Return a bar if a person looks at stderr and the results go elsewhere, else lines of log.

    Args:
        pipeline: the pipeline that is run.
        log: shows lines.
        files: the input, None for stdin.
        start: the place in the input at which the run begins.
        to_stdout: whether results go to stdout.
        every: seconds between two lines.
    """
    from hugot.io.progress import Bar, LogLines, Progress

    total, done, unit = None, 0, unit_of(files)
    if files is not None:
        total = sum([file.size for file in files])
        done = sum([file.size for file in files[: start.file]]) + (start.offset or 0)
    if "info" not in log.levels:
        return Progress(pipeline, total, done, unit)
    if sys.stderr.isatty() and not (to_stdout and sys.stdout.isatty()):
        return Bar(pipeline, total, done, unit)
    return LogLines(pipeline, total, done, lambda line: log("info", line), every, unit)


def report_end(
    session: Session,
    pipeline: Pipeline[Any, Any],
    output: Output,
    outcome: Outcome,
    before: int,
    log: Log,
    values: dict[str, Any],
    unit: str,
) -> None:
    """Show the summary, and statistics if they were asked for.

    Args:
        session: the session of the pipeline.
        pipeline: the pipeline that was run.
        output: the output that was written to.
        outcome: how the run ended.
        before: records that an earlier run had written.
        log: shows lines.
        values: the values of the command's flags.
        unit: ``"line"`` or ``"row"``, whatever the files consist of.
    """
    # Results on stdout are as a rule for another program; nobody asked for figures then.
    shown = "info" in log.levels and (values["folder"] is not None or sys.stderr.isatty())
    if shown or values["stats_json"]:
        from hugot.io.progress import describe, summarize

        summary = summarize(output, outcome, pipeline.stats(), before)
        for line in describe(summary) if shown else ():
            log("info", line)
        if values["stats_json"]:
            _write_stats(session, summary, Path(values["stats_json"]))
    if values["stats"]:
        click.echo(str(session.stats()), err=True)
    if output.state.bad:
        from hugot.io.progress import counted

        bad = counted(output.state.bad, unit)
        log("warning", f"{bad} could not be run; {output.errors_path} says which and why")


def _write_stats(session: Session, summary: dict[str, Any], path: Path) -> None:
    import orjson

    figures = {**summary, "pipelines": session.stats().to_dict()}
    data = orjson.dumps(figures, option=orjson.OPT_INDENT_2)
    try:
        path.write_bytes(data + b"\n")
    except OSError as error:
        raise click.ClickException(f"--stats-json: {error}") from None
