"""Which output of a graph feature extraction reads, and what it says of its choice."""

from __future__ import annotations

import json
import logging

import numpy as np
import onnx
import pytest
from fixtures.edits import edit_folder
from ort_graphs import graph, value

import hugot
from hugot.info import model_info
from hugot.models.bundle import open_bundle

TABLE = np.random.default_rng(5).standard_normal((700, 4)).astype(np.float32)
# Outputs of the graph below: their nodes, element type and dimensions.
TOKENS = [("Gather", "table input_ids", "tokens")]
KINDS = {
    "tokens": (TOKENS, "float32", ["batch", "tokens", 4]),
    "mean": ([*TOKENS, ("ReduceMean", "tokens one", "mean", {"keepdims": 0})], "float32", ["batch", 4]),
    "first": ([*TOKENS, ("Gather", "tokens zero", "first", {"axis": 1})], "float32", ["batch", 4]),
    "ids": ([("Identity", "input_ids", "ids")], "int64", ["batch", "tokens"]),
    "half": ([*TOKENS, ("Cast", "tokens", "half", {"to": 10})], "float16", ["batch", "tokens", 4]),
    "double": (
        [*TOKENS, ("Cast", "tokens", "double", {"to": 11})], "float64", ["batch", "tokens", 4]
    ),
    "brain": (
        [*TOKENS, ("Cast", "tokens", "brain", {"to": 16})], "bfloat16", ["batch", "tokens", 4]
    ),
}  # fmt: skip
WEIGHTS = {"table": TABLE, "one": np.array([1]), "zero": np.array(0)}


def of(texts, folder):
    """The token vectors of texts, as `tokens` has them."""
    tokenizer = open_bundle(folder).tokenizer_path
    import tokenizers

    encode = tokenizers.Tokenizer.from_file(str(tokenizer))
    return [TABLE[encode.encode(text).ids] for text in texts]


@pytest.fixture
def with_outputs(copy_of):
    """A folder without sentence-transformers files, whose graph has outputs of the given names."""

    def make(outputs, *, shapes=True, config=None):
        folder = copy_of("bert-uncased-features")
        nodes, declared = [], []
        for name, kind in outputs.items():
            before, dtype, shape = KINDS[kind]
            nodes += [node for node in before if node not in nodes]
            nodes.append(("Identity", kind, name))
            declared.append(value(name, dtype, shape if shapes else None))
        inputs = [value("input_ids", "int64", ["batch", "tokens"])]
        # The mask is not used, and pads nothing away.
        inputs.append(value("attention_mask", "int64", ["batch", "tokens"]))
        onnx.save(graph(nodes, inputs, declared, WEIGHTS), folder / "model.onnx")
        edit_folder(folder, {"config.json": config or {}})
        return folder

    return make


def vector(folder, **options):
    with hugot.pipeline("feature-extraction", folder, **options) as embed:
        return embed("some words")


def mean(folder):
    return of(["some words"], folder)[0].mean(axis=0)


def first(folder):
    return of(["some words"], folder)[0][0]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"output": "ids", "463": "ids", "last": "tokens", "461": "first"}, mean),
        ({"output": "ids", "461": "first"}, first),
        ({"461": "first", "token_embeddings": "tokens"}, mean),
        ({"token_embeddings": "tokens", "sentence_embedding": "first"}, first),
        ({"pooler_output": "first", "last_hidden_state": "tokens"}, mean),
        ({"logits": "tokens", "odd": "tokens"}, mean),
        ({"logits": "tokens", "sentence_embedding": "first"}, first),
    ],
)
def test_the_output_is_chosen_by_name_then_by_type_and_dimensions(with_outputs, outputs, expected):
    folder = with_outputs(outputs)
    assert np.allclose(vector(folder), expected(folder), atol=1e-6)


@pytest.mark.parametrize(("kind", "tolerance"), [("half", 2e-3), ("double", 1e-6), ("brain", 2e-2)])
def test_floats_of_any_precision_are_vectors(with_outputs, kind, tolerance):
    folder = with_outputs({"number": "ids", "vectors": kind})
    assert np.allclose(vector(folder), mean(folder), atol=tolerance)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [({"last_hidden_state": "tokens"}, mean), ({"sentence_embedding": "first"}, first)],
)
def test_an_output_of_a_known_name_need_not_declare_dimensions(with_outputs, outputs, expected):
    folder = with_outputs(outputs, shapes=False)
    assert np.allclose(vector(folder), expected(folder), atol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"a": "ids"}, "output_name="),
        ({"a": "tokens", "b": "tokens"}, "several outputs that may be the vectors: a, b"),
        ({"a": "mean", "b": "first"}, "several outputs that may be the vectors: a, b"),
        ({"pooler_output": "first"}, "output_name="),
        ({"logits": "tokens"}, "logits of a task"),
        ({"start_logits": "mean", "end_logits": "first"}, "logits of a task"),
    ],
)
def test_a_graph_without_a_clear_output_raises_and_asks_for_its_name(
    with_outputs, outputs, message
):
    folder = with_outputs(outputs)
    with pytest.raises(hugot.ModelFormatError, match=message):
        vector(folder)
    assert vector(folder, output_name=next(iter(outputs))) is not None


@pytest.mark.parametrize(
    "architecture", ["BertForMaskedLM", "GPT2LMHeadModel", "BertForTokenClassification"]
)
def test_an_output_of_unknown_name_is_no_vector_if_the_architecture_has_a_head(
    with_outputs, architecture
):
    folder = with_outputs({"output_0": "tokens"}, config={"architectures": [architecture]})
    with pytest.raises(hugot.ModelFormatError, match=f"logits.*{architecture}"):
        vector(folder)
    assert np.allclose(vector(folder, output_name="output_0"), mean(folder), atol=1e-6)


def test_an_export_of_the_vectors_alone_is_one_whatever_the_architecture(with_outputs):
    folder = with_outputs(
        {"last_hidden_state": "tokens"}, config={"architectures": ["BertForMaskedLM"]}
    )
    assert np.allclose(vector(folder), mean(folder), atol=1e-6)


def test_pooling_by_name_takes_the_vectors_of_tokens_or_raises(with_outputs):
    both = with_outputs({"sentence_embedding": "first", "token_embeddings": "tokens"})
    assert np.allclose(vector(both, pooling="mean"), mean(both), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "none"])
def test_pooling_by_name_needs_the_vectors_of_tokens(with_outputs, pooling):
    folder = with_outputs({"sentence_embedding": "first"})
    with pytest.raises(hugot.ModelFormatError, match="no output for feature-extraction"):
        vector(folder, pooling=pooling)


def test_modules_are_not_applied_to_a_vector_that_may_be_any(with_outputs):
    folder = with_outputs({"odd": "first"})
    modules = [
        {"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    ]
    edit_folder(
        folder, {"modules.json": modules, "1_Pooling/config.json": {"pooling_mode": "mean"}}
    )
    with pytest.raises(hugot.ModelFormatError, match="no output for feature-extraction"):
        vector(folder)


def test_the_choice_and_its_reason_are_logged(with_outputs, caplog):
    folder = with_outputs({"output": "ids", "last": "tokens"})
    with caplog.at_level(logging.DEBUG, "hugot.models"):
        vector(folder)
    assert "made of the output last: no output has a known name" in caplog.text


def test_modules_and_the_longest_row_are_logged_with_their_files(copy_of, caplog):
    folder = copy_of("electra-features")
    edit_folder(folder, {"sentence_bert_config.json": {"max_seq_length": 9}})
    with caplog.at_level(logging.DEBUG, "hugot.models"):
        vector(folder)
    assert "cls, Dense, normalize are applied to it, as modules.json says" in caplog.text
    assert "longest row 9: max_seq_length in sentence_bert_config.json" in caplog.text


def test_texts_that_would_go_through_a_template_are_refused_whatever_the_pooling(copy_of):
    folder = copy_of("bert-uncased-features-sentence")
    edit_folder(folder, {"sentence_bert_config.json": {"modality_config": {"message": {}}}})
    for pooling in ("auto", "mean"):
        with pytest.raises(hugot.ModelFormatError, match="modality_config has 'message'"):
            vector(folder, pooling=pooling)
    assert (
        vector(folder, pooling="none").shape[1] == 16
    )  # as transformers, which reads no such file


@pytest.mark.parametrize(
    ("outputs", "output", "reason", "pooling"),
    [
        ({"token_embeddings": "tokens"}, "token_embeddings", "by its name", ["mean"]),
        (
            {"token_embeddings": "tokens", "sentence_embedding": "mean"},
            "sentence_embedding",
            "the modules are in the graph",
            None,
        ),
        ({"logits": "tokens"}, None, "logits of a task", None),
    ],
)
def test_info_has_the_output_and_the_reason_for_it(with_outputs, outputs, output, reason, pooling):
    with hugot.Session() as session:
        found = model_info(session, with_outputs(outputs))
    assert found["vector_output"] == output
    assert reason in found["vector_output_reason"]
    assert found["pooling"] == pooling
    assert (found["pipelines"]["feature-extraction"] is None) == (output is not None)


def test_info_has_the_file_that_limits_the_length(copy_of):
    folder = copy_of("bert-uncased-features-sentence")
    settings = {"processing_kwargs": {"text": {"max_length": 6}}}
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    with hugot.Session() as session:
        found = model_info(session, folder)
    assert found["longest_sentence"] == 6
    where = "processing_kwargs.text.max_length in sentence_bert_config.json"
    assert found["longest_sentence_from"] == where
    assert found["modules_from"] == "modules.json"


def test_info_of_a_model_that_is_refused_has_the_reason(copy_of):
    folder = copy_of("bert-uncased-features-sentence")
    edit_folder(folder, {"sentence_bert_config.json": {"modality_config": {"message": {}}}})
    with hugot.Session() as session:
        found = model_info(session, folder)
    assert "modality_config has 'message'" in found["vector_output_reason"]
    assert "modality_config has 'message'" in found["pipelines"]["feature-extraction"]
