"""Plugin providers: shared libraries that bring execution providers to an ONNX Runtime.

They are named by ``plugins={"name": "path"}``, or come with a package that announces itself, in one of
two ways:

* its name begins with ``onnxruntime_ep_`` or ``nxrt_ep_`` and it has a function ``get_library_path``,
  as ONNX Runtime's packaging guide has it;
* it has an entry point in the group ``hugot.plugins`` for a module or object with such a function.

Packages are looked for where a provider is asked for that is not there otherwise, and imported then.
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
    """A plugin that an installed package offers.

    Attributes:
        name: the package's name for it.
        path: its shared library.
        providers: names of its providers, where the package tells.
    """

    name: str
    path: str
    providers: list[str]


def register_plugins(library: Library, plugins: Mapping[str, str | os.PathLike[str]]) -> None:
    """Register plugins by name; `register_plugin` has the errors."""
    for name, path in plugins.items():
        register_plugin(library, name, os.path.abspath(os.path.expanduser(os.fspath(path))))


def announced_plugins() -> list[Announced]:
    """The plugins that installed packages offer; one that cannot be imported is left out, and logged."""
    import importlib
    import logging

    found: dict[str, Announced] = {}
    for name, target in _candidates():
        try:
            source = target.load() if hasattr(target, "load") else importlib.import_module(name)
            path = os.path.abspath(os.fspath(source.get_library_path()))
            told: list[object] = list(getattr(source, "get_ep_names", list)())
            found[name] = Announced(name, path, [str(each) for each in told])
        except Exception as error:  # of others' code, when it is imported
            logging.getLogger("hugot").warning(
                "the plugin package %s cannot be used: %s", name, error
            )
    return list(found.values())


def _candidates() -> Iterator[tuple[str, object]]:
    """Names of modules that may be plugin packages, and entry points."""
    import pkgutil
    from importlib.metadata import entry_points

    for module in pkgutil.iter_modules():
        if module.name.startswith(_PREFIXES):
            yield module.name, None
    for point in entry_points(group=ENTRY_POINT_GROUP):
        yield point.name, point


def register_announced(library: Library, name: str, full_name: str | None) -> str | None:
    """Register the announced plugin of this name, or with a provider of this name; gives its own name.

    None where there is none. `full_name` is ONNX Runtime's name of the provider, where it has one.
    """
    for each in announced_plugins():
        if name == each.name or {name, full_name} & set(each.providers):
            register_plugin(library, each.name, each.path)
            return each.name
    return None
