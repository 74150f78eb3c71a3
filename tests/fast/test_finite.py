"""The check for NaN and infinity, against numpy."""

import numpy as np
import pytest

from hugot._fast.finite import all_finite


@pytest.mark.parametrize("count", [*range(70), 1000])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found_at_every_place(count, value) -> None:
    numbers = np.full(count, np.finfo(np.float32).max, np.float32)
    assert all_finite(numbers)
    for place in range(count):
        numbers[place] = value
        assert not all_finite(numbers)
        numbers[place] = np.finfo(np.float32).tiny / 2


def test_every_float_is_judged_as_by_numpy() -> None:
    bits = np.random.default_rng(2).integers(0, 2**32, 5000, np.uint32)
    bits |= np.where(np.arange(5000) % 2, 0x7F800000, 0).astype(np.uint32)
    numbers = bits.view(np.float32)
    assert [all_finite(each) for each in numbers[:, None]] == np.isfinite(numbers).tolist()


def test_any_number_of_dimensions_is_taken() -> None:
    numbers = np.zeros((2, 3, 4), np.float32)
    assert all_finite(numbers)
    numbers[1, 2, 3] = np.nan
    assert not all_finite(numbers)


def test_other_element_types_are_refused() -> None:
    for dtype in (np.int32, np.float64, np.float16):
        with pytest.raises(TypeError, match="float32"):
            all_finite(np.zeros(2, dtype))
