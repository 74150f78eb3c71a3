"""What to say beyond an error: what was meant, what is missing, what would fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugot.cli.flag_types import ParamType
from hugot.pipelines import task_name, task_names

if TYPE_CHECKING:
    from hugot.errors import HugotError

# What people call a task.
_MEANT = {
    "sentiment": "sentiment-analysis",
    "classification": "text-classification",
    "classify": "text-classification",
    "embedding": "feature-extraction",
    "embeddings": "feature-extraction",
    "embed": "feature-extraction",
    "features": "feature-extraction",
    "sentence-similarity": "feature-extraction",
    "entities": "token-classification",
    "tokens": "token-classification",
}
_NEEDED = {
    "an .onnx file": ("*.onnx", "onnx/*.onnx"),
    "tokenizer.json": ("tokenizer.json",),
    "config.json": ("config.json",),
}


class TaskType(ParamType):
    """The name of a task."""

    name = "type"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name as it is; another one fails with the one that was meant."""
        names = task_names()
        if value in names:
            return str(value)
        meant = nearest_task(str(value))
        hint = f"did you mean {meant}? There are" if meant else "there are"
        return self.fail(f"unknown type {value!r}; {hint}: {', '.join(names)}", param, ctx)

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """How the help calls it."""
        return "TYPE"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> Any:
        """The names that begin so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in task_names() if name.startswith(incomplete)]


def nearest_task(text: str) -> str | None:
    """The task that was most likely meant."""
    if text.lower() in _MEANT:
        return _MEANT[text.lower()]
    import difflib

    names = {name.lower(): name for name in [*task_names(), *_MEANT]}
    found = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.6)
    return _MEANT.get(names[found[0]], names[found[0]]) if found else None


def missing_files(model: str) -> str | None:
    """What a folder lacks to be a model, None where it is no folder or lacks nothing."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return None
    missing = [
        name
        for name, patterns in _NEEDED.items()
        if not any(found for pattern in patterns for found in folder.glob(pattern))
    ]
    return f"missing in {folder}: {', '.join(missing)}" if missing else None


def fitting_task(model: str, task: str) -> str | None:
    """Which other type a model's own configuration tells, None where it tells none."""
    from hugot.errors import HugotError
    from hugot.models.files import read_json

    path = Path(model).expanduser()
    folder = path if path.is_dir() else path.parent
    try:
        names = read_json(folder / "config.json").get("architectures") or ()
    except (HugotError, OSError):
        return None
    for name in names:
        if "ForSequenceClassification" in name:
            found = "text-classification"
        elif "ForTokenClassification" in name:
            found = "token-classification"
        elif name.endswith("Model"):
            found = "feature-extraction"
        else:
            continue
        if found != task_name(task):
            return f"config.json says {name}, which fits --type {found}"
    return None


def explained(error: HugotError, model: str, task: str) -> str | None:
    """More about an error that a model's files gave, None where there is no more to say."""
    from hugot.errors import ModelFormatError, ModelNotFoundError

    if isinstance(error, ModelNotFoundError):
        return missing_files(model)
    if isinstance(error, ModelFormatError):
        return fitting_task(model, task)
    return None
