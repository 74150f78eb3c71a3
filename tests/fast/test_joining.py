from itertools import product

import numpy as np
import pytest
from places import FIXTURES
from tokenizers import Tokenizer, decoders

from hugot._fast.joining import TokenJoiner

BY_TOKEN = {
    "WordPiece": decoders.WordPiece(),
    "WordPiece without cleanup": decoders.WordPiece(cleanup=False),
    "WordPiece of another prefix": decoders.WordPiece(prefix="@@"),
    "Metaspace": decoders.Metaspace(),
    "Metaspace that prepends nothing": decoders.Metaspace(prepend_scheme="never"),
    "Metaspace that prepends once": decoders.Metaspace(prepend_scheme="first"),
    "ByteLevel": decoders.ByteLevel(),
}
# Subword marks, punctuation that is cleaned up, spaces, incomplete characters, byte-level characters.
TOKENS = [
    *(
        "a",
        "##a",
        "##",
        "",
        "@@b",
        "\u2581",
        "\u2581a",
        "a\u2581b",
        "\u0120",
        "\u0120a",
        " ",
        "a b",
    ),
    *(".", "?", "!", ",", "'", "n't", "'m", "'s", "'ve", "'re", "do not", " do not", "##.", "##'s"),
    *(
        "\u00e9",
        "\u00c3",
        "\u00a9",
        "\u00c3\u00a9",
        "\u00f0\u0141",
        "\u0132\u00a9",
        "\u6771",
        "\ufffd",
    ),
]


@pytest.mark.parametrize("name", BY_TOKEN)
def test_joined_tokens_are_what_the_decoder_makes_of_them(name):
    decode = BY_TOKEN[name].decode
    joiner = TokenJoiner(decode, True)
    for tokens in product(TOKENS, repeat=2):
        assert joiner.join(list(tokens)) == decode(list(tokens)), tokens
    rng = np.random.default_rng(3)
    for _ in range(2000):
        tokens = rng.choice(TOKENS, rng.integers(1, 7)).tolist()
        assert joiner.join(tokens) == decode(tokens), tokens


@pytest.mark.parametrize("model", ["bert-cased-token", "roberta-token", "xlm-roberta-token"])
def test_joined_tokens_of_a_vocabulary_are_what_its_decoder_makes_of_them(model):
    tokenizer = Tokenizer.from_file(str(FIXTURES / model / "tokenizer.json"))
    decode = tokenizer.decoder.decode
    joiner = TokenJoiner(decode, True)
    vocabulary = sorted(tokenizer.get_vocab())
    rng = np.random.default_rng(4)
    for _ in range(3000):
        tokens = rng.choice(vocabulary, rng.integers(1, 6)).tolist()
        assert joiner.join(tokens) == decode(tokens), tokens


def test_the_decoder_is_not_asked_again_about_tokens_that_it_has_seen():
    asked = []

    def decode(tokens):
        asked.append(tokens)
        return " ".join(tokens)

    joiner = TokenJoiner(decode, True)
    assert joiner.join(["one", "two", "three"]) == "one two three"
    before = len(asked)
    assert joiner.join(["one", "three", "two"]) == "one three two"
    assert len(asked) == before


def test_a_decoder_that_looks_at_several_tokens_is_asked_about_all_of_them():
    joiner = TokenJoiner(lambda tokens: "".join(reversed(tokens)), False)
    assert joiner.join(["a", "b", "c"]) == "cba"


def test_any_number_of_tokens_is_joined_and_not_all_are_cached():
    joiner = TokenJoiner(" ".join, True)
    for i in range(40_000):
        assert joiner.join([f"a{i}", f"b{i}"]) == f"a{i} b{i}"


def test_joining_passes_on_what_the_decoder_raises():
    def decode(tokens):
        raise RuntimeError(f"cannot decode {tokens}")

    with pytest.raises(RuntimeError, match="cannot decode"):
        TokenJoiner(decode, True).join(["a"])
