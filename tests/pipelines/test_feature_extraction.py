"""Feature extraction: shapes, memory, options and refusals; equality is in tests/fidelity."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import hugot
from hugot import InputError, ModelFormatError
from hugot.pipelines.pipeline import runner_of


@pytest.fixture(scope="module")
def embed(models):
    with hugot.pipeline("feature-extraction", models / "bert-uncased-features") as made:
        yield made


def test_a_text_gives_a_vector_and_a_list_an_array(embed) -> None:
    one = embed("some words")
    many = embed(["some words", "others"])
    assert (one.shape, many.shape) == ((16,), (2, 16))
    assert one.dtype == many.dtype == np.float32
    assert np.allclose(one, many[0], atol=1e-6)


def test_no_pooling_gives_token_vectors_with_memory_of_their_own(embed) -> None:
    one = embed("some words", pooling="none")
    many = embed(["some words", "a", ""], pooling="none")
    assert one.shape[1] == 16
    assert [len(each) for each in many] == [len(one), 3, 2]
    assert all(each.base is None for each in many)


def test_a_stream_gives_a_vector_for_each_text(embed) -> None:
    vectors = list(embed.stream(f"text {i}" for i in range(100)))
    assert len(vectors) == 100
    assert np.allclose(vectors, embed([f"text {i}" for i in range(100)]), atol=1e-6)


def test_a_list_of_many_windows_gives_one_array(embed) -> None:
    texts = [f"text {i}" for i in range(2100)]
    vectors = embed(texts)
    assert vectors.shape == (2100, 16)
    assert np.allclose(vectors[2050], embed(texts[2050]), atol=1e-6)


def test_several_modes_are_concatenated(embed) -> None:
    both = embed("some words", pooling=("cls", "mean"))
    assert np.array_equal(both[:16], embed("some words", pooling="cls"))
    assert np.array_equal(both[16:], embed("some words", pooling="mean"))


def test_normalize_brings_the_length_to_one(embed) -> None:
    vectors = embed(["some words", "others"], pooling="max", normalize=True)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("pooling", ["median", (), ("mean", "none"), ("mean", "auto"), 3])
def test_an_unknown_pooling_raises_with_the_known_ones(embed, pooling) -> None:
    with pytest.raises((InputError, TypeError), match=r"pooling|iterable"):
        embed("a", pooling=pooling)


@pytest.mark.parametrize("value", ["yes", 2])
def test_an_unfit_normalize_raises(embed, value) -> None:
    with pytest.raises(InputError, match="normalize="):
        embed("a", normalize=value)


def test_an_unknown_output_raises_with_the_known_ones(embed) -> None:
    with pytest.raises(InputError, match=r"output_name='nope'.*last_hidden_state"):
        embed("a", output_name="nope")


def test_an_unknown_prompt_raises_with_the_known_ones(models) -> None:
    made = hugot.pipeline("feature-extraction", models / "modernbert-features")
    known = list(runner_of(made).task.bundle.sentence.prompts)
    assert known
    with pytest.raises(InputError, match=f"prompt_name='nope'.*{known[0]}"):
        made("a", prompt_name="nope")


def test_a_module_that_hugot_does_not_run_is_named(copy_of) -> None:
    folder = copy_of("bert-uncased-features-sentence")
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules.append(
        {"idx": 9, "name": "9", "path": "9_CNN", "type": "sentence_transformers.models.CNN"}
    )
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(ModelFormatError, match="type 'CNN'"):
        hugot.pipeline("feature-extraction", folder)
    assert hugot.pipeline("feature-extraction", folder, pooling="mean")("a").shape == (16,)


def test_dense_weights_without_numbers_raise(copy_of) -> None:
    folder = copy_of("camembert-features")
    weights = {
        "linear.weight": np.zeros((12, 0), np.float32),
        "linear.bias": np.zeros(12, np.float32),
    }
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    (folder / "2_Dense" / "config.json").write_text("{}")
    with pytest.raises(ModelFormatError, match="do not fit"):
        hugot.pipeline("feature-extraction", folder)


def test_dense_weights_in_a_pickle_are_not_opened(copy_of) -> None:
    folder = copy_of("camembert-features")
    weights = folder / "2_Dense" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ModelFormatError, match="pickle"):
        hugot.pipeline("feature-extraction", folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100])
def test_damaged_dense_weights_raise_and_are_named(copy_of, content) -> None:
    folder = copy_of("camembert-features")
    (folder / "2_Dense" / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"model\.safetensors"):
        hugot.pipeline("feature-extraction", folder)


def test_an_unknown_activation_raises_with_the_known_ones(copy_of) -> None:
    folder = copy_of("camembert-features")
    config = folder / "2_Dense" / "config.json"
    told = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(
        json.dumps({**told, "activation_function": "torch.nn.Softmax"}), encoding="utf-8"
    )
    with pytest.raises(ModelFormatError, match=r"torch\.nn\.Softmax.*Tanh"):
        hugot.pipeline("feature-extraction", folder)


def test_an_answer_does_not_depend_on_what_else_is_in_the_batch(models) -> None:
    texts = ["a", "some words", ". " * 40, "", "others " * 9]
    for name in ("bert-uncased-features", "qwen3-features", "roberta-features"):
        made = hugot.pipeline("feature-extraction", models / name)
        together = made(texts)
        for text, vector in zip(texts, together, strict=True):
            assert np.allclose(made(text), vector, atol=1e-6)
        assert np.allclose(made(texts[::-1])[::-1], together, atol=1e-6)
        assert np.allclose(made(texts, batch_size=1), together, atol=1e-6)
