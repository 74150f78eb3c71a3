"""``hugot info``: a model's origin, graph, labels, lengths and files, and the tasks that it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hugot.cli.options import library_option, model_options
from hugot.cli.path_types import ModelType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@click.command()
@click.argument("model", type=ModelType(), metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print an object of JSON.")
@model_options
@library_option
def info(
    model: str,
    as_json: bool,
    model_folder: str | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
    library: str | None,
) -> None:
    """Show where MODEL was found, its graph, labels, lengths and files, and the tasks that it fits.

    MODEL is a model folder, an .onnx file or a hub name. A model that is not on this machine is
    downloaded.
    """
    from hugot.info import model_info
    from hugot.session import Session

    # The graph is loaded to see which pipelines fit, and not run: optimising it would be in vain.
    with Session(
        onnxruntime_library=library, graph_optimization_level="disabled", optimized_model=False
    ) as session:
        found = model_info(
            session, model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision
        )
    if as_json:
        import orjson

        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        for line in _lines(found):
            click.echo(line)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    graph, tokenizer = found["graph"], found["tokenizer"]
    rows = {
        "model": f"{found['folder']} ({found['found']})",
        "from": _origin(found),
        "made for": ", ".join(found["tasks"]),
        "graph": f"{graph['file']}, opset {graph['opset']}, {graph['parameters']:,} parameters, "
        f"{graph['precision'] or 'no weights'}",
        "optimised file": _optimized(found["optimized"]),
        "inputs": "; ".join(map(_value, graph["inputs"])),
        "outputs": "; ".join(map(_value, graph["outputs"])),
        "fixed shape": _fixed_shape(graph),
        "labels": ", ".join(map(str, found["labels"])),
        "longest row": _sourced(_tokens(found["longest_row"]), found["longest_row_from"]),
        "longest sentence": _sourced(
            _tokens(found["longest_sentence"]), found["longest_sentence_from"]
        ),
        "vectors": _vectors(found),
        "pooling": _sourced(_pooling(found), found["modules_from"]),
        "default prompt": found["default_prompt"],
        "tokenizer": f"{tokenizer['type']}, {tokenizer['vocabulary']:,} tokens",
    }
    for name, value in rows.items():
        if value:
            yield f"{name:<17} {value}"
    for name, size in found["files"].items():
        yield f"{'file':<17} {name} ({size:,} bytes)"
    for task, reason in found["pipelines"].items():
        yield f"{'pipeline':<17} {task}: {'fits' if reason is None else reason}"


def _origin(found: Mapping[str, Any]) -> str:
    parts = [found["name"], f"commit {found['commit']}" if found["commit"] else None]
    parts.append(f"revision {found['revision']}" if found["revision"] else None)
    return ", ".join(part for part in parts if part)


def _value(value: Mapping[str, Any]) -> str:
    shape = ", ".join("?" if size is None else str(size) for size in value["shape"])
    return f"{value['name']} {value['dtype']} [{shape}]"


def _fixed_shape(graph: Mapping[str, Any]) -> str:
    """Return the dimensions that the graph's inputs have for every text; "" without any."""
    rows, width = graph["fixed_shape"]["rows"], graph["fixed_shape"]["width"]
    parts = [f"rows of {width} tokens"] if width is not None else []
    if rows is not None:
        parts.append(f"{rows} in each run" if parts else f"{rows} rows in each run")
    return _sourced(", ".join(parts), graph["file"])


def _optimized(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    if found["unused"]:
        return f"not used: {found['unused']}"
    how = "mapped" if found["mapped"] else "read into memory, since others can write to it"
    return f"{found['file']}, {how}"


def _vectors(found: Mapping[str, Any]) -> str:
    output, why = found["vector_output"], found["vector_output_reason"]
    if not output:
        return f"none: {why}"
    size = f"of {found['dimension']} numbers, " if found["dimension"] else ""
    return f"{size}from the output {output}: {why}"


def _pooling(found: Mapping[str, Any]) -> str:
    return ", ".join(
        [*found["before_pooling"], *(found["pooling"] or ()), *found["behind_pooling"]]
    )


def _sourced(value: str, source: str | None) -> str:
    return f"{value} ({source})" if value and source else value


def _tokens(count: int | None) -> str:
    return "no limit" if count is None else f"{count} tokens"
