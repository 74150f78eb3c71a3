"""Pipelines that a process loads once, by their configuration.

Engines such as Ray and Spark send an adapter to many processes, and often several times to the same one.
An adapter therefore holds only configuration, and the pipelines are kept here.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from hugot.pipelines.pipeline import Pipeline


class _Slot:
    """The pipeline of one configuration, and the lock that is held while it is loaded."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pipeline: Pipeline[Any, Any] | None = None


_slots: dict[Hashable, _Slot] = {}
_slots_lock = threading.Lock()


def load_once(task: str, model: str, options: Mapping[str, Any]) -> Pipeline[Any, Any]:
    """Return the pipeline of a configuration, which the first call loads.

    Safe to call from many threads; a failed load is tried again by the next call. Raises what
    `hugot.pipeline` raises.
    """
    from hugot.api import pipeline

    key = _key(task, model, options)
    with _slots_lock:
        slot = _slots.setdefault(key, _Slot())
    with slot.lock:
        if slot.pipeline is None:
            slot.pipeline = pipeline(task, model, **options)
        return slot.pipeline


def unload(task: str, model: str, options: Mapping[str, Any]) -> None:
    """Close the pipeline of a configuration, if this process has loaded it."""
    with _slots_lock:
        slot = _slots.pop(_key(task, model, options), None)
    if slot is not None:
        with slot.lock:
            if slot.pipeline is not None:
                slot.pipeline.close()


def _key(task: str, model: str, options: Mapping[str, Any]) -> Hashable:
    return task, model, frozen(options)


def frozen(value: Any) -> Hashable:
    """Return a hashable value that is equal for equal options, regardless of the order of mappings."""
    match value:
        case dict():
            return frozenset((key, frozen(each)) for key, each in value.items())
        case list() | tuple():
            return tuple(map(frozen, value))
        case set() | frozenset():
            return frozenset(map(frozen, value))
        # 1 == True == 1.0, but they are different options.
        case bool() | int() | float():
            return type(value), value
    hash(value)
    return value  # type: ignore[no-any-return]


def _release_in_child() -> None:
    """Replace the locks in a forked child: a thread of the parent may have held them."""
    global _slots_lock
    _slots_lock = threading.Lock()
    for slot in _slots.values():
        slot.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
