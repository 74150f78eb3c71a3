"""Plugins: shared libraries that add execution providers to ONNX Runtime.

A plugin is given as ``plugins={"name": "path"}``, or is part of an installed package that announces it
in one of two ways:

* The name of the package begins with ``onnxruntime_ep_`` or ``nxrt_ep_`` and it has a function
  ``get_library_path``, the convention of ONNX Runtime's packaging guide.
* The package has an entry point in the group ``hugot.plugins`` for a module or an object with such a
  function.

Installed packages are searched and imported only for a requested provider that is not available
otherwise.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from hugot._ort.devices import register_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hugot._ort.library import Library

ENTRY_POINT_GROUP = "hugot.plugins"
_PREFIXES = ("onnxruntime_ep_", "nxrt_ep_")


class Announced(NamedTuple):
    """A plugin of an installed package.

    Attributes:
        name: name of the package or the entry point.
        path: path of the shared library.
        providers: names of its providers; empty if the package does not list them.
    """

    name: str
    path: str
    providers: list[str]


def register_plugins(library: Library, plugins: Mapping[str, str | os.PathLike[str]]) -> None:
    """Register plugins under their names.

    Raises the errors of `register_plugin`.
    """
    for name, path in plugins.items():
        register_plugin(library, name, os.path.abspath(os.path.expanduser(os.fspath(path))))


def announced_plugins() -> list[Announced]:
    """Return the plugins of installed packages; logs and leaves out those that cannot be imported."""
    import importlib
    import logging

    found: dict[str, Announced] = {}
    for name, target in _candidates():
        try:
            source = target.load() if hasattr(target, "load") else importlib.import_module(name)
            path = os.path.abspath(os.fspath(source.get_library_path()))
            listed: list[object] = list(getattr(source, "get_ep_names", list)())
            found[name] = Announced(name, path, [str(each) for each in listed])
        except Exception as error:  # third-party code can raise anything
            logging.getLogger("hugot").warning(
                "the plugin package %s cannot be used: %s", name, error
            )
    return list(found.values())


def _candidates() -> Iterator[tuple[str, object]]:
    """Yield the name of each possible plugin, with its entry point or, for a module, None."""
    import pkgutil
    from importlib.metadata import entry_points

    for module in pkgutil.iter_modules():
        if module.name.startswith(_PREFIXES):
            yield module.name, None
    for point in entry_points(group=ENTRY_POINT_GROUP):
        yield point.name, point


def register_announced(library: Library, name: str, full_name: str | None) -> str | None:
    """Register the plugin of an installed package for the provider `name`.

    Args:
        library: the ONNX Runtime to register it with.
        name: name of the plugin, or of one of its providers.
        full_name: ONNX Runtime's name of the provider, or None.

    Returns the name of the plugin, or None if no package has one.
    """
    for each in announced_plugins():
        if name == each.name or {name, full_name} & set(each.providers):
            register_plugin(library, each.name, each.path)
            return each.name
    return None
