"""The Dense module of sentence-transformers: a linear layer after the pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hugot.errors import ModelFormatError
from hugot.models.files import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
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

    def __call__(self, x: Array) -> Array:
        """Return vectors [n, out] for vectors [n, in]."""
        if x.shape[1] != self.weight.shape[1]:
            raise ModelFormatError(
                f"the Dense module takes vectors of {self.weight.shape[1]} numbers; the pooling before "
                f"it gives {x.shape[1]}"
            )
        sums = x @ self.weight.T
        if self.bias is not None:
            sums += self.bias
        result = self.activation(sums)
        if not self.adds_input:
            return result
        return result + (x if self.residual is None else x @ self.residual.T)


def read_dense(folder: Path) -> Dense:
    """Read a Dense module's ``config.json`` and ``model.safetensors``.

    Raises ModelFormatError for weights in another format and for an unknown activation.
    """
    config = read_json(folder / "config.json")
    # Absent means the default of sentence-transformers, null no activation at all.
    name = config.get("activation_function", "torch.nn.modules.activation.Tanh") or "Identity"
    activation = _activations().get(str(name).rpartition(".")[2])
    if activation is None:
        raise ModelFormatError(
            f"{folder / 'config.json'}: the activation {name!r} is not known; known are "
            f"{', '.join(_activations())}"
        )
    weights = _read_weights(folder / "model.safetensors")
    _check_shapes(folder, weights, adds_input=bool(config.get("use_residual")))
    return Dense(
        weight=weights["linear.weight"],
        bias=weights.get("linear.bias"),
        activation=activation,
        adds_input=bool(config.get("use_residual")),
        residual=weights.get("residual.weight"),
    )


def _check_shapes(folder: Path, weights: Mapping[str, Any], *, adds_input: bool) -> None:
    """Raise ModelFormatError unless the shapes of the arrays fit each other."""
    weight = weights["linear.weight"]
    fits = weight.ndim == 2
    if fits and "linear.bias" in weights:
        fits = weights["linear.bias"].shape == weight.shape[:1]
    if fits and "residual.weight" in weights:
        fits = weights["residual.weight"].shape == weight.shape
    elif fits and adds_input:
        fits = weight.shape[0] == weight.shape[1]
    if not fits:
        shapes = {name: list(array.shape) for name, array in weights.items()}
        raise ModelFormatError(f"the arrays of {folder} do not fit each other: {shapes}")


def _read_weights(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelFormatError(
            f"{path} is missing. Weights in pytorch_model.bin are a pickle, which hugot does not open; "
            "save the model again with sentence-transformers, which writes safetensors."
        )
    import numpy as np
    from safetensors.numpy import load_file

    try:
        weights = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except Exception as error:  # safetensors has an exception of its own for a damaged file
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    if "linear.weight" not in weights:
        raise ModelFormatError(f"{path} has no 'linear.weight'; it has {', '.join(weights)}")
    return weights


def _activations() -> dict[str, Callable[[Any], Any]]:
    import numpy as np

    return {
        "Identity": lambda x: x,
        "ReLU": lambda x: np.maximum(x, 0),
        "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "Tanh": np.tanh,
    }
