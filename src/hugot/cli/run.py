"""``hugot run``: a model over files, or over stdin."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.names import flag_name
from hugot.cli.run_command import TaskCommand, runtime_options_given, task_options_given
from hugot.cli.run_once import Run, format_of
from hugot.cli.run_options import run_options
from hugot.cli.run_report import Log
from hugot.errors import HugotError
from hugot.pipelines import task_name

if TYPE_CHECKING:
    from hugot.bulk.inputs import InputFile

# Parameters that `Session.pipeline` takes beside the options of the task.
_MODEL_PARAMETERS = ("onnx_file", "variant", "revision", "verify")


@click.command(cls=TaskCommand)
@run_options
def run(**values: Any) -> None:
    r"""Run a model over JSON Lines, CSV, plain text, Parquet or Arrow and add its answer to each line.

    A line of JSON is an object with the key "input"; it keeps its other keys and gains "output".

    \b
        echo '{"input": "The film was excellent"}' |
            hugot run --model path/to/model --type textClassification

    With --type, this help shows the flags of that type alone. Each flag can also be set in the file of
    --config and by an environment variable: HUGOT_THREADS is --threads. Exit codes: 0 all is done, 1 an
    error, 2 a wrong flag, 3 done but for lines that could not be run, 130 and 143 ended by a signal.
    """
    from hugot.session import Session

    task = task_name(values["task"])
    log = Log(values["log_level"], quiet=values["quiet"])
    _check_use(task, values)
    files = _find_files(values)
    options = {"mode": "throughput", **runtime_options_given(values)}
    options["onnxruntime_library"] = values["library"]
    with Session.begun(values["model_folder"], options) as session:
        _import_bulk()  # while a thread loads ONNX Runtime
        session.engine.wait()
        try:
            pipeline = session.pipeline(
                task,
                values["model"],
                **{name: values[name] for name in _MODEL_PARAMETERS},
                **_task_options(task, values),
            )
        except HugotError as error:
            from hugot.cli.mistakes import explained

            more = explained(error, values["model"], task)
            raise (type(error)(f"{error} ({more})") if more else error) from None
        with contextlib.ExitStack() as held:
            code = Run(session, pipeline, files, values, log, held).run()
    if code:
        raise click.exceptions.Exit(code)


def _task_options(task: str, values: dict[str, Any]) -> dict[str, Any]:
    """The options of the task that were given."""
    options = task_options_given(task, values)
    if values["batch_size"] is not None:
        options["batch_size"] = values["batch_size"]
    if task == "token-classification":
        options.setdefault("aggregation_strategy", "simple")
    return options


def _find_files(values: dict[str, Any]) -> list[InputFile] | None:
    """The files to read, None for stdin."""
    given = format_of(values["input_format"])
    if not values["sources"]:
        return None
    from hugot.bulk.inputs import find_inputs

    files = find_inputs(values["sources"], given)
    if any(file.format.columnar for file in files or ()):
        from hugot.bulk.extra import require_arrow

        require_arrow("a file of columns")
    return files


def _is_pattern(source: str) -> bool:
    import glob

    return glob.has_magic(source)


def _import_bulk() -> None:
    """Import what every run needs and what has no need of numpy."""
    import hugot.bulk.job
    import hugot.bulk.records  # noqa: F401


def _check_use(task: str, values: dict[str, Any]) -> None:
    """Raise UsageError for flags that do not go together."""
    for source in values["sources"]:
        if source != "-" and not os.path.exists(source) and not _is_pattern(source):
            raise click.UsageError(f"--input: there is no file or folder {source!r}")
    if values["pair_column"] is not None and task != "text-classification":
        raise click.UsageError(f"--pair-column belongs to text-classification, not to {task}")
    for name in ("resume", "overwrite", "shard_size"):
        if values[name] and values["folder"] is None:
            raise click.UsageError(f"{flag_name(name)} needs --output, a folder")
    if values["resume"] and (not values["sources"] or "-" in values["sources"]):
        raise click.UsageError("--resume needs --input: stdin cannot be read again")
    if values["resume"] and values["overwrite"]:
        raise click.UsageError("--resume and --overwrite contradict each other")
