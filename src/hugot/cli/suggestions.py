"""Suggestions in errors: the task that was meant, files that are missing, the task that fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hugot.cli.flags import ParamType
from hugot.errors import HugotError, ModelFormatError, ModelNotFoundError
from hugot.tasks import task_names, task_spec, tasks_of_architectures, unknown_task

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
        return self.fail(unknown_task(value, "type"), param, ctx)

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """Return its name in the help."""
        return "TYPE"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> Any:
        """Return the names that begin like this."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in task_names() if name.startswith(incomplete)]


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
