"""Names of execution providers, and their resolution to providers of the library or of a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from hugot.errors import InputError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot._ort.devices import Device
    from hugot._ort.library import Library

CPU = "CPUExecutionProvider"

# Short name → (ONNX Runtime's name, package or build that contains it).
_PROVIDERS: dict[str, tuple[str, str]] = {
    "cpu": (CPU, "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu, with CUDA and cuDNN"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu, with TensorRT"),
    "nvtensorrtrtx": ("NvTensorRTRTXExecutionProvider", "onnxruntime-trt-rtx"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml"),
    "dml": ("DmlExecutionProvider", "onnxruntime-directml"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime on macOS"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "rocm": ("ROCMExecutionProvider", "onnxruntime-rocm"),
    "migraphx": ("MIGraphXExecutionProvider", "onnxruntime-migraphx"),
    "qnn": ("QNNExecutionProvider", "onnxruntime-qnn"),
    "xnnpack": ("XnnpackExecutionProvider", "a build of ONNX Runtime with XNNPACK"),
    "dnnl": ("DnnlExecutionProvider", "a build of ONNX Runtime with oneDNN"),
    "cann": ("CANNExecutionProvider", "onnxruntime-cann"),
    "vitisai": ("VitisAIExecutionProvider", "onnxruntime-vitisai"),
    "webgpu": ("WebGpuExecutionProvider", "a build of ONNX Runtime with WebGPU"),
    "acl": ("ACLExecutionProvider", "a build of ONNX Runtime with the Arm Compute Library"),
    "azure": ("AzureExecutionProvider", "onnxruntime"),
}
# Reversed, so that the first of two short names is kept: "directml" rather than "dml".
_BY_FULL_NAME = {full: short for short, (full, _) in reversed(_PROVIDERS.items())}
# Names that select any provider with a device of this type.
_DEVICE_TYPES = ("gpu", "npu")


class Provider(NamedTuple):
    """An execution provider for a session.

    Attributes:
        name: ONNX Runtime's name.
        settings: settings of the provider.
        devices: the devices to use, for a provider of a plugin; otherwise empty.
    """

    name: str
    settings: dict[str, object]
    devices: tuple[Device, ...] = ()


def resolve(
    requested: Sequence[str | tuple[str, Mapping[str, object]]] | None,
    library: Library,
    *,
    fallback: bool = False,
) -> list[Provider]:
    """Return the requested providers as providers of the library, in the same order.

    With `fallback`, providers that are not available are left out, and a warning is logged.

    Raises ProviderError for a provider that is not available, with a list of the available ones and of
    the package to install. Raises InputError for an unknown name.
    """
    if isinstance(requested, str):
        raise InputError(f"providers={requested!r}; it must be a list: [{requested!r}]")
    if requested is not None and not isinstance(requested, (list, tuple)):
        raise InputError(f"providers={requested!r}; it must be a list, such as ['cuda', 'cpu']")
    available = library.available_providers()
    resolved = []
    for item in requested or ():
        name, settings = _name_and_settings(item)
        try:
            resolved.append(_find(name, settings, library, available))
        except ProviderError as error:
            if not fallback:
                raise with_hint(error) from None
            warn_of_fallback(error)
    return resolved


def with_hint(error: ProviderError) -> ProviderError:
    """Return the error with a hint to the option ``provider_fallback``."""
    return ProviderError(f"{error} provider_fallback=True would run on the CPU instead.")


def warn_of_fallback(reason: object) -> None:
    """Log a warning that a provider is left out."""
    import logging  # takes milliseconds, and most programs have nothing to log

    logging.getLogger("hugot").warning(
        "an execution provider is left out, as provider_fallback=True allows: %s", reason
    )


def _find(
    name: str, settings: Mapping[str, object], library: Library, available: Sequence[str]
) -> Provider:
    """Return the built-in provider, or that of a plugin which is registered or installed."""
    full = known_name(name)
    if full in available and full is not None:
        return Provider(full, _texts(full, settings))
    from hugot._ort.plugins import register_announced

    devices = _devices(library, name, full)
    if not devices and name.lower() not in _DEVICE_TYPES:
        announced = register_announced(library, name, full)
        if announced is not None:
            devices = _devices(library, announced, full)
            name = announced
    if devices:
        return _on_device(name, devices, settings)
    raise _absent(name, full, library, available)


def _devices(library: Library, name: str, full: str | None) -> list[Device]:
    """Return the devices of the plugin, the type of device or the provider called `name`."""
    from hugot._ort.devices import list_devices, registered_plugins

    plugins = registered_plugins(library)
    if name in plugins:
        return [each for each in list_devices(library) if each.provider in plugins[name][1]]
    found = list_devices(library)
    if name.lower() in _DEVICE_TYPES:
        return [each for each in found if each.device_type == name.lower()]
    return [each for each in found if each.provider in (name, full)]


def _on_device(name: str, devices: Sequence[Device], settings: Mapping[str, object]) -> Provider:
    """Return the provider on the first device, of the type in the setting ``device_type`` if given."""
    rest = dict(settings)
    wanted = rest.pop("device_type", None)
    fitting = [
        each for each in devices if wanted is None or each.device_type == str(wanted).lower()
    ]
    if not fitting:
        types = ", ".join(dict.fromkeys(each.device_type for each in devices))
        raise ProviderError(f"{name!r} has no device of type {wanted!r}; it has: {types}")
    chosen = fitting[0]
    return Provider(chosen.provider, _texts(chosen.provider, rest), (chosen,))


def _absent(
    name: str, full: str | None, library: Library, available: Sequence[str]
) -> ProviderError | InputError:
    """Return the error for a provider that is not available."""
    from hugot._ort.devices import registered_plugins

    plugins = registered_plugins(library)
    there = f"{library.path} (version {library.version}) has {', '.join(available)}"
    of_plugins = [provider for _, names in plugins.values() for provider in names]
    if of_plugins:
        there += f", and by plugins {', '.join(of_plugins)}"
    for idle in (plugin for plugin, (_, names) in plugins.items() if not names and plugin != name):
        there += f"; the plugin {idle!r} offers no device on this machine"
    if name in plugins:
        return ProviderError(
            f"the plugin {name!r} ({plugins[name][0]}) is registered, but offers no device on this "
            f"machine: its provider does not support the hardware that is here. {there}."
        )
    if name.lower() in _DEVICE_TYPES:
        return ProviderError(
            f"no execution provider offers a device of type {name!r}. {there}. Name a plugin for it "
            "with plugins=."
        )
    if full is None:
        return _unknown(name, [*plugins, *of_plugins])
    return ProviderError(
        f"the execution provider {name!r} ({full}) is not in this ONNX Runtime. {there}. It comes "
        f"with {_PROVIDERS[_BY_FULL_NAME[full]][1]}."
    )


def _texts(provider: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings as text for ONNX Runtime, with dicts and lists as JSON."""
    texts: dict[str, object] = {}
    for key, value in settings.items():
        if not isinstance(key, str) or value is None:
            raise InputError(
                f"{key!r}: {value!r} is not a setting of {provider}: a name and a value"
            )
        if isinstance(value, Mapping | list | tuple):
            import json

            try:
                texts[key] = json.dumps(value)
            except TypeError as error:
                raise InputError(f"the setting {key!r} of {provider}: {error}") from error
        else:
            texts[key] = str(value)
    return texts


def _name_and_settings(item: object) -> tuple[str, Mapping[str, object]]:
    match item:
        case str():
            return item, {}
        case (str() as name, Mapping() as settings):
            return name, settings
    raise InputError(
        f"{item!r} in providers= is neither a name nor a pair of a name and a dict of settings"
    )


def known_name(name: str) -> str | None:
    """Return ONNX Runtime's name of a provider from its short or full name, or None if it is unknown."""
    if name in _BY_FULL_NAME:
        return name
    known = _PROVIDERS.get(name.lower())
    return known[0] if known else None


def short_name(name: str) -> str:
    """Return the short name of a provider, or ONNX Runtime's name if it has none."""
    return _BY_FULL_NAME.get(name, name)


def full_name(name: str) -> str:
    """Return ONNX Runtime's name of a provider from its short or full name.

    Raises InputError for an unknown name.
    """
    full = known_name(name)
    if full is None:
        raise _unknown(name, [])
    return full


def _unknown(name: str, others: Sequence[str]) -> InputError:
    from difflib import get_close_matches

    names = [*_PROVIDERS, *others]
    near = get_close_matches(name.lower(), names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(
        f"unknown execution provider {name!r}.{hint} There are: {', '.join(names)}; those of plugins "
        "go by the names in plugins="
    )
