"""Windows: texts that are tokenized, planned and run together."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hugot.text.batch import TokenBatch
    from hugot.text.tokenizer import Text

# The first window of a stream is small, so that results come soon; the later ones are large, so that
# there is something to sort.
FIRST_WINDOW = 64
LARGEST_WINDOW = 1024
_GROWTH = 4

Options = TypeVar("Options")


class Window(Generic[Options]):
    """Texts that are tokenized, planned and run together.

    Attributes:
        texts: the texts, or pairs of them.
        batch: their tokens; row i is text i, or text ``batch.sources[i]``.
        options: the options of this call.
        outputs: numbers of the outputs that are read.
        results: what the task's `allocate` made; `postprocess` fills it.
    """

    __slots__ = ("batch", "options", "outputs", "results", "texts")

    def __init__(
        self,
        texts: list[Text],
        batch: TokenBatch,
        options: Options,
        outputs: Sequence[int],
        results: Any,
    ) -> None:
        self.texts = texts
        self.batch = batch
        self.options = options
        self.outputs = outputs
        self.results = results


def slices(inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """A sequence in windows of the largest size; a short rest joins the last one."""
    start = 0
    while len(inputs) - start > LARGEST_WINDOW * 3 // 2:
        yield inputs[start : start + LARGEST_WINDOW]
        start += LARGEST_WINDOW
    if start < len(inputs):
        yield inputs[start:]


def growing(inputs: Iterator[Any]) -> Iterator[list[Any]]:
    """An iterator in windows that grow from the first size to the largest."""
    size = FIRST_WINDOW
    while window := list(islice(inputs, size)):
        yield window
        size = min(_GROWTH * size, LARGEST_WINDOW)
