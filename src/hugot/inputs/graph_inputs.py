"""The inputs of a graph: those that rows of tokens fill, and the values of all others.

The inputs for tokens are known by their names. Others have a value that does not depend on the text: one
that the caller gives (``inputs={"task_id": 3}``), or that follows from the graph, such as the empty
``past_key_values`` of a decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hugot.errors import InputError, ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from hugot._ort.session import TensorSpec
    from hugot.models.bundle import ModelBundle

TOKEN_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
# The first token of each row, for graphs whose `input_ids` are the tokens of all rows (`EmbeddingBag`).
OFFSETS = "offsets"
# Names of Google's BERT, and of its models on TensorFlow Hub → those of transformers.
_OTHER_NAMES = {
    "input_mask": "attention_mask",
    "segment_ids": "token_type_ids",
    "input_word_ids": "input_ids",
    "input_type_ids": "token_type_ids",
}
# Element types of values → the types that numpy may cast to them without changing them.
_KINDS = {"bool": "b", "float16": "fiu", "float32": "fiu", "float64": "fiu", "int": "iu"}
# Stand for the number of rows and their width in shapes.
_ROWS, _WIDTH = -1, -2


class FixedShape(NamedTuple):
    """The fixed dimensions of the inputs for tokens.

    Attributes:
        rows: number of rows, None if any number is possible.
        width: number of tokens in each row, None if any number is possible.
    """

    rows: int | None = None
    width: int | None = None


class _Value(NamedTuple):
    """The value of an input, and the shape to which it is broadcast."""

    array: NDArray[Any]
    shape: tuple[int, ...]


def with_usual_names(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return inputs for tokens under the names that transformers has for them.

    A name that several inputs would have is left alone.
    """
    usual = [_usual_name(spec.name) for spec in inputs]
    if usual == [spec.name for spec in inputs]:
        return tuple(inputs)
    return tuple(
        spec._replace(name=name) if usual.count(name) == 1 else spec
        for spec, name in zip(inputs, usual, strict=True)
    )


def _usual_name(name: str) -> str:
    plain = name.removesuffix(":0")  # the first output of an operator of TensorFlow
    found = _OTHER_NAMES.get(plain, plain)
    return found if found in TOKEN_INPUTS else name


def fixed_shape(inputs: Sequence[Any]) -> FixedShape:
    """Return the fixed dimensions of inputs with their usual names.

    If they contradict each other, the smallest are returned; `check_fixed_shape` raises the error.
    """
    found = _fixed_sizes(inputs)
    return FixedShape(*(min(sizes.values(), default=None) for sizes in found))


def check_fixed_shape(inputs: Sequence[Any], path: Path) -> None:
    """Raise ModelFormatError for fixed dimensions that rows cannot have."""
    for sizes, what in zip(_fixed_sizes(inputs), ("rows", "tokens"), strict=True):
        if len(set(sizes.values())) > 1 or 0 in sizes.values():
            listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise ModelFormatError(
                f"{path}: the inputs have fixed numbers of {what} that cannot be used together: {listed}"
            )
    width = fixed_shape(inputs).width
    if width is not None and all(spec.name != "attention_mask" for spec in inputs):
        raise ModelFormatError(
            f"{path} takes rows of exactly {width} tokens and has no attention_mask: padding would be "
            "taken for text. Export it with an attention_mask, or with dynamic axes."
        )


def _fixed_sizes(inputs: Sequence[Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Return name → fixed number of rows, and name → fixed width, of the inputs for tokens."""
    rows, widths = {}, {}
    for name, _, shape in inputs:
        if name in TOKEN_INPUTS and len(shape) == 2:
            first, second = shape
            if isinstance(first, int):
                rows[name] = first
            if isinstance(second, int):
                widths[name] = second
        elif name == OFFSETS and len(shape) == 1 and isinstance(shape[0], int):
            rows[name] = shape[0]
    return rows, widths


class OtherInputs:
    """The inputs of a graph that do not depend on the rows, with their values.

    Args:
        inputs: all inputs of the graph, with their usual names.
        values: the values by name.

    Attributes:
        row_inputs: the remaining inputs.
    """

    def __init__(self, inputs: Sequence[TensorSpec], values: Mapping[str, _Value]) -> None:
        self.row_inputs = tuple(spec for spec in inputs if spec.name not in values)
        self._values = [values.get(spec.name) for spec in inputs]

    def complete(self, feeds: Sequence[Any], shape: tuple[int, int]) -> list[Any]:
        """Return the arrays of all inputs, from those of `row_inputs`, for a group of this shape."""
        filled = iter(feeds)
        made: dict[tuple[int, ...], Any] = {}
        found = []
        for value in self._values:
            if value is None:
                found.append(next(filled))
                continue
            sizes = [shape[_ROWS - size] if size < 0 else size for size in value.shape]
            key = id(value.array), *sizes
            if key not in made:
                made[key] = np.ascontiguousarray(np.broadcast_to(value.array, sizes)).reshape(sizes)
            found.append(made[key])
        return found


def choose_other_inputs(
    inputs: Sequence[TensorSpec], given: Mapping[str, Any], bundle: ModelBundle
) -> OtherInputs | None:
    """Return the inputs that have values: the given ones, and no past tokens for a decoder.

    None if the graph has no such input.

    Args:
        inputs: all inputs of the graph, with their usual names.
        given: values by name.
        bundle: the model's files.

    Raises InputError for a value that the graph does not take.
    """
    names = [spec.name for spec in inputs]
    for name in given:
        if name not in names or name in TOKEN_INPUTS or name == OFFSETS:
            free = [each for each in names if each not in (*TOKEN_INPUTS, OFFSETS)]
            reason = "is filled with tokens" if name in names else "is not an input"
            raise InputError(
                f"inputs: {name!r} {reason} of {bundle.onnx_path}; its other inputs are "
                f"{', '.join(free) or 'none'}"
            )
    values: dict[str, _Value] = {}
    for spec in inputs:
        if spec.name in given:
            values[spec.name] = _given_value(spec, given[spec.name], inputs)
        elif (past := _empty_past(spec, bundle)) is not None:
            values[spec.name] = past
        elif spec.name == "use_cache_branch" and spec.dtype == "bool":
            # A decoder in two versions, of which this chooses the one without past tokens.
            values[spec.name] = _given_value(spec, False, inputs)
    return OtherInputs(inputs, values) if values else None


def describe_input(spec: Any) -> str:
    """Return element type and shape of an input, for messages."""
    return f"{spec.dtype} [{', '.join('?' if dim is None else str(dim) for dim in spec.shape)}]"


def _given_value(spec: TensorSpec, value: Any, inputs: Sequence[TensorSpec]) -> _Value:
    """Return a value for an input; raises InputError for another dtype or shape."""
    try:
        array = np.asarray(value)
        kinds = next((kinds for name, kinds in _KINDS.items() if name in spec.dtype), "")
        made = array.astype(spec.dtype) if array.dtype.kind in kinds else None
    except (TypeError, ValueError, OverflowError):  # such as lists of different lengths
        made = None
    if made is None or (made.dtype.kind != "f" and not np.array_equal(made, array)):
        raise InputError(
            f"inputs: {spec.name}={value!r:.80}; the graph takes {describe_input(spec)}"
        )
    shape = [_size(axis, dim, inputs) for axis, dim in enumerate(spec.shape)]
    known = [size for size in shape if size is not None]
    if len(known) < len(shape):
        raise InputError(
            f"inputs: {spec.name} is {describe_input(spec)}, of which only the number of rows and their "
            "width may vary; the value would need another number of elements for each text"
        )
    # A number for each row or token is the same for all of them.
    fixed = [1 if size < 0 else size for size in known]
    if not _broadcasts(made.shape, fixed):
        raise InputError(
            f"inputs: {spec.name} has shape {list(made.shape)}; the graph takes {describe_input(spec)}"
        )
    return _Value(made, tuple(known))


def _broadcasts(shape: tuple[int, ...], to: Sequence[int]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == tuple(to)
    except ValueError:
        return False


def _size(axis: int, dim: int | str | None, inputs: Sequence[TensorSpec]) -> int | None:
    """Return the size of an axis, `_ROWS` or `_WIDTH`; None if it is another one that may vary."""
    if isinstance(dim, int):
        return dim
    if dim is None or dim.startswith("batch"):
        return _ROWS if axis == 0 else None
    shapes = [spec.shape for spec in inputs if spec.name in TOKEN_INPUTS and len(spec.shape) == 2]
    for size, each in ((_ROWS, 0), (_WIDTH, 1)):
        if any(shape[each] == dim for shape in shapes):
            return size
    return None


def _empty_past(spec: TensorSpec, bundle: ModelBundle) -> _Value | None:
    """Return keys or values of no past tokens, [rows, heads, 0, size]; None for other inputs."""
    if not spec.name.startswith("past_key_values.") or len(spec.shape) != 4:
        return None
    _, heads, past, size = spec.shape
    if (isinstance(past, int) and past > 0) or not spec.dtype.startswith("float"):
        return None
    if not isinstance(heads, int):
        heads = bundle.key_value_heads
    if not isinstance(size, int):
        size = bundle.head_size
    if heads is None or size is None:
        return None
    return _Value(np.empty((heads, 0, size), spec.dtype), (_ROWS, heads, 0, size))
