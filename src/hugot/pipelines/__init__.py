"""The tasks: what each is called, and the class that does it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hugot.errors import InputError

if TYPE_CHECKING:
    from hugot.pipelines.base import Pipeline

# Task name of transformers → module and class.
_TASKS = {
    "feature-extraction": ("feature_extraction", "FeatureExtractionPipeline"),
    "text-classification": ("text_classification", "TextClassificationPipeline"),
    "token-classification": ("token_classification", "TokenClassificationPipeline"),
}
# Other names: those of transformers, and those of hugot for Go.
_ALIASES = {
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "featureExtraction": "feature-extraction",
    "textClassification": "text-classification",
    "tokenClassification": "token-classification",
}


def task_name(task: str) -> str:
    """The task's own name, from it or an alias; raises InputError for an unknown one."""
    name = _ALIASES.get(task, task)
    if name not in _TASKS:
        raise InputError(f"unknown task {task!r}; there are: {', '.join(task_names())}")
    return name


def task_names() -> list[str]:
    """All names by which tasks can be called."""
    return [*_TASKS, *_ALIASES]


def pipeline_class(task: str) -> type[Pipeline[Any, Any]]:
    """The class of a task; its module is imported now."""
    module, name = _TASKS[task_name(task)]
    found: type[Pipeline[Any, Any]] = getattr(
        importlib.import_module(f"hugot.pipelines.{module}"), name
    )
    return found
