"""The difference of two answers to the same texts."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np


def compare(ours: Any, theirs: Any) -> str:
    """Return ``"equal to 3e-07"`` (the largest difference), or the number of texts that differ."""
    if theirs is None:
        return "labels only"
    if len(ours) != len(theirs):
        return f"{len(theirs)} answers for {len(ours)} texts"
    distances = [distance(a, b) for a, b in zip(ours, theirs, strict=True)]
    other = sum(each is None for each in distances)
    if other:
        return f"{other} of {len(distances)} differ"
    return f"equal to {max((each for each in distances if each is not None), default=0):.0e}"


def distance(ours: Any, theirs: Any) -> float | None:
    """Return the largest difference of two answers, or None if their shapes differ."""
    if isinstance(ours, np.ndarray):
        theirs = np.asarray(theirs)
        return float(abs(ours - theirs).max()) if ours.shape == theirs.shape else None
    if isinstance(ours, list) and isinstance(theirs, list):
        return _largest(ours, theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return None
        return _largest(list(ours.values()), [theirs[key] for key in ours])
    if isinstance(ours, Real) and isinstance(theirs, Real | np.number):
        return abs(float(ours) - float(theirs))
    return 0.0 if ours == theirs else None


def _largest(ours: list[Any], theirs: list[Any]) -> float | None:
    if len(ours) != len(theirs):
        return None
    parts = [distance(a, b) for a, b in zip(ours, theirs, strict=True)]
    return None if None in parts else max((p for p in parts if p is not None), default=0.0)
