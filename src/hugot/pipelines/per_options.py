"""What a pipeline derives from its options, derived once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Options = TypeVar("Options")
Made = TypeVar("Made")


class PerOptions(Generic[Options, Made]):
    """Remembers what was made of the last options.

    Options are frozen, and a call uses one object of them for all of its groups, so that the object's
    identity tells. Another thread may exchange the answer meanwhile: question and answer are one tuple.
    """

    def __init__(self) -> None:
        self._last: tuple[Options, Made] | None = None

    def __call__(self, options: Options, make: Callable[[Options], Made]) -> Made:
        """What `make` makes of the options; it is not kept, so that its owner can be freed."""
        last = self._last
        if last is not None and last[0] is options:
            return last[1]
        made = make(options)
        self._last = options, made
        return made
