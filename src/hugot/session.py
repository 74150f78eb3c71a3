"""A session: pipelines by name, over shared models and threads."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, overload

from hugot.errors import InputError
from hugot.models.find import open_model
from hugot.options import RuntimeOptions, make_options
from hugot.pipelines import pipeline_class, task_name
from hugot.pipelines.pickling import recipe
from hugot.runtime.engine import Engine
from hugot.runtime.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from pathlib import Path

    from hugot._ort.library import Library
    from hugot.models.bundle import ModelBundle
    from hugot.pipelines.base import Pipeline
    from hugot.pipelines.feature_extraction import FeatureExtractionPipeline
    from hugot.pipelines.text_classification import TextClassificationPipeline
    from hugot.pipelines.token_classification import TokenClassificationPipeline
    from hugot.runtime.background import Background
    from hugot.stats import SessionStats


class Session:
    """Owns models, threads and named pipelines, and closes them together.

        with hugot.Session(mode="throughput", threads=8) as session:
            tag = session.pipeline("token-classification", "path/to/model", name="ner")
            tag(["Wolfgang lives in Berlin"])
            session["ner"] is tag

    Pipelines on the same model file share the loaded model. Takes the options of
    `hugot.options.RuntimeOptions`, and `model_folder`, where downloaded models are kept.

    Raises InputError for an unknown option, RuntimeLibraryError where ONNX Runtime cannot be loaded,
    ProviderError where a provider that was asked for is not there.

    Attributes:
        engine: what the pipelines share, for hugot's own layers.
    """

    def __init__(self, *, model_folder: str | PathLike[str] | None = None, **options: Any) -> None:
        self._begin(model_folder, options)
        self.engine.wait()

    @classmethod
    def begun(
        cls,
        model_folder: str | PathLike[str] | None,
        options: Mapping[str, Any],
        library: Background[Library] | None = None,
    ) -> Session:
        """A session that does not wait for ONNX Runtime's library: `Engine.wait` raises its error.

        `library` is the loading of it, where that has begun.
        """
        session = cls.__new__(cls)
        session._begin(model_folder, options, library)
        return session

    def _begin(
        self,
        model_folder: str | PathLike[str] | None,
        options: Mapping[str, Any],
        library: Background[Library] | None = None,
    ) -> None:
        self._set(Engine(make_options(RuntimeOptions, options), library), model_folder)

    @classmethod
    def over(cls, engine: Engine, model_folder: str | PathLike[str] | None) -> Session:
        """A session over an engine that others use as well, and close."""
        session = cls.__new__(cls)
        session._set(engine, model_folder)
        return session

    def _set(self, engine: Engine, model_folder: str | PathLike[str] | None) -> None:
        self._gate = Gate("the session")  # for pipelines that are being made
        self._model_folder = model_folder
        self.engine = engine
        self._pipelines: dict[str, Pipeline[Any, Any]] = {}

    @overload
    def pipeline(
        self,
        task: Literal["feature-extraction", "featureExtraction"],
        model: str | PathLike[str],
        *,
        name: str | None = None,
        onnx_file: str | None = None,
        variant: str | None = None,
        revision: str | None = None,
        verify: bool = False,
        **options: Any,
    ) -> FeatureExtractionPipeline: ...
    @overload
    def pipeline(
        self,
        task: Literal["text-classification", "sentiment-analysis", "textClassification"],
        model: str | PathLike[str],
        *,
        name: str | None = None,
        onnx_file: str | None = None,
        variant: str | None = None,
        revision: str | None = None,
        verify: bool = False,
        **options: Any,
    ) -> TextClassificationPipeline: ...
    @overload
    def pipeline(
        self,
        task: Literal["token-classification", "ner", "tokenClassification"],
        model: str | PathLike[str],
        *,
        name: str | None = None,
        onnx_file: str | None = None,
        variant: str | None = None,
        revision: str | None = None,
        verify: bool = False,
        **options: Any,
    ) -> TokenClassificationPipeline: ...
    @overload
    def pipeline(
        self,
        task: str,
        model: str | PathLike[str],
        *,
        name: str | None = None,
        onnx_file: str | None = None,
        variant: str | None = None,
        revision: str | None = None,
        verify: bool = False,
        **options: Any,
    ) -> Pipeline[Any, Any]: ...
    def pipeline(
        self,
        task: str,
        model: str | PathLike[str],
        *,
        name: str | None = None,
        onnx_file: str | None = None,
        variant: str | None = None,
        revision: str | None = None,
        verify: bool = False,
        **options: Any,
    ) -> Pipeline[Any, Any]:
        """Make a pipeline and keep it under its name.

        Args:
            task: a task name of transformers (``"feature-extraction"``) or of hugot for Go
                (``"featureExtraction"``).
            model: a model folder, an ``.onnx`` file with its tokenizer beside it, a hub name, or
                ``package:NAME`` for an installed Python package that holds a model.
            name: the pipeline's name; by default the task's, with a number where that is taken.
            onnx_file: the graph to take where the folder has several.
            variant: which of several graphs: ``"fp32"``, ``"fp16"``, ``"int8"``, a file name, or
                ``"auto"`` (the default), which never lowers the precision.
            revision: the branch, tag or commit of the hub that the model must be.
            verify: check every file against the hashes in ``hugot.json`` first.
            **options: options of the task.

        Raises InputError for an unknown task or option or a name that is taken,
        ModelNotFoundError and ModelFormatError for the model's files.
        """
        self._gate.enter()
        try:
            task_name(task)  # raises for an unknown one
            if name is not None and name in self._pipelines:
                raise InputError(
                    f"the session has a pipeline {name!r} already; choose another name"
                )
            name = name if name is not None else self._free_name(task_name(task))
            bundle = open_model(
                model,
                self._model_folder,
                onnx_file=onnx_file,
                variant=variant,
                revision=revision,
                verify=verify,
            )
            made = self._pipelines[name] = self._make(task, bundle, name, options)
            made.made_from = recipe(
                task,
                model,
                self._model_folder,
                {
                    "onnx_file": onnx_file,
                    "variant": variant,
                    "revision": revision,
                    "verify": verify,
                },
                name,
                options,
                self.engine.options,
            )
            return made
        finally:
            self._gate.leave()

    def download_model(
        self, name: str, dest: str | PathLike[str] | None = None, **options: Any
    ) -> Path:
        """Download a model to `dest`, by default the session's model folder; see `download_model`."""
        from hugot.models.download import download_model

        return download_model(name, self._model_folder if dest is None else dest, **options)

    @property
    def pipelines(self) -> Mapping[str, Pipeline[Any, Any]]:
        """The pipelines by name, as a read-only view."""
        return MappingProxyType(self._pipelines)

    def __getitem__(self, name: str) -> Pipeline[Any, Any]:
        try:
            return self._pipelines[name]
        except KeyError:
            raise KeyError(
                f"the session has no pipeline {name!r}; it has {', '.join(self._pipelines) or 'none'}"
            ) from None

    def stats(self) -> SessionStats:
        """Counters and timings of each pipeline, by its name; printed, they are a table."""
        from hugot.stats import SessionStats

        return SessionStats({name: made.stats() for name, made in self._pipelines.items()})

    def reset_stats(self) -> None:
        """Have all pipelines begin to count at zero again."""
        for made in self._pipelines.values():
            made.reset_stats()

    def end_profiling(self) -> list[str]:
        """End what the option ``profiling`` has begun, and give the paths of the files.

        Closing the session ends it as well, and tells the paths to the log.
        """
        return self.engine.end_profiling()

    def close(self, *, cancel: bool = False) -> None:
        """Wait for running calls, then let go of all pipelines, models and threads.

        Args:
            cancel: stop the running calls, which raise SessionClosedError.

        As for a pipeline, a future's callback may close too, and does not wait.
        """
        self._gate.close()
        if self._gate.abandoned:
            return
        pipelines = list(self._pipelines.values())
        for pipeline in pipelines:  # all of them first: none is to begin while another ends
            pipeline.shut(cancel=cancel)
        for pipeline in pipelines:
            pipeline.close()
        _after_all(pipelines, self.engine.close)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = (
            "closed" if self._gate.closed else f"pipelines: {', '.join(self._pipelines) or 'none'}"
        )
        return f"<Session on {self.engine.library!r}, {state}>"

    def _make(
        self, task: str, bundle: ModelBundle, name: str, options: Mapping[str, Any]
    ) -> Pipeline[Any, Any]:
        """Import the pipeline's class and load its tokenizer while a thread loads the model."""
        self.engine.start_loading(bundle)
        try:
            return pipeline_class(task)(self.engine, bundle, name, options)
        except BaseException:
            self.engine.forget(bundle)
            raise

    def _free_name(self, task: str) -> str:
        name, number = task, 2
        while name in self._pipelines:
            name, number = f"{task}-{number}", number + 1
        return name


def _after_all(pipelines: list[Pipeline[Any, Any]], action: Callable[[], None]) -> None:
    """Do something when nothing of any of these pipelines, which are shut, runs any more."""
    if pipelines:
        pipelines[0].when_ended(partial(_after_all, pipelines[1:], action))
    else:
        action()
