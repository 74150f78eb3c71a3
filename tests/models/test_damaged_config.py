"""Values of the wrong type in a model's JSON files: an error of hugot's that names the file."""

from __future__ import annotations

import json

import pytest

import hugot
from hugot.errors import HugotError, ModelFormatError, TokenizerError


def put(folder, file, key, value):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("config_sentence_transformers.json", "prompts", 5),
        ("config_sentence_transformers.json", "prompts", {"query": 513}),
        ("config_sentence_transformers.json", "default_prompt_name", {"type": "x"}),
        ("config_sentence_transformers.json", "truncate_dim", "x"),
        ("config.json", "model_type", []),
        ("tokenizer_config.json", "pad_token_type_id", "x"),
        ("tokenizer_config.json", "model_input_names", 7),
        ("tokenizer_config.json", "truncation_side", 7),
        ("1_Pooling/config.json", "pooling_mode", 7),
        ("1_Pooling/config.json", "pooling_mode", [["mean"]]),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_and_named(copy_of, file, key, value):
    folder = copy_of("electra-features")
    put(folder, file, key, value)
    with pytest.raises(ModelFormatError) as caught:
        hugot.pipeline("feature-extraction", folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("count", [-1, 10**9, 2**70, "x", [2]])
def test_a_number_of_labels_that_cannot_be_is_refused(copy_of, count):
    folder = copy_of("bert-uncased-text")
    config = json.loads((folder / "config.json").read_text())
    config.pop("id2label")
    (folder / "config.json").write_text(json.dumps({**config, "num_labels": count}))
    with pytest.raises(ModelFormatError, match="num_labels"):
        hugot.pipeline("text-classification", folder)


def test_a_padding_id_of_the_wrong_type_is_refused_where_positions_follow_from_it(copy_of):
    folder = copy_of("xlm-roberta-text")
    put(folder, "config.json", "pad_token_id", {"type": "x"})
    with pytest.raises(ModelFormatError, match="pad_token_id"):
        hugot.pipeline("text-classification", folder)


def test_rows_too_short_for_the_special_tokens_are_refused(copy_of):
    folder = copy_of("bert-uncased-text")
    put(folder, "config.json", "max_position_embeddings", 1)
    with pytest.raises(TokenizerError, match="1 tokens in a row, of which 2 are special"):
        hugot.pipeline("text-classification", folder)


def test_a_limit_beyond_32_bits_is_no_limit(copy_of):
    folder = copy_of("bert-uncased-text")
    put(folder, "tokenizer_config.json", "model_max_length", 2**40)
    with hugot.pipeline("text-classification", folder) as classify:
        assert classify("good")[0]["label"]


def test_a_lone_surrogate_as_a_token_is_refused(copy_of):
    folder = copy_of("bert-uncased-text")
    put(folder, "tokenizer_config.json", "unk_token", "\ud800")
    with pytest.raises(hugot.ModelFormatError, match="unk_token has a lone surrogate"):
        hugot.pipeline("text-classification", folder)


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (
            "modernbert-text",
            lambda x: x["post_processor"]["single"][0]["SpecialToken"].update(id="?"),
        ),
        ("roberta-text", lambda x: x["model"].update(continuing_subword_prefix="right")),
    ],
)
def test_a_panic_of_the_tokenizer_is_an_error(copy_of, model, change):
    folder = copy_of(model)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    change(tokenizer)
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(HugotError) as caught:
        hugot.pipeline("text-classification", folder)
    assert type(caught.value) is TokenizerError


def test_pooled_vectors_that_the_dense_module_cannot_take_are_refused(copy_of):
    folder = copy_of("electra-features")
    put(folder, "1_Pooling/config.json", "pooling_mode", ["mean", "max", "cls"])
    with (
        hugot.pipeline("feature-extraction", folder) as embed,
        pytest.raises(ModelFormatError, match="the Dense module takes vectors of"),
    ):
        embed("a text")
