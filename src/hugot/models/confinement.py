"""Weights in other files: they must lie in the folder of the graph that names them.

A graph says where its weights are, and whoever made it may have written ``../../secret`` there, or an
absolute path. ONNX Runtime refuses those from 1.24 on; before, it read any file that it was told.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from hugot.errors import ModelFormatError
from hugot.models.graph import external_files

if TYPE_CHECKING:
    from collections.abc import Iterable

# The first API version of an ONNX Runtime that looks where external data leads.
CHECKED_SINCE = 24


def refuse_outside_data(onnx_path: Path) -> None:
    """Raise ModelFormatError where a graph has weights outside of its folder.

    A link counts as what it leads to, which may also lie beside the file that the graph's own path
    leads to: the hub's cache keeps links to files in a folder of their own.
    """
    folders = {onnx_path.parent.resolve(), onnx_path.resolve().parent}
    for name in external_files(onnx_path):
        if not _is_inner(name) or not _is_within((onnx_path.parent / name).resolve(), folders):
            raise ModelFormatError(
                f"{onnx_path} has weights in {name!r}, which is not in its folder; hugot reads nothing "
                "outside of it"
            )


def _is_inner(name: str) -> bool:
    """Whether a path is relative and never goes up, on any system."""
    windows = PureWindowsPath(name)
    absolute = PurePosixPath(name).is_absolute() or windows.drive or windows.root
    return not absolute and ".." not in windows.parts and "\0" not in name


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
