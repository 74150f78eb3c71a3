"""Dense and LayerNorm modules in numpy; equality with torch is in tests/fidelity."""

from __future__ import annotations

import numpy as np
import pytest

from hugot.errors import ModelFormatError
from hugot.models.activations import ACTIVATIONS
from hugot.models.layers import Dense, LayerNorm

RNG = np.random.default_rng(11)


def array(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("inner", "outer"), [(1, 1), (3, 5), (64, 32), (384, 41), (768, 768), (20_000, 3)]
)
@pytest.mark.parametrize("rows", [0, 1, 2, 17, 64, 300])
def test_a_dense_module_is_one_product_whatever_the_sizes(inner, outer, rows):
    x, weight, bias, residual = (
        array(rows, inner), array(outer, inner), array(outer), array(outer, inner),
    )  # fmt: skip
    dense = Dense(weight, bias, ACTIVATIONS["Identity"], True, residual)
    wide = np.float64
    expected = x.astype(wide) @ (weight.astype(wide) + residual).T + bias
    assert np.allclose(dense(x), expected, atol=1e-5 * max(1, inner) ** 0.5)


def test_a_layer_norm_has_mean_and_variance_of_its_weights():
    x, weight, bias = array(5, 16), array(16), array(16)
    wide = x.astype(np.float64)
    scaled = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    assert np.allclose(LayerNorm(weight, bias)(x), scaled * weight + bias, atol=1e-6)


@pytest.mark.parametrize("module", [LayerNorm(array(4), array(4)),
                                    Dense(array(2, 4), None, np.tanh, False, None)])  # fmt: skip
def test_vectors_of_another_size_raise(module):
    with pytest.raises(ModelFormatError, match="takes vectors of 4 numbers"):
        module(array(2, 5))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_does_not_overflow(name):
    x = np.array([[-200.0, -0.0, 0.0, 1e-30, 200.0]], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        result = ACTIVATIONS[name](x)
    assert np.isfinite(result).all()
