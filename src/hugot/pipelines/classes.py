"""Making pipelines, and the class of each task's pipelines at its first use.

The stub beside this module, written by scripts/generate, declares them for editors and type checkers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from hugot.inputs.graph_inputs import choose_other_inputs
from hugot.options import check_names, option_names
from hugot.pipelines.pipeline import Pipeline
from hugot.pipelines.runner import Runner
from hugot.tasks import SPECS, task_class, task_spec
from hugot.tasks.base import Graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from hugot.models.bundle import ModelBundle
    from hugot.pipelines.spec import PipelineSpec
    from hugot.runtime.engine import Engine


def make_pipeline(
    engine: Engine,
    bundle: ModelBundle,
    spec: PipelineSpec,
    restore: Callable[[PipelineSpec], Pipeline[Any, Any]],
) -> Pipeline[Any, Any]:
    """Make the pipeline of a spec on a bundle whose model the engine has begun to load.

    `restore` makes a pipeline from its spec when it is unpickled. Raises InputError for an option,
    ModelFormatError and TokenizerError for the model's files.
    """
    kind = task_class(spec.task)
    check_names(spec.options, option_names(kind.options_type), f"option of {spec.task}")
    options = kind.options_type(**spec.options)
    try:
        task = kind(bundle, engine.tokenizers_of(bundle))
    finally:
        # A thread loads the model meanwhile. If both fail, the model's error is raised.
        model = engine.load_model(bundle)
    if model.width is not None:
        # Known once the model is loaded; to read it from the file would delay the start of all others.
        bundle = replace(bundle, graph_width=model.width)
        task = kind(bundle, engine.tokenizers_of(bundle))
    other_inputs = choose_other_inputs(model.inputs, spec.choice.get("inputs") or {}, bundle)
    inputs = model.inputs if other_inputs is None else other_inputs.row_inputs
    task.bind(Graph(bundle.onnx_path, inputs, model.session.outputs), options)
    wanted = engine.options.microbatch
    shares_groups = not model.batch_dependent if wanted is None else wanted
    runner = Runner(
        task, model, spec.name, options, shares_groups=shares_groups, other_inputs=other_inputs
    )
    return pipeline_class(spec.task)(runner, spec, restore, engine.options.max_queue)


def pipeline_class(task: str) -> type[Pipeline[Any, Any]]:
    """Return the class of a task's pipelines; raises InputError for an unknown task."""
    return _make_class(task_spec(task).name)


@cache
def _make_class(name: str) -> type[Pipeline[Any, Any]]:
    task = task_class(name)
    members = {"task": name, "__doc__": task.__doc__, "__module__": "hugot"}
    bases = (Pipeline,) if task.methods is None else (task.methods, Pipeline)
    return type(task_spec(name).pipeline_name, bases, members)


def __getattr__(name: str) -> type[Pipeline[Any, Any]]:
    for spec in SPECS:
        if spec.pipeline_name == name:
            return _make_class(spec.name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
