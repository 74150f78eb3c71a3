import numpy as np
import pytest
import reference

from hugot._fast import padding

INTEGERS = [np.int32, np.int64]
SIDES = pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
# (rows of the batch, rows of the group, longest row, columns beyond the longest row)
CASES = [
    (0, 0, 0, 0),
    (1, 0, 5, 3),
    (1, 1, 0, 0),
    (1, 1, 0, 4),
    (1, 1, 1, 0),
    (2, 2, 9, 0),
    (7, 3, 33, 1),
    (40, 40, 130, 0),
    (40, 17, 16, 70),
]


def random_batch(case):
    """Values and offsets of a batch, the rows of a group, and the group's width."""
    count, group, longest, extra = case
    rng = np.random.default_rng(case)
    lengths = rng.integers(0, longest + 1, count)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    values = rng.integers(-(2**31), 2**31, offsets[-1], dtype=np.int32)
    rows = rng.permutation(count)[:group].astype(np.int64)
    width = int(lengths[rows].max(initial=0)) + extra
    return values, offsets, rows, width


def lines(rows, width, dtype):
    """An output array filled with a number that every kernel must overwrite."""
    return np.full((len(rows), width), 77, dtype)


@SIDES
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pad_puts_each_row_on_its_line_and_the_pad_value_around_it(case, dtype, left):
    values, offsets, rows, width = random_batch(case)
    out = lines(rows, width, dtype)
    padding.pad(values, offsets, rows, 50_265, left, out)
    expected = reference.pad(values, offsets, rows, 50_265, left, width)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("pad_value", [0, 1, -100, 2**31 - 1, -(2**31)])
def test_pad_takes_any_pad_value(pad_value, dtype):
    out = lines([0], 3, dtype)
    padding.pad(np.array([5], np.int32), np.array([0, 1]), np.array([0]), pad_value, False, out)
    assert out.tolist() == [[5, pad_value, pad_value]]


def test_pad_writes_a_row_as_often_as_it_is_named():
    values, offsets = np.array([1, 2, 3], np.int32), np.array([0, 2, 3])
    out = lines([1, 0, 1], 2, np.int64)
    padding.pad(values, offsets, np.array([1, 0, 1]), 0, False, out)
    assert out.tolist() == [[3, 0], [1, 2], [3, 0]]


@SIDES
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_mask_is_one_at_tokens_and_zero_at_padding(case, dtype, left):
    _, offsets, rows, width = random_batch(case)
    out = lines(rows, width, dtype)
    padding.mask(offsets, rows, left, out)
    np.testing.assert_array_equal(out, reference.mask(offsets, rows, left, width))


@SIDES
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_positions_count_the_tokens_of_a_row_and_are_one_at_padding(case, dtype, left):
    _, offsets, rows, width = random_batch(case)
    out = lines(rows, width, dtype)
    padding.positions(offsets, rows, left, out)
    np.testing.assert_array_equal(out, reference.positions(offsets, rows, left, width))


@SIDES
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_fill_writes_ids_mask_and_zeros_at_once(case, zeros, left):
    values, offsets, rows, width = random_batch(case)
    out = [lines(rows, width, np.int64) for _ in range(2 + zeros)]
    padding.fill(values, offsets, rows, 50_265, left, *out)
    np.testing.assert_array_equal(out[0], reference.pad(values, offsets, rows, 50_265, left, width))
    np.testing.assert_array_equal(out[1], reference.mask(offsets, rows, left, width))
    assert all((each == 0).all() for each in out[2:])


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.float32])
def test_padding_refuses_lines_of_another_dtype(dtype):
    with pytest.raises(TypeError, match="No matching signature"):
        padding.mask(np.array([0, 1]), np.array([0]), False, lines([0], 3, dtype))
