"""Specs of pipelines, by which another process can make them again."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hugot.runtime.engine import Engine
from hugot.runtime.process import register_fork_handler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from hugot.options import RuntimeOptions


class PipelineSpec(NamedTuple):
    """The arguments by which a pipeline was made, independent of the working directory.

    Attributes:
        task: the task.
        model: a path, absolute, or a name on the hub.
        model_folder: where downloaded models are kept, or None.
        choice: which of the model's graphs and revisions: ``onnx_file``, ``variant`` and so on; and the
            ``inputs`` of the graph.
        name: the pipeline's name.
        options: the given options of the task.
        runtime: options of the session.
    """

    task: str
    model: str
    model_folder: str | None
    choice: dict[str, Any]
    name: str
    options: dict[str, Any]
    runtime: RuntimeOptions


def make_spec(
    task: str,
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None,
    choice: Mapping[str, Any],
    name: str,
    options: Mapping[str, Any],
    runtime: RuntimeOptions,
) -> PipelineSpec:
    """Return the spec of a pipeline, with absolute paths."""
    path = os.path.abspath(os.path.expanduser(model))
    folder = None if model_folder is None else os.path.abspath(os.path.expanduser(model_folder))
    found = path if os.path.exists(path) else str(model)
    return PipelineSpec(task, found, folder, dict(choice), name, dict(options), runtime)


class EngineUse:
    """The use of an engine by a restored pipeline, which holds this object."""


class SharedEngines:
    """The engines of restored pipelines, each kept until its last pipeline is closed or collected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: weakref.WeakKeyDictionary[Engine, weakref.WeakSet[EngineUse]] = (
            weakref.WeakKeyDictionary()
        )

    def take(self, options: RuntimeOptions, use: EngineUse) -> Engine:
        """Return the engine with these options, and register one more use of it."""
        register_fork_handler(self)
        with self._lock:
            for engine, uses in list(self._uses.items()):
                if uses and engine.options == options:
                    uses.add(use)
                    return engine
            engine = Engine(options)
            self._uses[engine] = weakref.WeakSet([use])
            return engine

    def release(self, engine: Engine, use: EngineUse) -> None:
        """End a use; the engine is closed with its last use."""
        with self._lock:
            uses = self._uses.get(engine)
            if uses is None:
                return
            uses.discard(use)
            if uses:
                return
            del self._uses[engine]
        engine.close()

    def reset_after_fork(self) -> None:
        """Drop the engines: a forked child makes its own."""
        self.__init__()  # type: ignore[misc]


shared_engines: Final = SharedEngines()
