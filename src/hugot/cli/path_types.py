"""The types of the parameters that name a model or an input, which shells complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugot.cli.flags import ParamType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem


class ModelType(ParamType):
    """A model: a path, a name on the hub, or ``package:NAME``."""

    name = "model"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Return the models on this machine and the paths that begin like this.

        If no model does, the shell completes the path itself, and adds no blank behind a folder.
        """
        from click.shell_completion import CompletionItem

        names = {name for name in _known_models(ctx) if name.startswith(incomplete)}
        if not names:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(each) for each in [*sorted(names), *_paths(incomplete)]]


class InputType(ParamType):
    """A file, a folder, a pattern, or ``-`` for stdin."""

    name = "path"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete the path."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


def _known_models(ctx: Any) -> Iterator[str]:
    """Yield the names of the models in the model folder and in the hub's cache."""
    from hugot.models.cache import cached_models
    from hugot.models.folders import model_folders
    from hugot.models.manifest import read_manifest

    for root in model_folders(ctx.params.get("model_folder")):
        for path in root.iterdir() if root.is_dir() else ():
            manifest = read_manifest(path) if path.is_dir() else None
            if manifest is not None and manifest.name is not None:
                yield manifest.name
    yield from cached_models()


def _paths(incomplete: str) -> list[str]:
    """Return the folders, which end in a slash, and the ``.onnx`` files that begin like this."""
    typed, _, beginning = incomplete.rpartition("/")
    folder = Path(os.path.expanduser(f"{typed}/" if "/" in incomplete else "."))
    prefix = f"{typed}/" if "/" in incomplete else ""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        f"{prefix}{path.name}{'/' if path.is_dir() else ''}"
        for path in found
        if path.name.startswith(beginning)
        and (beginning or not path.name.startswith("."))
        and (path.is_dir() or path.suffix == ".onnx")
    ]
