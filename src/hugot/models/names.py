"""Names of models on the hub, and the folders they are kept in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hugot.errors import InputError

if TYPE_CHECKING:
    from os import PathLike

ENVIRONMENT_VARIABLE = "HUGOT_MODELS"

# Compiled when they are used: a start with a path needs none.
# A repository on the hub: "name" or "organisation/name".
_HUB_NAME = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?"
# A branch, tag or commit, such as "v1.0" or "refs/pr/2".
_REVISION = r"[A-Za-z0-9][\w.+-]*(/[\w.+-]+)*"


def model_folders(chosen: str | PathLike[str] | None = None) -> list[Path]:
    """Where models are kept: the folder given, else ``HUGOT_MODELS``, else ``~/hugot/models``.

    The last comes with ``~/hugot``. A download goes to the first.
    """
    if chosen is not None:
        return [Path(chosen).expanduser()]
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return [Path(named).expanduser()]
    return [Path.home() / "hugot" / "models", Path.home() / "hugot"]


def folder_name(name: str) -> str:
    """Name of a model's folder in the model folder: ``organisation_name``."""
    return name.replace("/", "_")


def is_name(name: str) -> bool:
    """Whether a string can be a name on the hub."""
    return re.fullmatch(_HUB_NAME, name, re.ASCII) is not None and ".." not in name


def check_name(name: str) -> None:
    """Raise InputError unless a string can be a name on the hub."""
    if not isinstance(name, str) or not is_name(name):
        raise InputError(f"{name!r} is not a name on the hub, such as 'organisation/name'")


def check_revision(revision: str | None) -> None:
    """Raise InputError unless a string can be a branch, a tag or a commit; None is the main branch."""
    if revision is None:
        return
    if not re.fullmatch(_REVISION, revision, re.ASCII) or ".." in revision:
        raise InputError(
            f"revision={revision!r}; it can be a branch, a tag or the hash of a commit"
        )
