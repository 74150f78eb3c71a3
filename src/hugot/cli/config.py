"""``--config``: a TOML file with what could be flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def read_config(path: str, task: str | None, tasks: list[str]) -> dict[str, Any]:
    """The settings of a file, by the names of the options; ``top-k`` is ``top_k``.

    A table that is named as a task holds settings for that task alone. Raises click's UsageError for a
    file that cannot be read.
    """
    import tomllib

    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"--config {path} cannot be read: {error}") from None
    for name in tasks:
        own = settings.pop(name, {})
        if name == task:
            settings.update(own)
    return {name.replace("-", "_"): _plain(value) for name, value in settings.items()}


def _plain(value: Any) -> Any:
    """Tables as pairs, which is what a flag that is given several times makes."""
    if isinstance(value, dict):
        return [(key, each) for key, each in value.items()]
    return value
