"""Finding a model in an installed Python package, which is not imported: ``package:NAME``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hugot.errors import ModelNotFoundError

_PREFIX: Final = "package:"
# Files that make a folder the root of a model, whose subfolders are then parts of it.
_SIGNS: Final = ("tokenizer.json", "modules.json")
_WEIGHTS: Final = (".onnx", ".safetensors")


def package_folder(model: str) -> Path:
    """Return the folder of the model in an installed Python package, or the ``.onnx`` file asked for.

    It is the only folder of the package, at any depth, with a tokenizer; if there is none, the only one
    with weights, so that the message of what it lacks names it.

    Args:
        model: ``package:NAME``, or ``package:NAME/path`` for a folder or an ``.onnx`` file of the
            package. NAME is the name by which it is imported, or that of its distribution.

    Raises ModelNotFoundError if there is no such package, or it holds no model or several.
    """
    name, _, inner = model.removeprefix(_PREFIX).partition("/")
    roots = _roots(name)
    if not roots:
        raise ModelNotFoundError(
            f"{model!r}: there is no installed package {name!r}; it takes the name by which Python "
            "imports the package, or that of its distribution"
        )
    found = [path for root in roots for path in _models_in(root)]
    if inner:
        for root in roots:
            path = root / inner
            is_graph = path.suffix == ".onnx" and path.is_file()
            if ".." not in path.parts and (is_graph or path.is_dir()):
                return path
        raise ModelNotFoundError(
            f"{model!r}: there is no folder {inner!r}; {_choices(name, roots, found)}"
        )
    if len(found) != 1:
        raise ModelNotFoundError(f"{model!r}: {_choices(name, roots, found)}")
    return found[0]


def _models_in(root: Path) -> list[Path]:
    """Return the folders of models at and below a folder: those with a tokenizer, else with weights."""
    complete: list[Path] = []
    others: list[Path] = []
    for folder, inner, files in os.walk(root):
        if any(sign in files for sign in _SIGNS):
            complete.append(Path(folder))
            inner.clear()
            continue
        if any(name.endswith(_WEIGHTS) for name in files):
            path = Path(folder)
            others.append(path.parent if path.name == "onnx" and path != root else path)
        inner[:] = sorted(name for name in inner if name != "__pycache__")
    return complete or list(dict.fromkeys(others))


def _choices(name: str, roots: list[Path], found: list[Path]) -> str:
    """Return the models of a package for a message, by what can be passed for each."""
    if not found:
        where = ", ".join(map(str, roots))
        return f"the package holds no folder with a tokenizer.json or an .onnx file in {where}"
    parts = [
        path.relative_to(root).as_posix()
        for path in found
        for root in roots
        if path.is_relative_to(root)
    ]
    listed = ", ".join(f"{_PREFIX}{name}/{part}".removesuffix("/.") for part in parts)
    return f"the package holds {len(found)} model{'s' * (len(found) > 1)}: {listed}"


def _roots(name: str) -> list[Path]:
    """Return the folders of a package, by its own name or that of its distribution."""
    return _package_folders(name) or [
        folder for package in _packages_of(name) for folder in _package_folders(package)
    ]


def _package_folders(name: str) -> list[Path]:
    from importlib.util import find_spec

    # With a dot, the packages around it would be imported.
    if not name or "." in name:
        return []
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return []
    locations = spec.submodule_search_locations if spec is not None else None
    return [Path(location) for location in locations or ()]


def _packages_of(distribution: str) -> list[str]:
    """Return the names of the packages that an installed distribution holds."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        listed = files(distribution) or []
    except (PackageNotFoundError, ValueError):
        return []
    tops = dict.fromkeys(path.parts[0] for path in listed if len(path.parts) > 1)
    return [top for top in tops if top != ".." and not top.endswith((".dist-info", ".data"))]
