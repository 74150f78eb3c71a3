"""The runner of a pipeline in this process, which a forked child makes again."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from hugot._fast.recorder import Recorder
from hugot.errors import ForkedProcessError
from hugot.runtime.process import register_fork_handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from hugot.pipelines.runner import Runner

# Providers whose driver cannot be used in a forked child once the parent has used it.
_LOST_BY_FORKS: Final = frozenset(
    (
        "CUDAExecutionProvider",
        "MIGraphXExecutionProvider",
        "NvTensorRTRTXExecutionProvider",
        "ROCMExecutionProvider",
        "TensorrtExecutionProvider",
    )
)


class LocalRunner:
    """Holds the runner of a pipeline; in a forked child, the first use makes another one.

    The threads and native sessions of a runner belong to the process that made it.

    Args:
        runner: the runner.
        make: makes the pipeline again, and returns its runner.

    Attributes:
        runner: the runner; None in a forked child before the first use, which calls `get`.
    """

    def __init__(self, runner: Runner[Any], make: Callable[[], Runner[Any]]) -> None:
        self.runner: Runner[Any] | None = runner
        self._latest = runner
        self._make = make
        self._making = threading.Lock()
        register_fork_handler(self)

    def get(self) -> Runner[Any]:
        """Return the runner of this process, which a forked child makes at the first call.

        Raises what `hugot.pipeline` raises, and the next call tries again; ForkedProcessError if the
        model runs on a device that a forked process cannot use.
        """
        if self.runner is not None:
            return self.runner
        with self._making:
            if self.runner is None:
                if self._latest.calls.refused:
                    self.runner = self._latest  # a closed pipeline stays closed
                else:
                    _check_devices(self._latest)
                    self.runner = self._latest = self._make()
            return self.runner

    @property
    def closed(self) -> bool:
        """Whether the pipeline was closed, in this process or before it was forked."""
        return self._latest.calls.refused

    @property
    def recorder(self) -> Recorder:
        """The statistics of this process; empty ones in a forked child before the first use."""
        runner = self.runner
        return Recorder() if runner is None else runner.recorder

    def settle(self) -> Runner[Any]:
        """Return the latest runner, to be closed. No other is made any more, also in a forked child."""
        with self._making:
            self.runner = self._latest
            return self._latest

    def reset_after_fork(self) -> None:  # noqa: D102  (see ForkHandler)
        self._making = threading.Lock()
        self.runner = None


def _check_devices(runner: Runner[Any]) -> None:
    """Raise ForkedProcessError if an inherited model runs on a device that forks lose."""
    for name in runner.model.providers:
        if name in _LOST_BY_FORKS:
            raise ForkedProcessError(
                f"pipeline {runner.name!r} was made before this process (pid {os.getpid()}) was "
                f"forked, and runs on {name}, whose driver does not work in a forked process. Make "
                "the pipeline in this process and not before, or start processes with 'spawn'"
            )
