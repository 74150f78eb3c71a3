"""Measuring a model: which settings, with which texts, and what is recommended."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from hugot import InputError, measure_runs
from hugot.measure import Measurement, Report, guess_task, measure
from hugot.measure_runs import Load, take_turns, ways_to_spread
from hugot.models.bundle import open_bundle
from hugot.sample_texts import sample_texts

BASE = Measurement({}, 1, 2, 256, 2e-3, 3e-3, 100.0, 1000.0, 50.0)


def report(*measurements: Measurement) -> Report:
    return Report("model.onnx", "task", "1.30.0", 2, 10, 100, 5, 1.0, measurements)


def test_the_best_setting_is_recommended_for_each_use() -> None:
    single = replace(BASE, options={"mode": "latency"}, p50=1e-3)
    bulk = replace(BASE, options={"mode": "throughput"}, texts_per_second=200.0)
    requests = replace(BASE, options={"workers": 2}, requests_per_second=90.0, p50=None)
    found = report(BASE, single, bulk, requests).recommended
    assert found == {"single": single, "bulk": bulk, "requests": requests}


def test_of_settings_that_are_about_equal_the_first_is_recommended() -> None:
    little_better = replace(
        BASE,
        options={"workers": 2},
        p50=1.96e-3,
        texts_per_second=102.0,
        requests_per_second=51.0,
    )
    found = report(BASE, little_better).recommended
    assert found == {"single": BASE, "bulk": BASE, "requests": BASE}


@pytest.mark.parametrize(
    ("cpus", "workers"), [(1, []), (2, []), (3, [2]), (4, [2]), (8, [2, 4]), (16, [2, 8])]
)
def test_the_default_comes_first_and_workers_are_tried_where_there_are_cpus(cpus, workers) -> None:
    assert list(ways_to_spread(cpus)) == [
        {},
        {"mode": "latency"},
        {"mode": "throughput"},
        *({"workers": number} for number in workers),
    ]


def test_settings_differ_in_threads_or_budget_and_each_is_measured(models) -> None:
    found = measure(
        "feature-extraction",
        models / "bert-uncased-features",
        sample_texts(30),
        threads=4,
        seconds=0.5,
    )
    layouts = [(x.workers, x.intra_op_threads, x.token_budget) for x in found.measurements]
    assert len(set(layouts)) == len(layouts) == 9
    assert {layout[:2] for layout in layouts} == {(1, 4), (4, 1), (2, 2)}
    for each in found.measurements:
        assert each.options["threads"] == 4
        assert (each.p50 is None) == ("token_budget" in each.options)
        assert each.p50 is None or 0 < each.p50 <= each.p95
        assert min(each.texts_per_second, each.requests_per_second) > 0
        assert each.tokens_per_second == pytest.approx(
            each.texts_per_second * found.tokens / found.texts
        )
    assert all(each in found.measurements for each in found.recommended.values())


def test_what_is_reported_are_the_options_that_were_in_use(models) -> None:
    found = measure(
        "text-classification",
        models / "bert-uncased-text",
        ["a"],
        providers=["cpu", "CPUExecutionProvider"],
        threads=1,
        seconds=0.1,
    )
    assert [each.options.get("providers") for each in found.measurements] == [
        *[["cpu"]] * 3,
        *[["CPUExecutionProvider"]] * 3,
    ]


def test_settings_take_turns_in_both_directions_until_another_round_would_take_too_long(
    monkeypatch,
) -> None:
    order = []

    class Run:
        def __init__(self, name: str) -> None:
            self.name = name

        def take_turn(self, load: Load) -> None:
            order.append(self.name)

    monkeypatch.setattr(measure_runs, "perf_counter", lambda: float(len(order)))
    assert take_turns([Run("a"), Run("b"), Run("c")], Load([], [], []), end=11.5) == 3
    assert "".join(order) == "abccbaabc"


def test_each_setting_is_measured_once_even_without_time() -> None:
    turns = []
    run = type("Run", (), {"take_turn": lambda self, load: turns.append(load)})()
    assert take_turns([run], Load([], [], []), time.perf_counter() - 1) == len(turns) == 1


def test_a_text_that_is_none_raises_an_error_with_its_number(models) -> None:
    with pytest.raises(InputError, match="input 1 is of type int"):
        measure("text-classification", models / "bert-uncased-text", ["a", 3], seconds=0.1)


def test_without_texts_there_is_nothing_to_measure(models) -> None:
    with pytest.raises(InputError, match="no texts"):
        measure("text-classification", models / "bert-uncased-text", [])


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("bert-uncased-features", "feature-extraction"),
        ("bert-uncased-features-sentence", "feature-extraction"),
        ("distilbert-text", "text-classification"),
        ("electra-token", "token-classification"),
    ],
)
def test_the_task_is_guessed_from_the_files(models, model, task) -> None:
    assert guess_task(open_bundle(models / model)) == task


def test_sample_texts_are_of_several_lengths_and_always_the_same() -> None:
    texts = sample_texts(100)
    assert texts == sample_texts(200)[:100]
    lengths = sorted(len(text.split()) for text in texts)
    assert lengths[0] < 5
    assert lengths[-1] > 60
    assert 8 < lengths[50] < 30
