"""The exceptions of hugot.

    HugotError
    ├── ModelNotFoundError      (FileNotFoundError)   no model under this name or path
    ├── ModelFormatError        (ValueError)          a model's files are damaged or do not match
    ├── TokenizerError          (ValueError)          tokenizer.json cannot be used
    ├── InputError              (ValueError)          an input or an option given by the caller
    ├── ProviderError           (RuntimeError)        an execution provider is missing or not active
    ├── RuntimeLibraryError     (ImportError)         ONNX Runtime's library cannot be found or used
    ├── InferenceError          (RuntimeError)        ONNX Runtime failed while it ran the model
    ├── CancelledError          (RuntimeError)        the run was stopped on request
    ├── DeadlineExceededError   (TimeoutError)        no answer within the given time
    ├── QueueFullError          (RuntimeError)        the queue of requests is full
    ├── SessionClosedError      (RuntimeError)        the pipeline or session is closed
    ├── ForkedProcessError      (RuntimeError)        the call was begun before this process was forked
    └── DownloadError           (OSError)             a model could not be downloaded

Each also derives from the builtin exception in brackets, so that code that does not know hugot can
catch it. NotFiniteWarning, a RuntimeWarning, is a warning.
"""

from __future__ import annotations


class HugotError(Exception):
    """Base of every exception that hugot raises on purpose."""


class ModelNotFoundError(HugotError, FileNotFoundError):
    """No model has the given name or path, or one of its files is missing."""


class ModelFormatError(HugotError, ValueError):
    """The files of a model are damaged, or do not match each other or the task."""


class TokenizerError(HugotError, ValueError):
    """A ``tokenizer.json`` cannot be read or used."""


class InputError(HugotError, ValueError):
    """An input or an option given by the caller cannot be used.

    Attributes:
        index: index of the offending input in the caller's list, or None.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class ProviderError(HugotError, RuntimeError):
    """A requested execution provider is not available or not active."""


class RuntimeLibraryError(HugotError, ImportError):
    """ONNX Runtime's library cannot be found, loaded or used."""


class InferenceError(HugotError, RuntimeError):
    """ONNX Runtime reported an error while it ran a model."""


class CancelledError(HugotError, RuntimeError):
    """A run was stopped on request before it ended."""


class DeadlineExceededError(HugotError, TimeoutError):
    """A call had no answer within the given time."""


class QueueFullError(HugotError, RuntimeError):
    """A request was refused because the queue of the pipeline is full."""


class SessionClosedError(HugotError, RuntimeError):
    """The session or the pipeline was closed before the call, or closed with ``cancel`` during it."""


class ForkedProcessError(HugotError, RuntimeError):
    """A future or stream was begun before this process was forked, or a fork has lost the device."""


class DownloadError(HugotError, OSError):
    """A model could not be downloaded."""


class NotFiniteWarning(RuntimeWarning):
    """A model returned numbers that are not finite (NaN or infinity) for an input.

    Each pipeline issues it once, and counts all such inputs in its statistics.
    """
