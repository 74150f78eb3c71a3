"""Weights outside of the ``.onnx`` file: they must lie in the model's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hugot.errors import ModelFormatError
from hugot.models.graph import external_files

if TYPE_CHECKING:
    from pathlib import Path

# From this version on ONNX Runtime refuses by itself what `refuse_outside` does; 1.19 to 1.23 open any
# file that the graph names.
CHECKED_BY_RUNTIME: Final = 24


def refuse_outside(onnx_path: Path) -> None:
    """Raise ModelFormatError where a graph names a file of weights outside of its own folder.

    Links are followed: one that leads out of the folder is refused. Where the graph is a link itself,
    as in the cache of the hub, its weights may lie beside the file that it leads to.
    """
    folder = onnx_path.parent.resolve()
    allowed = (folder, onnx_path.resolve().parent)
    for name in sorted(external_files(onnx_path)):
        place = (folder / name).resolve()
        if not any(place.is_relative_to(each) for each in allowed):
            raise ModelFormatError(
                f"{onnx_path} has weights in {name!r}, which is outside of its folder; it is not "
                "loaded. Move the file beside the graph and export the model again, if you trust it"
            )
