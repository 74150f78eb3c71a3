"""The activations that a Dense module can have: the elementwise ones of ``torch.nn``, in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Activation: TypeAlias = Callable[[Array], Array]

# Mean of the slopes that RReLU draws from in training.
_RRELU_SLOPE: Final = (1 / 8 + 1 / 3) / 2
_SELU_ALPHA: Final = 1.6732632423543772
_SELU_SCALE: Final = 1.0507009873554805
# Abramowitz and Stegun, formula 7.1.26; the error of erf is below 1.5e-7.
_ERF_P: Final = 0.3275911
_ERF: Final = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def find_activation(name: Any, source: object) -> Activation:
    """Return the function of an activation that a Dense module's configuration names.

    Args:
        name: dotted name of a class in ``torch.nn``, such as ``"torch.nn.modules.activation.Tanh"``;
            sentence-transformers imports no other without ``trust_remote_code``.
        source: the file, for the message.

    Raises ModelFormatError for any other name.
    """
    found = None
    if isinstance(name, str) and name.startswith("torch.nn."):
        found = ACTIVATIONS.get(name.rpartition(".")[2])
    if found is None:
        raise ModelFormatError(
            f"{source}: the activation_function {name!r} is not known; known are, in torch.nn, "
            f"{', '.join(ACTIVATIONS)}"
        )
    return found


def _sigmoid(x: Array) -> Array:
    # exp of a number that is not positive does not overflow.
    small = np.exp(-np.abs(x))
    result: Array = np.where(x >= 0, 1, small) / (1 + small)
    return result


def _softplus(x: Array) -> Array:
    result: Array = np.logaddexp(x, np.float32(0))
    return result


def _gelu(x: Array) -> Array:
    """Return x · Φ(x), with the error function rather than its approximation by tanh."""
    magnitude = np.abs(x.astype(np.float64)) * 0.5**0.5
    t = 1 / (1 + _ERF_P * magnitude)
    erf = 1 - np.polyval((*_ERF, 0), t) * np.exp(-magnitude * magnitude)
    result: Array = x * (0.5 + 0.5 * np.copysign(erf, x))
    return result


def _elu(x: Array, alpha: float = 1.0) -> Array:
    result: Array = np.where(x > 0, x, np.float32(alpha) * np.expm1(np.minimum(x, 0)))
    return result


def _leaky(slope: float) -> Activation:
    return lambda x: np.where(x >= 0, x, np.float32(slope) * x)


ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "CELU": _elu,
    "ELU": _elu,
    "GELU": _gelu,
    "Hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, np.float32(0)),
    "Hardsigmoid": lambda x: np.clip(x / 6 + np.float32(0.5), 0, 1),
    "Hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "Hardtanh": lambda x: np.clip(x, -1, 1),
    "Identity": lambda x: x,
    "LeakyReLU": _leaky(0.01),
    "LogSigmoid": lambda x: -_softplus(-x),
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "RReLU": _leaky(_RRELU_SLOPE),
    "ReLU": lambda x: np.maximum(x, 0),
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "SELU": lambda x: np.float32(_SELU_SCALE) * _elu(x, _SELU_ALPHA),
    "SiLU": lambda x: x * _sigmoid(x),
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - np.float32(0.5), 0),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Tanh": np.tanh,
    "Tanhshrink": lambda x: x - np.tanh(x),
}
