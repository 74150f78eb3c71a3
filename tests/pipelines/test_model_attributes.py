"""What a pipeline says of its model: labels, dimension, longest row, and tokens of a text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from places import FIXTURES

import hugot
from hugot import InputError, SessionClosedError
from hugot.pipelines.pipeline import runner_of


@pytest.fixture(scope="module")
def session():
    with hugot.Session(threads=1) as made:
        made.pipeline("text-classification", FIXTURES / "bert-uncased-text", name="classify")
        made.pipeline("token-classification", FIXTURES / "bert-uncased-token", name="tag")
        made.pipeline("feature-extraction", FIXTURES / "electra-features", name="embed")
        made.pipeline("fill-mask", FIXTURES / "bert-uncased-mask", name="fill")
        yield made


@pytest.mark.parametrize(("name", "model"), [("classify", "text"), ("tag", "token")])
def test_labels_are_those_of_the_model_by_index(session, name, model) -> None:
    config = json.loads((FIXTURES / f"bert-uncased-{model}" / "config.json").read_text())
    assert session[name].labels == list(config["id2label"].values())
    session[name].labels.clear()
    assert session[name].labels


def test_the_dimension_is_the_size_of_the_vectors(session) -> None:
    embed = session["embed"]
    assert embed.dimension == embed("a").shape[0]
    for options in ({"truncate_dim": 5}, {"pooling": ("mean", "cls")}, {"pooling": "none"}):
        with hugot.pipeline(
            "feature-extraction", FIXTURES / "electra-features", threads=1, **options
        ) as made:
            assert made.dimension == made("a").shape[-1]


def test_a_task_without_labels_or_vectors_has_no_such_attribute(session) -> None:
    for name in ("embed", "fill"):
        assert not hasattr(session[name], "labels")
    for name in ("classify", "tag", "fill"):
        assert not hasattr(session[name], "dimension")
    with pytest.raises(AttributeError, match="a pipeline for fill-mask has no labels"):
        _ = session["fill"].labels


@pytest.mark.parametrize("name", ["classify", "tag", "embed", "fill"])
def test_a_text_is_truncated_if_it_has_more_tokens_than_the_longest_row(session, name) -> None:
    pipeline = session[name]
    longest = pipeline.max_length
    room = longest - 2 - (name == "fill")
    mask = "[MASK] " * (name == "fill")
    for words, fits in ((room, True), (room + 1, False), (room * 3, False)):
        text = mask + "a " * words
        assert pipeline.count_tokens(text) == words + longest - room
        if fits:
            pipeline(text, truncation="error")
        else:
            with pytest.raises(InputError, match="tokens"):
                pipeline(text, truncation="error")


def test_tokens_are_counted_with_prompt_pair_and_words(session) -> None:
    embed, classify, tag = session["embed"], session["classify"], session["tag"]
    assert embed.count_tokens("a b", prompt="c c c ") == embed.count_tokens("c c c a b")
    pair = {"text": "a a", "text_pair": "b b b"}
    rows = runner_of(classify).prepare([pair], classify.options).rows
    assert classify.count_tokens(pair) == rows.size == 8
    long = {"text": "a " * 300, "text_pair": "b " * 400}
    assert classify.count_tokens(long) == 703
    assert tag.count_tokens(["a", "b"], is_split_into_words=True) == 4
    assert classify.count_tokens(np.str_("a")) == 3
    assert classify.count_tokens("") == 2


def test_an_input_that_cannot_be_tokenized_is_refused(session) -> None:
    for value in (3, "\ud800"):
        with pytest.raises(InputError, match="input 0"):
            session["classify"].count_tokens(value)


def test_a_closed_pipeline_counts_no_tokens_and_keeps_its_labels() -> None:
    made = hugot.pipeline("text-classification", FIXTURES / "bert-uncased-text", threads=1)
    labels = made.labels
    made.close()
    assert made.labels == labels
    with pytest.raises(SessionClosedError):
        made.count_tokens("a")
    with pytest.raises(SessionClosedError):
        _ = made.max_length
