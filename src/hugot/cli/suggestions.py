"""Suggestions in errors: the task that was meant, files that are missing, the task that fits."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugot.cli.flags import ParamType
from hugot.errors import HugotError, ModelFormatError, ModelNotFoundError
from hugot.tasks import SPECS, task_names, task_spec, tasks_of_architectures

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILES_OF_ALL = {"an .onnx file": ("*.onnx", "onnx/*.onnx"), "config.json": ("config.json",)}
_FILES_OF_NEEDS = {"tokenizer": {"tokenizer.json": ("tokenizer.json",)}}


class TaskType(ParamType):
    """A task, by any of its names; the value is its own name."""

    name = "type"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the task's own name; fails for an unknown one, with the one that was meant."""
        names = task_names()
        if value in names:
            return task_spec(value).name
        meant = nearest_task(str(value))
        hint = f"did you mean {meant}? There are" if meant else "there are"
        return self.fail(f"unknown type {value!r}; {hint}: {', '.join(names)}", param, ctx)

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """Return its name in the help."""
        return "TYPE"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> Any:
        """Return the names that begin like this."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in task_names() if name.startswith(incomplete)]


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
    found = difflib.get_close_matches(text, list(words), n=1)
    return found[0] if found else None


def with_suggestion(error: HugotError, model: str, task: str) -> HugotError:
    """Return an error about a model's files, with missing files or the task that fits, if known."""
    more = None
    if isinstance(error, ModelNotFoundError):
        more = missing_files(model, task)
    elif isinstance(error, ModelFormatError):
        more = fitting_task(model, task)
    return type(error)(f"{error} ({more})") if more else error


def missing_files(model: str, task: str) -> str | None:
    """Return a list of the files of a model that a folder lacks, None if it lacks none."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return None
    needed = {**_FILES_OF_ALL, **_FILES_OF_NEEDS[task_spec(task).needs]}
    missing = [
        name
        for name, patterns in needed.items()
        if not any(path for pattern in patterns for path in folder.glob(pattern))
    ]
    return f"missing in {folder}: {', '.join(missing)}" if missing else None


def fitting_task(model: str, task: str) -> str | None:
    """Return the other task that a model was made for by its config.json; None if that names none."""
    from hugot.models.files import read_json

    path = Path(model).expanduser()
    folder = path if path.is_dir() else path.parent
    try:
        architectures = read_json(folder / "config.json").get("architectures")
    except (HugotError, OSError):
        return None
    if not isinstance(architectures, list):
        return None
    for architecture in architectures:
        for found in tasks_of_architectures([architecture]):
            if found != task and found in task_names():
                return f"config.json says {architecture}, which fits --type {found}"
    return None
