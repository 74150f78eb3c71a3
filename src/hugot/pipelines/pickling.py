"""Pipelines that travel between processes: as what they were made from, to be made again there."""

from __future__ import annotations

import os
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.runtime.lifetime import tell_of_fork

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from hugot.options import RuntimeOptions
    from hugot.pipelines.base import Pipeline
    from hugot.runtime.engine import Engine


class Recipe(NamedTuple):
    """What a pipeline was made from.

    Attributes:
        task: the task.
        model: a path, absolute, or a name on the hub.
        model_folder: where downloaded models are kept, or None.
        choice: which of the model's graphs and revisions: ``onnx_file``, ``variant`` and so on.
        name: the pipeline's name.
        options: options of the task, as they were given.
        runtime: options of the session.
    """

    task: str
    model: str
    model_folder: str | None
    choice: dict[str, Any]
    name: str
    options: dict[str, Any]
    runtime: RuntimeOptions


def recipe(
    task: str,
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None,
    choice: Mapping[str, Any],
    name: str,
    options: Mapping[str, Any],
    runtime: RuntimeOptions,
) -> Recipe:
    """A recipe that means the same in another working directory."""
    path = os.path.abspath(os.path.expanduser(model))
    folder = None if model_folder is None else os.path.abspath(os.path.expanduser(model_folder))
    found = path if os.path.exists(path) else str(model)
    return Recipe(task, found, folder, dict(choice), name, dict(options), runtime)


def restore(made_from: Recipe) -> Pipeline[Any, Any]:
    """Make the pipeline of a recipe; those with equal session options share models and threads.

    Raises what `hugot.pipeline` raises.
    """
    from hugot.session import Session

    use = _Use()
    engine = _engines.take(made_from.runtime, use)
    session = Session.over(engine, made_from.model_folder)
    made = session.pipeline(
        made_from.task,
        made_from.model,
        name=made_from.name,
        **made_from.choice,
        **made_from.options,
    )
    made.own(partial(_engines.give_back, engine, use))
    return made


class _Use:
    """Stands for a restored pipeline, which keeps it."""


class _Engines:
    """The engines of restored pipelines, for as long as any of these lives and is not closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: weakref.WeakKeyDictionary[Engine, weakref.WeakSet[_Use]] = (
            weakref.WeakKeyDictionary()
        )

    def take(self, options: RuntimeOptions, use: _Use) -> Engine:
        """The engine with these options, from now on used by one more."""
        from hugot.runtime.engine import Engine

        tell_of_fork(self)
        with self._lock:
            for engine, uses in list(self._uses.items()):
                if uses and engine.options == options:
                    uses.add(use)
                    return engine
            engine = Engine(options)
            self._uses[engine] = weakref.WeakSet([use])
            return engine

    def give_back(self, engine: Engine, use: _Use) -> None:
        """End a use; the last one closes the engine."""
        with self._lock:
            uses = self._uses.get(engine)
            if uses is None:
                return
            uses.discard(use)
            if uses:
                return
            del self._uses[engine]
        engine.close()

    def abandon(self) -> None:
        """Forget the engines: a forked child makes its own."""
        self.__init__()  # type: ignore[misc]


_engines = _Engines()
