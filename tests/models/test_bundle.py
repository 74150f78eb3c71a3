"""Reading a model folder, and the properties of a model that follow from its files."""

from __future__ import annotations

import json

import pytest

from hugot import ModelFormatError, ModelNotFoundError
from hugot.models.bundle import open_bundle


def write(path, value) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"graph")
    write(tmp_path / "tokenizer.json", {})
    write(tmp_path / "config.json", {"model_type": "bert", "max_position_embeddings": 512})
    write(tmp_path / "tokenizer_config.json", {"model_max_length": 128})
    return tmp_path


def test_the_only_onnx_file_is_taken(folder) -> None:
    (folder / "model.onnx").rename(folder / "anything.onnx")
    assert open_bundle(folder).onnx_path == folder / "anything.onnx"


def test_an_onnx_file_is_found_in_the_subfolder_onnx(folder) -> None:
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert open_bundle(folder).onnx_path == folder / "onnx" / "model.onnx"


def test_the_onnx_file_that_is_named_is_taken(folder) -> None:
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model_int8.onnx").write_bytes(b"")
    wanted = folder / "onnx" / "model_int8.onnx"
    assert open_bundle(folder, "model_int8.onnx").onnx_path == wanted
    assert open_bundle(folder, "onnx/model_int8.onnx").onnx_path == wanted


def test_model_onnx_is_taken_among_several(folder) -> None:
    (folder / "model_int8.onnx").write_bytes(b"")
    assert open_bundle(folder).onnx_path == folder / "model.onnx"


def test_several_onnx_files_without_a_model_onnx_are_listed_with_their_sizes(folder) -> None:
    (folder / "model.onnx").rename(folder / "a.onnx")
    (folder / "b.onnx").write_bytes(b"x" * 2_500_000)
    with pytest.raises(ModelNotFoundError, match=r"a\.onnx \(0\.0 MB\), b\.onnx \(2\.5 MB\)"):
        open_bundle(folder)


def test_a_named_onnx_file_that_is_not_there_raises_and_lists_what_is(folder) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no file 'x\.onnx'; there is: model\.onnx"):
        open_bundle(folder, "x.onnx")


def test_an_onnx_file_can_be_the_model(folder) -> None:
    assert open_bundle(folder / "model.onnx").folder == folder


def test_the_tokenizer_of_an_onnx_file_in_the_subfolder_onnx_is_one_folder_up(folder) -> None:
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    bundle = open_bundle(folder / "onnx" / "model.onnx")
    assert bundle.tokenizer_path == folder / "tokenizer.json"


def test_a_path_that_is_not_there_raises(tmp_path) -> None:
    with pytest.raises(ModelNotFoundError, match="no model at"):
        open_bundle(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "said"), [("model.onnx", "no .onnx"), ("tokenizer.json", "no tok")]
)
def test_a_missing_file_raises_and_tells_how_to_export(folder, name, said) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelNotFoundError, match=f"{said}.*optimum-cli export onnx"):
        open_bundle(folder)


def test_a_sentence_model_without_a_graph_is_to_be_exported_by_sentence_transformers(
    folder,
) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.safetensors").touch()
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    said = (
        r"weights for PyTorch \(model\.safetensors\)\. Export it with sentence_transformers\.Sent"
    )
    with pytest.raises(ModelNotFoundError, match=said):
        open_bundle(folder)


@pytest.mark.parametrize("text", ["{", "[1]", '"text"', "\udcff"])
def test_a_damaged_config_raises_and_names_the_file(folder, text) -> None:
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelFormatError, match=r"config\.json"):
        open_bundle(folder)


def test_the_longest_row_is_the_tokenizers_limit(folder) -> None:
    assert open_bundle(folder).longest_row == 128


@pytest.mark.parametrize("length", [None, 0, 10**30, 1e30, 4096])
def test_positions_limit_the_row_if_the_tokenizer_has_no_smaller_limit(folder, length) -> None:
    write(folder / "tokenizer_config.json", {"model_max_length": length})
    bundle = open_bundle(folder)
    assert (bundle.longest_row, bundle.longest_row_source) == (512, "config.json")


def test_max_len_is_an_older_name_of_model_max_length(folder) -> None:
    write(folder / "tokenizer_config.json", {"max_len": 6})
    bundle = open_bundle(folder)
    assert (bundle.longest_row, bundle.longest_row_source) == (6, "tokenizer_config.json")


@pytest.mark.parametrize("length", ["6", -1, True, [6]])
def test_a_length_that_is_no_number_is_refused(folder, length) -> None:
    write(folder / "tokenizer_config.json", {"model_max_length": length})
    with pytest.raises(ModelFormatError, match=r"tokenizer_config\.json: model_max_length"):
        _ = open_bundle(folder).longest_row


@pytest.mark.parametrize(
    ("kind", "key"),
    [("gpt2", "n_positions"), ("led", "max_encoder_position_embeddings")],
)
def test_some_model_types_have_another_name_for_their_positions(folder, kind, key) -> None:
    write(folder / "config.json", {"model_type": kind, key: 96})
    write(folder / "tokenizer_config.json", {})
    assert open_bundle(folder).longest_row == 96


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "camembert", "mpnet"])
def test_positions_behind_the_padding_index_are_not_for_tokens(folder, kind) -> None:
    config = {"model_type": kind, "max_position_embeddings": 514, "pad_token_id": 1}
    write(folder / "config.json", config)
    write(folder / "tokenizer_config.json", {})
    assert open_bundle(folder).longest_row == 512


def test_relative_positions_set_no_limit(folder) -> None:
    config = {"max_position_embeddings": 512, "position_biased_input": False}
    write(folder / "config.json", config)
    write(folder / "tokenizer_config.json", {})
    assert open_bundle(folder).longest_row is None


def test_labels_come_by_number(folder) -> None:
    write(folder / "config.json", {"id2label": {"1": "no", "0": "yes"}})
    assert open_bundle(folder).labels == ["yes", "no"]


def test_labels_without_names_are_numbered(folder) -> None:
    write(folder / "config.json", {"num_labels": 3})
    assert open_bundle(folder).labels == ["LABEL_0", "LABEL_1", "LABEL_2"]


@pytest.mark.parametrize("labels", [{"0": "a", "2": "b"}, {"x": "a"}, ["a"]])
def test_labels_that_leave_a_number_out_raise(folder, labels) -> None:
    write(folder / "config.json", {"id2label": labels})
    with pytest.raises(ModelFormatError, match="id2label"):
        _ = open_bundle(folder).labels


MODULES = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"},
]


@pytest.fixture
def sentence_folder(folder):
    write(folder / "modules.json", MODULES)
    (folder / "1_Pooling").mkdir()
    write(folder / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True})
    return folder


def test_max_seq_length_comes_first_for_sentences_alone(sentence_folder) -> None:
    write(sentence_folder / "sentence_bert_config.json", {"max_seq_length": 256})
    bundle = open_bundle(sentence_folder)
    assert bundle.longest_sentence == 256
    assert bundle.longest_row == 128


def test_max_seq_length_beyond_the_positions_is_cut_to_them(sentence_folder) -> None:
    write(sentence_folder / "sentence_bert_config.json", {"max_seq_length": 4096})
    assert open_bundle(sentence_folder).longest_sentence == 512


def test_pooling_and_normalisation_come_from_the_modules(sentence_folder) -> None:
    files = open_bundle(sentence_folder).sentence
    assert files.pooling == ("cls",)
    assert files.steps == ("normalize",)


def test_several_pooling_flags_are_concatenated_in_the_order_of_sentence_transformers(
    sentence_folder,
) -> None:
    flags = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    write(sentence_folder / "1_Pooling" / "config.json", flags)
    assert open_bundle(sentence_folder).sentence.pooling == ("cls", "mean")


@pytest.mark.parametrize(
    ("named", "modes"), [("mean", ("mean",)), (["lasttoken", "max"], ("lasttoken", "max"))]
)
def test_pooling_modes_by_name_are_understood(sentence_folder, named, modes) -> None:
    write(sentence_folder / "1_Pooling" / "config.json", {"pooling_mode": named})
    assert open_bundle(sentence_folder).sentence.pooling == modes


def test_an_unknown_pooling_mode_raises(sentence_folder) -> None:
    write(sentence_folder / "1_Pooling" / "config.json", {"pooling_mode": "median"})
    with pytest.raises(ModelFormatError, match="'median'"):
        _ = open_bundle(sentence_folder).sentence


def test_prompts_are_read(sentence_folder) -> None:
    config = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    write(sentence_folder / "config_sentence_transformers.json", config)
    files = open_bundle(sentence_folder).sentence
    assert files.prompts == {"query": "query: ", "document": ""}
    assert files.default_prompt_name == "query"


def test_a_folder_without_sentence_files_takes_the_mean(folder) -> None:
    files = open_bundle(folder).sentence
    assert (files.pooling, files.steps, files.max_seq_length) == (("mean",), (), None)


def test_a_damaged_list_of_modules_raises(sentence_folder) -> None:
    write(sentence_folder / "modules.json", {"a": 1})
    with pytest.raises(ModelFormatError, match=r"modules\.json"):
        open_bundle(sentence_folder)


def test_special_tokens_map_replaces_tokens_of_a_config_without_added_tokens(folder) -> None:
    write(folder / "special_tokens_map.json", {"unk_token": "[X]", "pad_token": {"content": "[P]"}})
    write(folder / "tokenizer_config.json", {"unk_token": "[UNK]", "mask_token": "[M]"})
    tokens = open_bundle(folder).tokenizer_config
    assert tokens == {"unk_token": "[X]", "pad_token": {"content": "[P]"}, "mask_token": "[M]"}
    write(folder / "tokenizer_config.json", {"unk_token": "[UNK]", "added_tokens_decoder": {}})
    assert open_bundle(folder).tokenizer_config["unk_token"] == "[UNK]"


@pytest.mark.parametrize("path", ["../1_Pooling", "/etc", "a/../../b", "..\\b", "C:/b"])
def test_a_module_whose_path_leads_out_of_the_folder_is_refused(sentence_folder, path) -> None:
    write(sentence_folder / "modules.json", [{"type": "models.Pooling", "path": path}])
    with pytest.raises(ModelFormatError, match="leads out of the model's folder"):
        open_bundle(sentence_folder)


@pytest.fixture
def nested_folder(sentence_folder):
    """A model whose Transformer module has a folder of its own, with all files of the model."""
    write(sentence_folder / "modules.json", [{**MODULES[0], "path": "0_Transformer"}, *MODULES[1:]])
    inner = sentence_folder / "0_Transformer"
    inner.mkdir()
    for name in ("model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"):
        (sentence_folder / name).rename(inner / name)
    write(inner / "sentence_bert_config.json", {"max_seq_length": 9})
    return sentence_folder


@pytest.mark.parametrize("onnx_file", [None, "model.onnx", "0_Transformer/model.onnx"])
def test_a_transformer_in_a_folder_of_its_own_has_its_files_there(nested_folder, onnx_file) -> None:
    bundle = open_bundle(nested_folder, onnx_file)
    inner = nested_folder / "0_Transformer"
    assert (bundle.folder, bundle.onnx_path) == (nested_folder, inner / "model.onnx")
    assert (bundle.tokenizer_path, bundle.config_path) == (
        inner / "tokenizer.json",
        inner / "config.json",
    )
    assert (bundle.longest_row, bundle.longest_sentence) == (128, 9)


def test_the_graph_of_a_transformer_in_a_folder_of_its_own_has_the_modules(nested_folder) -> None:
    bundle = open_bundle(nested_folder / "0_Transformer" / "model.onnx")
    assert bundle.folder == nested_folder
    assert bundle.sentence.steps == ("normalize",)


def test_a_graph_beside_the_folder_of_the_transformer_is_used(nested_folder) -> None:
    (nested_folder / "0_Transformer" / "model.onnx").rename(nested_folder / "model.onnx")
    assert open_bundle(nested_folder).onnx_path == nested_folder / "model.onnx"
