"""``hugot bench``: how fast a model is here, and the settings that suit it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hugot.cli.model_choice import model_choice
from hugot.cli.options import model_options
from hugot.pipelines import task_name, task_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hugot.measure import Measurement, Report

_SAMPLES = 500
_MOST_LINES = 20_000
_USES = {
    "single": "one text at a time",
    "bulk": "lists and streams",
    "requests": "many requests (submit)",
}
_COLUMNS = (
    "setting",
    "workers",
    "threads",
    "budget",
    "one text, p50",
    "p95",
    "texts/s",
    "tokens/s",
    "requests/s",
)


@click.command()
@click.argument("model")
@click.option(
    "-t",
    "--type",
    "task",
    type=click.Choice(task_names()),
    help="What the model does.  [default: what its config.json says]",
)
@click.option(
    "-i",
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Typical texts: a .jsonl file with the key "input", or any other with a text per line.'
    "  [default: built-in English ones]",
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="Execution provider, such as cuda; repeat it to compare several.  [default: cpu]",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPUs to use.  [default: all]")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="About how long it may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@model_options
@model_choice
def bench(
    model: str,
    task: str | None,
    source: Path | None,
    providers: tuple[str, ...],
    threads: int | None,
    seconds: float,
    as_json: bool,
    onnx_file: str | None,
    model_folder: str | None,
    library: str | None,
    variant: str | None,
    revision: str | None,
) -> None:
    """Measure MODEL on this machine with several settings, and tell which suit it.

    MODEL is a model folder, an .onnx file or a hub name. Measured in turns are the latency of single
    texts, and the rates of lists and of many requests at once, with different numbers of threads and
    sizes of batches. Nothing else should run meanwhile. The model is loaded several times.
    """
    import orjson

    from hugot.measure import guess_task, measure
    from hugot.models.bundle import open_bundle
    from hugot.models.find import find_model
    from hugot.sample_texts import sample_texts

    texts = sample_texts(_SAMPLES) if source is None else _read_texts(source)
    found = find_model(model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision)
    bundle = open_bundle(found.path, found.onnx_file, found.variant)
    graph = bundle.onnx_path.relative_to(found.path) if found.path.is_dir() else None
    task = task_name(task) if task else guess_task(bundle)
    report = measure(
        task,
        str(found.path),
        texts,
        providers=providers,
        threads=threads,
        seconds=seconds,
        onnx_file=graph.as_posix() if graph is not None else None,
        session_options={"onnxruntime_library": library},
    )
    click.echo(
        orjson.dumps(report.to_dict(), option=orjson.OPT_INDENT_2).decode()
        if as_json
        else _table(report)
    )


def _read_texts(path: Path) -> list[Any]:
    """The first inputs of a file; raises InputError that names the line which is none."""
    import orjson

    from hugot.errors import InputError

    texts: list[Any] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                texts.append(
                    orjson.loads(line)["input"]
                    if path.suffix == ".jsonl"
                    else line.decode("utf-8").rstrip("\r\n")
                )
            except UnicodeDecodeError:
                raise InputError(f"{path}, line {number}: not UTF-8") from None
            except (orjson.JSONDecodeError, KeyError, TypeError):
                raise InputError(
                    f'{path}, line {number}: not a JSON object with the key "input"'
                ) from None
            if len(texts) == _MOST_LINES:
                break
    if not texts:
        raise InputError(f"{path} has no texts")
    return texts


def _table(report: Report) -> str:
    """What was measured, a line for each setting, and what is recommended."""
    head = (
        f"{report.model}: {report.task}, ONNX Runtime {report.onnxruntime}, {report.cpus} CPUs\n"
        f"{report.texts} texts of {report.tokens / report.texts:.0f} tokens on the average, medians "
        f"of {report.rounds} rounds, {report.seconds:.0f} s\n"
    )
    lines = [_COLUMNS]
    lines += [
        (
            _setting(each.options),
            str(each.workers),
            str(each.intra_op_threads),
            str(each.token_budget),
            _milliseconds(each.p50),
            _milliseconds(each.p95),
            f"{each.texts_per_second:,.0f}",
            f"{each.tokens_per_second:,.0f}",
            f"{each.requests_per_second:,.0f}",
        )
        for each in report.measurements
    ]
    best = [
        (_USES[use], _call(each.options), _reason(use, each))
        for use, each in report.recommended.items()
    ]
    return f"{head}\n{_aligned(lines, 1)}\n\nRecommended:\n{_aligned(best, 3)}"


def _aligned(lines: Sequence[tuple[str, ...]], texts: int) -> str:
    """Columns of one width each; the first so many to the left, the rest to the right."""
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _setting(options: Mapping[str, Any]) -> str:
    return (
        " ".join(
            f"{name}={value if isinstance(value, str | int) else ','.join(value)}"
            for name, value in options.items()
        )
        or "default"
    )


def _call(options: Mapping[str, Any]) -> str:
    return f"Session({', '.join(f'{name}={value!r}' for name, value in options.items())})"


def _reason(use: str, best: Measurement) -> str:
    if use == "single":
        return _milliseconds(best.p50)
    if use == "bulk":
        return f"{best.texts_per_second:,.0f} texts/s"
    return f"{best.requests_per_second:,.0f} requests/s"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.3g} ms"
