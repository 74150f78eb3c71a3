"""The progress bar of a list, with the option ``show_progress``."""

from __future__ import annotations

import re

import numpy as np
import pytest
from places import EXAMPLES

import hugot
from hugot import InputError


@pytest.fixture(scope="module")
def classify():
    with hugot.pipeline("text-classification", EXAMPLES / "tiny-sentiment") as made:
        yield made


def test_a_list_shows_a_bar_on_request_alone(classify, capsys) -> None:
    texts = ["good", "bad " * 40] * 1000
    shown = classify(texts, show_progress=True)
    bar = capsys.readouterr().err
    counts = [int(number) for number in re.findall(r"(\d+)/2000", bar)]
    assert counts[0] == 0
    assert counts[-1] == 2000
    assert counts == sorted(counts)
    assert shown == classify(texts)
    assert capsys.readouterr().err == ""


def test_texts_in_several_rows_count_once(capsys) -> None:
    with hugot.pipeline("ner", EXAMPLES / "tiny-ner", stride=4, show_progress=True) as tag:
        tag(["Wolfgang lives in Berlin " * 100, "none"] * 4)
    assert "8/8" in capsys.readouterr().err


def test_a_single_text_and_an_empty_list_show_no_bar(classify, capsys) -> None:
    classify("good", show_progress=True)
    assert classify([], show_progress=True) == []
    assert capsys.readouterr().err == ""


def test_vectors_are_the_same_with_a_bar() -> None:
    with hugot.pipeline("feature-extraction", EXAMPLES / "tiny-embedding") as embed:
        texts = [f"text {number}" for number in range(2000)]
        assert np.array_equal(embed(texts, show_progress=True), embed(texts))


def test_a_bar_is_shown_or_not(classify) -> None:
    with pytest.raises(InputError, match="show_progress='yes'; it can be True, False"):
        classify(["a"], show_progress="yes")
