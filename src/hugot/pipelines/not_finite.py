"""Results with numbers that are not finite: NaN or infinity, such as from a graph that overflows.

Tasks check scores and mark the inputs (`Prepared.not_finite`), since NaN may not be visible in a result:
a token whose scores are NaN is not an entity. Vectors are checked here, after all steps of the task.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot._fast.finite import all_finite
from hugot.errors import InputError, NotFiniteWarning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from hugot.tasks.base import Prepared


def is_finite(vectors: NDArray[Any]) -> bool:
    """Return whether an array has no NaN and no infinity; those of integers have none."""
    return vectors.dtype != np.float32 or all_finite(np.ascontiguousarray(vectors))


def vectors_not_finite(results: Sequence[Any]) -> Sequence[int]:
    """Return the numbers of the vectors that are not finite; results of other types have none."""
    if isinstance(results, np.ndarray):
        if is_finite(results):
            return ()
    elif not len(results) or not isinstance(results[0], np.ndarray):
        return ()
    return [number for number, vectors in enumerate(results) if not is_finite(vectors)]


def refused_not_finite(results: Sequence[Any], prepared: Prepared[Any]) -> Sequence[Any]:
    """Return the finite results, and add a refusal for each of the others."""
    refusals, left_out = prepared.refusals, prepared.not_finite
    places = range(len(results) + len(refusals))
    accepted = [place for place in places if place not in refusals]
    for number in left_out:
        place = accepted[number]
        refusals[place] = InputError(
            f"input {place} has no finite result: the model returned NaN or infinity for it", place
        )
    kept = [number for number in range(len(results)) if number not in left_out]
    return results[kept] if isinstance(results, np.ndarray) else [results[each] for each in kept]


def warn_of_not_finite(name: str, onnx_path: Path) -> None:
    """Issue the warning of a pipeline."""
    warnings.warn(
        f"pipeline {name!r}: {onnx_path} returned numbers that are not finite (NaN or infinity) for an "
        "input; stats().not_finite counts such inputs. Half precision may overflow: try another "
        "variant of the model",
        NotFiniteWarning,
        stacklevel=2,
    )
