"""The tokenizer as it is configured: padding, truncation, ids, threads."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hugot import InputError, TokenizerError
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle


@pytest.fixture(scope="module")
def bundle(models):
    return open_bundle(models / "bert-uncased-text")


@pytest.fixture(scope="module")
def tokenizer(bundle):
    return TextTokenizer(bundle, 16)


def test_rows_lie_one_after_another(tokenizer) -> None:
    batch = tokenizer.encode(["a", "a b", ""], type_ids=False)
    assert batch.lengths.tolist() == [3, 4, 2]
    assert batch.offsets.tolist() == [0, 3, 7, 9]
    assert len(batch.ids) == batch.token_count == 9
    assert len(batch) == 3


def test_padding_and_truncation_baked_into_the_file_are_switched_off(models) -> None:
    folder = models / "bert-uncased-text-fixed-padding"
    baked = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert baked["padding"] is not None
    made = TextTokenizer(open_bundle(folder), None)
    assert made.encode(["a"], type_ids=False).lengths.tolist() == [3]
    assert made.encode([". " * 500], type_ids=False).lengths.tolist() == [502]


def test_long_rows_are_cut_and_keep_their_last_special_token(tokenizer) -> None:
    batch = tokenizer.encode([". " * 50], type_ids=False)
    short = tokenizer.encode(["."], type_ids=False)
    assert batch.lengths.tolist() == [16]
    assert batch.ids[-1] == short.ids[-1]


def test_windows_of_a_stride_overlap_and_hold_the_whole_text(bundle) -> None:
    words = [f"{i}" for i in range(10)] * 4
    whole = TextTokenizer(bundle, None).encode([" ".join(words)], type_ids=False).ids[1:-1]
    batch = TextTokenizer(bundle, 16, stride=4).encode_windows(
        ["a", " ".join(words)], type_ids=False
    )
    assert batch.sources[0] == 0
    assert set(batch.sources[1:]) == {1}
    rows = np.split(batch.ids, batch.offsets[1:-1])
    for number, row in enumerate(rows[1:]):
        start = number * (14 - 4)
        assert row[1:-1].tolist() == whole[start : start + 14].tolist()
    assert rows[-1][-2] == whole[-1]


def test_type_ids_are_read_for_pairs_and_left_out_where_all_are_zero(tokenizer) -> None:
    assert tokenizer.encode(["a"], type_ids=True).type_ids is None
    batch = tokenizer.encode([("a", "b"), "a"], type_ids=True)
    assert batch.type_ids.tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


def test_pads_and_unknown_tokens_come_from_the_configuration(tokenizer, bundle) -> None:
    vocabulary = json.loads(bundle.tokenizer_path.read_text(encoding="utf-8"))["model"]["vocab"]
    assert tokenizer.pad_id == vocabulary["[PAD]"]
    assert tokenizer.unknown_id == vocabulary["[UNK]"]
    assert not tokenizer.pads_left
    assert tokenizer.marks_subwords


def test_the_padding_side_comes_from_the_configuration(models) -> None:
    assert TextTokenizer(open_bundle(models / "qwen3-features"), None).pads_left


def test_lower_casing_comes_before_the_normalizer(models) -> None:
    bundle = open_bundle(models / "bert-cased-text")
    lowered = TextTokenizer(bundle, None, lowercase=True).encode(["PARIS"], type_ids=False)
    plain = TextTokenizer(bundle, None).encode(["paris"], type_ids=False)
    assert lowered.ids.tolist() == plain.ids.tolist()


def test_a_row_that_would_be_cut_raises_with_its_length(tokenizer) -> None:
    with pytest.raises(InputError, match="input 5 has 52 tokens; the model takes 16") as caught:
        tokenizer.encode(["a", ". " * 50], type_ids=False, truncate=False, first_index=4)
    assert caught.value.index == 5


def test_threads_share_a_tokenizer(bundle) -> None:
    made = TextTokenizer(bundle, 16)
    texts = [f"text {i} {'. ' * (i % 40)}" for i in range(60)]
    expected = made.encode(texts, type_ids=False).ids.tolist()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: made.encode(texts, type_ids=False).ids.tolist(), range(50))
    assert all(answer == expected for answer in answers)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": {"type": "Nonsense"}}'])
def test_a_damaged_file_raises_and_is_named(copy_of, content) -> None:
    folder = copy_of("bert-uncased-text")
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        TextTokenizer(open_bundle(folder), 16)
