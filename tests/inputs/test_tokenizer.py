"""The tokenizer as it is configured: padding, truncation, ids, threads."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hugot import InputError, TokenizerError
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle


def encode(tokenizer, texts, **settings):
    """The rows of texts, none of which is refused."""
    rows, refused = tokenizer.encode(texts, type_ids=settings.pop("type_ids", False), **settings)
    assert refused == {}
    return rows


@pytest.fixture(scope="module")
def bundle(models):
    return open_bundle(models / "bert-uncased-text")


@pytest.fixture(scope="module")
def tokenizer(bundle):
    return TextTokenizer(bundle, 16)


def test_rows_lie_one_after_another(tokenizer) -> None:
    rows = encode(tokenizer, ["a", "a b", ""])
    assert rows.lengths.tolist() == [3, 4, 2]
    assert rows.offsets.tolist() == [0, 3, 7, 9]
    assert len(rows.ids) == rows.size == 9
    assert len(rows) == 3


def test_padding_and_truncation_baked_into_the_file_are_switched_off(models) -> None:
    folder = models / "bert-uncased-text-fixed-padding"
    baked = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert baked["padding"] is not None
    made = TextTokenizer(open_bundle(folder), None)
    assert encode(made, ["a"]).lengths.tolist() == [3]
    assert encode(made, [". " * 500]).lengths.tolist() == [502]


def test_long_rows_are_cut_and_keep_their_last_special_token(tokenizer) -> None:
    rows = encode(tokenizer, [". " * 50])
    short = encode(tokenizer, ["."])
    assert rows.lengths.tolist() == [16]
    assert rows.ids[-1] == short.ids[-1]


def test_windows_of_a_stride_overlap_and_hold_the_whole_text(bundle) -> None:
    words = [f"{i}" for i in range(10)] * 4
    whole = encode(TextTokenizer(bundle, None), [" ".join(words)]).ids[1:-1]
    rows, refused = TextTokenizer(bundle, 16, stride=4).encode_windows(
        ["a", " ".join(words)], type_ids=False
    )
    assert refused == {}
    assert rows.sources[0] == 0
    assert set(rows.sources[1:]) == {1}
    windows = np.split(rows.ids, rows.offsets[1:-1])
    for number, window in enumerate(windows[1:]):
        start = number * (14 - 4)
        assert window[1:-1].tolist() == whole[start : start + 14].tolist()
    assert windows[-1][-2] == whole[-1]


def test_windows_of_a_refused_text_are_left_out_and_the_others_numbered_through(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16, stride=4)
    long = "a " * 20
    rows, refused = tokenizer.encode_windows(["a", "b\ud800", long], type_ids=False)
    assert list(refused) == [1]
    assert refused[1].index == 1
    expected, _ = tokenizer.encode_windows(["a", long], type_ids=False)
    assert list(rows.sources) == list(expected.sources) == [0, 1, 1]
    assert rows.ids.tolist() == expected.ids.tolist()


def test_type_ids_are_read_for_pairs_and_left_out_where_all_are_zero(tokenizer) -> None:
    assert encode(tokenizer, ["a"], type_ids=True).type_ids is None
    rows = encode(tokenizer, [("a", "b"), "a"], type_ids=True)
    assert rows.type_ids.tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


def test_pads_and_unknown_tokens_come_from_the_configuration(tokenizer, bundle) -> None:
    vocabulary = json.loads(bundle.tokenizer_path.read_text(encoding="utf-8"))["model"]["vocab"]
    assert tokenizer.padding.pad_id == vocabulary["[PAD]"]
    assert tokenizer.unknown_id == vocabulary["[UNK]"]
    assert not tokenizer.padding.left
    assert tokenizer.marks_subwords


def test_the_padding_side_comes_from_the_configuration(models) -> None:
    assert TextTokenizer(open_bundle(models / "qwen3-features"), None).padding.left


def test_lower_casing_comes_before_the_normalizer(models) -> None:
    bundle = open_bundle(models / "bert-cased-text")
    lowered = encode(TextTokenizer(bundle, None, lowercase=True), ["PARIS"])
    plain = encode(TextTokenizer(bundle, None), ["paris"])
    assert lowered.ids.tolist() == plain.ids.tolist()


def test_a_row_that_would_be_cut_is_refused_with_its_length(tokenizer) -> None:
    rows, refused = tokenizer.encode(
        ["a", ". " * 50], type_ids=False, truncate=False, numbers=[4, 9]
    )
    assert list(refused) == [1]
    assert isinstance(refused[1], InputError)
    assert "input 9 has 52 tokens; the model takes 16" in str(refused[1])
    assert refused[1].index == 9
    assert rows.lengths.tolist() == [3]


def test_texts_are_refused_for_several_reasons_at_once(models) -> None:
    made = TextTokenizer(open_bundle(models / "qwen2-token"), 8)
    texts = ["a", "\ud800", "", "word " * 50, "b"]
    rows, refused = made.encode(texts, type_ids=False, truncate=False, allow_empty=False)
    assert sorted(refused) == [1, 2, 3]
    for place, reason in [(1, "lone surrogate"), (2, "no tokens"), (3, "tokens; the model takes")]:
        assert reason in str(refused[place])
        assert refused[place].index == place
    assert rows.ids.tolist() == encode(made, ["a", "b"]).ids.tolist()


def test_threads_share_a_tokenizer(bundle) -> None:
    made = TextTokenizer(bundle, 16)
    texts = [f"text {i} {'. ' * (i % 40)}" for i in range(60)]
    expected = encode(made, texts).ids.tolist()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: encode(made, texts).ids.tolist(), range(50))
    assert all(answer == expected for answer in answers)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": {"type": "Nonsense"}}'])
def test_a_damaged_file_raises_and_is_named(copy_of, content) -> None:
    folder = copy_of("bert-uncased-text")
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        TextTokenizer(open_bundle(folder), 16)


def test_of_many_texts_that_are_too_long_only_the_beginnings_are_tokenized(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16)
    seen = []

    class Watching:
        def __getattr__(self, name):
            return getattr(tokenizer._tokenizer, name)

        def encode_batch_fast(self, texts, **more):
            seen.extend(map(len, texts))
            return tokenizer._tokenizer.encode_batch_fast(texts, **more)

    watching = TextTokenizer(bundle, 16)
    watching._tokenizer = Watching()
    long, short = "word " * 5000, "ab " * 4
    sparse = "a" + " " * 2000 + "b"  # many characters, few tokens
    texts = [long, short] * 10 + [sparse]
    rows, refused = watching.encode(texts, type_ids=False, truncate=False)
    assert sorted(refused) == list(range(0, 20, 2))
    assert "input 4 has more than 16 tokens" in str(refused[4])
    whole, _ = tokenizer.encode([short] * 10 + [sparse], type_ids=False, truncate=False)
    assert rows.ids.tolist() == whole.ids.tolist()
    assert max(seen) == len(sparse)
    assert sum(seen) < len(long)
