"""The flags of ``hugot run`` that are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hugot.cli.mistakes import TaskType
from hugot.cli.model_choice import model_choice
from hugot.cli.options import model_options

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = "jsonl, csv, tsv, txt, parquet or arrow, each also with .gz or .zst"

_MODEL = (
    click.option(
        "-p",
        "--model",
        required=True,
        metavar="MODEL",
        help="Model folder, .onnx file, or hub name (organisation/name).",
    ),
    click.option("-t", "--type", "task", required=True, type=TaskType(), help="What to do."),
    model_options,
    model_choice,
    click.option(
        "--verify",
        is_flag=True,
        help="Check the model's files against the hashes in its hugot.json first.",
    ),
)
_FILES = (
    click.option(
        "-i",
        "--input",
        "sources",
        multiple=True,
        metavar="PATH",
        help="A file, a folder whose files are read, or a pattern in quotes; repeat for more; "
        "- is stdin.  [default: stdin]",
    ),
    click.option(
        "-o",
        "--output",
        "folder",
        type=click.Path(file_okay=False),
        callback=lambda _context, _option, path: None if path == "-" else path,
        help="Folder for result_0, made if missing; - is stdout.  [default: stdout]",
    ),
    click.option(
        "--input-format",
        metavar="FORMAT",
        help=f"{_FORMATS}.  [default: what names and first bytes tell; of stdin jsonl]",
    ),
    click.option(
        "--output-format",
        metavar="FORMAT",
        help=f"{_FORMATS}.  [default: that of the first input; for plain text jsonl]",
    ),
    click.option(
        "--input-column", default="input", show_default=True, help="Key or column of the text."
    ),
    click.option("--pair-column", help="Key or column of a second text (text classification)."),
    click.option(
        "--shard-size",
        type=click.IntRange(min=1),
        help="Most records in a result file: result_0, result_1, ….  [default: all in one]",
    ),
    click.option(
        "--format",
        "result_format",
        type=click.Choice(["hugot", "transformers"]),
        default="hugot",
        show_default=True,
        help="Keys of the results.",
    ),
    click.option(
        "--embedding-type",
        type=click.Choice(["float32", "float16"]),
        default="float32",
        show_default=True,
        help="Type of the numbers of vectors (feature extraction).",
    ),
    click.option(
        "-b",
        "--batchSize",
        "--batch-size",
        "batch_size",
        type=click.IntRange(min=1),
        help="Most lines that run together.  [default: by their tokens]",
    ),
)
_SAFETY = (
    click.option(
        "--resume",
        is_flag=True,
        help="Go on with the run in the output folder; begin it if none is.",
    ),
    click.option("--overwrite", is_flag=True, help="Start over where an unfinished run is."),
    click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="Time between two points from which the run can go on.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        show_default=True,
        help="What to do at a line that cannot be run: stop there, or put it into errors.jsonl.",
    ),
    click.option(
        "--errors",
        type=click.Path(dir_okay=False),
        help="File for lines that cannot be run.  [default: errors.jsonl in the output folder]",
    ),
    click.option(
        "--max-line-bytes",
        type=click.IntRange(min=1),
        default=1 << 24,
        show_default=True,
        help="A longer line cannot be run.",
    ),
)
_SHOWN = (
    click.option("--quiet", is_flag=True, help="Show errors alone; no progress, no summary."),
    click.option(
        "--log-level",
        type=click.Choice(LOG_LEVELS),
        default="info",
        show_default=True,
        help="What is told on stderr.",
    ),
    click.option(
        "--log-seconds",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        help="Time between two lines of progress, where stderr is no terminal.",
    ),
    click.option(
        "--stats", is_flag=True, help="Show the pipeline's counters and timings at the end."
    ),
    click.option(
        "--stats-json",
        type=click.Path(dir_okay=False),
        help="File for the summary, counters and timings as JSON.",
    ),
    click.option(
        "--config", type=click.Path(dir_okay=False), help="TOML file with any of these settings."
    ),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of ``hugot run``."""
    for option in reversed((*_MODEL, *_FILES, *_SAFETY, *_SHOWN)):
        command = option(command)
    return command
