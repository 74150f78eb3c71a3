"""Distinguishing the arguments of a call: one input, several, or an iterator of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from hugot.errors import InputError
from hugot.inputs.columns import advice

if TYPE_CHECKING:
    from hugot.tasks.base import Task

SINGLE: Final = 1
MANY: Final = 2
STREAM: Final = 3


def dispatch(task: Task[Any, Any], inputs: Any, options: Any) -> tuple[int, Any]:
    """Return `SINGLE`, `MANY` or `STREAM`, and the input, the sequence or the iterator of inputs.

    Raises InputError for anything else, and for a tuple that may be a pair of texts or two texts.
    """
    if type(inputs) is str:
        return SINGLE, inputs
    if not isinstance(inputs, str | list | tuple | dict):
        inputs = task.unpack(inputs)
    inputs = task.arrange(inputs, options)
    if isinstance(inputs, list):
        return MANY, inputs
    if task.is_single(inputs):
        return SINGLE, inputs
    if isinstance(inputs, tuple):
        # transformers silently drops the second text of such a tuple.
        if len(inputs) == 2 and all(isinstance(each, str) for each in inputs):
            raise InputError(
                "a tuple of two strings is ambiguous: for a pair of texts pass "
                '{"text": ..., "text_pair": ...}, for two inputs a list'
            )
        return MANY, inputs
    if isinstance(inputs, Iterator):
        return STREAM, inputs
    if hasattr(inputs, "__iter__") and not isinstance(inputs, bytes | bytearray):
        return MANY, list(inputs)
    raise InputError(
        f"{task.name} takes a str, a list or an iterator of them; not {type(inputs).__name__}"
        f"{advice(inputs)}"
    )


def several(task: Task[Any, Any], inputs: Any, what: str) -> Iterable[Any]:
    """Return the inputs of a stream or of one of its batches, which `what` describes.

    Raises InputError for a str, whose characters are no inputs, and as `Task.unpack`.
    """
    if isinstance(inputs, list | tuple):
        return inputs
    unpacked = inputs if isinstance(inputs, str | bytes | bytearray) else task.unpack(inputs)
    if isinstance(unpacked, str | bytes | bytearray) or not isinstance(unpacked, Iterable):
        raise InputError(f"{what} is a list or an iterable of inputs; not {type(inputs).__name__}")
    return unpacked
