"""The flags of ``hugot run``: its own, those of the options of the runtime, and those of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from hugot.cli.flags import KeyValue, Option, number_of, option, option_flags, variable_name
from hugot.cli.options import library_option, model_options
from hugot.cli.path_types import InputType, ModelType
from hugot.cli.report import LOG_LEVELS
from hugot.cli.suggestions import TaskType
from hugot.options import RuntimeOptions
from hugot.tasks import SPECS, task_class, task_spec
from hugot.tasks.schema import fields_read

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from hugot.tasks.schema import Field

_FORMATS = "jsonl, csv, tsv, txt, parquet or arrow, each also with .gz or .zst"

# Defaults of options of the runtime that are not the library's.
RUNTIME_DEFAULTS: Final = {"mode": "throughput"}
# One option of the runtime has a flag of the command, the others are for requests.
_NO_FLAGS: Final = frozenset({"--onnxruntime-library", "--microbatch", "--max-queue"})

_MODEL = (
    option(
        "-p",
        "--model",
        required=True,
        type=ModelType(),
        metavar="MODEL",
        help="Model folder, .onnx file, or hub name (organisation/name).",
        same_answers=True,
    ),
    option("-t", "--type", "task", required=True, type=TaskType(), help="Task of the model."),
    model_options,
    option(
        "--graph-input",
        "graph_inputs",
        multiple=True,
        metavar="NAME=VALUE",
        type=KeyValue(number_of),
        help="Value of a further input of the graph, such as task_id=3; repeat for more.",
    ),
    library_option,
    option(
        "--verify",
        is_flag=True,
        help="First check the model's files against the hashes in its hugot.json.",
        same_answers=True,
    ),
)
_FILES = (
    option(
        "-i",
        "--input",
        "sources",
        multiple=True,
        type=InputType(),
        metavar="PATH",
        help="A file, a folder whose files are read, or a pattern in quotes; repeat for more; "
        "- is stdin.  [default: stdin]",
        same_answers=True,
    ),
    option(
        "-o",
        "--output",
        "folder",
        type=click.Path(),
        callback=lambda _context, _option, path: None if path == "-" else path,
        help="Folder for result_0, or a file such as results.jsonl; - is stdout.  [default: stdout]",
        same_answers=True,
    ),
    option(
        "--input-format",
        metavar="FORMAT",
        help=f"{_FORMATS}.  [default: by the names and first bytes of files; jsonl for stdin]",
    ),
    option(
        "--output-format",
        metavar="FORMAT",
        help=f"{_FORMATS}.  [default: by the name of an output file, else that of the first input; "
        "jsonl for plain text]",
    ),
    option(
        "--shard-size",
        type=click.IntRange(min=1),
        help="Most records in a result file: result_0, result_1, ….  [default: all in one]",
    ),
    option(
        "--format",
        "result_format",
        type=click.Choice(["hugot", "transformers"]),
        default="hugot",
        show_default=True,
        help="Keys of the results.",
    ),
    option(
        "--embedding-type",
        type=click.Choice(["float32", "float16"]),
        default="float32",
        show_default=True,
        help="Type of the numbers of vectors, if the results have any.",
    ),
    option(
        "-b",
        "--batchSize",
        "--batch-size",
        "batch_size",
        type=click.IntRange(min=1),
        help="Most lines that run together.  [default: by their tokens]",
    ),
)
_SAFETY = (
    option(
        "--resume",
        is_flag=True,
        help="Go on with the unfinished run of this output, or begin one.",
        same_answers=True,
    ),
    option(
        "--overwrite",
        is_flag=True,
        help="Start over even if the output has an unfinished run.",
        same_answers=True,
    ),
    option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="Time between two points from which the run can go on.",
        same_answers=True,
    ),
    option(
        "--on-error",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        show_default=True,
        help="Stop at a line that cannot be run, or put it into errors.jsonl and go on.",
        same_answers=True,
    ),
    option(
        "--errors",
        type=click.Path(dir_okay=False),
        help="File for lines that cannot be run.  [default: errors.jsonl in OUTPUT.hugot]",
        same_answers=True,
    ),
    option(
        "--max-line-bytes",
        type=click.IntRange(min=1),
        default=1 << 24,
        show_default=True,
        help="A longer line cannot be run.",
    ),
    option(
        "--allow-nan",
        is_flag=True,
        help="Accept NaN and Infinity, which JSON does not have, as values of keys.",
        same_answers=True,
    ),
)
_REPORTS = (
    option(
        "--quiet",
        is_flag=True,
        help="Show errors alone; no progress, no summary.",
        same_answers=True,
    ),
    option(
        "--log-level",
        type=click.Choice(LOG_LEVELS),
        default="info",
        show_default=True,
        help="Least important messages that are shown on stderr.",
        same_answers=True,
    ),
    option(
        "--log-seconds",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        help="Time between two lines of progress, if stderr is no terminal.",
        same_answers=True,
    ),
    option(
        "--stats",
        is_flag=True,
        help="Show the pipeline's counters and timings at the end.",
        same_answers=True,
    ),
    option(
        "--stats-json",
        type=click.Path(dir_okay=False),
        help="File for the summary, counters and timings as JSON.",
        same_answers=True,
    ),
    option(
        "--config",
        type=click.Path(dir_okay=False),
        help="TOML file with any of these settings.",
        same_answers=True,
    ),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of ``hugot run`` that are its own."""
    for each in reversed((*_MODEL, *_FILES, *_SAFETY, *_REPORTS)):
        command = each(command)
    return command


def runtime_flags() -> list[Option]:
    """Return a flag for each option of the runtime."""
    return option_flags(RuntimeOptions, leave_out=_NO_FLAGS, defaults=RUNTIME_DEFAULTS)


def task_flags(task: str | None, leave_out: Container[str] = ()) -> list[Option]:
    """Return a flag for each option of a task, or of all tasks, each once.

    Args:
        task: the task, None for all; modules of tasks are imported.
        leave_out: flags that are not made.
    """
    if task is None:
        return _each_once({spec.name: task_flags(spec.name, leave_out) for spec in SPECS})
    found = task_class(task)
    defaults = task_spec(task).run_defaults
    return option_flags(found.options_type, leave_out=leave_out, defaults=defaults)


def column_flags(task: str | None) -> list[Option]:
    """Return a flag for each field of a task's input, or of all tasks, each once.

    A flag names the key or column that its field is read from.
    """
    if task is None:
        return _each_once({spec.name: column_flags(spec.name) for spec in SPECS})
    return [
        Option(
            [field.parameter, field.flag],
            help=f"{field.help}  [default: {field.name}]" if field.default_column else field.help,
            metavar="TEXT",
            envvar=variable_name(field.parameter),
        )
        for field in task_class(task).fields
    ]


def given_columns(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the key or column of each field that is read, by the name of the field."""
    return fields_read(fields, values)


def tasks_with_flag(flag: str) -> list[str]:
    """Return the tasks that have a flag."""
    return [
        spec.name
        for spec in SPECS
        if any(
            flag in (*each.opts, *each.secondary_opts)
            for each in (*column_flags(spec.name), *task_flags(spec.name))
        )
    ]


def _each_once(flags: Mapping[str, list[Option]]) -> list[Option]:
    """Return the flags of tasks, each once; its help says to which tasks it belongs."""
    found: dict[str, Option] = {}
    owners: dict[str, list[str]] = {}
    for task, own in flags.items():
        for flag in own:
            found.setdefault(str(flag.name), flag)
            owners.setdefault(str(flag.name), []).append(task)
    for name, flag in found.items():
        if len(owners[name]) < len(flags):
            flag.help = f"({', '.join(owners[name])}) {flag.help}"
    return list(found.values())
