"""Configuring the tokenizer of a folder that has few files, or files that change nothing."""

from __future__ import annotations

import json

import pytest
from fixtures.edits import edited_copy
from tokenizers import Tokenizer

import hugot
from hugot.info import model_info
from hugot.inputs.tokenizer import TextTokenizer
from hugot.inputs.tokenizer_files import read_tokenizer_files
from hugot.models.bundle import open_bundle

ALONE = {"tokenizer_config.json": None, "special_tokens_map.json": None, "config.json": None}


@pytest.mark.parametrize(
    "model", ["bert-uncased-features", "roberta-features", "xlm-roberta-features", "qwen3-features"]
)
def test_files_that_agree_leave_the_tokenizer_as_it_is(models, model) -> None:
    plain = Tokenizer.from_file(str(models / model / "tokenizer.json"))
    assert read_tokenizer_files(open_bundle(models / model)).tokenizer.to_str() == plain.to_str()


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("bert-uncased-features", {"unk": "[UNK]", "mask": "[MASK]", "pad": "[PAD]"}),
        ("xlm-roberta-features", {"unk": "<unk>", "mask": "<mask>", "cls": "<s>", "sep": "</s>"}),
    ],
)
def test_tokenizer_json_alone_names_the_special_tokens(models, tmp_path, model, tokens) -> None:
    tokenizer = TextTokenizer(open_bundle(edited_copy(models / model, ALONE, tmp_path / "m")), None)
    for key, token in tokens.items():
        assert tokenizer.special_token_id(f"{key}_token") == tokenizer.token_id(token)
    assert tokenizer.unknown_id == tokenizer.token_id(tokens["unk"])


@pytest.mark.parametrize("key", ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
def test_a_flag_that_is_no_boolean_is_refused(models, tmp_path, key) -> None:
    edits = {"tokenizer_config.json": {key: "false"}}
    folder = edited_copy(models / "bert-uncased-features", edits, tmp_path / "m")
    with pytest.raises(hugot.ModelFormatError, match=rf"tokenizer_config\.json: {key} is 'false'"):
        TextTokenizer(open_bundle(folder), None)


def test_lengths_share_a_configured_tokenizer(models, tmp_path) -> None:
    edits = {"tokenizer_config.json": {"do_lower_case": False, "split_special_tokens": True}}
    folder = edited_copy(models / "bert-uncased-features", edits, tmp_path / "m")
    tokenizer = TextTokenizer(open_bundle(folder), 16)
    text = ["The [MASK] cat"]
    long, _ = tokenizer.encode(text, type_ids=False)
    short, _ = tokenizer.with_length(4).encode(text, type_ids=False)
    assert short.ids.tolist() == [*long.ids[:3], long.ids[-1]]


@pytest.mark.parametrize(
    ("special", "wanted"),
    [({"add_bos_token": True, "add_eos_token": True}, (1, 1)), ({"add_eos_token": False}, (1, 0))],
)
def test_begin_and_end_tokens_follow_the_keys_of_llama(models, tmp_path, special, wanted) -> None:
    edits = {
        "tokenizer_config.json": {
            "tokenizer_class": "LlamaTokenizerFast",
            "bos_token": "<|im_start|>",
            **special,
        }
    }
    folder = edited_copy(models / "qwen3-features", edits, tmp_path / "m")
    assert TextTokenizer(open_bundle(folder), None).special_tokens == wanted


def test_a_language_of_the_vocabulary_stands_beside_the_text(models, tmp_path) -> None:
    listed = json.loads((models / "xlm-roberta-features/tokenizer_config.json").read_text("utf-8"))
    code = {"content": "de_DE", "special": True}
    edits = {
        "tokenizer_config.json": {
            "tokenizer_class": "MBartTokenizer",
            "src_lang": "de_DE",
            "added_tokens_decoder": {**listed["added_tokens_decoder"], "9": code},
        }
    }
    folder = edited_copy(models / "xlm-roberta-features", edits, tmp_path / "m")
    tokenizer = TextTokenizer(open_bundle(folder), None)
    rows, _ = tokenizer.encode(["a"], type_ids=False)
    assert [tokenizer.token(each) for each in rows.ids[-2:]] == ["</s>", "de_DE"]
    assert tokenizer.special_tokens == (0, 2)


def test_the_first_length_that_holds_limits_the_row(models, tmp_path) -> None:
    edits = {"tokenizer_config.json": {"model_max_length": 9}}
    folder = edited_copy(models / "bert-uncased-features", edits, tmp_path / "m")
    with hugot.Session() as session:
        found = model_info(session, folder)
    assert (found["longest_row"], found["longest_row_from"]) == (9, "tokenizer_config.json")
    assert found["tokenizer"]["special_tokens"]["mask_token"] == "[MASK]"


def test_a_class_that_needs_python_is_refused(models, tmp_path) -> None:
    edits = {"tokenizer_config.json": {"tokenizer_class": "BertJapaneseTokenizer"}}
    folder = edited_copy(models / "bert-uncased-features", edits, tmp_path / "m")
    with pytest.raises(hugot.ModelFormatError, match="tokenizer_class BertJapaneseTokenizer"):
        TextTokenizer(open_bundle(folder), None)


def test_the_settings_are_logged(models, caplog) -> None:
    caplog.set_level("DEBUG", "hugot.models")
    read_tokenizer_files(open_bundle(models / "qwen3-features"))
    assert "Qwen2Tokenizer, pads on the left" in caplog.text
