"""Child process that opens model folders and answers: a crash in here is seen as one from outside.

Reads one request per line from stdin, as JSON, and writes one report per line to stdout.

    request   task, folder, options and texts
    report    {"outcome": "answer", "problem": None or what is wrong with the answers}
              {"outcome": "error", "type": ..., "message": ...}      an exception of hugot's own
              {"outcome": "foreign", "trace": ...}                   any other
"""

from __future__ import annotations

import json
import resource
import sys
import traceback

import numpy as np

import hugot
from hugot.pipelines.pipeline import runner_of

_ADDRESS_SPACE = 8 << 30


def answer(request):
    """Open a folder and run its pipeline in each way; the report."""
    try:
        with hugot.pipeline(request["task"], request["folder"], **request["options"]) as pipeline:
            texts = request["texts"]
            alone = [pipeline(text) for text in texts]
            together = pipeline(texts)
            queued = [future.result(60) for future in [pipeline.submit(text) for text in texts]]
            return {
                "outcome": "answer",
                "problem": problem(pipeline, texts, alone, together, queued),
            }
    except hugot.HugotError as error:
        return {"outcome": "error", "type": type(error).__name__, "message": str(error)}
    except BaseException:
        return {"outcome": "foreign", "trace": traceback.format_exc()}


def problem(pipeline, texts, alone, together, queued):
    """What is wrong with the form of the answers, or None."""
    if not len(texts) == len(alone) == len(together) == len(queued):
        return f"{len(texts)} texts have {len(alone)}, {len(together)} and {len(queued)} answers"
    for results in (alone, together, queued):
        for text, result in zip(texts, results, strict=True):
            found = _CHECKS[pipeline.task](pipeline, text, result)
            if found:
                return found
    return None


def _check_vector(pipeline, text, result):
    if not isinstance(result, np.ndarray) or result.dtype != np.float32 or result.ndim != 1:
        return f"no vector: {result!r}"
    return None


def _check_label(pipeline, text, result):
    best = result[0] if isinstance(result, list) else result
    if (
        best["label"] not in runner_of(pipeline).task.bundle.labels
        or type(best["score"]) is not float
    ):
        return f"no label: {result!r}"
    return None


def _check_entities(pipeline, text, result):
    for entity in result:
        if not 0 <= entity["start"] <= entity["end"] <= len(text):
            return f"an entity lies outside of its text: {entity!r}"
        if type(entity["score"]) is not float:
            return f"no score: {entity!r}"
    return None


_CHECKS = {
    "feature-extraction": _check_vector,
    "text-classification": _check_label,
    "token-classification": _check_entities,
}


def main():
    """Serve until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
