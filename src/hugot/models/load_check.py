"""Loading a model in a subprocess first, so that a crash of native code is an exception here.

ONNX Runtime checks what it loads, but it is native code, and a graph can be made to exhaust memory or to
run for ever. `load_in_subprocess` starts this module as a program that loads the graph and the tokenizer
and runs one row of tokens.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import hugot.errors
from hugot.errors import HugotError, InputError, ModelFormatError, TokenizerError
from hugot.models.graph import check_external_data, op_types

if TYPE_CHECKING:
    from hugot.models.bundle import ModelBundle

# Exit status of the subprocess if it has written an error of hugot's to its stdout.
_HUGOT_ERROR = 3
_LONGEST_STDERR = 500


def load_in_subprocess(
    bundle: ModelBundle, *, onnxruntime_library: str | None = None, seconds: float = 60.0
) -> None:
    """Load a bundle in a subprocess, and run a row with the tokenizer's lowest and highest ids.

    Args:
        bundle: the model's files.
        onnxruntime_library: path of the ONNX Runtime library to use.
        seconds: time limit of the subprocess.

    Raises ModelFormatError if the subprocess crashes, hangs or exhausts memory, and the error of hugot's
    that it raises, such as InferenceError for token ids that the embedding has no row for.
    """
    check_graph(bundle)
    request = {
        "onnx": str(bundle.onnx_path),
        "tokenizer": str(bundle.tokenizer_path),
        "library": onnxruntime_library,
    }
    # -P: nothing is imported from the current folder, which may be the model's.
    command = [sys.executable, "-P", "-m", "hugot.models.load_check", json.dumps(request)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelFormatError(
            f"{bundle.onnx_path} was not loaded and run within {seconds:g} s"
        ) from None
    if done.returncode == _HUGOT_ERROR:
        raise _reported_error(done.stdout)
    if done.returncode != 0:
        stderr = done.stderr.decode("utf-8", "replace").strip()[-_LONGEST_STDERR:]
        raise ModelFormatError(
            f"{bundle.onnx_path} ends the process that loads it: {_reason(done.returncode)}. {stderr}"
        )


def check_graph(bundle: ModelBundle) -> None:
    """Check a graph as far as that is possible without loading it.

    Raises ModelFormatError for a file that is empty, damaged in its structure or without operators, and
    for external data outside of its folder.
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


def _reason(status: int) -> str:
    """Why a subprocess ended, by its exit status."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _reported_error(stdout: bytes) -> HugotError:
    """The error that the subprocess has written as JSON: its class and its text."""
    name, message = json.loads(stdout.rpartition(b"\n")[2])
    kind = getattr(hugot.errors, name, ModelFormatError)
    return kind(message) if kind is not InputError else InputError(message, None)


def _load_and_run(request: dict[str, Any]) -> None:
    """The work of the subprocess: load the files of a request and run a row of tokens."""
    from hugot._ort.loader import load_library
    from hugot._ort.row import RowRunner
    from hugot._ort.session import InferenceSession
    from hugot._ort.settings import SessionOptions

    options = SessionOptions(
        intra_op_num_threads=1,
        inter_op_num_threads=1,
        execution_mode="sequential",
        graph_optimization_level="all",
        enable_cpu_mem_arena=True,
        enable_mem_pattern=True,
        log_severity_level=4,
        session_config={},
    )
    lowest, highest = _id_range(request["tokenizer"])
    session = InferenceSession(load_library(request["library"]), request["onnx"], options)
    try:
        runner = RowRunner(session)
    except InputError:
        return  # only some pipelines can fill its inputs; that it loads must do
    runner.run([lowest, highest], None, range(len(session.outputs)))


def _id_range(path: str) -> tuple[int, int]:
    """The lowest and the highest id of a vocabulary."""
    import tokenizers

    try:
        ids = tokenizers.Tokenizer.from_file(path).get_vocab(with_added_tokens=True).values()
    except Exception as error:  # tokenizers raises bare Exception for a bad file
        raise TokenizerError(f"{path} cannot be used: {error}") from error
    if not ids:
        raise TokenizerError(f"{path} has no tokens")
    return min(ids), max(ids)


if __name__ == "__main__":
    try:
        _load_and_run(json.loads(sys.argv[1]))
    except HugotError as error:
        print("\n" + json.dumps([type(error).__name__, str(error)]), end="", flush=True)
        sys.exit(_HUGOT_ERROR)
