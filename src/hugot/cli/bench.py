"""``hugot bench``: latency and rates of a model on this machine, and the settings that suit it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.options import library_option, model_options
from hugot.cli.path_types import ModelType
from hugot.errors import InputError
from hugot.tasks import task_names, task_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hugot.measure import Measurement
    from hugot.models.bundle import ModelBundle

_MOST_LINES = 20_000
_USES = {"single": "one text at a time", "bulk": "lists", "requests": "many requests (submit)"}
_TASK_HELP = "What the model does.  [default: what its config.json says]"
_INPUT_HELP = """Typical texts: a .jsonl file with the key "input", or any other with a text per line.
[default: built-in English ones]"""
_PROVIDER_HELP = "Execution provider, such as cuda; repeat it to compare several.  [default: cpu]"
_ROUNDS_HELP = "How often each setting is measured; at least 5 to recommend one.  [default: 5]"


@click.command()
@click.argument("model", type=ModelType(), metavar="MODEL")
@click.option("-t", "--type", "task", type=click.Choice(task_names()), help=_TASK_HELP)
@click.option(
    "-i", "--input", "source", type=click.Path(exists=True, dir_okay=False), help=_INPUT_HELP
)
@click.option("--provider", "providers", multiple=True, metavar="NAME", help=_PROVIDER_HELP)
@click.option("--threads", type=click.IntRange(min=1), help="CPUs to use.  [default: all]")
@click.option("--rounds", type=click.IntRange(min=1), default=5, help=_ROUNDS_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@model_options
@library_option
def bench(
    model: str,
    task: str | None,
    source: str | None,
    as_json: bool,
    model_folder: str | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
    **how: Any,
) -> None:
    """Measure MODEL on this machine with several settings, and recommend those that suit it.

    MODEL is a model folder, an .onnx file or a hub name. The settings take turns; each is measured with
    single texts, with lists and with many requests at once. Nothing else should run meanwhile. The model
    is loaded once for each setting.
    """
    import orjson

    from hugot.measure import measure, recommend
    from hugot.models.find import open_model

    texts = None if source is None else _read_texts(Path(source))
    bundle = open_model(
        model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision
    )
    task = task_spec(task).name if task else _task_of(bundle)
    graph = bundle.onnx_path.relative_to(bundle.folder).as_posix()
    measured = measure(task, bundle.folder, texts, onnx_file=graph, **how)
    best = recommend(measured)
    if as_json:
        about = {"model": str(bundle.onnx_path), "task": task}
        found = about | {"measurements": measured, "recommended": best}
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        click.echo(f"{bundle.onnx_path}: {task}, medians of {measured[0].rounds} rounds\n")
        for line in _lines(measured, best):
            click.echo(line)


def _task_of(bundle: ModelBundle) -> str:
    """The task of a model according to its files; raises InputError if they do not name one."""
    from hugot.info import guess_tasks

    for task in guess_tasks(bundle):
        if task in task_names():
            return task
    raise InputError(
        f"{bundle.folder / 'config.json'} does not tell what the model is for; say it with --type"
    )


def _read_texts(path: Path) -> list[Any]:
    """The first inputs of a file; raises InputError with the line that has none."""
    import orjson

    json, texts = path.suffix == ".jsonl", []
    with path.open("rb") as file:
        for number, line in enumerate(islice(file, _MOST_LINES), 1):
            try:
                if line.strip():
                    texts.append(
                        orjson.loads(line)["input"] if json else line.decode().rstrip("\r\n")
                    )
            except (ValueError, KeyError, TypeError):
                wanted = 'a JSON object with the key "input"' if json else "UTF-8"
                raise InputError(f"{path}, line {number}: not {wanted}") from None
    if not texts:
        raise InputError(f"{path} has no texts")
    return texts


def _lines(measured: Sequence[Measurement], best: Mapping[str, Measurement]) -> Iterator[str]:
    """A line for each setting, and the recommendations."""
    width = max(len(_call(each)) for each in measured)
    yield f"{'setting':{width}}  workers  threads    one text    texts/s  requests/s"
    for each in measured:
        yield (
            f"{_call(each):{width}}  {each.workers:7}  {each.intra_op_threads:7}"
            f"  {each.seconds_per_text * 1e3:7.3g} ms"
            f"  {each.texts_per_second:9,.0f}  {each.requests_per_second:10,.0f}"
        )
    if not best:
        yield "\nToo few rounds to recommend a setting; use --rounds 5 or more."
        return
    yield "\nRecommended:"
    for use, measurement in best.items():
        yield f"{_USES[use]:22}  {_call(measurement)}"


def _call(measurement: Measurement) -> str:
    options = measurement.options.items()
    return f"Session({', '.join(f'{name}={value!r}' for name, value in options)})"
