"""Edited sentence-transformers files and exported models, against the answers of the references."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from comparison import same
from fixtures.edits import edited_copy
from places import FIXTURES

import hugot

if TYPE_CHECKING:
    from pathlib import Path

EXPORTS = FIXTURES.parent / "exports"
CASES = json.loads((FIXTURES.parent / "edits" / "sentence.json").read_text(encoding="utf-8"))
ANSWERED = [case for case in CASES if "refused" not in case]
REFUSED = [case for case in CASES if "refused" in case]


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases]


def embedder(case: dict[str, Any], folder: Path) -> Any:
    model = edited_copy(FIXTURES / case["model"], case["edits"], folder / "model")
    return hugot.pipeline("feature-extraction", model, threads=1)


def reference(case: dict[str, Any]) -> Any:
    """Return the answer of both versions; if they differ, that of the version that the case follows."""
    four, five = case["answers"]["4"], case["answers"]["5"]
    if "follows" in case:
        return case["answers"][case["follows"]]["output"]
    assert same_vectors(four["output"], five["output"]), "the versions differ"
    return five["output"]


def same_vectors(one: Any, other: Any) -> bool:
    flat = [numbers if isinstance(numbers[0], list) else [numbers] for numbers in (one, other)]
    return all(
        row == pytest.approx(expected, abs=2e-5) for row, expected in zip(*flat, strict=True)
    )


@pytest.mark.parametrize("case", named(ANSWERED))
def test_an_edited_file_has_the_effect_that_it_has_in_sentence_transformers(
    case: dict[str, Any], tmp_path: Path
) -> None:
    with embedder(case, tmp_path) as embed:
        assert same(embed(case["input"]), reference(case))


@pytest.mark.parametrize("case", named(REFUSED))
def test_a_key_or_module_that_hugot_does_not_follow_is_refused_and_named(
    case: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(hugot.ModelFormatError) as caught:
        embedder(case, tmp_path)
    assert case["refused"] in str(caught.value)


@pytest.mark.parametrize("case", named([case for case in ANSWERED if "follows" in case]))
def test_a_version_is_named_only_if_the_versions_differ(case: dict[str, Any]) -> None:
    four, five = (case["answers"][version] for version in ("4", "5"))
    assert "error" in four or not same_vectors(four["output"], five["output"])


@pytest.mark.parametrize("name", sorted(path.name for path in EXPORTS.iterdir()))
def test_an_exported_sentence_model_has_the_vectors_of_its_checkpoint(name: str) -> None:
    answers = json.loads((EXPORTS / name / "answers.json").read_text(encoding="utf-8"))
    texts = [answer["text"] for answer in answers]
    vectors = [answer["vector"] for answer in answers]
    with hugot.pipeline("feature-extraction", EXPORTS / name, threads=1) as embed:
        assert same(embed(texts), vectors)
        assert same(embed(texts[0]), vectors[0])
