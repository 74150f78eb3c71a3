"""What a pipeline derives from its options, derived once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Options = TypeVar("Options")
Made = TypeVar("Made")


class PerOptions(Generic[Options, Made]):
    """A function of options that remembers its last answer.

    Options are frozen, and a call uses one object of them for all of its groups, so that the object's
    identity tells. Another thread may exchange the answer meanwhile: question and answer are one tuple.
    """

    def __init__(self, make: Callable[[Options], Made]) -> None:
        self._make = make
        self._last: tuple[Options, Made] | None = None

    def __call__(self, options: Options) -> Made:
        """What `make` makes of the options."""
        last = self._last
        if last is not None and last[0] is options:
            return last[1]
        made = self._make(options)
        self._last = options, made
        return made
