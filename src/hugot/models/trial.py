"""Loading a model in a process of its own first: a crash of native code is an exception here.

ONNX Runtime checks what it loads, but it is native code, and a graph can be made to exhaust memory or to
run for ever. `try_loading` opens graph and tokenizer in a child and runs a row of tokens; the child
may end as it will.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from hugot.errors import HugotError, InputError, ModelFormatError
from hugot.models.graph import check_external_data, op_types

if TYPE_CHECKING:
    from hugot.models.bundle import ModelBundle

# Exit status of a child that has written an error of hugot's to its stdout.
_REFUSED = 3
_LAST_WORDS = 500


def try_loading(
    bundle: ModelBundle, *, onnxruntime_library: str | None = None, seconds: float = 60.0
) -> None:
    """Load a bundle in a child process, and run a row with the tokenizer's lowest and highest ids.

    Args:
        bundle: the model's files.
        onnxruntime_library: path of the ONNX Runtime library to use.
        seconds: how long the child may take.

    Raises ModelFormatError where the child crashes, hangs or exhausts memory, and the error of hugot's
    where it raises one, such as InferenceError for token ids that the embedding has no row for.
    """
    check_graph(bundle)
    request = {
        "onnx": str(bundle.onnx_path),
        "tokenizer": str(bundle.tokenizer_path),
        "library": onnxruntime_library,
    }
    # -P: nothing is imported from the current folder, which may be the model's.
    command = [sys.executable, "-P", "-m", "hugot.models.trial_child", json.dumps(request)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelFormatError(
            f"{bundle.onnx_path} was not loaded and run within {seconds:g} s"
        ) from None
    if done.returncode == _REFUSED:
        raise _error_from(done.stdout)
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip()[-_LAST_WORDS:]
        raise ModelFormatError(
            f"{bundle.onnx_path} ends the process that loads it: {_ending(done.returncode)}. {words}"
        )


def check_graph(bundle: ModelBundle) -> None:
    """What can be said of a graph without loading it: its structure, and where its weights are.

    Raises ModelFormatError for a file that is empty, damaged in its structure, without operators, or
    with weights outside of its folder.
    """
    path = bundle.onnx_path
    try:
        if path.stat().st_size == 0:
            raise ModelFormatError(f"{path} is empty")
        if not op_types(path):
            raise ModelFormatError(
                f"{path} has no operators; it is no ONNX file, or not a whole one"
            )
    except OSError as error:
        raise ModelFormatError(f"{path} cannot be read: {error}") from error
    check_external_data(path)


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _error_from(report: bytes) -> HugotError:
    """The error that a child has reported as JSON: its class and its text."""
    import hugot.errors

    name, message = json.loads(report.rpartition(b"\n")[2])
    kind = getattr(hugot.errors, name, ModelFormatError)
    return kind(message) if kind is not InputError else InputError(message, None)
