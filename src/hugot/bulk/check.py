"""What an input must be, in words for whoever made the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from hugot.errors import InputError

if TYPE_CHECKING:
    from hugot.pipelines.base import Pipeline

_SHOWN = 80


class InputCheck:
    """Checks each record's input before it is run with others.

    Args:
        pipeline: what the inputs are for.
        name: the key or column that holds them.
    """

    def __init__(self, pipeline: Pipeline[Any, Any], name: str) -> None:
        self._pipeline = pipeline
        self._name = name
        # What nearly every pipeline takes, and needs no further look.
        self._takes_text = not getattr(pipeline.options, "is_split_into_words", False)

    def __call__(self, value: Any) -> None:
        """Raise ValueError for what the pipeline does not take."""
        if type(value) is str and self._takes_text:
            return
        try:
            self._pipeline.check_input(value, 0, self._pipeline.options)
        except InputError:
            raise ValueError(
                f'"{self._name}" must be {self._wanted()}, not {shown_value(value)}'
            ) from None

    def _wanted(self) -> str:
        if not self._takes_text:
            return "a list of words"
        if self._pipeline.task == "text-classification":
            return 'a string, or {"text": ..., "text_pair": ...}'
        return "a string"


def shown_value(value: Any) -> str:
    """The beginning of a value as JSON, for messages; its type where it is nested too deeply."""
    try:
        return orjson.dumps(value, default=repr).decode()[:_SHOWN]
    except TypeError:
        return f"a {type(value).__name__} that is nested too deeply"
