import numpy as np
import pytest
import reference

from hugot._fast import activations

SHAPES = [
    *((rows, cols) for rows in (0, 1, 5) for cols in (0, 1, 2, 3, 7)),
    *((3, cols) for cols in (*range(8, 71), 130)),
    (64, 2),
    (200, 9),
    (2, 1000),
]

# The smallest normal float32. Below it, the kernel may return 0.
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def random_logits(shape, scale=4.0):
    return (np.random.default_rng(shape).standard_normal(shape) * scale).astype(np.float32)


def whole_float_range(count=200_000):
    """Float32 values of every exponent and both signs, including the smallest and the largest."""
    rng = np.random.default_rng(7)
    values = rng.integers(0, 2**32, count, np.uint32).view(np.float32)
    limits = np.finfo(np.float32)
    ends = [0.0, -0.0, limits.tiny, -limits.tiny, limits.max, limits.min, 1e-45, -1e-45]
    return np.concatenate([values[np.isfinite(values)], np.array(ends, np.float32)])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax_is_each_labels_share_of_the_exponentials(shape):
    x = random_logits(shape)
    expected = reference.softmax(x)
    activations.softmax(x)
    # The error of e**x, and that of the sum.
    np.testing.assert_allclose(x, expected, rtol=5e-7 + shape[1] * 3e-9)


def test_exponentials_of_softmax_are_right_to_five_in_ten_million():
    x = np.zeros((100_000, 2), np.float32)
    x[:, 1] = np.linspace(-87.3, 0.0, len(x))
    expected = np.exp(x[:, 1].astype(np.float64))
    activations.softmax(x)
    # The quotient of two probabilities is that of their exponentials, and e**0 is 1.
    np.testing.assert_allclose(x[:, 1].astype(np.float64) / x[:, 0], expected, rtol=5e-7)


def test_softmax_is_zero_for_an_exponential_that_is_not_normal():
    x = np.array([[0.0, -87.4], [0.0, -3e38], [3e38, -3e38], [0.0, -np.inf]], np.float32)
    activations.softmax(x)
    assert x.tolist() == [[1.0, 0.0]] * 4


def test_softmax_of_equal_logits_is_even_however_large_they_are():
    x = np.array([[3e38] * 4, [-3e38] * 4, [0.0] * 4, [88.5] * 4], np.float32)
    activations.softmax(x)
    assert (x == 0.25).all()


def test_softmax_makes_all_of_a_row_nan_that_holds_one():
    x = np.zeros((3, 5), np.float32)
    x[1, 2] = np.nan
    activations.softmax(x)
    assert np.isnan(x).all(axis=1).tolist() == [False, True, False]


def test_softmax_of_infinite_logits_is_what_the_formula_says():
    x = np.array([[np.inf, 0.0, 1.0], [-np.inf] * 3, [-np.inf, 2.0, 1.0]], np.float32)
    expected = reference.softmax(x)
    activations.softmax(x)
    np.testing.assert_allclose(x, expected, rtol=5e-7)


@pytest.mark.parametrize("cols", [2, 3, 9, 17, 40, 47, 48, 49, 100])
def test_softmax_of_a_row_does_not_depend_on_the_rows_beside_it(cols):
    together = random_logits((37, cols))
    alone = together.copy()
    activations.softmax(together)
    for i in range(len(alone)):
        activations.softmax(alone[i : i + 1])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sigmoid_of_every_element_is_that_of_the_formula(shape):
    x = random_logits(shape)
    expected = reference.sigmoid(x)
    activations.sigmoid(x)
    np.testing.assert_allclose(x, expected, rtol=5e-7)


@pytest.mark.parametrize(
    "values",
    [np.linspace(-105, 105, 200_001, dtype=np.float32), whole_float_range()],
    ids=["dense", "whole range"],
)
def test_sigmoid_is_right_to_five_in_ten_million_over_the_whole_float_range(values):
    x = values.reshape(1, -1).copy()
    expected = reference.sigmoid(x)
    activations.sigmoid(x)
    np.testing.assert_allclose(x, expected, rtol=5e-7, atol=SMALLEST_NORMAL)


def test_sigmoid_of_infinities_is_zero_or_one_and_of_nan_nan():
    x = np.array([[-np.inf, np.inf, np.nan]], np.float32)
    activations.sigmoid(x)
    np.testing.assert_array_equal(x, [[0.0, 1.0, np.nan]])


@pytest.mark.parametrize("kernel", [activations.softmax, activations.sigmoid])
@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3)), np.zeros((3, 2), np.float32).T, np.zeros(3, np.float32)],
    ids=["float64", "not contiguous", "one dimension"],
)
def test_activations_refuse_anything_but_contiguous_float32_matrices(kernel, array):
    with pytest.raises(ValueError, match=r"Buffer|not C.contiguous"):
        kernel(array)
