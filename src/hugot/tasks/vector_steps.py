"""The steps of feature extraction: pooling, and the functions before and after it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hugot._fast import pooling as kernels
from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hugot.tasks.chunks import Chunks

# A function from vectors [n, dim] to vectors [n, dim].
Function: TypeAlias = "Callable[[NDArray[np.float32]], NDArray[np.float32]]"


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps of feature extraction for one set of options.

    Attributes:
        outputs: number of the output that is read.
        rank: number of its dimensions: 3 for token vectors, 2 for pooled ones.
        dimension: size of the vectors, None if the graph does not declare it.
        prompt: the text that is put before every input.
        skip: number of the prompt's tokens that are not pooled.
        chunks: splits texts that are too long; None if they are truncated.
        before: the functions that are applied to all token vectors before the pooling.
        modes: the kernel's pooling modes, None for token vectors.
        after: the functions, from an array to an array, that are applied to all vectors of a window.
        ends_in_normalize: whether `after` is the normalisation of vectors pooled in one mode.
    """

    outputs: Sequence[int]
    rank: int
    dimension: int | None
    prompt: str
    skip: int
    chunks: Chunks | None
    before: tuple[Function, ...]
    modes: tuple[int, ...] | None
    after: tuple[Function, ...]
    ends_in_normalize: bool


def split_steps(
    after: tuple[Function, ...],
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the steps of the vectors of windows, and those of their mean.

    The latter are the normalizations and truncations at the end.
    """
    ends = [step is normalize or getattr(step, "func", None) is _truncated for step in after]
    count = next((i for i, end in enumerate(reversed(ends)) if not end), len(ends))
    return after[: len(ends) - count], after[len(ends) - count :]


def normalize(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors to length 1, in place, and return them."""
    kernels.normalize(array)
    return array


def apply_to_tokens(functions: Sequence[Function], hidden_state: Any) -> Any:
    """Return token vectors [rows, tokens, dim] after functions of vectors [n, dim]."""
    if not functions:
        return hidden_state
    array = np.asarray(hidden_state)
    rows, width, dim = array.shape
    vectors = array.reshape(-1, dim)
    if functions[0] is normalize:
        vectors = vectors.copy()  # it works in place, and the memory is ONNX Runtime's
    for function in functions:
        vectors = function(vectors)
    return vectors.reshape(rows, width, -1)


def first_components(dim: int) -> Function:
    """Return the function that keeps the first components of vectors."""
    return partial(_truncated, dim)


def _truncated(dim: int, array: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array[:, :dim])


class PooledVectors:
    """Results of a window: one array of pooled vectors, or a list of arrays of token vectors."""

    def __init__(self, count: int) -> None:
        self.tokens: list[Any] = [None] * count
        self.array: NDArray[np.float32] | None = None
        self._lock = threading.Lock()

    def pooled(self, dim: int) -> NDArray[np.float32]:
        """Return the array [rows, dim], which the first completed group allocates."""
        with self._lock:
            if self.array is None:
                self.array = np.empty((len(self.tokens), dim), np.float32)
            elif self.array.shape[1] != dim:
                # The kernel writes `dim` numbers to each row.
                raise ModelFormatError(
                    f"the graph gave vectors of {self.array.shape[1]} numbers for some texts and of "
                    f"{dim} for others"
                )
            return self.array
