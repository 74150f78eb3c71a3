"""Model folders whose graphs look up tokens in a table, so that a test decides each number."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import ort_graphs
from places import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_INPUTS = ("input_ids", "attention_mask")


def lookup(
    folder: Path,
    source: str,
    table: NDArray[np.float32],
    output: str,
    *,
    shape: Sequence[int | str] = ("batch", "tokens"),
    inputs: Sequence[str] = _INPUTS,
    sums: bool = False,
) -> Path:
    """A copy of a fixture whose graph returns ``table[input_ids]``, or the sums over a row's tokens.

    Args:
        folder: where it is written.
        source: name of the fixture.
        table: a row of numbers for each token, [vocabulary, n].
        output: name of the output.
        shape: dimensions of the inputs.
        inputs: names of the inputs, `input_ids` among them.
        sums: whether the output is summed over the tokens that the mask keeps.
    """
    shutil.copytree(FIXTURES / source, folder)
    nodes: list[tuple[Any, ...]] = [("Gather", "table input_ids", "vectors" if sums else output)]
    if sums:
        nodes += [
            ("Cast", "attention_mask", "mask", {"to": ort_graphs.element_type("float32")}),
            ("Cast", "mask", "kept", {"to": ort_graphs.element_type("bool")}),
            ("Unsqueeze", "kept last", "column"),
            ("Where", "column vectors zero", "kept_vectors"),
            ("ReduceSum", "kept_vectors axis", output, {"keepdims": 0}),
        ]
    axes = [shape[0], table.shape[1]] if sums else [*shape, table.shape[1]]
    model = ort_graphs.as_bytes(
        nodes,
        [ort_graphs.value(name, "int64", shape) for name in inputs],
        [ort_graphs.value(output, shape=axes)],
        {
            "table": table,
            "last": np.array([2]),
            "axis": np.array([1]),
            "zero": np.zeros(1, np.float32),
        },
    )
    (folder / "model.onnx").write_bytes(model)
    return folder
