"""Shape policies: which shapes a provider's groups get, and that answers stay what they are."""

import asyncio

import numpy as np
import pytest
from comparison import same

import hugot
from hugot._ort.providers import Provider
from hugot.errors import InputError
from hugot.inputs.planner import plan
from hugot.inputs.rows import Padding, TokenRows
from hugot.inputs.shapes import EXACT, FEW_WIDTHS, FIXED_WIDTHS, make_policy
from hugot.options import RuntimeOptions
from hugot.pipelines.pipeline import runner_of
from hugot.runtime.layout import choose_layout, choose_shapes, is_accelerated

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen"
TEXTS = [" ".join(WORDS.split()[: i % 13 + 1]) for i in range(40)]
TASKS = [
    ("feature-extraction", "bert-uncased-features", {}),
    ("feature-extraction", "bert-uncased-features", {"pooling": "none"}),
    ("feature-extraction", "bert-uncased-features", {"pooling": "max"}),
    ("feature-extraction", "bert-uncased-features-pooler", {}),
    ("feature-extraction", "roberta-features", {}),
    ("feature-extraction", "qwen3-features", {}),
    ("text-classification", "distilbert-text", {"top_k": None}),
    ("text-classification", "bert-uncased-text-int32", {}),
    ("token-classification", "bert-cased-token", {"aggregation_strategy": "simple"}),
    ("token-classification", "qwen2-token", {}),
]


def rows_of(*lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TokenRows(np.zeros(offsets[-1], np.int32), offsets, None, (), Padding())


@pytest.mark.parametrize("policy", ["few", "fixed"])
@pytest.mark.parametrize(("task", "model", "options"), TASKS)
def test_answers_are_the_same_in_every_shape(models, policy, task, model, options):
    plain = hugot.pipeline(task, models / model, **options)
    shaped = hugot.pipeline(
        task, models / model, shape_policy=policy, widths=[7, 24], token_budget=100, **options
    )
    assert same(shaped(TEXTS), plain(TEXTS))
    assert same(shaped(TEXTS[5]), plain(TEXTS[5]))
    assert same(shaped(TEXTS[:1]), plain(TEXTS[:1]))


@pytest.mark.parametrize("policy", ["few", "fixed"])
def test_answers_of_requests_are_the_same_in_every_shape(models, policy):
    plain = hugot.pipeline("text-classification", models / "distilbert-text")
    shaped = hugot.pipeline(
        "text-classification", models / "distilbert-text", shape_policy=policy, widths=[7, 24]
    )
    expected = [plain(text) for text in TEXTS]
    futures = [shaped.submit(text) for text in TEXTS]
    assert same([future.result() for future in futures], expected)
    assert same(asyncio.run(shaped.acall(TEXTS[0])), expected[0])


def recorded_shapes(monkeypatch):
    """The shapes that the model is run on from here on."""
    seen = set()
    feeds = TokenRows.feeds

    def record(rows, group, inputs):
        seen.add((len(group.rows), group.width))
        return feeds(rows, group, inputs)

    monkeypatch.setattr(TokenRows, "feeds", record)
    return seen


def test_fixed_runs_in_the_shapes_that_warmup_has_run_and_in_no_other(models, monkeypatch):
    pipeline = hugot.pipeline(
        "feature-extraction",
        models / "distilbert-features",
        shape_policy="fixed",
        widths=[8, 16],
        token_budget=256,
    )
    seen = recorded_shapes(monkeypatch)
    pipeline.warmup()
    warm = set(seen)
    assert {(1, 8), (8, 8), (32, 8), (1, 16), (8, 16), (16, 16)} <= warm
    seen.clear()
    for count in (1, 2, 7, 9, 40):
        pipeline(TEXTS[:count])
    pipeline(TEXTS[3])
    pipeline.submit(TEXTS[4]).result()
    assert seen <= warm


def test_few_runs_in_its_widths_and_no_other(models, monkeypatch):
    pipeline = hugot.pipeline(
        "feature-extraction", models / "distilbert-features", widths=[8, 20], token_budget=99
    )
    seen = recorded_shapes(monkeypatch)
    pipeline(["no", *TEXTS[:5]])
    pipeline("no")
    assert {width for _, width in seen} == {8, 20}


def test_a_plan_shows_the_policy_its_widths_and_the_shapes(models):
    pipeline = hugot.pipeline(
        "feature-extraction",
        models / "distilbert-features",
        shape_policy="fixed",
        widths=[8, 16],
        token_budget=64,
    )
    plan = pipeline.plan(["no", "no no", "no"])
    longest = runner_of(pipeline).model.bundle.longest_row
    assert (plan.shape_policy, plan.widths) == ("fixed", (8, 16, longest))
    assert plan.groups == [(8, 8)]
    assert plan.padded_tokens == 64


def test_rows_that_are_copies_are_counted_as_padding(models):
    pipeline = hugot.pipeline(
        "feature-extraction", models / "distilbert-features", shape_policy="fixed", widths=[16]
    )
    pipeline(TEXTS[:2])
    stats = pipeline.stats()
    assert stats.padded_tokens == 8 * 16


def test_a_model_without_a_mask_is_never_padded(models):
    folder = models / "bert-uncased-text-no-mask"
    shaped = hugot.pipeline("text-classification", folder, shape_policy="fixed", widths=[24])
    assert shaped.plan(TEXTS).shape_policy == "exact"
    assert same(shaped(TEXTS), hugot.pipeline("text-classification", folder)(TEXTS))


@pytest.mark.parametrize(
    ("provider", "policy"),
    [
        ("CPUExecutionProvider", "exact"),
        ("OpenVINOExecutionProvider", "exact"),
        ("XnnpackExecutionProvider", "exact"),
        ("CUDAExecutionProvider", "few"),
        ("ROCMExecutionProvider", "few"),
        ("TensorrtExecutionProvider", "fixed"),
        ("CoreMLExecutionProvider", "fixed"),
        ("QNNExecutionProvider", "fixed"),
        ("DmlExecutionProvider", "fixed"),
        ("SomePluginExecutionProvider", "exact"),
    ],
)
def test_each_provider_has_its_policy(provider, policy):
    chosen = choose_shapes(RuntimeOptions(), [Provider(provider, {})], 512)
    assert chosen.name == policy


def test_the_most_preferred_provider_decides():
    asked = [Provider(f"{name}ExecutionProvider", {}) for name in ("CPU", "Tensorrt", "CUDA")]
    assert choose_shapes(RuntimeOptions(), asked, 512).name == "fixed"


def test_options_come_before_the_providers_policy():
    cuda = [Provider("CUDAExecutionProvider", {})]
    assert choose_shapes(RuntimeOptions(shape_policy="exact"), cuda, 512) == EXACT
    few = choose_shapes(RuntimeOptions(widths=[64, 32, 32]), [], None)
    assert (few.name, few.widths) == ("few", (32, 64))


@pytest.mark.parametrize(
    ("provider", "budget"),
    [("CUDA", 16384), ("Tensorrt", 4096), ("CPU", 256), ("Xnnpack", 256)],
)
def test_accelerators_get_larger_groups(provider, budget):
    asked = [Provider(f"{provider}ExecutionProvider", {})]
    options = RuntimeOptions()
    layout = choose_layout(
        options,
        2,
        accelerated=is_accelerated(asked),
        shapes=choose_shapes(options, asked, 512),
    )
    assert layout.token_budget == budget


@pytest.mark.parametrize(
    ("settings", "accelerated"),
    [({}, False), ({"device_type": "CPU"}, False), ({"device_type": "GPU.0"}, True)],
)
def test_openvino_counts_as_an_accelerator_unless_its_device_is_the_cpu(settings, accelerated):
    assert is_accelerated([Provider("OpenVINOExecutionProvider", settings)]) == accelerated


@pytest.mark.parametrize(("name", "own"), [("few", FEW_WIDTHS), ("fixed", FIXED_WIDTHS)])
def test_widths_end_at_the_longest_row_of_the_model(name, own):
    assert make_policy(name).widths == own
    assert make_policy(name, longest=100).widths == (*(w for w in own if w < 100), 100)


def test_a_row_beyond_all_widths_keeps_its_own():
    policy = make_policy("few", [8, 16])
    assert [policy.width(tokens) for tokens in (1, 8, 9, 16, 17)] == [8, 8, 16, 16, 17]
    (group,) = plan(rows_of(30), 64, shapes=policy)
    assert group.shape == (1, 30)


@pytest.mark.parametrize(
    ("rows", "max_rows", "padded"),
    [(1, None, 1), (2, None, 8), (8, None, 8), (9, None, 32), (32, None, 32), (3, 5, 5), (1, 5, 1)],
)
def test_a_fixed_group_is_filled_up_to_one_eight_or_all_rows(rows, max_rows, padded):
    assert make_policy("fixed", [16]).padded_rows(rows, 16, 512, max_rows) == padded


def test_groups_keep_within_the_budget_with_their_padding():
    rng = np.random.default_rng(3)
    rows = rows_of(*rng.integers(1, 60, 200))
    groups = plan(rows, 256, shapes=make_policy("few", [32, 64]))
    assert sorted(np.concatenate([group.rows for group in groups])) == list(range(200))
    for group in groups:
        assert group.width in (32, 64)
        assert len(group.rows) * group.width <= 256
        assert rows.lengths[group.rows].max() <= group.width


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape_policy": "square"},
        {"widths": 16},
        {"widths": []},
        {"widths": [16, 0]},
        {"widths": [16], "shape_policy": "exact"},
    ],
)
def test_shapes_that_make_no_sense_are_errors_that_name_the_option(wrong):
    with pytest.raises(InputError, match="|".join(wrong)):
        RuntimeOptions(**wrong)
