"""`hugot.pipeline`: one call from a model's name to something that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from hugot.errors import InputError
from hugot.runtime.loading import load_ahead

if TYPE_CHECKING:
    from os import PathLike

    from hugot._ort.library import Library
    from hugot.pipelines.classes import (
        FeatureExtractionPipeline,
        TextClassificationPipeline,
        TokenClassificationPipeline,
    )
    from hugot.pipelines.pipeline import Pipeline
    from hugot.runtime.loading import Background
    from hugot.session import Session


@overload
def pipeline(
    task: Literal["feature-extraction", "featureExtraction"],
    model: str | PathLike[str],
    **options: Any,
) -> FeatureExtractionPipeline: ...
@overload
def pipeline(
    task: Literal["text-classification", "sentiment-analysis", "textClassification"],
    model: str | PathLike[str],
    **options: Any,
) -> TextClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["token-classification", "ner", "tokenClassification"],
    model: str | PathLike[str],
    **options: Any,
) -> TokenClassificationPipeline: ...
@overload
def pipeline(task: str, model: str | PathLike[str], **options: Any) -> Pipeline[Any, Any]: ...
def pipeline(task: str, model: str | PathLike[str], **options: Any) -> Pipeline[Any, Any]:
    """Make a pipeline with a session of its own, which ends with it.

        classify = hugot.pipeline("text-classification", "path/to/model", top_k=2)
        classify("The film was excellent")

    Args:
        task: a task name of transformers or of hugot for Go.
        model: a model folder, an ``.onnx`` file with its tokenizer beside it, a hub name, or
            ``package:NAME``.
        **options: those of `Session` (``mode``, ``threads``, ``providers``, …), of
            `Session.pipeline` (``name``, ``onnx_file``, ``variant``, …) and of the task. ``device`` is
            understood as in transformers: -1 or ``"cpu"``, a number or ``"cuda:1"``.

    The session is closed by `close`, by ``with``, or when the pipeline is no longer referenced.
    """
    # ONNX Runtime's library loads while the modules of the session are imported.
    library = load_ahead(options.get("onnxruntime_library"), telemetry=options.get("telemetry"))
    try:
        session = _begin_session(options, library)
    except BaseException:
        if library is not None:
            library.wait()
        raise
    from hugot.session import engine_of

    engine = engine_of(session)
    try:
        made = session.pipeline(task, model, **options)
    except BaseException:
        engine.wait()  # if the library fails as well, its error comes first
        raise
    from hugot.pipelines.pipeline import runner_of

    # The engine alone, not the session: a pipeline that its session refers to, and that refers to it,
    # would live until the next sweep of the garbage collector.
    runner_of(made).on_close = engine.close
    return made


def _begin_session(options: dict[str, Any], library: Background[Library] | None) -> Session:
    """A session with its options, which are taken out of `options`."""
    from hugot.options import RuntimeOptions, option_names
    from hugot.session import begin_session

    if "device" in options:
        options.setdefault("providers", providers_of_device(options.pop("device")))
    names = {*option_names(RuntimeOptions), "model_folder"}
    given = {key: options.pop(key) for key in names & options.keys()}
    return begin_session(given.pop("model_folder", None), given, library)


def providers_of_device(device: object) -> list[Any]:
    """What transformers' ``device=`` means as ``providers=``."""
    text = str(device)
    if text.lstrip("-").isdigit():
        text = "cpu" if int(text) < 0 else f"cuda:{text}"
    kind, _, number = text.partition(":")
    if kind == "cpu":
        return ["cpu"]
    if kind == "cuda" and (not number or number.isdigit()):
        return [("cuda", {"device_id": int(number or 0)})]
    raise InputError(
        f"device={device!r}; it can be -1 or 'cpu', or a number or 'cuda:N' for a CUDA device. Other "
        "accelerators are chosen with providers="
    )
