"""The exceptions of hugot.

    HugotError
    ├── ModelNotFoundError      (FileNotFoundError)   no model under this name or path
    ├── ModelFormatError        (ValueError)          a model's files do not fit together or the task
    ├── TokenizerError          (ValueError)          tokenizer.json cannot be used
    ├── InputError              (ValueError)          an input or an option given by the caller
    ├── ProviderError           (RuntimeError)        an execution provider is not there or not active
    ├── RuntimeLibraryError     (ImportError)         ONNX Runtime's library cannot be found or used
    ├── InferenceError          (RuntimeError)        ONNX Runtime failed while it ran the model
    ├── CancelledError          (RuntimeError)        the run was stopped on request
    ├── DeadlineExceededError   (TimeoutError)        the answer was not there in time
    ├── QueueFullError          (RuntimeError)        too many requests wait already
    ├── SessionClosedError      (RuntimeError)        the pipeline or session is closed
    ├── ForkedProcessError      (RuntimeError)        it was made before this process was forked
    └── DownloadError           (OSError)             a model could not be downloaded

Each also derives from the builtin exception in brackets, so that code which knows nothing of hugot
catches what it expects.
"""

from __future__ import annotations


class HugotError(Exception):
    """Base of every exception that hugot raises on purpose."""


class ModelNotFoundError(HugotError, FileNotFoundError):
    """There is no model under the given name or path, or a file that it needs is missing."""


class ModelFormatError(HugotError, ValueError):
    """A model's files are damaged, or do not fit together or the task."""


class TokenizerError(HugotError, ValueError):
    """A ``tokenizer.json`` cannot be read or used."""


class InputError(HugotError, ValueError):
    """An input or an option given by the caller cannot be used.

    Attributes:
        index: number of the offending input in the caller's list, counted from 0, or None.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class ProviderError(HugotError, RuntimeError):
    """An execution provider that was asked for is not available or not active."""


class RuntimeLibraryError(HugotError, ImportError):
    """ONNX Runtime's library cannot be found, loaded or used."""


class InferenceError(HugotError, RuntimeError):
    """ONNX Runtime reported an error while it ran a model."""


class CancelledError(HugotError, RuntimeError):
    """A run was stopped on request before it ended."""


class DeadlineExceededError(HugotError, TimeoutError):
    """An answer was not there within the time given."""


class QueueFullError(HugotError, RuntimeError):
    """As many requests wait as the pipeline may hold; this one was not taken."""


class SessionClosedError(HugotError, RuntimeError):
    """The session or the pipeline was closed before the call, or closed with ``cancel`` during it."""


class ForkedProcessError(HugotError, RuntimeError):
    """The session or the pipeline was made by the process of which this one is a fork."""


class DownloadError(HugotError, OSError):
    """A model could not be downloaded."""
