"""Properties of a model and the pipelines that can run it, for ``hugot info``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hugot._ort.session import TensorSpec
from hugot.errors import HugotError, ModelFormatError
from hugot.inputs.graph_inputs import fixed_shape, with_usual_names
from hugot.inputs.tokenizer_files import read_tokenizer_files
from hugot.models.bundle import open_bundle
from hugot.models.cache import is_snapshot
from hugot.models.find import find_model
from hugot.models.manifest import read_manifest
from hugot.models.optimized import load_optimized
from hugot.models.sidecar import IncompatibleError
from hugot.models.signature import read_signature
from hugot.models.vector_output import choose_output
from hugot.options import RuntimeOptions
from hugot.runtime.sessions import native_options
from hugot.session import engine_of
from hugot.tasks import SPECS, tasks_of_architectures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    from hugot.models.bundle import ModelBundle
    from hugot.models.signature import Signature, Value
    from hugot.session import Session


def model_info(
    session: Session,
    model: str | PathLike[str],
    model_folder: str | PathLike[str] | None = None,
    *,
    onnx_file: str | None = None,
    variant: str | None = None,
    revision: str | None = None,
) -> dict[str, Any]:
    """Return the properties of a model as an object of JSON.

    Args:
        session: makes a pipeline of each task on the model, to find out which can run it.
        model: a path or a name.
        model_folder: the folder that models are kept in.
        onnx_file: the graph to use, if there are several.
        variant: which of several graphs, by its kind.
        revision: the branch, tag or commit that it must have.

    Raises as `hugot.models.find.find_model` and `hugot.models.bundle.open_bundle`.
    """
    found = find_model(model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision)
    bundle = open_bundle(found.path, found.onnx_file, found.variant)
    signature = read_signature(bundle.onnx_path)
    specs = [TensorSpec(each.name, each.dtype, each.shape) for each in signature.inputs]
    fixed = fixed_shape(with_usual_names(specs))
    bundle = replace(bundle, graph_width=fixed.width)
    fits = fitting_pipelines(session, bundle)
    return {
        "model": str(model),
        "folder": str(bundle.folder),
        "found": found.why,
        **_origin(bundle.folder),
        "graph": {**_graph(bundle, signature), "fixed_shape": fixed._asdict()},
        "optimized": _optimized(session, bundle),
        "tasks": guess_tasks(bundle),
        "model_type": bundle.config.get("model_type"),
        "labels": bundle.labels if bundle.config.get("id2label") else [],
        "longest_row": bundle.longest_row,
        "longest_row_from": bundle.longest_row_source,
        **_sentences(bundle, signature.outputs),
        "dimension": _dimension(session),
        "tokenizer": _tokenizer(bundle),
        "files": {
            path.relative_to(bundle.folder).as_posix(): path.stat().st_size
            for path in sorted(bundle.folder.rglob("*"))
            if path.is_file() and ".cache" not in path.parts
        },
        "pipelines": fits,
    }


def guess_tasks(bundle: ModelBundle) -> list[str]:
    """Return the tasks that a model was made for, according to ``config.json`` and ``modules.json``."""
    found = tasks_of_architectures(bundle.config.get("architectures") or [])
    if (bundle.folder / "modules.json").exists():
        found.append("feature-extraction")
    return list(dict.fromkeys(found))


def fitting_pipelines(session: Session, bundle: ModelBundle) -> dict[str, str | None]:
    """Return for each task None if its pipeline can run the model, otherwise the reason why not."""
    graph = bundle.onnx_path.relative_to(bundle.folder).as_posix()
    fits: dict[str, str | None] = {}
    for spec in SPECS:
        try:
            session.pipeline(spec.name, bundle.folder, onnx_file=graph)
            fits[spec.name] = None
        except HugotError as error:
            fits[spec.name] = str(error)
    return fits


def _optimized(session: Session, bundle: ModelBundle) -> dict[str, Any] | None:
    """Return the optimised file that pipelines with default options load; None without one."""
    engine = engine_of(session)
    options = native_options(RuntimeOptions(), 1)
    try:
        found = load_optimized(
            bundle.onnx_path, engine.library, options, engine.providers, verify=True
        )
    except IncompatibleError as error:
        return {"file": None, "mapped": False, "unused": str(error)}
    if found is None:
        return None
    return {"file": found.path.name, "mapped": found.mapped, "unused": None}


def _dimension(session: Session) -> int | None:
    """Return the number of components of the model's vectors; None if it makes none."""
    made = session.pipelines.get("feature-extraction")
    return None if made is None else getattr(made, "dimension", None)


def _origin(folder: Path) -> dict[str, Any]:
    """Return the repository and commit of a model, if its folder records them."""
    manifest = read_manifest(folder)
    if manifest is not None:
        return {
            "name": manifest.name,
            "revision": manifest.revision,
            "commit": manifest.commit,
        }
    commit = folder.name if is_snapshot(folder) else None
    return {"name": None, "revision": None, "commit": commit}


def _graph(bundle: ModelBundle, signature: Signature) -> dict[str, Any]:
    return {
        "file": bundle.onnx_path.relative_to(bundle.folder).as_posix(),
        "opset": signature.opset,
        "parameters": signature.parameters,
        "precision": signature.precision,
        "inputs": [_value(value) for value in signature.inputs],
        "outputs": [_value(value) for value in signature.outputs],
    }


def _value(value: Value) -> dict[str, Any]:
    return {"name": value.name, "dtype": value.dtype, "shape": list(value.shape)}


def _sentences(bundle: ModelBundle, outputs: Sequence[Value]) -> dict[str, Any]:
    """Return what feature extraction does by default, and from which file that follows."""
    sentence = bundle.sentence
    refusal = sentence.text_refusal or sentence.module_refusal
    output, why, is_final = None, refusal, False
    if refusal is None:
        try:
            number, _, is_final, why = choose_output(
                outputs, sentence, bundle.config, bundle.onnx_path.name
            )
            output = outputs[number].name
        except ModelFormatError as error:
            why = str(error)
    applied = output is not None and not is_final
    return {
        "longest_sentence": bundle.longest_sentence,
        "longest_sentence_from": sentence.texts.length_source or bundle.longest_row_source,
        "lowercase": sentence.lowercase,
        "vector_output": output,
        "vector_output_reason": why,
        "modules_from": sentence.source,
        "before_pooling": _steps(sentence.before) if applied else [],
        "pooling": list(sentence.pooling) if applied and sentence.pooling else None,
        "behind_pooling": _steps(sentence.steps) if applied else [],
        "truncate_dim": sentence.truncate_dim,
        "prompts": {name: text for name, text in sentence.prompts.items() if text},
        "default_prompt": sentence.default_prompt_name,
    }


def _steps(steps: Iterable[object]) -> list[str]:
    return [step if isinstance(step, str) else type(step).__name__.lower() for step in steps]


def _tokenizer(bundle: ModelBundle) -> Mapping[str, Any]:
    files = read_tokenizer_files(bundle)
    return {
        "type": type(files.tokenizer.model).__name__,
        "class": files.name,
        "vocabulary": files.tokenizer.get_vocab_size(),
        "special_tokens": files.special_tokens,
        "padding_side": "left" if files.padding.left else "right",
        "truncation_side": "left" if files.truncates_left else "right",
    }
