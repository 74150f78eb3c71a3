"""Models that come as an installed Python package: ``package:NAME``."""

from __future__ import annotations

from pathlib import Path

from hugot.errors import ModelNotFoundError

PREFIX = "package:"


def package_folder(model: str) -> Path:
    """The folder of the model in a package: the package itself, or its only subfolder with a tokenizer.

    Args:
        model: ``package:`` and the name by which the package is imported; it is not imported.

    Raises ModelNotFoundError where there is no such package, or none or several models in it.
    """
    name = model.removeprefix(PREFIX)
    # With more than one part, the packages around it would be imported.
    folders = _package_folders(name) if name.isidentifier() else []
    if not folders:
        raise ModelNotFoundError(
            f"{model!r}: there is no installed package {name!r}; it takes the name by which Python "
            "imports the package"
        )
    for folder in folders:
        if (folder / "tokenizer.json").is_file():
            return folder
    found = sorted(path.parent for folder in folders for path in folder.glob("*/tokenizer.json"))
    if len(found) != 1:
        held = ", ".join(path.name for path in found) or "none"
        raise ModelNotFoundError(
            f"{model!r}: the package must hold one folder with a tokenizer.json; in "
            f"{', '.join(map(str, folders))} it holds: {held}"
        )
    return found[0]


def _package_folders(name: str) -> list[Path]:
    from importlib.util import find_spec

    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return []
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) for place in places or ()]
