"""Folders with random edits of their JSON files, against the answers of both versions of the references.

`tests/fixtures/random_edits.py` draws the folders, each from its seed. HUGOT_RANDOM_TABLE names another
table.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from comparison import same
from fixtures.edits import edited_copy
from places import FIXTURES

import hugot

TABLE = Path(os.environ.get("HUGOT_RANDOM_TABLE", FIXTURES.parent / "edits" / "random.json.gz"))
CASES = {case["seed"]: case for case in json.loads(gzip.decompress(TABLE.read_bytes()))}
# The largest part of the folders with an answer of both versions that hugot may refuse.
MOST_REFUSED = 0.1
# Folders that hugot answers otherwise on purpose: seed → why. docs/fidelity.md describes the reasons.
DEPARTURES: dict[int, str] = {}


class Verdict(NamedTuple):
    """What became of one question.

    Attributes:
        kind: ``"same"`` for the answer of a version; ``"wrong"`` for another answer; ``"refused"`` for an
            error if both versions have the same answer; ``"open"`` for an error if they have not, and
            for anything if no version has an answer.
        question: the text, or the list of all texts.
        got: hugot's answer or error.
        known: the answers of the versions that have one.
    """

    kind: str
    question: str | list[str]
    got: Any
    known: list[Any]


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


def questions(case: dict[str, Any]) -> list[tuple[str | list[str], list[Any]]]:
    """Return each text alone and the list of all, with the answers of the versions that have one."""
    texts = case["texts"]
    asked: list[tuple[str | list[str], list[Any]]] = [(text, []) for text in texts]
    together: list[Any] = []
    for answers in case["answers"].values():
        alone = answers.get("alone", [])
        for number, answer in enumerate(alone):
            if "output" in answer:
                asked[number][1].append(token_vectors(answer["output"]))
        # Padding changes vectors of sentence-transformers if it is on the left of a model that counts
        # positions from there; hugot's are those of the single texts.
        found = listed(case, alone) or answers.get("list", {}).get("output")
        if found:
            together.append([token_vectors(each) for each in found])
    return [*asked, (texts, together)]


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


def judge(case: dict[str, Any], folder: Path) -> list[Verdict]:
    """Return the verdict on each text and on the list of all."""
    edited_copy(FIXTURES / case["model"], case["edits"], folder)
    ask = attempt(lambda: load(folder, case))
    verdicts = []
    for question, known in questions(case):
        got = ask if isinstance(ask, Exception) else attempt(lambda asked=question: ask(asked))
        if isinstance(got, Exception):
            refused = len(known) == 2 and same(*known)
            verdicts.append(Verdict("refused" if refused else "open", question, got, known))
        elif not known:
            verdicts.append(Verdict("open", question, got, known))
        else:
            kind = "same" if any(same(got, each) for each in known) else "wrong"
            verdicts.append(Verdict(kind, question, got, known))
    return verdicts


@cache
def verdicts(seed: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as scratch:
        return judge(CASES[seed], Path(scratch) / "model")


def edited_keys(case: dict[str, Any]) -> set[str]:
    """Return the names of the edited files, of their keys and of the keys in their values."""
    names: set[str] = set()
    for file, edit in case["edits"].items():
        names.update([file, Path(file).name])
        for key, value in edit.items() if isinstance(edit, dict) else ():
            names.update(key.split("/")[:1])
            names.update(value if isinstance(value, dict) else ())
    return names


@pytest.mark.parametrize("seed", [seed for seed in CASES if seed not in DEPARTURES])
def test_a_folder_is_answered_as_a_reference_does_or_refused_by_name(seed: int) -> None:
    found = verdicts(seed)
    assert not [each for each in found if each.kind == "wrong"], CASES[seed]["edits"]
    for each in found:
        if each.kind == "refused":
            assert any(key in str(each.got) for key in edited_keys(CASES[seed])), each.got


@pytest.mark.parametrize("seed", DEPARTURES)
def test_a_departure_is_one(seed: int) -> None:
    assert "wrong" in [each.kind for each in verdicts(seed)]


def test_few_folders_are_refused_that_both_versions_answer_alike() -> None:
    answered = [seed for seed in CASES if any(agreed(each) for each in verdicts(seed))]
    refused = [seed for seed in answered if "refused" in [each.kind for each in verdicts(seed)]]
    assert len(answered) > 0.6 * len(CASES)
    assert len(refused) <= MOST_REFUSED * len(answered), refused


def agreed(verdict: Verdict) -> bool:
    return len(verdict.known) == 2 and same(*verdict.known)


def test_the_edits_are_of_every_file_and_task() -> None:
    files = {Path(file).name for case in CASES.values() for file in case["edits"]}
    assert {
        "added_tokens.json",
        "config.json",
        "config_sentence_transformers.json",
        "modules.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    } <= files
    assert len({case["task"] for case in CASES.values()}) == 5
