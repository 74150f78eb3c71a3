"""Names of execution providers, and the check that what was asked for is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hugot.errors import InputError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot._ort.library import Library

CPU = "CPUExecutionProvider"

# Short name → (ONNX Runtime's name, what to install for it).
_PROVIDERS: Mapping[str, tuple[str, str]] = {
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
_BY_FULL_NAME = {full: short for short, (full, _) in _PROVIDERS.items()}


def resolve(
    requested: Sequence[str | tuple[str, Mapping[str, object]]] | None,
    library: Library,
    *,
    fallback: bool = False,
) -> list[tuple[str, dict[str, object]]]:
    """Turn what the user asked for into pairs of ONNX Runtime's name and settings.

    With `fallback`, providers that the library lacks are left out; otherwise they raise a
    ProviderError that says what is there and what to install. An unknown name raises InputError.
    """
    if isinstance(requested, str):
        raise InputError(f"providers={requested!r}; it must be a list: [{requested!r}]")
    available = library.available_providers()
    resolved = []
    for item in requested or ():
        name, settings = _name_and_settings(item)
        full = full_name(name)
        if full in available:
            resolved.append((full, dict(settings)))
        elif not fallback:
            raise ProviderError(
                f"the execution provider {name!r} ({full}) is not in this ONNX Runtime. "
                f"{library.path} (version {library.version}) has {', '.join(available)}. "
                f"It comes with {_PROVIDERS[_BY_FULL_NAME[full]][1]}; provider_fallback=True would "
                "run on the CPU instead."
            )
    return resolved


def _name_and_settings(item: object) -> tuple[str, Mapping[str, object]]:
    match item:
        case str():
            return item, {}
        case (str() as name, Mapping() as settings):
            return name, settings
    raise InputError(
        f"{item!r} in providers= is neither a name nor a pair of a name and a dict of settings"
    )


def full_name(name: str) -> str:
    """ONNX Runtime's name of a provider, from its short or its full name."""
    if name in _BY_FULL_NAME:
        return name
    if isinstance(name, str) and name.lower() in _PROVIDERS:
        return _PROVIDERS[name.lower()][0]
    from difflib import get_close_matches

    near = get_close_matches(str(name).lower(), _PROVIDERS, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InputError(
        f"unknown execution provider {name!r}.{hint} There are: {', '.join(_PROVIDERS)}"
    )
