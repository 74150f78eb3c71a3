"""Everything that transformers and sentence-transformers answered, asked of hugot.

`tests/fixtures/README.md` tells how the answers were made. A case is asked as it was asked there: a text
by itself, or a list of all texts of its option set as one mixed batch.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from functools import cache
from typing import Any

import pytest
from comparison import same
from places import FIXTURES

import hugot

GOLDENS = FIXTURES.parent / "goldens"

# Where hugot answers otherwise on purpose: end of the case's id → why. docs/fidelity.md tells the same.
DEPARTURES = {
    "/odd/long": "a text that is too long is cut; transformers fails inside the model",
    "/odd/pair_both_long": "likewise",
    "/odd/empty_list": "no inputs give no results; transformers raises for some tasks",
    "/odd/nothing": "None raises everywhere; transformers takes it for a text in places",
    "/stride-62/entities": "a stride that leaves no room raises at once, not with the first long text",
    "/stride-63/long": "likewise, where the tokenizer adds no special tokens",
    "/stride-63/entities": "likewise",
    "qwen2-token/stride-default/long": "index counts a window's own tokens; transformers counts the "
    "padding before a shorter window, too",
}
DEPARTING_OPTIONS = {
    "top-0-call": "top_k=0 raises; transformers answers with nothing",
    "top-0": "likewise, for fill-mask",
    "top-minus-1-call": "top_k=-1 raises; transformers leaves the last label out",
    "stride-none": "a stride without aggregation answers; transformers raises when both are given "
    "together, and answers when the strategy is left at its default",
    "words-construct": "is_split_into_words counts at construction, too; transformers forgets it",
}
# Types of the errors with which the references refuse what hugot must refuse, too.
BAD_INPUT = ("ValueError", "PipelineException")


def load() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Cases by model and option set."""
    sets = defaultdict(list)
    for path in sorted(GOLDENS.glob("*.json.gz")):
        for case in json.loads(gzip.decompress(path.read_bytes())):
            model, options, _ = case["id"].split("/", 2)
            sets[model, options].append(case)
    return sets


CASES = load()


@cache
def pipeline(task: str, model: str, options: str) -> Any:
    construct = json.loads(options)
    if isinstance(construct.get("pooling"), list):
        construct["pooling"] = tuple(construct["pooling"])
    return hugot.pipeline(task, FIXTURES / model, threads=1, **construct)


def ask(case: dict[str, Any]) -> Any:
    """What hugot says to a case."""
    construct = dict(case["construct"])
    vectors = case["task"] == "feature-extraction" and case["reference"] == "transformers"
    if vectors and "output_name" not in construct:
        construct["pooling"] = "none"
    call = dict(case["call"])
    if "normalize_embeddings" in call:
        call["normalize"] = call.pop("normalize_embeddings")
    made = pipeline(case["task"], case["model"], json.dumps(construct, sort_keys=True))
    return made(case["input"], **call)


def wanted(case: dict[str, Any]) -> Any:
    """The recorded answer, in the nesting that hugot has for vectors."""
    output = case["output"]
    if case["task"] == "feature-extraction" and case["reference"] == "transformers":
        many = isinstance(case["input"], list)
        outputs = output if many else [output]
        # transformers puts a list of one row around the token vectors of each text.
        rows = [each[0] if nested(each) else each for each in outputs]
        return rows if many else rows[0]
    return output


def nested(vectors: Any) -> bool:
    return isinstance(vectors, list) and isinstance(vectors[0], list)


def departs(case: dict[str, Any]) -> bool:
    options = case["id"].split("/")[1]
    return options in DEPARTING_OPTIONS or any(case["id"].endswith(end) for end in DEPARTURES)


@pytest.mark.parametrize(
    ("model", "options"), [pytest.param(*key, id="/".join(key)) for key in CASES]
)
def test_hugot_answers_what_transformers_answers(model: str, options: str) -> None:
    different = []
    for case in CASES[model, options]:
        if departs(case):
            continue
        try:
            got = ask(case)
        except hugot.HugotError as error:
            got = error
        if "error" in case:
            # Bad input is an error of ours; where only transformers cannot answer, hugot may.
            if not isinstance(got, hugot.HugotError) and case["error"].startswith(BAD_INPUT):
                different.append((case["id"], case["error"], got))
        elif isinstance(got, Exception) or not same(got, wanted(case), case.get("tolerance", 1e-5)):
            different.append((case["id"], case["output"], got))
    assert not different


def test_every_model_has_answers_and_every_departure_a_case() -> None:
    assert {model for model, _ in CASES} == {path.name for path in FIXTURES.iterdir()}
    ids = [case["id"] for cases in CASES.values() for case in cases]
    for end in DEPARTURES:
        assert any(each.endswith(end) for each in ids), end
    for options in DEPARTING_OPTIONS:
        assert any(f"/{options}/" in each for each in ids), options
