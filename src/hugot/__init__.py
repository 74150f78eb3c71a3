"""Hugging Face transformer pipelines from ONNX exports, without torch.

    import hugot

    classify = hugot.pipeline("text-classification", "path/to/model")
    classify("The film was excellent")      # [{'label': 'POSITIVE', 'score': 0.9998}]

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

__version__ = "0.1.0"

# What type checkers know by this name; importing typing would take most of the time of this module.
TYPE_CHECKING = False

# Public name → the module that holds it. `__all__` is exactly these.
_HOMES = {
    "CancelledError": "hugot.errors",
    "DeadlineExceededError": "hugot.errors",
    "DownloadError": "hugot.errors",
    "FeatureExtractionPipeline": "hugot.pipelines.classes",
    "ForkedProcessError": "hugot.errors",
    "HugotError": "hugot.errors",
    "InferenceError": "hugot.errors",
    "InputError": "hugot.errors",
    "ModelFormatError": "hugot.errors",
    "ModelNotFoundError": "hugot.errors",
    "ProviderError": "hugot.errors",
    "QueueFullError": "hugot.errors",
    "RuntimeLibraryError": "hugot.errors",
    "Session": "hugot.session",
    "SessionClosedError": "hugot.errors",
    "TextClassificationPipeline": "hugot.pipelines.classes",
    "TokenClassificationPipeline": "hugot.pipelines.classes",
    "TokenizerError": "hugot.errors",
    "available_providers": "hugot.runtime.available",
    "download_model": "hugot.models.download",
    "pipeline": "hugot.api",
}

__all__ = [
    "CancelledError",
    "DeadlineExceededError",
    "DownloadError",
    "FeatureExtractionPipeline",
    "ForkedProcessError",
    "HugotError",
    "InferenceError",
    "InputError",
    "ModelFormatError",
    "ModelNotFoundError",
    "ProviderError",
    "QueueFullError",
    "RuntimeLibraryError",
    "Session",
    "SessionClosedError",
    "TextClassificationPipeline",
    "TokenClassificationPipeline",
    "TokenizerError",
    "available_providers",
    "download_model",
    "pipeline",
]

if TYPE_CHECKING:
    from typing import Any

    from hugot.api import pipeline
    from hugot.errors import (
        CancelledError,
        DeadlineExceededError,
        DownloadError,
        ForkedProcessError,
        HugotError,
        InferenceError,
        InputError,
        ModelFormatError,
        ModelNotFoundError,
        ProviderError,
        QueueFullError,
        RuntimeLibraryError,
        SessionClosedError,
        TokenizerError,
    )
    from hugot.models.download import download_model
    from hugot.pipelines.classes import (
        FeatureExtractionPipeline,
        TextClassificationPipeline,
        TokenClassificationPipeline,
    )
    from hugot.runtime.available import available_providers
    from hugot.session import Session

try:
    from hugot._fast import checksum as _compiled  # noqa: F401  (light; tells whether hugot is built)
except ImportError as error:
    raise ImportError(
        f"hugot's compiled modules cannot be imported ({error}). They are made when the package is "
        "installed: run 'pip install .' (or 'pip install --editable .') in the root of the source "
        "tree, with a C compiler at hand, or 'pip install --force-reinstall hugot' elsewhere; and do "
        "not import hugot from the folder src/ itself."
    ) from error


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hugot' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
