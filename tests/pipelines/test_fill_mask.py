"""Fill-mask: what is returned, what is refused, and that every kind of call takes it."""

from __future__ import annotations

import asyncio
import json
import logging

import numpy as np
import onnx
import pytest
from comparison import same
from onnx import TensorProto, helper

import hugot
from hugot.errors import InputError, ModelFormatError
from hugot.pipelines.pipeline import runner_of

ONE = "Paris is the [MASK] of France."
TWO = "Paris is the [MASK] of [MASK]."
TEXTS = [ONE, TWO, "[MASK]", "a much longer text that ends with a [MASK]"]
LONG = "word " * 100
VOCABULARY = 620


@pytest.fixture(scope="module")
def folder(models):
    return models / "bert-uncased-mask"


@pytest.fixture(scope="module")
def fill(folder):
    with hugot.pipeline("fill-mask", folder) as pipeline:
        yield pipeline


def test_a_mask_has_five_tokens_best_first(fill) -> None:
    found = fill(ONE)
    assert [list(each) for each in found] == [["score", "token", "token_str", "sequence"]] * 5
    scores = [each["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert [type(value) for value in found[0].values()] == [float, int, str, str]


def test_the_scores_of_the_whole_vocabulary_add_up_to_one(fill) -> None:
    found = fill(ONE, top_k=VOCABULARY)
    assert sum(each["score"] for each in found) == pytest.approx(1, abs=1e-5)
    assert {each["token"] for each in found} == set(range(VOCABULARY))


def test_several_masks_have_a_list_each_with_the_other_masks_in_the_sequence(fill) -> None:
    first, second = fill(TWO, top_k=2)
    assert first[0]["sequence"].endswith(" of [MASK]. [SEP]")
    assert second[0]["sequence"].startswith("[CLS] paris is the [MASK] of")
    assert len(first) == len(second) == 2


def test_a_list_of_one_text_is_unwrapped_and_longer_lists_and_streams_are_not(fill) -> None:
    assert fill([ONE]) == fill(ONE)
    assert fill([TWO]) == fill(TWO)
    assert fill([]) == []
    alone = [fill(text) for text in TEXTS]
    assert same(fill(TEXTS), alone)
    assert same(list(fill.stream(TEXTS)), alone)
    assert list(fill.stream([ONE])) == [fill(ONE)]


@pytest.mark.parametrize("top_k", [0, -1, 1.5, VOCABULARY + 1, 2**40])
def test_a_top_k_that_the_vocabulary_does_not_have_is_refused(fill, folder, top_k) -> None:
    for ask in (
        lambda: fill(ONE, top_k=top_k),
        lambda: fill.submit(ONE, top_k=top_k).result(),
        lambda: next(fill.stream(iter([ONE]), top_k=top_k)),
        lambda: hugot.pipeline("fill-mask", folder, top_k=top_k),
    ):
        with pytest.raises(InputError, match="top_k"):
            ask()


def test_targets_are_the_only_tokens_and_limit_top_k(fill) -> None:
    found = fill(ONE, targets=["the", "[SEP]", "##s", "the"], top_k=1000)
    assert {each["token_str"] for each in found} == {"the", "[SEP]", "##s"}
    every = {each["token"]: each["score"] for each in fill(ONE, top_k=VOCABULARY)}
    assert same([each["score"] for each in found], [every[each["token"]] for each in found])
    assert fill(ONE, targets="the") == fill(ONE, targets=["the"])


def test_the_first_token_of_a_target_stands_for_it_which_is_logged_once(folder, caplog) -> None:
    fill = hugot.pipeline("fill-mask", folder)
    with caplog.at_level(logging.WARNING, "hugot"):
        for _ in range(3):
            found = fill([ONE, TWO], targets=["unbelievable", " ", "the"])
    assert {each["token_str"] for each in found[0]} == {"un", "the"}
    first, second = (record.message for record in caplog.records)
    assert "'unbelievable'" in first
    assert "'un'" in first
    assert "ignored" in second


@pytest.mark.parametrize("targets", [[], "", [" "], [3], 3, {"the"}, ["\ud800"]])
def test_targets_without_a_token_are_refused(fill, targets) -> None:
    with pytest.raises(InputError, match="targets"):
        fill(ONE, targets=targets)


def test_a_text_without_a_mask_is_refused_with_its_number(fill) -> None:
    with pytest.raises(InputError, match=r"^input 0 has no mask token \[MASK\]$"):
        fill("nothing here")
    with pytest.raises(InputError, match="input 2 has no mask") as raised:
        fill([ONE, TWO, "nothing here", ONE])
    assert raised.value.index == 2
    stream = fill.stream(iter([ONE, "[mask]"]))
    assert next(stream) == fill(ONE)
    with pytest.raises(InputError, match="input 1 has no mask"):
        next(stream)
    with pytest.raises(InputError, match="input 0 is of type int"):
        fill([3])


def test_a_mask_that_is_cut_off_is_refused(fill) -> None:
    assert len(fill("[MASK] " + LONG)) == 5
    with pytest.raises(InputError, match=r"input 1 has its mask token .* beyond the 64 tokens"):
        fill([ONE, LONG + "[MASK]"])


@pytest.mark.parametrize(
    "options", [{"truncation": "error"}, {"tokenizer_kwargs": {"truncation": False}}]
)
def test_without_truncation_a_long_text_is_refused(fill, options) -> None:
    with pytest.raises(InputError, match=r"input 0 has \d+ tokens; the model takes 64"):
        fill("[MASK] " + LONG, **options)


def test_the_last_word_on_truncation_counts(folder) -> None:
    fill = hugot.pipeline("fill-mask", folder, tokenizer_kwargs={"truncation": False})
    assert len(fill("[MASK] " + LONG, truncation=True)) == 5
    assert len(fill("[MASK] " + LONG, tokenizer_kwargs={"truncation": True})) == 5


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"padding": True}, "'padding'"),
        ({"truncation": 3}, "truncation=3"),
        ("x", "must be a dict"),
    ],
)
def test_other_arguments_of_the_tokenizer_are_refused(fill, kwargs, message) -> None:
    with pytest.raises(InputError, match=message):
        fill(ONE, tokenizer_kwargs=kwargs)


def test_requests_have_the_answers_of_calls(fill) -> None:
    async def ask():
        return await asyncio.gather(*(fill.acall(text) for text in TEXTS), fill.acall([ONE]))

    alone = [fill(text) for text in TEXTS]
    futures = [fill.submit(text) for text in TEXTS]
    assert same([future.result() for future in futures], alone)
    assert same(fill.submit(TEXTS).result(), alone)
    assert same(asyncio.run(ask()), [*alone, alone[0]])


def test_padding_on_the_left_moves_no_mask(models) -> None:
    fill = hugot.pipeline("fill-mask", models / "roberta-mask-pad-left")
    texts = [text.replace("[MASK]", "<mask>") for text in TEXTS]
    right = hugot.pipeline("fill-mask", models / "roberta-mask")
    assert same(fill(texts), [right(text) for text in texts])


def test_logits_of_half_precision_become_scores_of_float32(fill, copy_of) -> None:
    folder = copy_of("bert-uncased-mask")
    graph = onnx.load(folder / "model.onnx")
    output = graph.graph.output[0]
    for node in graph.graph.node:
        node.output[:] = ["before" if name == "logits" else name for name in node.output]
    graph.graph.node.append(helper.make_node("Cast", ["before"], ["logits"], to=10))
    output.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(graph, folder / "model.onnx")
    half = hugot.pipeline("fill-mask", folder)
    assert same(half(ONE, targets="the"), fill(ONE, targets="the"), 1e-2)
    scores = [each["score"] for each in half(ONE, top_k=VOCABULARY)]
    assert sum(scores) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "model", ["bert-uncased-text", "bert-uncased-token", "bert-cased-features"]
)
def test_a_model_for_another_task_is_refused(models, model) -> None:
    with pytest.raises(ModelFormatError, match="Export it with --task fill-mask"):
        hugot.pipeline("fill-mask", models / model)


@pytest.mark.parametrize("vocab_size", [VOCABULARY - 1, VOCABULARY + 1, None])
def test_a_vocabulary_of_another_size_is_never_read_beyond(copy_of, vocab_size) -> None:
    folder = copy_of("bert-uncased-mask")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": vocab_size}))
    graph = onnx.load(folder / "model.onnx")
    graph.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "open"
    onnx.save(graph, folder / "model.onnx")
    kind, message = InputError, "top_k=621; the vocabulary has 620 tokens"
    if vocab_size is not None:
        kind, message = ModelFormatError, "gives 620 scores"
    with pytest.raises(kind, match=message):
        hugot.pipeline("fill-mask", folder)(ONE, top_k=VOCABULARY + 1 if vocab_size is None else 5)


def test_a_tokenizer_without_a_mask_is_refused(copy_of) -> None:
    folder = copy_of("bert-uncased-mask")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("[MASK]", "[OTHER]"), encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["mask_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match="mask_token"):
        hugot.pipeline("fill-mask", folder)


def test_folders_that_name_no_special_tokens_have_the_usual_ones(copy_of, fill) -> None:
    folder = copy_of("bert-uncased-mask")
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 64}')
    assert hugot.pipeline("fill-mask", folder)("[MASK] [PAD] a") == fill("[MASK] [PAD] a")


@pytest.mark.parametrize("side", ["left", "right"])
def test_samples_have_a_mask_that_is_not_cut_off(copy_of, side) -> None:
    folder = copy_of("bert-uncased-mask")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "truncation_side": side}))
    fill = hugot.pipeline("fill-mask", folder)
    fill.warmup()
    assert len(fill(runner_of(fill).sample_input(LONG))) == 5


def test_the_class_is_public_and_names_its_task(fill) -> None:
    assert isinstance(fill, hugot.FillMaskPipeline)
    assert fill.task == "fill-mask"
    assert isinstance(hugot.pipeline("fillMask", fill.__reduce__()[1][0].model), type(fill))


def test_columns_of_arrow_have_results_of_single_masks(folder, fill) -> None:
    pa = pytest.importorskip("pyarrow")
    from hugot.integrations.arrow import ArrowPipeline

    adapter = ArrowPipeline("fill-mask", folder, top_k=2)
    found = adapter(pa.table({"input": [ONE, None, "[MASK]"]})).column("output").to_pylist()
    assert same(found, [fill(ONE, top_k=2), None, fill("[MASK]", top_k=2)])
    with pytest.raises(InputError, match="row 2 of the column: a result is of another kind"):
        adapter(pa.table({"input": [ONE, None, TWO]}))


def test_masks_in_many_rows_are_found_in_groups_of_any_order(fill) -> None:
    rng = np.random.default_rng(0)
    texts = ["a " * count + "[MASK]" for count in rng.integers(0, 60, 100)]
    assert same(fill(texts, top_k=1), [fill(text, top_k=1) for text in texts])
