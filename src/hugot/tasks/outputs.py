"""Finding and checking the outputs of a graph that tasks read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hugot._ort.session import TensorSpec
    from hugot._ort.tensor import Tensor
    from hugot.models.bundle import ModelBundle
    from hugot.tasks.base import Graph

# Beginnings of the names of element types that become float32; those of 8-bit floats come as bits.
_REAL_NUMBERS = ("float16", "float64", "bfloat16", "int", "uint", "bool")


def find_logits(graph: Graph, task: str, axes: Sequence[str]) -> int:
    """Return the number of the output ``logits``, or of a graph's only output, with these axes.

    Raises ModelFormatError if the graph has no such output, or one for another number of labels.
    """
    specs = graph.outputs
    named = [i for i, spec in enumerate(specs) if spec.name == "logits"]
    number = named[0] if named else 0
    fits = (named or len(specs) == 1) and len(specs[number].shape) == len(axes)
    if not fits or specs[number].name == "last_hidden_state":
        raise ModelFormatError(
            f"{graph.path} has no output for {task}: it needs logits [{', '.join(axes)}], and "
            f"has {describe_outputs(specs)}. Export it with --task {task}."
        )
    return number


def check_label_count(bundle: ModelBundle, count: object) -> None:
    """Raise ModelFormatError if a graph returns another number of scores than there are labels."""
    if isinstance(count, int) and count != len(bundle.labels):
        source = bundle.folder / "config.json"
        if bundle.config.get("id2label") is not None:
            found = f"{source} names {len(bundle.labels)} labels"
        elif "num_labels" in bundle.config:
            found = f"{source} has num_labels {len(bundle.labels)}"
        elif bundle.config:
            found = f"{source} names no labels, which are then two (LABEL_0 and LABEL_1)"
        else:
            found = f"there is no {source}, which names the labels"
        raise ModelFormatError(
            f"{found}; the graph {bundle.onnx_path.name} gives {count} scores. Each score needs a label "
            f'in id2label of config.json, such as {{"id2label": {{"0": "negative", …}}}}'
        )


def describe_outputs(specs: Sequence[TensorSpec]) -> str:
    """Return names and shapes of a graph's outputs, for messages."""
    return ", ".join(f"{spec.name} {list(spec.shape)}" for spec in specs) or "none"


def as_float32(tensor: Tensor, rank: int, rows: int, width: int) -> Any:
    """Return an output [rows, n] or [rows, width, n] as a buffer of float32; other dtypes are copied.

    The kernels rely on these dimensions, and a graph may return others than it declares.

    Args:
        tensor: the output.
        rank: number of its dimensions, 2 or 3.
        rows: rows that the model was run on.
        width: tokens in each, padding included.

    Raises ModelFormatError as `check_output`.
    """
    check_output(tensor, rank, rows, width)
    if tensor.dtype == "float32":
        return tensor
    return np.ascontiguousarray(tensor.numpy(), np.float32)


def rows_not_finite(values: Any, rows: NDArray[np.int64]) -> list[int]:
    """Return those of the `rows` of a float32 array [rows, ...] that have NaN or infinity.

    It is meant for the rare arrays that `hugot._fast.finite.all_finite` reports.
    """
    array = np.asarray(values)
    finite = np.isfinite(array).reshape(len(array), -1).all(1)
    return rows[~finite].tolist()  # type: ignore[no-any-return]


def check_output(tensor: Tensor, rank: int, rows: int, width: int) -> None:
    """Check the shape of an output, [rows, n] or [rows, width, n], and the type of its elements.

    Args:
        tensor: the output.
        rank: number of its dimensions, 2 or 3.
        rows: rows that the model was run on.
        width: tokens in each, padding included.

    Raises ModelFormatError for another shape, and for elements that are no real numbers.
    """
    if not tensor.is_shaped(rank, rows, width):
        raise ModelFormatError(
            f"the graph gave an output of shape {list(tensor.shape)} for {rows} rows of {width} "
            f"tokens; it must be {[rows, width][: rank - 1]} and one more. Export the model with "
            "dynamic axes for batch and sequence."
        )
    dtype = tensor.dtype
    if dtype != "float32" and not dtype.startswith(_REAL_NUMBERS):
        raise ModelFormatError(
            f"the graph gave an output of {dtype}; it must be of float32 or float16"
        )
