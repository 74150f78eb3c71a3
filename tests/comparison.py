"""Whether two answers are the same: numbers within a tolerance, everything else exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def same(got: Any, expected: Any, tolerance: float = 1e-5) -> bool:
    """Whether hugot's answer is the expected one: types, keys, nesting, order, text and numbers."""
    if isinstance(expected, dict) and "shape" in expected and isinstance(got, np.ndarray):
        ends = np.array([expected["first"], expected["last"]])
        shape = tuple(expected["shape"][1:])
        return got.shape == shape and np.allclose(
            got[[0, -1]], ends, rtol=tolerance, atol=tolerance
        )
    if isinstance(got, np.ndarray):
        array = np.array(expected)
        return got.shape == array.shape and np.allclose(got, array, rtol=tolerance, atol=tolerance)
    if isinstance(expected, float):
        return type(got) is float and got == pytest.approx(expected, rel=tolerance, abs=tolerance)
    if type(got) is not type(expected):
        return False
    if isinstance(expected, dict):
        return list(got) == list(expected) and all(
            same(got[key], expected[key], tolerance) for key in expected
        )
    if isinstance(expected, list):
        return len(got) == len(expected) and all(
            same(one, other, tolerance) for one, other in zip(got, expected, strict=True)
        )
    return got == expected


def largest_difference(got: Any, expected: Any) -> float:
    """Largest difference of two numbers at the same place of two answers of one shape."""
    if isinstance(got, np.ndarray):
        if isinstance(expected, dict):
            got, expected = got[[0, -1]], [expected["first"], expected["last"]]
        return float(np.abs(got - np.array(expected)).max(initial=0))
    if isinstance(expected, float):
        return abs(got - expected)
    if isinstance(expected, dict):
        return max((largest_difference(got[key], expected[key]) for key in expected), default=0.0)
    if isinstance(expected, list):
        pairs = zip(got, expected, strict=True)
        return max((largest_difference(one, other) for one, other in pairs), default=0.0)
    return 0.0
