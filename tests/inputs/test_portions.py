"""Portions of a list of texts: none is lost, none is long."""

from __future__ import annotations

import pytest
from hugot.text.portions import CHARACTERS, portions

from hugot.inputs import tokenizer as module
from hugot.models.bundle import open_bundle

HALF = "x" * (CHARACTERS // 2)


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
    found = list(portions(texts))
    assert [text for portion in found for text in portion] == texts
    assert [len(portion) for portion in found] == sizes


def test_a_tokenizer_gives_native_code_a_portion_at_a_time(models, monkeypatch) -> None:
    tokenizer = module.TextTokenizer(open_bundle(models / "bert-uncased-text"), 20)
    texts = [f"text {i} {'word ' * (i % 9)}" for i in range(30)]
    whole = tokenizer.encode(texts, type_ids=False)
    monkeypatch.setattr(module, "portions", lambda given: ([each] for each in given))
    apart = tokenizer.encode(texts, type_ids=False)
    assert apart.ids.tolist() == whole.ids.tolist()
    assert apart.offsets.tolist() == whole.offsets.tolist()
