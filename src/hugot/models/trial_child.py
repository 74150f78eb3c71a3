"""The child of `hugot.models.trial`: loads a graph and a tokenizer, and runs one row of tokens."""

from __future__ import annotations

import json
import sys
from typing import Any

from hugot._ort.loader import load_library
from hugot._ort.row import RowRunner
from hugot._ort.session import InferenceSession
from hugot._ort.settings import SessionOptions
from hugot.errors import HugotError, InputError, TokenizerError
from hugot.models.trial import _REFUSED

_OPTIONS = SessionOptions(
    intra_op_num_threads=1,
    inter_op_num_threads=1,
    execution_mode="sequential",
    graph_optimization_level="all",
    enable_cpu_mem_arena=True,
    enable_mem_pattern=True,
    log_severity_level=4,
    session_config={},
)


def main(request: dict[str, Any]) -> None:
    """Load and run what the request names."""
    lowest, highest = _ids(request["tokenizer"])
    library = load_library(request["library"])
    session = InferenceSession(library, request["onnx"], _OPTIONS)
    try:
        runner = RowRunner(session)
    except InputError:
        return  # inputs that only some pipelines can fill: it loads, which is all that is known
    runner.run([lowest, highest], None, range(len(session.outputs)))


def _ids(path: str) -> tuple[int, int]:
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
        main(json.loads(sys.argv[1]))
    except HugotError as error:
        print("\n" + json.dumps([type(error).__name__, str(error)]), end="", flush=True)
        sys.exit(_REFUSED)
