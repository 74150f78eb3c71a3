"""Zero-shot classification: any labels for a text."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from comparison import same
from fixtures.edits import edited_copy
from onnx import numpy_helper
from places import FIXTURES

import hugot
from hugot import InputError, ModelFormatError
from hugot.pipelines.pipeline import runner_of

CASES = json.loads((FIXTURES.parent / "edits" / "zero_shot.json").read_text(encoding="utf-8"))
MODELS = sorted({case["model"] for case in CASES})
TOLERANCE = 2e-5
# transformers 5 has token type ids of 0 for the second text of these, see tests/fixtures/differences.py.
ONLY_4 = ("bert-generic-text", "albert-text")
# Where hugot answers otherwise on purpose; docs/fidelity.md describes the same.
DEPARTURES = {
    "labels-ids-only": "without label2id, the names of id2label count; transformers fails",
    "labels-null": "likewise",
    "odd-list-in-list": "a list in a list is refused; transformers leaves all but the first text out",
    "odd-empty-list": "no inputs have no results; transformers 5 fails",
}
TEXTS = [
    "Where can I swim in Berlin?",
    "the cat",
    "The unaffable cat sat by the sea. " * 9,
    "\u6771",
]
LABELS = ["politics", "the sea", "cats and dogs"]


@pytest.fixture(scope="module")
def pipelines(models, tmp_path_factory):
    made = {}

    def get(case):
        key = case["model"] + json.dumps(case["edits"])
        if key not in made:
            folder = models / case["model"]
            if case["edits"]:
                folder = tmp_path_factory.mktemp("edited") / "model"
                edited_copy(models / case["model"], case["edits"], folder)
            made[key] = hugot.pipeline("zero-shot-classification", folder, threads=1)
        return made[key]

    yield get
    for each in made.values():
        each.close()


@pytest.fixture
def copy_of(models, tmp_path):
    def copy(model: str) -> Path:
        return Path(shutil.copytree(models / model, tmp_path / "model"))

    return copy


@pytest.fixture(scope="module")
def zero(models):
    with hugot.pipeline("zero-shot-classification", models / "deberta-text", threads=1) as made:
        yield made


def departs(case) -> bool:
    return any(f"/{name}" in case["id"] for name in DEPARTURES)


def expected_of(case) -> list:
    """The answers of transformers that hugot may have, None for an error."""
    found = {version: each.get("output") for version, each in case["answers"].items()}
    assert [*found] == ["4", "5"]
    if case["model"] in ONLY_4:
        return [found["4"]]
    return [*found.values()]


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_those_of_transformers(pipelines, model) -> None:
    different = []
    for case in CASES:
        if case["model"] != model or departs(case):
            continue
        try:
            got = pipelines(case)(case["input"], **case["call"])
        except hugot.HugotError:
            got = None
        if not all(same(got, each, TOLERANCE) for each in expected_of(case)):
            different.append((case["id"], got, case["answers"]))
    assert not different


@pytest.mark.parametrize("model", MODELS)
def test_answers_of_a_mixed_list_are_those_of_each_text_alone(pipelines, model) -> None:
    cases = [
        case
        for case in CASES
        if case["model"] == model
        and isinstance(case["input"], str)
        and not case["edits"].keys() - {"config.json"}
        and "output" in case["answers"]["4"]
        and not departs(case)
    ]
    for multi_label in (False, True):
        chosen = [each for each in cases if each["call"].get("multi_label", False) == multi_label]
        chosen = [each for each in chosen if "hypothesis_template" not in each["call"]]
        chosen = [each for each in chosen if each["edits"] == chosen[0]["edits"]]
        inputs = [
            {"text": each["input"], "candidate_labels": each["call"]["candidate_labels"]}
            for each in chosen
        ]
        together = pipelines(chosen[0])(inputs, multi_label=multi_label)
        assert len(inputs) > 3
        for got, case in zip(together, chosen, strict=True):
            assert same(got, case["answers"]["4"]["output"], TOLERANCE), case["id"]


def test_every_departure_has_a_case() -> None:
    for name in DEPARTURES:
        assert any(f"/{name}" in case["id"] for case in CASES), name


def test_every_way_of_calling_has_the_same_answers(zero) -> None:
    async def ask():
        return await asyncio.gather(
            *(zero.acall(text, LABELS) for text in TEXTS), zero.acall(TEXTS, LABELS)
        )

    alone = [zero(text, LABELS) for text in TEXTS]
    assert all([*each] == ["sequence", "labels", "scores"] for each in alone)
    assert [each["sequence"] for each in alone] == TEXTS
    assert same(zero(TEXTS, LABELS), alone)
    assert same(zero(tuple(TEXTS), candidate_labels=tuple(LABELS)), alone)
    assert same(zero(sequences=TEXTS, candidate_labels=LABELS), alone)
    assert same(list(zero(iter(TEXTS), LABELS)), alone)
    assert same(list(zero.stream(TEXTS * 30, candidate_labels=LABELS)), alone * 30)
    assert same([zero.submit(text, LABELS).result(30) for text in TEXTS], alone)
    assert same(zero.submit(TEXTS, LABELS).result(30), alone)
    assert same(asyncio.run(ask()), [*alone, alone])
    assert zero([], LABELS) == []


def test_requests_with_other_labels_keep_theirs(zero) -> None:
    sets = [LABELS, LABELS[:1], ["a", "b"], LABELS[::-1]]
    futures = [zero.submit(text, labels) for text in TEXTS for labels in sets]
    alone = [zero(text, labels) for text in TEXTS for labels in sets]
    assert same([each.result(30) for each in futures], alone)


def test_labels_may_be_given_when_the_pipeline_is_made(models, zero) -> None:
    options = {"candidate_labels": LABELS, "multi_label": True, "hypothesis_template": "About {}?"}
    with hugot.pipeline(
        "zeroShotClassification", models / "deberta-text", threads=1, **options
    ) as made:
        assert isinstance(made, hugot.ZeroShotClassificationPipeline)
        assert made(TEXTS[0]) == zero(TEXTS[0], **options)
        assert made(TEXTS[0]) == made(TEXTS[0])
        assert made(TEXTS[0], ["a"]) == zero(TEXTS[0], **options | {"candidate_labels": ["a"]})


def test_an_input_may_have_labels_of_its_own(zero) -> None:
    own = {"text": TEXTS[0], "candidate_labels": "a, b"}
    found = zero([own, TEXTS[1], {"text": TEXTS[2], "candidate_labels": None}], LABELS)
    assert same(found, [zero(TEXTS[0], ["a", "b"]), zero(TEXTS[1], LABELS), zero(TEXTS[2], LABELS)])
    assert zero(own) == zero(TEXTS[0], ["a", "b"])


@pytest.mark.parametrize(
    "labels", [[], "", " , ", (), ["a", 3], 3, {"a": 1}, {"a", "b"}, [None], ["\ud800"], [["a"]]]
)
def test_labels_that_are_none_are_refused(zero, labels) -> None:
    with pytest.raises(InputError, match="candidate_labels"):
        zero(TEXTS[0], labels)
    with pytest.raises(InputError, match=r"input 1.*candidate_labels") as raised:
        zero([TEXTS[0], {"text": "a", "candidate_labels": labels}], ["a"])
    assert raised.value.index == 1


def test_labels_that_no_text_can_have_are_refused_wherever_they_are_given(zero, models) -> None:
    bad = {"candidate_labels": ["a", "\ud800"]}
    for ask in (
        lambda: hugot.pipeline("zero-shot-classification", models / "deberta-text", **bad),
        lambda: zero.count_tokens({"text": "a", **bad}),
        lambda: zero.submit({"text": "a", **bad}).result(30),
        lambda: next(zero.stream(["a"], **bad)),
    ):
        with pytest.raises(InputError, match="candidate_labels: the hypothesis of"):
            ask()


def test_an_input_without_labels_is_refused(zero) -> None:
    with pytest.raises(InputError, match="input 1 has no candidate_labels"):
        zero([{"text": "a", "candidate_labels": ["a"]}, "b"])


@pytest.mark.parametrize("value", [{"text": 3}, {}, {"text": "a", "labels": ["a"]}, 3, ["a"], b"a"])
def test_an_input_of_another_form_is_refused(zero, value) -> None:
    with pytest.raises(InputError, match="input 1"):
        zero(["a", value], LABELS)


@pytest.mark.parametrize(
    "template", ["about", "", "{label}", "{} {}", "{", "{:d}", "{0.x}", 3, None]
)
def test_a_template_that_takes_no_label_is_refused(zero, models, template) -> None:
    with pytest.raises(InputError, match="hypothesis_template"):
        zero(TEXTS[0], LABELS, hypothesis_template=template)
    with pytest.raises(InputError, match="hypothesis_template"):
        hugot.pipeline(
            "zero-shot-classification", models / "deberta-text", hypothesis_template=template
        )


def test_options_that_are_unknown_or_doubled_are_refused(zero) -> None:
    with pytest.raises(InputError, match="use multi_label="):
        zero("a", LABELS, multi_class=True)
    with pytest.raises(InputError, match="multi_label=1"):
        zero("a", LABELS, multi_label=1)
    with pytest.raises(InputError, match="candidate_labels was given twice"):
        zero("a", LABELS, candidate_labels=LABELS)
    with pytest.raises(InputError, match="by position"):
        zero("a", LABELS, "{}")


def test_a_hypothesis_without_room_is_refused_with_the_number_of_the_input(models) -> None:
    with hugot.pipeline("zero-shot-classification", models / "bert-generic-text") as zero:
        inputs = ["a", {"text": "the sea", "candidate_labels": ["a", "a " * 70]}]
        with pytest.raises(InputError, match=r"input 1 has no room .* the model takes 64"):
            zero(inputs, ["a"])
        with pytest.raises(InputError, match=r"input 0 has no room .* max_length is 9"):
            zero("the sea " * 9, ["a " * 9], max_length=9)


def test_only_the_text_is_cut_and_that_is_counted(models) -> None:
    with hugot.pipeline("zero-shot-classification", models / "bert-generic-text") as zero:
        short = zero("a a a", ["a"], hypothesis_template="{}", max_length=7)
        assert zero.stats().truncated == 0
        longer = zero("a a a b b", ["a"], hypothesis_template="{}", max_length=7)
        assert same(longer["scores"], short["scores"])
        assert zero.stats().truncated == 1
        with pytest.raises(
            InputError, match="input 0 has 9 tokens with a hypothesis; max_length is 7"
        ):
            zero("a a a b b", ["a"], hypothesis_template="{}", max_length=7, truncation="error")
        assert zero("a a a", ["a"], hypothesis_template="{}", max_length=7, truncation="error")


def test_tokens_are_counted_with_the_longest_hypothesis(models) -> None:
    with hugot.pipeline("zero-shot-classification", models / "bert-generic-text") as zero:
        assert zero.count_tokens("a a a") == 5
        options = {"candidate_labels": ["a", "a a"], "hypothesis_template": "{}"}
        assert zero.count_tokens("a a a", **options) == 8
        assert zero.count_tokens("a " * 99, **options) == 104
        assert (
            zero.count_tokens({"text": "a", "candidate_labels": "a"}, hypothesis_template="{}") == 5
        )
        assert zero.max_length == 64
        assert zero.labels == ["entailment", "neutral", "contradiction"]


def test_a_text_and_its_hypotheses_are_tokenized_once(zero) -> None:
    encode = runner_of(zero).task.tokenizer.encode
    asked = []
    task = runner_of(zero).task
    tokenizer = task.tokenizer
    without_limit = tokenizer.without_limit()
    for each in (tokenizer, without_limit):
        original = each.encode

        def counting(texts, *, _original=original, **options):
            asked.extend(texts)
            return _original(texts, **options)

        each.encode = counting
    try:
        zero([TEXTS[0], TEXTS[1]] * 3, LABELS)
    finally:
        for each in (tokenizer, without_limit):
            del each.encode
    assert encode == tokenizer.encode
    hypotheses = [f"This example is {label}." for label in LABELS]
    assert sorted(asked) == sorted([TEXTS[0], TEXTS[1]] * 3 + hypotheses)


def test_the_plan_has_a_row_for_each_label(zero) -> None:
    plan = zero.plan(TEXTS, LABELS)
    assert sum(rows for rows, _ in plan.groups) == len(TEXTS) * len(LABELS)


def test_a_model_without_a_label_for_entailment_is_used_and_logged_once(models, caplog) -> None:
    with (
        caplog.at_level(logging.WARNING, "hugot"),
        hugot.pipeline("zero-shot-classification", models / "bert-uncased-text") as zero,
    ):
        assert not caplog.records
        zero(TEXTS[0], LABELS)
        zero(TEXTS[1], LABELS)
    assert ["'POSITIVE'" in each.message for each in caplog.records] == [True]


@pytest.mark.parametrize(
    "model", ["bert-uncased-mask", "bert-uncased-token", "bert-cased-features"]
)
def test_a_model_for_another_task_is_refused(models, model) -> None:
    with pytest.raises(ModelFormatError, match="no output for zero-shot-classification"):
        hugot.pipeline("zero-shot-classification", models / model)


def test_scores_that_are_not_finite_are_counted(copy_of) -> None:
    folder = copy_of("bert-generic-text")
    graph = onnx.load(folder / "model.onnx")
    for weight in graph.graph.initializer:
        if weight.name.endswith("classifier.bias"):
            array = numpy_helper.to_array(weight).copy()
            array[0] = np.nan
            weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(graph, folder / "model.onnx")
    with hugot.pipeline("zero-shot-classification", folder) as zero:
        with pytest.warns(hugot.NotFiniteWarning, match="not finite"):
            found = zero(TEXTS[:2], LABELS)
        assert np.isnan([each["scores"] for each in found]).all()
        assert zero.stats().not_finite == 2


def test_it_is_warmed_up_with_and_without_labels(models) -> None:
    for options in ({}, {"candidate_labels": ["a"]}):
        with hugot.pipeline(
            "zero-shot-classification", models / "qwen3-text", threads=1, **options
        ) as zero:
            zero.warmup()
            assert zero.stats().rows > 0


def test_columns_of_arrow_have_structs_of_lists(models, zero) -> None:
    pa = pytest.importorskip("pyarrow")
    from hugot.integrations.arrow import ArrowPipeline

    model = models / "deberta-text"
    adapter = ArrowPipeline("zero-shot-classification", model, candidate_labels=LABELS, threads=1)
    found = adapter(pa.table({"input": [TEXTS[0], None, TEXTS[1]]})).column("output")
    assert str(found.type) == "struct<labels: list<item: string>, scores: list<item: float>>"
    wanted = [zero(TEXTS[0], LABELS), None, zero(TEXTS[1], LABELS)]
    for each in wanted:
        if each is not None:
            del each["sequence"]
    assert same(found.to_pylist(), wanted)
    adapter = ArrowPipeline(
        "zero-shot-classification", model, candidate_labels_column="labels", threads=1
    )
    table = pa.table({"input": TEXTS[:2], "labels": [LABELS, ["a"]]})
    assert same(adapter(table).column("output").to_pylist()[0], wanted[0])
    assert adapter(table).column("output").to_pylist()[1]["labels"] == ["a"]
