"""The output that classification reads, and its fit with the labels of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot._ort.session import TensorSpec
    from hugot.models.bundle import ModelBundle


def find_logits(
    bundle: ModelBundle, specs: Sequence[TensorSpec], task: str, axes: Sequence[str]
) -> int:
    """Number of the output ``logits``, or of a graph's only output, with these axes.

    Raises ModelFormatError where the graph has none, or one for another number of labels.
    """
    named = [i for i, spec in enumerate(specs) if spec.name == "logits"]
    number = named[0] if named else 0
    fits = (named or len(specs) == 1) and len(specs[number].shape) == len(axes)
    if not fits or specs[number].name == "last_hidden_state":
        raise ModelFormatError(
            f"{bundle.onnx_path} has no output for {task}: it needs logits [{', '.join(axes)}], and "
            f"has {describe_outputs(specs)}. Export it with --task {task}."
        )
    check_label_count(bundle, specs[number].shape[-1])
    return number


def check_label_count(bundle: ModelBundle, count: object) -> None:
    """Raise ModelFormatError where a graph gives another number of scores than there are labels."""
    if isinstance(count, int) and count != len(bundle.labels):
        raise ModelFormatError(
            f"{bundle.folder / 'config.json'} names {len(bundle.labels)} labels; the graph "
            f"{bundle.onnx_path.name} gives {count} scores"
        )


def describe_outputs(specs: Sequence[TensorSpec]) -> str:
    """Names and shapes of a graph's outputs, for messages."""
    return ", ".join(f"{spec.name} {list(spec.shape)}" for spec in specs) or "none"
