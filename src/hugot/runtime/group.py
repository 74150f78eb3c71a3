"""Texts of several requests that run together, and what runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.runtime.request import Item, Request


class Stop(Protocol):
    """Stops the runs that were given it."""

    def terminate(self) -> None:
        """Stop them."""


class Work(Protocol):
    """What is done with requests; it must not refer to the pipeline, which requests do."""

    def new_stop(self, request: Request) -> Stop:
        """What stops the run of a group."""

    def run(self, items: Sequence[Item], stop: Any) -> Sequence[Any]:
        """Run texts together; a result for each."""

    def answer(self, request: Request) -> Any:
        """The answer from the results of its texts."""


class RunningGroup:
    """Texts that run together.

    Attributes:
        items: the texts.
        requests: the requests that they are of.
        stop: stops the run.
        wanted: number of requests that still wait for it.
    """

    __slots__ = ("items", "requests", "stop", "wanted")

    def __init__(self, items: list[Item], stop: Stop) -> None:
        self.items = items
        self.requests = list(dict.fromkeys([item.request for item in items]))
        self.stop = stop
        self.wanted = len(self.requests)
