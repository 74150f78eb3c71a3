"""Specs of pipelines, by which another process can make them again."""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hugot.options import plain_options
from hugot.runtime.calls import Gate
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
    """Return the spec of a pipeline, with absolute paths and plain values."""
    path = os.path.abspath(os.path.expanduser(model))
    folder = None if model_folder is None else os.path.abspath(os.path.expanduser(model_folder))
    found = path if os.path.exists(path) else str(model)
    given = dict(plain_options(options))
    return PipelineSpec(
        task, found, folder, dict(choice), name, given, with_absolute_paths(runtime)
    )


def with_absolute_paths(options: RuntimeOptions) -> RuntimeOptions:
    """Return options of a session whose paths do not depend on the working directory."""
    changed: dict[str, Any] = {}
    for name in ("optimized_model_path", "profiling"):
        if (path := getattr(options, name)) is not None:
            changed[name] = os.path.abspath(path)
    if options.onnxruntime_library is not None:
        changed["onnxruntime_library"] = _absolute(options.onnxruntime_library)
    if options.custom_op_libraries:
        changed["custom_op_libraries"] = list(map(_absolute, options.custom_op_libraries))
    if options.plugins:
        changed["plugins"] = {name: _absolute(path) for name, path in options.plugins.items()}
    return replace(options, **changed) if changed else options


def _absolute(library: str | PathLike[str]) -> str | PathLike[str]:
    """Return the absolute path of a library; what is no path may be a name for the system's loader."""
    return os.path.abspath(library) if os.path.exists(library) else library


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


class LocalEngine:
    """Holds the engine of a session; a forked child shares one with the pipelines that it makes again.

    Args:
        engine: the engine of the process that made the session.

    Attributes:
        options: the options of the session.
        gate: admits the making of pipelines until the session is closed.
        engine: the engine; None in a forked child before the first call of `get`.
    """

    def __init__(self, engine: Engine) -> None:
        self.options = with_absolute_paths(engine.options)
        self.gate = Gate("the session")
        self.engine: Engine | None = engine
        self._use: EngineUse | None = None
        self._lock = threading.Lock()
        register_fork_handler(self)

    def get(self) -> Engine:
        """Return the engine of this process."""
        with self._lock:
            if self.engine is None:
                self._use = EngineUse()
                self.engine = shared_engines.take(self.options, self._use)
            return self.engine

    def close(self) -> None:
        """Close the engine, or end the use of a shared one."""
        if self.engine is None:
            return
        if self._use is None:
            self.engine.close()
        else:
            shared_engines.release(self.engine, self._use)

    def reset_after_fork(self) -> None:  # noqa: D102  (see ForkHandler)
        self._lock = threading.Lock()
        self.engine = self._use = None
        if not self.gate.refused:
            self.gate = Gate("the session")
