"""The table of tasks.

A line of the table names a task; the task's module has everything else: options, input fields, result
type, and the conversion of inputs to rows and of outputs to results. Modules are imported when a task is
used.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hugot.tasks.base import Task


class TaskSpec(NamedTuple):
    """The properties of a task that are known before its module is imported.

    Attributes:
        name: the name in transformers. The names of its module, of the task's class in that module, of
            the class of its pipelines, and the camelCase alias of hugot for Go are derived from it.
        architectures: ends of the names of architectures in config.json that are made for the task.
        aliases: further names.
        meant: names that are used by mistake, for suggestions.
        needs: the component that converts its inputs to rows.
        run_defaults: defaults of options in ``hugot run``, if they differ. They stand here because the
            command imports no task, and numpy with it, before it begins to load the model.
    """

    name: str
    architectures: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()
    needs: Literal["tokenizer"] = "tokenizer"
    run_defaults: Mapping[str, Any] = MappingProxyType({})

    @property
    def class_name(self) -> str:
        """Name of the task's class, such as ``TextClassification``."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def pipeline_name(self) -> str:
        """Name of the class of its pipelines, such as ``TextClassificationPipeline``."""
        return f"{self.class_name}Pipeline"

    @property
    def module(self) -> str:
        """Name of its module."""
        return f"hugot.tasks.{self.name.replace('-', '_')}"

    @property
    def names(self) -> tuple[str, ...]:
        """The name and all aliases."""
        camel_case = self.class_name[0].lower() + self.class_name[1:]
        return (self.name, *self.aliases, camel_case)


SPECS: Final = (
    TaskSpec(
        "feature-extraction",
        ("Model",),
        meant=("embed", "embedding", "embeddings", "features", "sentence-similarity"),
    ),
    TaskSpec(
        "text-classification",
        ("ForSequenceClassification",),
        aliases=("sentiment-analysis",),
        meant=("sentiment", "classification", "classify"),
    ),
    TaskSpec(
        "token-classification",
        ("ForTokenClassification",),
        aliases=("ner",),
        meant=("entities", "tokens"),
        run_defaults={"aggregation_strategy": "simple"},
    ),
    TaskSpec("fill-mask", ("ForMaskedLM",), meant=("mask", "unmask", "masked-lm")),
)
# Architectures of tasks that hugot does not run, for messages.
_OTHER_ARCHITECTURES: Final = {
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
}
_BY_NAME: Final = {name: spec for spec in SPECS for name in spec.names}


def task_spec(task: str) -> TaskSpec:
    """Return the spec of a task, by its name or an alias.

    Raises InputError for an unknown name.
    """
    try:
        return _BY_NAME[task]
    except (KeyError, TypeError):
        raise InputError(f"unknown task {task!r}; there are: {', '.join(task_names())}") from None


def task_names() -> list[str]:
    """Return all names of tasks: transformers' own first, then the aliases."""
    return [spec.name for spec in SPECS] + [alias for spec in SPECS for alias in spec.names[1:]]


def task_class(task: str) -> type[Task[Any, Any]]:
    """Import a task's module and return its class; raises InputError for an unknown name."""
    spec = task_spec(task)
    found: type[Task[Any, Any]] = getattr(importlib.import_module(spec.module), spec.class_name)
    return found


def tasks_of_architectures(architectures: Iterable[object]) -> list[str]:
    """Return the tasks that architectures of config.json are made for, even those hugot does not run."""
    ends = {end: spec.name for spec in SPECS for end in spec.architectures}
    # "BertForQuestionAnswering" is no "Model": the longest end counts.
    ranked = sorted({**_OTHER_ARCHITECTURES, **ends}.items(), key=lambda item: -len(item[0]))
    found = (
        next((task for end, task in ranked if str(architecture).endswith(end)), None)
        for architecture in architectures
    )
    return list(dict.fromkeys(task for task in found if task is not None))
