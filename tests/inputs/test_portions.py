"""Portions of a list of texts: none is lost, none is long."""

from __future__ import annotations

import pytest

from hugot.inputs import native
from hugot.inputs.native import CHARACTERS_PER_CALL, portions
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle

HALF = "x" * (CHARACTERS_PER_CALL // 2)


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        ([], []),
        (["a", "b"], [2]),
        ([HALF] * 5, [2, 2, 1]),
        ([HALF * 9, "a", "b"], [1, 2]),
        ([(HALF, HALF), "a"], [1, 1]),
        ([[HALF, HALF], ["a"]], [1, 1]),
    ],
)
def test_texts_come_in_order_in_portions_of_few_characters(texts, sizes) -> None:
    found = [texts[begin:end] for begin, end in portions(texts)]
    assert [text for portion in found for text in portion] == texts
    assert [len(portion) for portion in found] == sizes


def one_by_one(texts):
    return ((number, number + 1) for number in range(len(texts)))


def test_a_tokenizer_gives_native_code_a_portion_at_a_time(models, monkeypatch) -> None:
    tokenizer = TextTokenizer(open_bundle(models / "bert-uncased-text"), 20)
    texts = [f"text {i} {'word ' * (i % 9)}" for i in range(30)]
    whole, _ = tokenizer.encode(texts, type_ids=False)
    monkeypatch.setattr(native, "portions", one_by_one)
    apart, _ = tokenizer.encode(texts, type_ids=False)
    assert apart.ids.tolist() == whole.ids.tolist()
    assert apart.offsets.tolist() == whole.offsets.tolist()


def test_a_refused_text_keeps_its_place_and_its_number_in_a_later_portion(models) -> None:
    tokenizer = TextTokenizer(open_bundle(models / "bert-uncased-text"), 20)
    texts = [HALF, HALF, "a", "b\ud800", "c"]
    rows, refused = tokenizer.encode(texts, type_ids=False, numbers=range(100, 105))
    assert list(refused) == [3]
    assert refused[3].index == 103
    assert "input 103 cannot be tokenized: character 1 is a lone surrogate" in str(refused[3])
    expected, _ = tokenizer.encode(["a", "c"], type_ids=False)
    assert rows.ids[rows.offsets[2] :].tolist() == expected.ids.tolist()
    assert len(rows) == 4
