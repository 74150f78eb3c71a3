"""Edited tokenizer and configuration files, against the answers of both versions of transformers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from comparison import same
from fixtures.edits import edited_copy
from places import FIXTURES

import hugot
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle

if TYPE_CHECKING:
    from pathlib import Path

CASES = json.loads((FIXTURES.parent / "edits" / "tokenizer.json").read_text(encoding="utf-8"))
ANSWERED = [case for case in CASES if "refused" not in case]
REFUSED = [case for case in CASES if "refused" in case]


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases]


def answer(case: dict[str, Any], folder: Path) -> Any:
    model = edited_copy(FIXTURES / case["model"], case["edits"], folder / "model")
    if case["task"] == "tokens":
        bundle = open_bundle(model)
        length = bundle.longest_row if case.get("call") else None
        rows, refused = TextTokenizer(bundle, length).encode([case["input"]], type_ids=False)
        assert not refused
        return rows.ids.tolist()
    options = dict(case.get("construct", {}))
    if case["task"] == "feature-extraction":
        with hugot.pipeline(case["task"], model, pooling="none", threads=1, **options) as embed:
            return [embed(case["input"])]
    with hugot.pipeline(case["task"], model, threads=1, **options) as pipe:
        return pipe(case["input"], **case.get("call", {}))


@pytest.mark.parametrize("case", named(ANSWERED))
def test_an_edited_file_has_the_effect_that_it_has_in_transformers(
    case: dict[str, Any], tmp_path: Path
) -> None:
    four, five = case["answers"]["4"], case["answers"]["5"]
    if "follows" in case:
        expected = case["answers"][case["follows"]]["output"]
    else:
        expected = five["output"]
        assert same(four["output"], expected), "the versions differ"
    assert same(answer(case, tmp_path), expected)


@pytest.mark.parametrize("case", named(REFUSED))
def test_a_key_that_cannot_be_followed_is_refused_and_named(
    case: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises((hugot.ModelFormatError, hugot.TokenizerError)) as caught:
        answer(case, tmp_path)
    assert case["refused"] in str(caught.value)


def test_a_version_is_followed_only_if_the_versions_differ_and_with_a_reason() -> None:
    for case in CASES:
        four, five = case["answers"]["4"], case["answers"]["5"]
        agree = "output" in four and "output" in five and same(four["output"], five["output"])
        assert ("follows" in case or "refused" in case) == ("why" in case), case["id"]
        assert not (agree and "follows" in case), case["id"]


@pytest.mark.parametrize("file", ["tokenizer_config.json", "tokenizer.json"])
def test_padding_on_the_left_does_not_move_absolute_positions(file: str, tmp_path: Path) -> None:
    padding = {
        "strategy": "BatchLongest",
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    edit = {"padding": padding} if file == "tokenizer.json" else {"padding_side": "left"}
    model = edited_copy(FIXTURES / "bert-uncased-text", {file: edit}, tmp_path / "model")
    texts = ["short", "The cat sat on the mat, and Wolfgang lives in Berlin."]
    with hugot.pipeline("text-classification", model, threads=1) as classify:
        assert same(classify(texts), [classify(text)[0] for text in texts])


@pytest.mark.parametrize(
    ("model", "edit", "said"),
    [
        (
            "bert-uncased-text",
            {"tokenizer_class": "LlamaTokenizerFast"},
            "LlamaTokenizerFast is not",
        ),
        ("roberta-text", {"tokenizer_class": "DistilBertTokenizer"}, "for a WordPiece tokenizer"),
        (
            "qwen3-text",
            {"extra_special_tokens": [{"content": "ara", "lstrip": True}]},
            "extra_special",
        ),
    ],
)
def test_a_tokenizer_that_each_version_makes_in_another_way_is_refused(
    model: str, edit: dict[str, Any], said: str, tmp_path: Path
) -> None:
    folder = edited_copy(FIXTURES / model, {"tokenizer_config.json": edit}, tmp_path / "model")
    with pytest.raises(hugot.ModelFormatError, match=said):
        hugot.pipeline("text-classification", folder)


def test_a_padding_token_that_the_network_lacks_has_no_effect(tmp_path: Path) -> None:
    edits = {"tokenizer_config.json": {"pad_token": "[new]"}}
    model = edited_copy(FIXTURES / "bert-uncased-text", edits, tmp_path / "model")
    texts = ["short", "The cat sat on the mat, and Wolfgang lives in Berlin."]
    with hugot.pipeline("text-classification", model, threads=1) as classify:
        assert same(classify(texts), [classify(text)[0] for text in texts])
