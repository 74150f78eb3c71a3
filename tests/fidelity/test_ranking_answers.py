"""Cross encoders against the recorded answers of sentence-transformers 5.7 and 6.2."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fixtures.edits import edit_folder, edited_copy
from fixtures.kept_labels import keep_labels
from places import FIXTURES

import hugot

if TYPE_CHECKING:
    from pathlib import Path

TABLE = FIXTURES.parent / "edits" / "ranking.json"
FOUND = json.loads(TABLE.read_text(encoding="utf-8"))
SETS, CASES = FOUND["sets"], FOUND["cases"]
TOLERANCE = 2e-5


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases]


def is_answered(case: dict[str, Any]) -> bool:
    return "output" in case["answers"][case.get("follows", "5")]


@cache
def folders() -> dict[str, Path]:
    return {}


@pytest.fixture
def ranker(tmp_path_factory):
    """Return the pipeline of a case's model; a copy of a folder serves all cases with its edits."""
    made = []

    def make(case: dict[str, Any]) -> Any:
        key = json.dumps([case["model"], case["labels"], case["edits"]], sort_keys=True)
        if key not in folders():
            folder = tmp_path_factory.mktemp("ranking") / "model"
            edited_copy(FIXTURES / case["model"], {}, folder)
            keep_labels(folder, case["labels"])
            edit_folder(folder, case["edits"])
            folders()[key] = folder
        made.append(hugot.pipeline("text-ranking", folders()[key], threads=1))
        return made[-1]

    yield make
    for each in made:
        each.close()


def asked(rank: Any, case: dict[str, Any]) -> Any:
    given = case["input"]
    if isinstance(given, dict):
        return rank.rank(given["query"], given["documents"], **case["call"])
    return rank(SETS[given] if isinstance(given, str) else given, **case["call"])


def same_ranking(got: list[Any], expected: list[Any], documents: list[str]) -> bool:
    """Whether ranked lists are the same, but for the order of documents that differ by rounding."""
    scores = [each["score"] for each in expected]
    return (
        [list(each) for each in got] == [list(each) for each in expected]
        and [each["score"] for each in got] == pytest.approx(scores, abs=TOLERANCE)
        and all(type(each["score"]) is float and type(each["corpus_id"]) is int for each in got)
        # The documents at a place are the same texts.
        and [documents[each["corpus_id"]] for each in got]
        == [documents[each["corpus_id"]] for each in expected]
        and all(
            each.get("text", documents[each["corpus_id"]]) == documents[each["corpus_id"]]
            for each in got
        )
    )


def same_scores(got: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return type(got) is float and got == pytest.approx(expected, abs=TOLERANCE)
    wanted = np.array(expected)
    return (
        isinstance(got, np.ndarray)
        and got.dtype == np.float32
        and got.shape == wanted.shape
        and np.allclose(got, wanted, rtol=0, atol=TOLERANCE)
    )


@pytest.mark.parametrize("case", named([case for case in CASES if is_answered(case)]))
def test_the_scores_are_those_of_sentence_transformers(case: dict[str, Any], ranker) -> None:
    got = asked(ranker(case), case)
    versions = (case["follows"],) if "follows" in case else ("4", "5")
    for version in versions:
        expected = case["answers"][version]["output"]
        if isinstance(case["input"], dict):
            assert same_ranking(got, expected, case["input"]["documents"])
        else:
            assert same_scores(got, expected)


@pytest.mark.parametrize("case", named([case for case in CASES if not is_answered(case)]))
def test_what_sentence_transformers_refuses_is_refused(case: dict[str, Any], ranker) -> None:
    with pytest.raises(hugot.InputError):
        asked(ranker(case), case)


@pytest.mark.parametrize("case", named([case for case in CASES if case["id"].endswith("/all")]))
def test_pairs_alone_have_the_scores_that_they_have_in_a_list(case: dict[str, Any], ranker) -> None:
    rank = ranker(case)
    pairs = [tuple(pair) for pair in SETS[case["input"]]]
    alone = [rank(pair) for pair in pairs]
    assert np.allclose(alone, rank(pairs), rtol=0, atol=TOLERANCE)
    assert np.allclose(alone, list(rank.stream(pairs)), rtol=0, atol=TOLERANCE)


def test_a_version_is_named_only_if_the_versions_differ() -> None:
    for model in {case["model"] for case in CASES if "follows" in case}:
        cases = [case for case in CASES if case["model"] == model and "follows" in case]
        assert any(case["answers"]["4"] != case["answers"]["5"] for case in cases), model
