"""What `plan` returns and `tune` finds."""

from __future__ import annotations

import pytest

import hugot
from hugot import InputError
from hugot.pipelines import plan as plan_module
from hugot.pipelines.pipeline import runner_of
from hugot.pipelines.plan import BUDGETS

TEXTS = [f"text {i} {'word ' * (i * 7 % 30)}" for i in range(150)]


@pytest.fixture
def embed(models):
    with hugot.pipeline(
        "feature-extraction", models / "bert-uncased-features", mode="throughput", threads=2
    ) as made:
        yield made


def test_a_plan_is_what_a_call_then_does(embed) -> None:
    plan = embed.plan(TEXTS)
    embed(TEXTS)
    stats = embed.stats()
    assert stats.inference.calls == len(plan.groups)
    assert (stats.tokens, stats.padded_tokens) == (plan.tokens, plan.padded_tokens)
    assert plan.padding_ratio == stats.padding_ratio
    assert sum(rows for rows, _ in plan.groups) == len(TEXTS)


def test_a_plan_runs_nothing(embed) -> None:
    embed.plan(TEXTS)
    assert embed.stats().inference.calls == 0


def test_a_plan_goes_over_all_windows(embed) -> None:
    assert sum(rows for rows, _ in embed.plan(TEXTS * 20).groups) == 20 * len(TEXTS)


def test_a_plan_tells_the_layout(embed) -> None:
    plan = embed.plan(TEXTS)
    assert (plan.workers, plan.intra_op_threads) == (2, 1)
    assert all(rows * width <= plan.token_budget for rows, width in plan.groups)


def test_a_plan_of_nothing_has_no_padding(embed) -> None:
    assert embed.plan([]).padding_ratio == 1.0


def test_the_budget_and_the_workers_can_be_set_by_hand(models) -> None:
    with hugot.pipeline(
        "feature-extraction",
        models / "bert-uncased-features",
        threads=6,
        workers=3,
        token_budget=40,
    ) as made:
        plan = made.plan(TEXTS)
    assert (plan.workers, plan.intra_op_threads, plan.token_budget) == (3, 2, 40)
    assert all(rows == 1 or rows * width <= 40 for rows, width in plan.groups)


@pytest.mark.parametrize("name", ["workers", "token_budget"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "two"])
def test_an_unfit_layout_raises(models, name, value) -> None:
    with pytest.raises(InputError, match=name):
        hugot.pipeline("feature-extraction", models / "bert-uncased-features", **{name: value})


def test_tune_keeps_a_budget_that_it_tried_and_plans_with_it(embed, monkeypatch) -> None:
    tried = []
    run_list = plan_module.run_list

    def spy(runner, inputs, options, layout):
        tried.append(layout.token_budget)
        return run_list(runner, inputs, options, layout)

    monkeypatch.setattr(plan_module, "run_list", spy)
    plan = embed.tune(TEXTS, rounds=2)
    assert sorted(set(tried)) == sorted(BUDGETS)
    assert plan.token_budget in BUDGETS
    assert embed.plan(TEXTS) == plan


def test_tune_takes_the_budget_with_the_shortest_runs(embed, monkeypatch) -> None:
    seconds = [0]

    def run(runner, inputs, options, layout):
        seconds[0] += 1 if layout.token_budget == 512 else 100

    monkeypatch.setattr(plan_module, "perf_counter", lambda: seconds[0])
    monkeypatch.setattr(plan_module, "run_list", run)
    assert embed.tune(TEXTS, rounds=2).token_budget == 512


def test_an_error_while_tuning_leaves_the_budget_as_it_was(embed) -> None:
    before = runner_of(embed).model.layout
    with pytest.raises(InputError):
        embed.tune([*TEXTS, 7])
    assert runner_of(embed).model.layout is before


def test_tune_takes_what_a_call_takes(embed) -> None:
    assert embed.tune("a text", rounds=1).tokens == embed.plan(["a text"]).tokens
    assert embed.tune(("a", "b", "c"), rounds=1).tokens == 9
    with pytest.raises(InputError, match="ambiguous"):
        embed.tune(("one", "two"))


def test_other_pipelines_on_the_model_keep_its_layout_while_one_is_tuned(
    models, monkeypatch
) -> None:
    folder = models / "bert-uncased-features"
    with hugot.Session() as session:
        tuned = session.pipeline("feature-extraction", folder)
        model = runner_of(session.pipeline("feature-extraction", folder, name="other")).model
        assert runner_of(tuned).model is model
        before, seen = model.layout, []
        run = plan_module.run_list

        def watched(*arguments):
            seen.append(model.layout)
            return run(*arguments)

        monkeypatch.setattr(plan_module, "run_list", watched)
        budget = tuned.tune(["a b c"] * 20, rounds=1).token_budget
        assert len(seen) == 8
        assert all(layout is before for layout in seen)
        assert model.layout.token_budget == budget
