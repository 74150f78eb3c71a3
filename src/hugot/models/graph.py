"""The operators and the external data of a graph, read from its file without loading the model."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from hugot.errors import ModelFormatError
from hugot.models.protobuf import open_graph

if TYPE_CHECKING:
    from os import PathLike

    from hugot.models.protobuf import Schema

# The fields that lead to operators, with the numbers of onnx.proto3. All others, the weights above all,
# are stepped over.
_OPERATORS: Final[Schema] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node"},
    "function": {7: "node"},
    "node": {4: "op_type", 5: "attribute"},
    "attribute": {6: "graph", 11: "graph"},
}
# The same, for the entries of TensorProto.external_data.
_EXTERNAL_DATA: Final[Schema] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse_tensor"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse_tensor",
        23: "sparse_tensor",
    },
    "sparse_tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

# The first API version of an ONNX Runtime that checks the paths of external data itself.
EXTERNAL_DATA_CHECKED_SINCE = 24


def op_types(path: str | PathLike[str]) -> frozenset[str]:
    """Return the names of the operators in an ``.onnx`` file, subgraphs and functions included.

    Raises ModelFormatError if the file is not, or not wholly, made of protobuf messages.
    """
    with open_graph(path) as file:
        return frozenset([file.name(*content) for content in file.find(_OPERATORS, "op_type")])


def external_files(path: str | PathLike[str]) -> frozenset[str]:
    """Return the names of the files that hold external data of an ``.onnx`` file.

    They are relative to the folder of the ``.onnx`` file. Raises ModelFormatError as `op_types`.
    """
    found = set()
    with open_graph(path) as file:
        for start, end in file.find(_EXTERNAL_DATA, "entry"):
            if file.strings(start, end, _ENTRY_KEY)[-1:] == ["location"]:
                found.add("".join(file.strings(start, end, _ENTRY_VALUE)[-1:]))
    return frozenset(found)


def check_external_data(onnx_path: Path) -> None:
    """Raise ModelFormatError if a graph has external data outside of its folder.

    A graph names the files of its external data, and whoever made it may have written ``../../secret``
    or an absolute path there. ONNX Runtime refuses those from 1.24 on; before, it reads any file.

    A symbolic link counts as the file it leads to, which may also lie beside the file that the graph's
    own path leads to: the hub's cache keeps links to files in a folder of their own.
    """
    folders = {onnx_path.parent.resolve(), onnx_path.resolve().parent}
    for name in external_files(onnx_path):
        target = (onnx_path.parent / name).resolve() if _is_relative(name) else None
        if target is None or not any(target.is_relative_to(folder) for folder in folders):
            raise ModelFormatError(
                f"{onnx_path} has weights in {name!r}, which is not in its folder; hugot reads nothing "
                "outside of it"
            )


def _is_relative(name: str) -> bool:
    """Whether a path is relative and never goes up, on any system."""
    windows = PureWindowsPath(name)
    absolute = PurePosixPath(name).is_absolute() or windows.drive or windows.root
    return not absolute and ".." not in windows.parts and "\0" not in name
