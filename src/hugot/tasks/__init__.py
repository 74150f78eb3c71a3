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
    TaskSpec(
        "text-ranking",
        (),  # those of text classification
        aliases=("cross-encoder", "crossEncoder", "rerank"),
        meant=("rank", "ranking", "reranker", "reranking", "relevance"),
    ),
    TaskSpec("fill-mask", ("ForMaskedLM",), meant=("mask", "unmask", "masked-lm")),
    TaskSpec("zero-shot-classification", (), meant=("zero-shot", "nli", "zsc")),
)
# Architectures of tasks that hugot does not run, for messages.
_OTHER_ARCHITECTURES: Final = {
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
}
# Tasks of transformers (4 and 5) and of sentence-transformers that hugot does not run, for messages.
_OTHER_TASKS: Final = frozenset(
    (
        "any-to-any",
        "audio-classification",
        "automatic-speech-recognition",
        "conversational",
        "depth-estimation",
        "document-question-answering",
        "image-classification",
        "image-feature-extraction",
        "image-segmentation",
        "image-text-to-text",
        "image-to-image",
        "image-to-text",
        "keypoint-matching",
        "mask-generation",
        "object-detection",
        "question-answering",
        "sparse-embedding",
        "summarization",
        "table-question-answering",
        "text-generation",
        "text-to-audio",
        "text-to-speech",
        "text2text-generation",
        "translation",
        "video-classification",
        "visual-question-answering",
        "vqa",
        "zero-shot-audio-classification",
        "zero-shot-image-classification",
        "zero-shot-object-detection",
    )
)
_BY_NAME: Final = {name: spec for spec in SPECS for name in spec.names}


def task_spec(task: str) -> TaskSpec:
    """Return the spec of a task, by its name or an alias.

    Raises InputError for an unknown name.
    """
    try:
        return _BY_NAME[task]
    except (KeyError, TypeError):
        raise InputError(unknown_task(task, "task")) from None


def unknown_task(task: object, what: str) -> str:
    """Return the message for an unknown name of a task, which is called `what`."""
    text, names = str(task), ", ".join(task_names())
    if text in _OTHER_TASKS or text.startswith("translation_"):
        return f"hugot does not run the {what} {text!r} yet; there are: {names}"
    meant = nearest_task(text)
    hint = f"did you mean {meant}? There are" if meant else "there are"
    return f"unknown {what} {task!r}; {hint}: {names}"


def nearest_task(text: str) -> str | None:
    """Return the name of the task that was most likely meant, None if none is like the text.

    A name that begins with the text comes first, then another word for a task, then a similar name.
    """
    said = text.lower()
    names = {name.lower(): name for name in task_names()}
    words = {word: spec.name for spec in SPECS for word in spec.meant}
    beginnings = (name for lower, name in names.items() if said and lower.startswith(said))
    if found := next(beginnings, None) or words.get(said):
        return found
    meant = {**words, **names}
    similar = similar_word(said, meant)
    return meant[similar] if similar is not None else None


def similar_word(text: str, words: Iterable[str]) -> str | None:
    """Return the word that is written most like a text, None if none is like it."""
    import difflib

    found = difflib.get_close_matches(text, list(words), n=1)
    return found[0] if found else None


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
