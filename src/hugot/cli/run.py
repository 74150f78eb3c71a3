"""``hugot run``: a model over JSON Lines."""

from __future__ import annotations

import os
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.options import model_options
from hugot.pipelines import task_name, task_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hugot.cli.records import Reader, Record
    from hugot.pipelines.base import Pipeline

_OUTPUT_FILE = "result_0.jsonl"
_EXIT_SIGPIPE = 141  # what a shell reports for a program that a closed pipe ended


@click.command()
@click.option(
    "-p",
    "--model",
    required=True,
    metavar="MODEL",
    help="Model folder, .onnx file, or hub name (organisation/name).",
)
@click.option(
    "-t", "--type", "task", required=True, type=click.Choice(task_names()), help="What to do."
)
@click.option(
    "-i",
    "--input",
    "source",
    type=click.Path(exists=True, path_type=Path),
    help="A .jsonl file, or a folder whose .jsonl files are read.  [default: stdin]",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Folder for {_OUTPUT_FILE}, made if missing.  [default: stdout]",
)
@click.option(
    "-b",
    "--batchSize",
    "--batch-size",
    "batch_size",
    type=click.IntRange(min=1),
    help="Most lines that run together.  [default: by their tokens]",
)
@model_options
@click.option(
    "--format",
    "result_format",
    type=click.Choice(["hugot", "transformers"]),
    default="hugot",
    show_default=True,
    help="Keys of the results.",
)
@click.option(
    "--aggregation-strategy",
    type=click.Choice(["none", "simple", "first", "average", "max"]),
    help="How tokens become entities (token classification).  [default: simple]",
)
@click.option("--top-k", type=click.IntRange(min=1), help="Labels per text (text classification).")
@click.option("--pooling", help="Pooling mode (feature extraction).  [default: the model's]")
@click.option("--threads", type=click.IntRange(min=1), help="CPUs to use.  [default: all]")
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="Execution provider, such as cuda; repeat in order of preference.",
)
def run(
    model: str,
    task: str,
    source: Path | None,
    folder: Path | None,
    batch_size: int | None,
    model_folder: str | None,
    library: str | None,
    onnx_file: str | None,
    result_format: str,
    aggregation_strategy: str | None,
    top_k: int | None,
    pooling: str | None,
    threads: int | None,
    providers: tuple[str, ...],
) -> None:
    r"""Run a model over JSON Lines and add its answer to each line.

    Each line is an object with the key "input"; it keeps its other keys and gains "output".

    \b
        echo '{"input": "The film was excellent"}' |
            hugot run --model path/to/model --type textClassification
    """
    from hugot.cli.records import Reader, input_files
    from hugot.cli.results import formatter
    from hugot.session import Session

    task = task_name(task)
    options = _task_options(task, aggregation_strategy, top_k, pooling)
    with Session(
        mode="throughput",
        threads=threads,
        providers=providers or None,
        onnxruntime_library=library,
        model_folder=model_folder,
    ) as session:
        pipeline = session.pipeline(
            task, model, onnx_file=onnx_file, batch_size=batch_size, **options
        )
        target = folder / _OUTPUT_FILE if folder is not None else None
        reader = Reader(input_files(source, target), pipeline)
        _write(_answers(pipeline, reader, formatter(task, result_format)), target)


def _task_options(
    task: str, aggregation_strategy: str | None, top_k: int | None, pooling: str | None
) -> dict[str, Any]:
    """The options of the chosen task that were given; one of another task is an error."""
    given = {
        "aggregation_strategy": ("token-classification", aggregation_strategy),
        "top_k": ("text-classification", top_k),
        "pooling": ("feature-extraction", pooling),
    }
    for name, (owner, value) in given.items():
        if value is not None and task != owner:
            flag = "--" + name.replace("_", "-")
            raise click.UsageError(f"{flag} belongs to {owner}, not to {task}; leave it out")
    options = {name: value for name, (_, value) in given.items() if value is not None}
    if task == "token-classification":
        options.setdefault("aggregation_strategy", "simple")
    return options


def _answers(
    pipeline: Pipeline[Any, Any], reader: Reader, write: Callable[[dict[str, Any], Any], bytes]
) -> Iterator[list[bytes]]:
    """Lines of output, a batch at a time, in the order of the input."""
    pending: deque[list[Record]] = deque()

    def batches() -> Iterator[list[Any]]:
        for records in reader.batches():
            if records:
                pending.append(records)
            yield [record.input for record in records]

    for results in pipeline.stream_batches(batches()):
        if len(results):
            # Fewer results than records: the next one is refused, and raises then.
            records = zip(pending.popleft(), results, strict=False)
            yield [write(record.fields, result) for record, result in records]


def _write(batches: Iterator[list[bytes]], target: Path | None) -> None:
    """Write lines to a file or to stdout, as soon as they are there; a closed pipe ends it quietly."""
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for lines in batches:
                file.writelines(lines)
        return
    stdout = sys.stdout.buffer
    try:
        for lines in batches:
            stdout.writelines(lines)
            stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more on its way out, and must find it open.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        raise click.exceptions.Exit(_EXIT_SIGPIPE) from None
