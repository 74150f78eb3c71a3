"""Folders with random edits of their JSON files, against the answers of both versions of the references.

`tests/fixtures/random_edits.py` draws the folders, each from its seed. HUGOT_RANDOM_TABLE names a table of
further seeds.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from comparison import same
from fixtures.edits import edited_copy
from places import FIXTURES

import hugot

TABLE = Path(
    os.environ.get("HUGOT_RANDOM_TABLE", FIXTURES.parent / "edits" / "random.json.gz")
)
CASES = json.loads(gzip.decompress(TABLE.read_bytes()))
# The largest part of the folders that both versions answer alike and hugot refuses.
MOST_REFUSED = 0.1


def load(folder: Path, case: dict[str, Any]) -> Any:
    """Return a function that answers a text or a list of texts."""
    task, options = case["task"], dict(case["options"])
    construct = {"pooling": "none"} if task == "feature-extraction" else {}
    if "normalize_embeddings" in options:
        options["normalize"] = options.pop("normalize_embeddings")
    name = "feature-extraction" if task == "sentence" else task
    made = hugot.pipeline(name, folder, threads=1, **construct)
    return lambda value: made(value, **options)


def attempt(ask: Any) -> Any:
    try:
        return ask()
    except hugot.HugotError as error:
        return error


def questions(case: dict[str, Any]) -> list[tuple[Any, list[Any]]]:
    """Return each text alone and the list of all, with the answers of the versions that have one."""
    texts = case["texts"]
    asked = [(text, []) for text in [*texts, texts]]
    for answers in case["answers"].values():
        for number, answer in enumerate(answers.get("alone", [])):
            if "output" in answer:
                asked[number][1].append(token_vectors(answer["output"]))
        together = answers.get("list", {"output": listed(case, answers.get("alone", []))})
        if together.get("output"):
            asked[-1][1].append([token_vectors(each) for each in together["output"]])
    return asked


def listed(case: dict[str, Any], alone: list[Any]) -> list[Any] | None:
    """Return the answer to a list that is equal to the answers to the single texts."""
    outputs = [answer.get("output") for answer in alone]
    if case["task"] == "text-classification" and "top_k" not in case["options"]:
        outputs = [output and output[0] for output in outputs]
    return None if None in outputs else outputs


def token_vectors(output: Any) -> Any:
    """Return an answer without the list that transformers puts around the token vectors of a text."""
    if isinstance(output, list) and output and isinstance(output[0], dict) and "shape" in output[0]:
        return output[0]
    return output


def judge(case: dict[str, Any], folder: Path) -> list[tuple[str, Any, Any, list[Any]]]:
    """Return a verdict on each text and on the list, with hugot's answer and those of the references.

    ``"same"``: the answer of at least one version; ``"refused"``: an error, although both versions
    answer alike; ``"wrong"``: another answer; ``"alone"``: an answer where no version has one;
    ``"undecided"``: an error, and the versions differ or do not answer.
    """
    edited_copy(FIXTURES / case["model"], case["edits"], folder)
    ask = attempt(lambda: load(folder, case))
    verdicts = []
    for value, known in questions(case):
        got = ask if isinstance(ask, Exception) else attempt(lambda v=value: ask(v))
        if isinstance(got, Exception):
            agree = len(known) == 2 and alike(*known)
            verdict = "refused" if agree else "undecided"
        elif not known:
            verdict = "alone"
        else:
            verdict = "same" if any(same(got, each) for each in known) else "wrong"
        verdicts.append((verdict, value, got, known))
    return verdicts


def alike(one: Any, other: Any) -> bool:
    return same(one, other) if isinstance(one, (list, dict)) else bool(one == other)
