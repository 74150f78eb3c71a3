"""The tokenizer as it is configured: padding, truncation, ids, threads."""

from __future__ import annotations

import gc
import json
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tokenizers import Tokenizer

from hugot import InputError, TokenizerError
from hugot.inputs.native import copy_tokenizer
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle

TOKENIZERS = [
    "albert-text",
    "bert-cased-text",
    "bert-uncased-text",
    "camembert-text",
    "deberta-text",
    "modernbert-text",
    "mpnet-text",
    "qwen3-text",
    "roberta-text",
    "xlm-roberta-text",
]


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


class Watched:
    """A native tokenizer that notes the length of each text that it is given."""

    def __init__(self, tokenizer) -> None:
        self.tokenizer = tokenizer
        self.seen: list[int] = []

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def encode_batch(self, texts, **more):
        self.seen.extend(map(len, texts))
        return self.tokenizer.encode_batch(texts, **more)

    def encode_batch_fast(self, texts, **more):
        self.seen.extend(map(len, texts))
        return self.tokenizer.encode_batch_fast(texts, **more)

    def encode(self, *arguments, **more):
        raise AssertionError("keeps the GIL")


def watch(tokenizer) -> list[int]:
    tokenizer._tokenizer = Watched(tokenizer._tokenizer)
    return tokenizer._tokenizer.seen


def test_of_many_texts_that_are_too_long_only_the_beginnings_are_tokenized(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16)
    long, short = "word " * 5000, "ab " * 4
    sparse = "a" + " " * 5000 + "b"  # many characters, few tokens
    whole, _ = tokenizer.encode([short] * 10 + [sparse], type_ids=False, truncate=False)
    seen = watch(tokenizer)
    rows, refused = tokenizer.encode([long, short] * 10 + [sparse], type_ids=False, truncate=False)
    assert sorted(refused) == list(range(0, 20, 2))
    assert "input 4 has more than 16 tokens" in str(refused[4])
    assert rows.ids.tolist() == whole.ids.tolist()
    assert max(seen) == len(sparse)
    assert sum(seen) < len(long)


def test_a_few_texts_that_are_too_long_are_refused_with_their_length(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16)
    _, refused = tokenizer.encode([". " * 5000], type_ids=False, truncate=False)
    assert "input 0 has 5002 tokens; the model takes 16" in str(refused[0])


@pytest.mark.parametrize("spans", [False, True])
def test_a_long_text_alone_is_tokenized_without_the_gil(bundle, spans) -> None:
    tokenizer = TextTokenizer(bundle, None)
    expected = encode(TextTokenizer(bundle, None), ["a " * 3000, ""]).ids[:-2].tolist()
    assert watch(tokenizer) == []
    assert encode(tokenizer, ["a " * 3000], spans=spans).ids.tolist() == expected


def test_a_lone_surrogate_behind_the_row_is_refused(bundle) -> None:
    _, refused = TextTokenizer(bundle, 16).encode(["word " * 5000 + "\ud800"], type_ids=False)
    assert "character 25000 is a lone surrogate" in str(refused[0])


# Other lengths


def test_a_tokenizer_of_another_length_has_its_rows_and_shares_the_vocabulary(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16)
    texts = ["word and " * 20, "a", ("one two " * 9, "three " * 9)]
    expected = encode(TextTokenizer(bundle, 7), texts, type_ids=True)
    rows = encode(tokenizer.with_length(7), texts, type_ids=True)
    assert rows.ids.tolist() == expected.ids.tolist()
    assert rows.type_ids.tolist() == expected.type_ids.tolist()
    assert rows.truncated == 2
    assert encode(tokenizer, texts).lengths.tolist() == [16, 3, 16]


def test_a_longer_length_than_the_models_changes_nothing(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16)
    assert tokenizer.with_length(17) is tokenizer
    assert tokenizer.with_length(None) is tokenizer
    assert TextTokenizer(bundle, None).with_length(40).max_length == 40


def test_a_length_without_room_for_a_token_is_refused(bundle) -> None:
    with pytest.raises(InputError, match=r"max_length=2 leaves no room .* 2 tokens"):
        TextTokenizer(bundle, 16).with_length(2)
    assert encode(TextTokenizer(bundle, 16).with_length(3), ["a b"]).lengths.tolist() == [3]


def test_tokenizers_of_many_lengths_do_not_pile_up(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 512)
    made = [weakref.ref(tokenizer.with_length(length)) for length in range(3, 103)]
    gc.collect()
    assert sum(each() is not None for each in made) < 20
    assert tokenizer.with_length(102) is made[-1]()


def test_a_text_is_refused_with_the_length_that_was_asked_for(bundle) -> None:
    tokenizer = TextTokenizer(bundle, 16).with_length(8)
    _, refused = tokenizer.encode(["a " * 9], type_ids=False, truncate=False)
    assert "input 0 has 11 tokens; max_length is 8" in str(refused[0])


@pytest.mark.parametrize("model", TOKENIZERS)
def test_a_copied_tokenizer_is_that_of_the_file(models, model) -> None:
    native = Tokenizer.from_file(str(models / model / "tokenizer.json"))
    native.no_truncation()
    native.no_padding()
    copied = copy_tokenizer(native)
    assert json.loads(copied.to_str()) == json.loads(native.to_str())
