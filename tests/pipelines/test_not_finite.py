"""Graphs that return NaN or infinity for some texts: a warning, a counter, and refusals for files."""

from __future__ import annotations

import asyncio
import warnings

import numpy as np
import pytest
import table_models
from tokenizers import Tokenizer

import hugot
from hugot.errors import NotFiniteWarning
from hugot.pipelines.pipeline import runner_of
from hugot.pipelines.windows import run_windows

OUTPUTS = {
    "text-classification": ("bert-uncased-text", "logits", 2, True),
    "token-classification": ("bert-uncased-token", "logits", 4, False),
    "feature-extraction": ("bert-uncased-features", "last_hidden_state", 4, False),
}
GOOD, BAD = "the film", "the whisky"


def broken(folder, task, value=np.nan, **options):
    """A pipeline whose graph returns `value` for the token ``whisky``."""
    source, output, size, sums = OUTPUTS[task]
    tokenizer = Tokenizer.from_file(str(table_models.FIXTURES / source / "tokenizer.json"))
    count = tokenizer.get_vocab_size()
    table = np.random.default_rng(3).normal(size=(count, size)).astype(np.float32)
    ids = tokenizer.encode("whisky", add_special_tokens=False).ids
    assert len(ids) == 1
    table[ids[0], -1] = value
    made = table_models.lookup(folder, source, table, output, sums=sums)
    return hugot.pipeline(task, made, **options)


TASKS = ["text-classification", "token-classification", "feature-extraction"]


@pytest.fixture(params=TASKS)
def pipeline(request, tmp_path):
    with broken(tmp_path / "broken", request.param) as made:
        yield made


def test_a_text_with_finite_numbers_neither_warns_nor_counts(pipeline) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline(GOOD)
        pipeline([GOOD, f"{GOOD} and {GOOD}"])
    assert pipeline.stats().not_finite == 0


def test_the_first_text_without_finite_numbers_warns_and_each_is_counted(pipeline) -> None:
    with pytest.warns(NotFiniteWarning, match="not finite") as issued:
        pipeline(BAD)
    assert len(issued) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline([GOOD, BAD, f"{GOOD} {BAD} {GOOD}"])
        list(pipeline.stream([BAD, GOOD]))
        pipeline.submit([BAD, GOOD]).result()
        asyncio.run(pipeline.acall(BAD))
    assert pipeline.stats().not_finite == 1 + 2 + 1 + 1 + 1


def test_lists_and_streams_warn_as_single_texts_do(pipeline) -> None:
    with pytest.warns(NotFiniteWarning):
        pipeline([GOOD, BAD])


def test_windows_of_a_file_refuse_the_texts_without_finite_numbers(pipeline) -> None:
    runner = runner_of(pipeline)
    windows = iter([[GOOD, 3, BAD, GOOD], [BAD]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(run_windows(runner, windows, runner.options, refuse_not_finite=True))
    assert [sorted(refusals) for _, refusals in found] == [[1, 2], [0]]
    assert str(found[0].refusals[2]).startswith("input 2 has no finite result")
    assert [len(results) for results, _ in found] == [2, 0]
    expected = pipeline([GOOD, GOOD])
    for result, right in zip(found[0].results, expected, strict=True):
        np.testing.assert_equal(result, right)


def test_token_vectors_are_checked_text_by_text(tmp_path) -> None:
    with broken(tmp_path / "broken", "feature-extraction", np.inf, pooling="none") as embed:
        with pytest.warns(NotFiniteWarning):
            vectors = embed([GOOD, BAD, GOOD])
        assert [bool(np.isfinite(each).all()) for each in vectors] == [True, False, True]
        assert embed.stats().not_finite == 1


def test_every_window_of_a_long_text_counts_for_its_text(tmp_path) -> None:
    text = " ".join([GOOD] * 60 + [BAD] * 60)
    with broken(tmp_path / "broken", "token-classification", stride=4) as tag:
        with pytest.warns(NotFiniteWarning):
            tag([GOOD, text, GOOD])
        assert tag.stats().not_finite == 1


def test_nan_at_the_padding_changes_no_answer(tmp_path) -> None:
    tokenizer = Tokenizer.from_file(
        str(table_models.FIXTURES / "bert-uncased-token" / "tokenizer.json")
    )
    table = np.zeros((tokenizer.get_vocab_size(), 4), np.float32)
    table[tokenizer.token_to_id("[PAD]")] = np.nan
    folder = table_models.lookup(tmp_path / "model", "bert-uncased-token", table, "logits")
    with warnings.catch_warnings(), hugot.pipeline("token-classification", folder) as tag:
        warnings.simplefilter("error")
        tag([GOOD, f"{GOOD} and {GOOD}"])
        assert tag.stats().not_finite == 0


def test_minus_infinity_before_softmax_is_a_score_of_zero(tmp_path) -> None:
    with (
        warnings.catch_warnings(),
        broken(tmp_path / "broken", "text-classification", -np.inf, top_k=None) as classify,
    ):
        warnings.simplefilter("error")
        assert classify(BAD)[0][1]["score"] == 0.0
        assert classify.stats().not_finite == 0


def test_nan_for_a_document_is_counted(tmp_path) -> None:
    with broken(tmp_path / "broken", "text-classification", np.nan) as classify:
        folder = classify.__reduce__()[1][0].model
    with hugot.pipeline("text-ranking", folder) as rank:
        rank([(GOOD, GOOD), (GOOD, "film")])
        assert rank.stats().not_finite == 0
        with pytest.warns(NotFiniteWarning):
            rank([(GOOD, GOOD), (GOOD, BAD), (BAD, GOOD)])
        rank((GOOD, BAD))
        assert rank.stats().not_finite == 3


def test_nan_for_a_mask_is_counted(tmp_path) -> None:
    source = "bert-uncased-mask"
    tokenizer = Tokenizer.from_file(str(table_models.FIXTURES / source / "tokenizer.json"))
    count = tokenizer.get_vocab_size()
    table = np.zeros((count, count), np.float32)
    table[tokenizer.token_to_id("[MASK]"), 7] = np.nan
    folder = table_models.lookup(tmp_path / "model", source, table, "logits")
    with hugot.pipeline("fill-mask", folder) as fill:
        with pytest.warns(NotFiniteWarning):
            fill("the [MASK]")
        assert fill.stats().not_finite == 1
