"""Modules of sentence-transformers with weights of their own, in numpy: Dense and LayerNorm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hugot.errors import ModelFormatError
from hugot.models.activations import find_activation
from hugot.models.files import get_typed, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

# OpenBLAS uses one thread for a product of up to this number of multiplications.
_LARGEST_PRODUCT: Final = 2**18
# Rows in a block at least, for speed.
_FEWEST_ROWS: Final = 16
# The eps of torch.nn.LayerNorm, which the module's configuration cannot change.
_EPSILON: Final = np.float32(1e-5)


class _Linear:
    """``x @ weight.T`` in blocks that are so small that OpenBLAS computes each with one thread.

    Its own threads would wait for each other, and spin, while ONNX Runtime's run on the same cores: a
    small model with a Dense module on token vectors took twice the time.
    """

    def __init__(self, weight: Array) -> None:
        size, depth = weight.shape
        columns = max(1, min(size, _LARGEST_PRODUCT // (_FEWEST_ROWS * depth)))
        count = -(-size // columns)
        padded = np.zeros((count * columns, depth), np.float32)
        padded[:size] = weight
        self._blocks = np.ascontiguousarray(
            padded.reshape(count, columns, depth).transpose(0, 2, 1)
        )
        self._rows = max(2, _LARGEST_PRODUCT // (columns * depth))
        self._size = size

    def __call__(self, x: Array) -> Array:
        """Return an array [n, out] for one [n, in]; both are of float32."""
        if len(x) == 1:  # a product with a vector is another function of BLAS, with another limit
            return self(np.repeat(x, 2, axis=0))[:1]
        count, _, columns = self._blocks.shape
        rows = max(1, min(self._rows, len(x)))
        whole = len(x) - len(x) % rows
        out = np.empty((len(x), count * columns), np.float32)
        # The last rows are computed in a block of the same size, which overlaps with the one before it.
        for part in (slice(0, whole), slice(len(x) - rows, len(x)))[: 1 + (whole < len(x))]:
            target = out[part].reshape(-1, rows, count, columns).transpose(0, 2, 1, 3)
            np.matmul(x[part].reshape(-1, 1, rows, x.shape[1]), self._blocks, out=target)
        return out[:, : self._size]


@dataclass(frozen=True, eq=False)
class Dense:
    """``activation(x @ weight.T + bias)``, plus x if that is configured.

    Attributes:
        weight: float32 [out, in].
        bias: float32 [out], or None.
        activation: elementwise function.
        adds_input: whether x is added to the result.
        residual: float32 [out, in], projects x to the size of the result; None if it has that size.
    """

    weight: Array
    bias: Array | None
    activation: Callable[[Array], Array]
    adds_input: bool
    residual: Array | None

    @property
    def size(self) -> int:
        """Size of the results."""
        return len(self.weight)

    def __call__(self, x: Array) -> Array:
        """Return vectors [n, out] for vectors [n, in]."""
        _check_size("Dense", self.weight.shape[1], x)
        sums = self._linear(x)
        if self.bias is not None:
            sums += self.bias
        result = self.activation(sums)
        if self.adds_input:
            result = result + (x if self._projection is None else self._projection(x))
        return np.ascontiguousarray(result, np.float32)

    @cached_property
    def _linear(self) -> _Linear:
        return _Linear(self.weight)

    @cached_property
    def _projection(self) -> _Linear | None:
        return None if self.residual is None else _Linear(self.residual)


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Vectors scaled to mean 0 and variance 1, multiplied and shifted, as by ``torch.nn.LayerNorm``.

    Attributes:
        weight: float32 [dim].
        bias: float32 [dim].
    """

    weight: Array
    bias: Array

    @property
    def size(self) -> int:
        """Size of the results."""
        return len(self.weight)

    def __call__(self, x: Array) -> Array:
        """Return vectors [n, dim] for vectors [n, dim]."""
        _check_size("LayerNorm", self.size, x)
        centred: Array = x - x.mean(axis=1, keepdims=True)
        centred /= np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + _EPSILON)
        centred *= self.weight
        centred += self.bias
        return centred


def read_dense(folder: Path, config: Mapping[str, Any]) -> Dense:
    """Return a Dense module with the weights in its ``model.safetensors``.

    Args:
        folder: the module's folder.
        config: content of its ``config.json``.

    Raises ModelFormatError for weights in another format, or others than the configuration asks for,
    and for an unknown activation.
    """
    source = folder / "config.json"
    # Absent means the default of sentence-transformers.
    name = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    activation = find_activation(name, source)
    adds_input = bool(config.get("use_residual"))
    weights = _read_weights(folder / "model.safetensors")
    names = {"linear.weight"} | ({"linear.bias"} if config.get("bias", True) else set())
    shape = weights["linear.weight"].shape if "linear.weight" in weights else ()
    if adds_input and len(set(shape)) == 2:
        names.add("residual.weight")
    _check_names(folder, weights, names)
    out, in_ = (*shape, 0, 0)[:2]
    expected = {
        "linear.weight": (
            get_typed(config, "out_features", int, source, out),
            get_typed(config, "in_features", int, source, in_),
        ),
        "linear.bias": (out,),
        "residual.weight": shape,
    }
    _check_shapes(folder, weights, expected)
    return Dense(
        weight=weights["linear.weight"],
        bias=weights.get("linear.bias"),
        activation=activation,
        adds_input=adds_input,
        residual=weights.get("residual.weight"),
    )


def read_layer_norm(folder: Path) -> LayerNorm:
    """Return a LayerNorm module with the weights in its ``model.safetensors``.

    Raises ModelFormatError for weights in another format, or of another size than in ``config.json``.
    """
    weights = _read_weights(folder / "model.safetensors")
    _check_names(folder, weights, {"norm.weight", "norm.bias"})
    config = read_json(folder / "config.json")
    default = len(weights["norm.bias"].reshape(-1))
    size = get_typed(config, "dimension", int, folder / "config.json", default)
    _check_shapes(folder, weights, {"norm.weight": (size,), "norm.bias": (size,)})
    return LayerNorm(weights["norm.weight"], weights["norm.bias"])


def _check_size(module: str, size: int, x: Array) -> None:
    if x.shape[1] != size:
        raise ModelFormatError(
            f"the {module} module takes vectors of {size} numbers; it was given vectors of {x.shape[1]}"
        )


def _check_names(folder: Path, weights: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise ModelFormatError unless the arrays are those that the module's configuration asks for."""
    if set(weights) != set(names):
        raise ModelFormatError(
            f"{folder / 'model.safetensors'} has the arrays {', '.join(sorted(weights)) or 'none'}; "
            f"config.json asks for {', '.join(sorted(names))}"
        )


def _check_shapes(
    folder: Path, weights: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise ModelFormatError unless the shapes of the arrays fit each other and the configuration."""
    if any(array.shape != expected[name] or not array.size for name, array in weights.items()):
        shapes = {name: list(array.shape) for name, array in weights.items()}
        wanted = {name: list(expected[name]) for name in weights}
        raise ModelFormatError(
            f"the arrays of {folder} do not fit its config.json or each other: their shapes are "
            f"{shapes}, not {wanted}"
        )


def _read_weights(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelFormatError(
            f"{path} is missing. Weights in pytorch_model.bin are a pickle, which hugot does not open; "
            "save the model again with sentence-transformers, which writes safetensors."
        )
    from safetensors.numpy import load_file

    try:
        return {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except Exception as error:  # safetensors has an exception of its own for a damaged file
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
