"""``hugot info``: what a model is, takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hugot.cli.model_choice import model_choice
from hugot.cli.options import model_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print an object of JSON.")
@model_options
@model_choice
def info(
    model: str,
    as_json: bool,
    model_folder: str | None,
    library: str | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
) -> None:
    """Show what MODEL is: where it was found, its graph, labels, lengths, files, and what it fits.

    MODEL is a model folder, an .onnx file or a hub name. A model that is not on this machine is
    downloaded.
    """
    from hugot.info import model_info
    from hugot.session import Session

    # The graph is loaded to see which pipelines fit, and not run: there is nothing to optimise for.
    with Session(
        onnxruntime_library=library, graph_optimization_level="disabled", optimized_model=False
    ) as session:
        told = model_info(
            session, model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision
        )
    if as_json:
        import orjson

        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        for line in _lines(told):
            click.echo(line)


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    """What was found out, for people."""
    graph, tokenizer = told["graph"], told["tokenizer"]
    rows = {
        "model": f"{told['folder']} ({told['found']})",
        "from": _origin(told),
        "made for": ", ".join(told["tasks"]),
        "graph": f"{graph['file']}, opset {graph['opset']}, {graph['parameters']:,} parameters, "
        f"{graph['precision'] or 'no weights'}",
        "inputs": "; ".join(map(_value, graph["inputs"])),
        "outputs": "; ".join(map(_value, graph["outputs"])),
        "labels": ", ".join(told["labels"]),
        "longest row": _tokens(told["longest_row"]),
        "longest sentence": _tokens(told["longest_sentence"]),
        "pooling": ", ".join([*(told["pooling"] or ()), *told["behind_pooling"]]),
        "tokenizer": f"{tokenizer['type']}, {tokenizer['vocabulary']:,} tokens",
    }
    for name, value in rows.items():
        if value:
            yield f"{name:<17} {value}"
    for name, size in told["files"].items():
        yield f"{'file':<17} {name} ({size:,} bytes)"
    for task, reason in told["pipelines"].items():
        yield f"{'pipeline':<17} {task}: {'fits' if reason is None else reason}"


def _origin(told: Mapping[str, Any]) -> str:
    parts = [told["name"], f"commit {told['commit']}" if told["commit"] else None]
    parts.append(f"revision {told['revision']}" if told["revision"] else None)
    return ", ".join(part for part in parts if part)


def _value(value: Mapping[str, Any]) -> str:
    shape = ", ".join("?" if size is None else str(size) for size in value["shape"])
    return f"{value['name']} {value['dtype']} [{shape}]"


def _tokens(count: int | None) -> str:
    return "no limit" if count is None else f"{count} tokens"
