"""The rows of long texts, of which only a part is tokenized, are those of the whole texts."""

from __future__ import annotations

import random
import sys
import unicodedata

import pytest

from hugot.inputs.beginnings import _ALONE, _CUT, Beginnings
from hugot.inputs.tokenizer import TextTokenizer
from hugot.models.bundle import open_bundle

MODELS = [
    "albert-text",
    "bert-cased-text",
    "bert-uncased-text",
    "bert-uncased-text-truncate-left",
    "camembert-text",
    "deberta-text",
    "modernbert-text",
    "mpnet-text",
    "qwen3-text",
    "roberta-text",
    "xlm-roberta-text",
]
WORDS = [
    "the",
    "Cat",
    "sat",
    "unaffable",
    "naïve",
    "it's",
    "we'll",
    "3.14",
    "1234567",
    "ΟΔΟΣ",
    "Дом",
]
MARKS = "\u0301\u0308\u0323\u20d0\u3099\u0e33\u094d\u200d\ufe0f\U0001f3fb"
EMOJI = ["😀", "👩\u200d👩\u200d👧", "👍\U0001f3fd", "🇩🇪", "❤\ufe0f"]
SPACES = [" ", "  ", " " * 30, "\n", "\r\n", "\t", "\u00a0", "\u3000", " \n \n", "\u2028"]
JOINED = [
    "``",
    "''",
    "'''",
    "don't",
    "…",
    "ﬁ",
    "ｶﾞ",
    "\uac01",
    "\u1100\u1161\u11a8",
    "한국어",
    "日本語",
    "漢字。",
]
OTHERS = ["\uff0c", "\u0627", "नमस्ते", "สวัสดี"]
LENGTH = 16


@pytest.fixture(scope="module", params=MODELS)
def bundle(request, models):
    return open_bundle(models / request.param)


@pytest.fixture(scope="module")
def tokenizer(bundle):
    return TextTokenizer(bundle, LENGTH)


def added_tokens(tokenizer) -> list[str]:
    return [each.content for each in tokenizer._tokenizer.get_added_tokens_decoder().values()]


def random_text(source, added, length) -> str:
    """A text of some kinds of parts, each of them in runs."""
    every = [
        WORDS,
        MARKS,
        EMOJI,
        SPACES,
        JOINED,
        added,
        ".",
        "-",
        "a",
        "漢",
        "\x00",
        "Σς",
        "()[]<|>",
    ]
    kinds = source.sample(every, source.randint(1, 5))
    parts: list[str] = []
    size = 0
    while size < length:
        kind = source.choice(kinds)
        run = source.choice([1, 1, 1, 2, 3, 17, 60])
        part = source.choice(["", " "]).join(source.choice(kind) for _ in range(run))
        parts.append(part)
        size += len(part)
    return "".join(parts)


def same_row(encoding, whole) -> bool:
    return (encoding.ids, encoding.offsets, encoding.word_ids, encoding.tokens) == (
        whole.ids,
        whole.offsets,
        whole.word_ids,
        whole.tokens,
    )


def test_rows_of_long_texts_are_those_of_the_whole_texts(tokenizer) -> None:
    source = random.Random(1)
    added = added_tokens(tokenizer)
    certain = 0
    for _ in range(60):
        text = random_text(source, added, source.choice([4200, 6000, 20000]))
        rows, refused = tokenizer.encode([text], type_ids=True, spans=True)
        (whole,) = tokenizer._tokenizer.encode_batch([text])
        assert refused == {}
        assert same_row(rows.encodings[0], whole), text
        assert rows.truncated == bool(whole.overflowing)
        rows, _ = tokenizer.encode([text], type_ids=True)
        assert rows.ids.tolist() == whole.ids
        certain += len(rows.encodings[0].overflowing) < len(whole.overflowing)
    assert certain > 30


def test_a_piece_is_certain_wherever_it_ends(tokenizer) -> None:
    """All cuts of a text, rather than the one that its length leads to."""
    source = random.Random(2)
    left = tokenizer._tokenizer.truncation["direction"] == "left"
    beginnings = Beginnings(tokenizer._tokenizer, LENGTH, left=left)
    added = added_tokens(tokenizer)
    certain = 0
    for _ in range(25):
        text = random_text(source, added, 600)
        (whole,) = tokenizer._tokenizer.encode_batch([text])
        for cut in _CUT.finditer(text):
            if left and text[cut.end()] != " ":
                continue
            piece = text[cut.end() :] if left else text[: cut.end()]
            (encoding,) = tokenizer._tokenizer.encode_batch([piece])
            if beginnings._is_certain(encoding, piece):
                certain += 1
                assert encoding.ids == whole.ids, (piece, text)
                assert left or same_row(encoding, whole), (piece, text)
    assert certain > 100 or left


def test_pairs_of_long_texts_have_the_rows_of_whole_pairs(tokenizer) -> None:
    source = random.Random(3)
    added = added_tokens(tokenizer)
    for length in (LENGTH, LENGTH - 1):
        made = tokenizer.with_length(length)
        for _ in range(15):
            sizes = source.choices([5, 60, 400, 600], k=2)
            pair = tuple(random_text(source, added, size) for size in sizes)
            rows, refused = made.encode([pair], type_ids=True)
            (whole,) = made._tokenizer.encode_batch([pair])
            assert refused == {}
            assert rows.ids.tolist() == whole.ids
            assert rows.truncated == bool(whole.overflowing)


def test_a_pair_of_two_long_texts_takes_time_in_proportion_to_their_length(models) -> None:
    made = TextTokenizer(open_bundle(models / "bert-uncased-text"), LENGTH)
    rows, _ = made.encode([("word " * 30_000, "other " * 30_001)], type_ids=False)
    (encoding,) = rows.encodings
    assert [encoding.sequence_ids.count(part) for part in (0, 1)] == [6, 7]
    assert len(encoding.overflowing) < 1000


def test_a_lone_surrogate_in_a_long_pair_is_refused(tokenizer) -> None:
    pairs = [("word " * 2000, "a\ud800"), ("word " * 2000 + "\ud800", "other " * 2000), ("a", "b")]
    rows, refused = tokenizer.with_length(LENGTH - 1).encode(pairs, type_ids=False)
    assert sorted(refused) == [0, 1]
    assert "character 10000 is a lone surrogate" in str(refused[1])
    assert len(rows) == 1


def test_words_have_the_rows_of_all_words(tokenizer) -> None:
    source = random.Random(4)
    added = added_tokens(tokenizer)
    for _ in range(4):
        words = random_text(source, added, 5000).split(" ") * 20
        rows, refused = tokenizer.encode([words], type_ids=False, words=True, spans=True)
        (whole,) = tokenizer._tokenizer.encode_batch([words], is_pretokenized=True)
        assert refused == {}
        assert same_row(rows.encodings[0], whole)


def test_a_tokenizer_with_an_unknown_step_gets_whole_texts(models) -> None:
    import tokenizers

    made = TextTokenizer(open_bundle(models / "bert-uncased-text"), LENGTH)
    for pattern in (r"(?<=a)b", r".*\n"):
        made._tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(
            tokenizers.Regex(pattern), "isolated"
        )
        beginnings = Beginnings(made._tokenizer, LENGTH, left=False)
        assert beginnings.encode(["a b " * 2000], spans=False, words=False) == {}


def test_no_normalization_composes_a_character_with_one_before_a_cut() -> None:
    alone = [chr(i) for i in range(sys.maxunicode + 1) if _CUT.match(chr(i) + "a")] + [" "]
    assert len(alone) > 30_000
    second = set()
    for i in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(i)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            second.add(chr(int(parts[1], 16)))
    for character in alone:
        assert character not in second or unicodedata.combining(character) == 0, _ALONE
        assert character not in second, hex(ord(character))
        assert unicodedata.category(character) not in ("Mn", "Mc", "Me", "Cf", "Cc", "Cs")
