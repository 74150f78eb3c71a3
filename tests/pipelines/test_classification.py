"""Text and token classification: refusals and forms of input; equality is in tests/fidelity."""

from __future__ import annotations

import json

import pytest

import hugot
from hugot import InputError, ModelFormatError


@pytest.fixture(scope="module")
def classify(models):
    with hugot.pipeline("text-classification", models / "bert-uncased-text") as made:
        yield made


@pytest.fixture(scope="module")
def tag(models):
    with hugot.pipeline("token-classification", models / "bert-cased-token") as made:
        yield made


def set_config(folder, **changes) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, **changes}), encoding="utf-8")


def test_results_are_plain_python_values(classify, tag) -> None:
    [result] = classify("a")
    assert [type(value) for value in result.values()] == [str, float]
    entity = tag("Wolfgang lives in Berlin", ignore_labels=[])[0]
    assert [type(value) for value in entity.values()] == [str, float, int, str, int, int]


@pytest.mark.parametrize("top_k", [2**31, 2**63, 2**70])
def test_a_top_k_beyond_the_labels_gives_all_of_them(classify, top_k) -> None:
    assert classify("a", top_k=top_k) == classify("a", top_k=None)
    assert classify(["a", "b"], top_k=top_k) == classify(["a", "b"], top_k=None)


@pytest.mark.parametrize("top_k", [0, -1, 1.5, True, "2"])
def test_an_unfit_top_k_raises(classify, top_k) -> None:
    with pytest.raises(InputError, match="top_k="):
        classify("a", top_k=top_k)


def test_an_unknown_function_raises_with_the_known_ones(classify) -> None:
    with pytest.raises(InputError, match="'softmax', 'sigmoid', 'none'"):
        classify("a", function_to_apply="relu")


@pytest.mark.parametrize(
    "pair",
    [
        {},
        {"text": 3},
        {"text": "a", "pair": "b"},
        {"text_pair": "b"},
        {"text": "a", "text_pair": 3},
    ],
)
def test_an_unfit_pair_raises_and_shows_the_form(classify, pair) -> None:
    with pytest.raises(InputError, match=r'input 0: a dict must be {"text"'):
        classify(pair)


def test_texts_and_pairs_can_be_mixed(classify) -> None:
    pair = {"text": "How many?", "text_pair": "Three."}
    mixed = classify(["a", pair, "b"])
    assert mixed[1]["score"] == pytest.approx(classify(pair)["score"], abs=1e-6)
    assert mixed[0]["score"] == pytest.approx(classify("a")[0]["score"], abs=1e-6)


@pytest.mark.parametrize(
    ("task", "model"),
    [("text-classification", "bert-uncased-token"), ("token-classification", "bert-uncased-text")],
)
def test_a_model_for_another_task_raises_and_tells_what_it_has(models, task, model) -> None:
    with pytest.raises(ModelFormatError, match=rf"no output for {task}.*has logits.*--task {task}"):
        hugot.pipeline(task, models / model)


@pytest.mark.parametrize(
    ("task", "model"),
    [("text-classification", "bert-uncased-text"), ("token-classification", "bert-cased-token")],
)
def test_labels_that_do_not_fit_the_graph_raise(copy_of, task, model) -> None:
    folder = copy_of(model)
    set_config(folder, id2label={str(i): f"L{i}" for i in range(12)})
    with pytest.raises(ModelFormatError, match="names 12 labels"):
        hugot.pipeline(task, folder)("a")


def test_an_input_that_no_text_pipeline_can_give_is_named(copy_of) -> None:
    import onnx

    folder = copy_of("bert-uncased-text")
    graph = onnx.load(folder / "model.onnx")
    extra = onnx.helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, [1])
    graph.graph.input.append(extra)
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(ModelFormatError, match="'pixel_values'"):
        hugot.pipeline("text-classification", folder)


def test_an_unknown_strategy_raises_with_the_known_ones(tag) -> None:
    with pytest.raises(InputError, match="'simple', 'first', 'average', 'max'"):
        tag("a", aggregation_strategy="median")


def test_ignore_labels_as_a_string_raises_and_shows_the_list(tag) -> None:
    with pytest.raises(InputError, match=r"\['O'\]"):
        tag("a", ignore_labels="O")


@pytest.mark.parametrize("stride", [-1, 1.5, "3", True])
def test_an_unfit_stride_raises(tag, stride) -> None:
    with pytest.raises(InputError, match="stride="):
        tag("a", stride=stride)


def test_a_stride_that_leaves_no_room_raises_when_the_pipeline_is_made(models) -> None:
    with pytest.raises(InputError, match="must be below 62"):
        hugot.pipeline("ner", models / "bert-cased-token", stride=62)


@pytest.mark.parametrize("value", ["a text", [1, 2], [["a", 3]]])
def test_words_that_are_none_raise(tag, value) -> None:
    with pytest.raises(InputError, match="list of words"):
        tag(value, is_split_into_words=True)


def test_a_stride_finds_entities_behind_the_longest_row(tag) -> None:
    text = ". " * 300 + "Wolfgang lives in Berlin"
    options = {"aggregation_strategy": "simple", "ignore_labels": []}
    assert max(each["end"] for each in tag(text, **options)) < 200
    assert max(each["end"] for each in tag(text, stride=8, **options)) == len(text)


def test_a_text_without_tokens_has_no_entities(models) -> None:
    made = hugot.pipeline("ner", models / "qwen2-token", ignore_labels=[])
    assert made("") == []
    mixed = made(["", "some words", ""])
    assert (mixed[0], mixed[2]) == ([], [])
    assert mixed[1] == made(["some words"])[0]


def test_a_text_without_tokens_cannot_be_classified_and_is_named(models) -> None:
    made = hugot.pipeline("text-classification", models / "qwen3-text")
    with pytest.raises(InputError, match="input 1 has no tokens") as caught:
        made(["a", ""])
    assert caught.value.index == 1
