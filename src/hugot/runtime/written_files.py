"""The files that native sessions write because an option asks for them, each under a name of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hugot.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from hugot._ort.settings import SessionOptions


class WrittenFiles:
    """Tells which native session of an engine writes which file. To be called locked."""

    def __init__(self) -> None:
        self._profiles = 0
        self._optimized: Path | None = None

    def assign(self, options: SessionOptions, onnx_path: Path) -> SessionOptions:
        """The options of the next native session, which is one of the model `onnx_path`.

        The optimised graph is that of the first session; the profiles are numbered from the second on,
        since those of one second would else have one name. Raises InputError where the optimised graph
        of one model would take the place of another's.
        """
        if options.profiling is not None:
            self._profiles += 1
            if self._profiles > 1:
                options = replace(options, profiling=f"{options.profiling}-{self._profiles}")
        if options.optimized_model_path is None:
            return options
        if self._optimized is None:
            self._optimized = onnx_path
            return options
        if self._optimized != onnx_path:
            raise InputError(
                f"optimized_model_path={options.optimized_model_path!r} holds the graph of "
                f"{self._optimized} already; give {onnx_path} a session of its own"
            )
        return replace(options, optimized_model_path=None)


def without_files(options: SessionOptions) -> SessionOptions:
    """The same options for a native session that writes none of these files."""
    return replace(options, optimized_model_path=None, profiling=None)


def tell_profiles(paths: list[str]) -> None:
    """Tell the log where profiles are, for those who did not ask."""
    import logging

    for path in paths:
        logging.getLogger("hugot.onnxruntime").info("the profile is in %s", path)
