"""A short run for valgrind: several sessions, with single texts, lists and errors."""

from contextlib import suppress
from pathlib import Path

import hugot

EXAMPLES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
TASKS = {
    "feature-extraction": "bert-uncased-features",
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-cased-token",
}

for task, name in TASKS.items():
    for _ in range(2):
        with hugot.pipeline(task, EXAMPLES / name, threads=1) as pipeline:
            pipeline("a text")
            pipeline(["a text", "another one", ""])
            with suppress(hugot.InputError):
                pipeline(["good", 5])
