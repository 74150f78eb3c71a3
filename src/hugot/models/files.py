"""Reading a model's JSON files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from pathlib import Path


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is no such file.

    Raises ModelFormatError where the file holds anything else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelFormatError(f"{path} must hold a JSON object, not {type(value).__name__}")
    return value
