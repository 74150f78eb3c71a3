import numpy as np
import pytest
import reference

from hugot._fast import pooling

MODES = ["mean", "cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken"]
DIMS = [*range(1, 71), 100, 128, 130, 384]


def random_group(seed, group, width, dim, left):
    """Token vectors with NaN at the padding, and the span of each row's tokens."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((group, width, dim)).astype(np.float32)
    lengths = rng.integers(0, width + 1, group)
    starts = width - lengths if left else np.zeros(group, np.int64)
    stops = starts + lengths
    for i in range(group):
        hidden[i, : starts[i]] = np.nan
        hidden[i, stops[i] :] = np.nan
    return hidden, starts.astype(np.int64), stops.astype(np.int64)


def run(hidden, starts, stops, mode, rows, out, skip=0, normalized=False):
    """The kernel, which takes lengths and a padding side instead of spans."""
    stops = np.asarray(stops)
    left = bool(len(stops)) and bool((stops == hidden.shape[1]).all()) and bool(np.any(starts))
    offsets = np.zeros(int(np.max(rows, initial=-1)) + 2, np.int64)
    lengths = np.zeros(len(offsets) - 1, np.int64)
    lengths[rows] = stops - starts
    offsets[1:] = lengths.cumsum()
    pooling.pool(hidden, offsets, rows, left, skip, pooling.MODES[mode], normalized, out)
    return out


def pool(hidden, starts, stops, mode, skip=0, normalized=False):
    out = np.full((len(hidden), hidden.shape[2]), 7.0, np.float32)
    return run(hidden, starts, stops, mode, np.arange(len(hidden)), out, skip, normalized)


def test_the_pooling_modes_are_those_of_sentence_transformers():
    assert list(pooling.MODES) == MODES


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("mode", MODES)
def test_pooling_sees_a_rows_tokens_and_nothing_of_its_padding(mode, dim, left):
    hidden, starts, stops = random_group([dim, left], 9, 11, dim, left)
    np.testing.assert_allclose(
        pool(hidden, starts, stops, mode),
        reference.pool(hidden, starts, stops, 0, mode),
        rtol=2e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("skip", [1, 2, 5, 11, 20])
@pytest.mark.parametrize("mode", MODES)
def test_pooling_leaves_the_first_tokens_of_each_row_out(mode, skip, left):
    hidden, starts, stops = random_group([skip, left], 12, 11, 70, left)
    np.testing.assert_allclose(
        pool(hidden, starts, stops, mode, skip),
        reference.pool(hidden, starts, stops, skip, mode),
        rtol=2e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("start", "stop", "skip"), [(0, 0, 0), (4, 4, 0), (0, 3, 3), (0, 4, 9), (1, 4, 9)], ids=str
)
def test_a_row_without_tokens_is_pooled_to_zeros(mode, start, stop, skip):
    hidden = np.full((1, 4, 66), np.nan, np.float32)
    pooled = pool(hidden, np.array([start]), np.array([stop]), mode, skip)
    assert (pooled == 0.0).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(0, 5, 8), (3, 0, 8), (3, 5, 0), (0, 0, 0)], ids=str)
def test_pooling_takes_empty_groups_lines_and_vectors(mode, shape):
    group, _, dim = shape
    hidden = np.ones(shape, np.float32)
    nothing = np.zeros(group, np.int64)
    np.testing.assert_array_equal(pool(hidden, nothing, nothing, mode), np.zeros((group, dim)))


@pytest.mark.parametrize("mode", MODES)
def test_a_single_token_is_its_own_pooling(mode):
    hidden = np.random.default_rng(3).standard_normal((4, 1, 67)).astype(np.float32)
    pooled = pool(hidden, np.zeros(4, np.int64), np.ones(4, np.int64), mode)
    np.testing.assert_allclose(pooled, hidden[:, 0], rtol=2e-7)


def test_pooling_of_a_long_row_keeps_its_precision():
    hidden, starts, stops = random_group(1, 2, 8192, 65, left=False)
    hidden = np.nan_to_num(hidden) + np.float32(10)
    stops[:] = 8192
    np.testing.assert_allclose(
        pool(hidden, starts, stops, "mean"),
        reference.pool(hidden, starts, stops, 0, "mean"),
        rtol=3e-5,
    )


@pytest.mark.parametrize("place", [0, 1, 3])
def test_nan_wins_in_max_pooling(place):
    hidden = np.random.default_rng(place).standard_normal((1, 4, 33)).astype(np.float32)
    hidden[0, place, 5] = np.nan
    pooled = pool(hidden, np.array([0]), np.array([4]), "max")
    assert np.flatnonzero(np.isnan(pooled)).tolist() == [5]


def test_max_pooling_takes_infinities_as_numbers():
    hidden = np.array([[[-np.inf, np.inf], [-np.inf, 0.0]]], np.float32)
    pooled = pool(hidden, np.array([0]), np.array([2]), "max")
    assert pooled.tolist() == [[-np.inf, np.inf]]


def test_each_pooled_row_goes_to_its_own_place():
    hidden, starts, stops = random_group(5, 4, 6, 20, left=False)
    rows = np.array([6, 0, 3, 5])
    out = np.full((8, 20), 7.0, np.float32)
    run(hidden, starts, stops, "mean", rows, out)
    expected = np.full((8, 20), 7.0)
    expected[rows] = reference.pool(hidden, starts, stops, 0, "mean")
    np.testing.assert_allclose(out, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_pooling_into_a_part_of_wider_rows_leaves_the_rest_as_it_is(mode):
    hidden, starts, stops = random_group(6, 4, 6, 20, left=True)
    wide = np.full((4, 50), 7.0, np.float32)
    run(hidden, starts, stops, mode, np.arange(4), wide[:, 10:30])
    expected = np.full((4, 50), 7.0)
    expected[:, 10:30] = reference.pool(hidden, starts, stops, 0, mode)
    np.testing.assert_allclose(wide, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_pooling_does_not_change_the_token_vectors(mode):
    hidden, starts, stops = random_group(8, 3, 5, 70, left=False)
    hidden.flags.writeable = False
    before = hidden.copy()
    pool(hidden, starts, stops, mode)
    np.testing.assert_array_equal(hidden, before)


@pytest.mark.parametrize("skip", [0, 3, 20])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("mode", MODES)
def test_pooling_normalizes_as_a_step_of_its_own_would(mode, dim, skip):
    hidden, starts, stops = random_group([dim, skip], 9, 11, dim, left=True)
    expected = pool(hidden, starts, stops, mode, skip)
    pooling.normalize(expected)
    got = pool(hidden, starts, stops, mode, skip, normalized=True)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("mode", MODES)
def test_pooling_takes_token_vectors_that_are_aligned_as_floats_alone(mode):
    hidden, starts, stops = random_group(4, 3, 9, 37, left=False)
    memory = np.empty(hidden.size + 1, np.float32)
    shifted = memory[1:].reshape(hidden.shape)
    shifted[:] = hidden
    np.testing.assert_array_equal(
        pool(shifted, starts, stops, mode), pool(hidden, starts, stops, mode)
    )


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("rows", [1, 7])
def test_normalize_divides_each_row_by_its_length(rows, dim):
    x = np.random.default_rng([rows, dim]).standard_normal((rows, dim)).astype(np.float32)
    expected = reference.normalize(x)
    pooling.normalize(x)
    np.testing.assert_allclose(x, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)], ids=str)
def test_normalize_takes_empty_arrays(shape):
    x = np.empty(shape, np.float32)
    pooling.normalize(x)
    assert x.shape == shape


def test_normalize_leaves_zeros_as_they_are():
    x = np.zeros((2, 40), np.float32)
    pooling.normalize(x)
    assert (x == 0.0).all()


def test_normalize_takes_a_length_of_less_than_a_trillionth_for_a_trillionth():
    x = np.zeros((1, 20), np.float32)
    x[0, 3] = 1e-14
    expected = reference.normalize(x)
    pooling.normalize(x)
    np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_normalize_makes_all_of_a_row_nan_that_holds_one():
    x = np.ones((3, 20), np.float32)
    x[1, 17] = np.nan
    pooling.normalize(x)
    assert np.isnan(x).all(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("mode", sorted(pooling.MODES))
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (19, 64), (3, 65), (0, 4), (4, 0)], ids=str)
@pytest.mark.parametrize("skip", [0, 2])
def test_a_lone_row_is_pooled_as_a_group_of_one(shape, mode, normalized, skip):
    tokens, dim = shape
    hidden_state = np.random.default_rng(shape).standard_normal((1, tokens, dim)).astype(np.float32)
    number = pooling.MODES[mode]
    expected = np.full((1, dim), np.nan, np.float32)
    rows, offsets = np.zeros(1, np.int64), np.array([0, tokens])
    pooling.pool(hidden_state, offsets, rows, False, skip, number, normalized, expected)
    out = np.full(dim, np.nan, np.float32)
    pooling.pool_row(hidden_state, skip, number, normalized, out)
    np.testing.assert_array_equal(out, expected[0])
