"""The available execution providers: `hugot.available_providers` and ``hugot providers``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hugot._ort.devices import list_devices, register_plugin, registered_plugins
from hugot._ort.loader import load_library
from hugot._ort.plugins import announced_plugins, register_plugins
from hugot._ort.providers import short_name
from hugot.errors import HugotError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike


@dataclass(frozen=True)
class PluginInfo:
    """A plugin that is registered, or that could not be registered.

    Attributes:
        name: the name of the plugin, which the option `providers` may use.
        path: its shared library.
        providers: names of the providers that it has devices for.
        error: the reason why it cannot be used, or None.
    """

    name: str
    path: str
    providers: list[str]
    error: str | None = None


@dataclass(frozen=True)
class DeviceInfo:
    """A device that a provider can use.

    Attributes:
        provider: ONNX Runtime's name of the provider.
        device_type: ``"cpu"``, ``"gpu"`` or ``"npu"``.
        vendor: its manufacturer.
        metadata: further properties that the provider reports.
    """

    provider: str
    device_type: str
    vendor: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class AvailableProviders:
    """An ONNX Runtime library and its execution providers.

    Attributes:
        version: ONNX Runtime's version.
        path: its library.
        api_version: version of its C API that is in use. From 23 on it supports plugins; from 24 on it
            reports which provider runs each node of a model.
        built_in: short name → ONNX Runtime's name of each provider that it was built with.
        plugins: the plugins of this process, and those of installed packages.
        devices: the devices of all providers; empty before ONNX Runtime 1.23.
    """

    version: str
    path: str
    api_version: int
    built_in: dict[str, str]
    plugins: list[PluginInfo]
    devices: list[DeviceInfo]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and strings."""
        return asdict(self)


def available_providers(
    onnxruntime_library: str | PathLike[str] | None = None,
    *,
    plugins: Mapping[str, str | PathLike[str]] | None = None,
) -> AvailableProviders:
    """Return the ONNX Runtime that a session would use, and its execution providers and devices.

        hugot.available_providers().built_in        # {'cuda': 'CUDAExecutionProvider', ...}

    A built-in provider may still fail because its own libraries or a device are missing; the attribute
    `providers` of a pipeline reports what runs. Plugins of installed packages are registered.

    Args:
        onnxruntime_library: as for `hugot.Session`.
        plugins: as for `hugot.Session`.

    Raises RuntimeLibraryError if ONNX Runtime cannot be loaded, ProviderError for a plugin in `plugins`
    that cannot be used.
    """
    library = load_library(onnxruntime_library)
    register_plugins(library, plugins or {})
    refused = []
    for each in announced_plugins():
        try:
            register_plugin(library, each.name, each.path)
        except HugotError as error:
            refused.append(PluginInfo(each.name, each.path, each.providers, str(error)))
    registered = [
        PluginInfo(name, path, brought)
        for name, (path, brought) in registered_plugins(library).items()
    ]
    return AvailableProviders(
        version=library.version,
        path=library.path,
        api_version=library.api_version,
        built_in={short_name(name): name for name in library.available_providers()},
        plugins=registered + refused,
        devices=[
            DeviceInfo(each.provider, each.device_type, each.vendor, dict(each.metadata))
            for each in list_devices(library)
        ],
    )
