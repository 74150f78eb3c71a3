"""Measuring a model: which settings, in which order, and what is recommended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hugot import InputError, measure
from hugot.measure import LEAST_ROUNDS, Measurement, recommend, sample_texts

BASE = Measurement({}, 1, 2, LEAST_ROUNDS, 2e-3, 100.0, 50.0)


@pytest.fixture(autouse=True)
def short_lists(monkeypatch):
    monkeypatch.setattr(measure, "LIST_SECONDS", 0.01)


def test_the_best_setting_is_recommended_for_each_use() -> None:
    single = replace(BASE, options={"mode": "latency"}, seconds_per_text=1e-3)
    bulk = replace(BASE, options={"mode": "throughput"}, texts_per_second=200.0)
    requests = replace(BASE, options={"workers": 2}, requests_per_second=90.0)
    found = recommend([BASE, single, bulk, requests])
    assert found == {"single": single, "bulk": bulk, "requests": requests}


def test_of_settings_that_are_about_equal_the_first_is_recommended() -> None:
    little_better = replace(
        BASE,
        options={"workers": 2},
        seconds_per_text=1.96e-3,
        texts_per_second=102.0,
        requests_per_second=51.0,
    )
    assert recommend([BASE, little_better]) == {"single": BASE, "bulk": BASE, "requests": BASE}


def test_nothing_is_recommended_after_too_few_rounds() -> None:
    assert recommend([replace(BASE, rounds=LEAST_ROUNDS - 1)] * 2) == {}


def test_each_way_to_spread_work_over_threads_is_measured_once(models) -> None:
    found = measure.measure(
        "feature-extraction", models / "bert-uncased-features", sample_texts(), threads=4, rounds=1
    )
    assert [(each.options, each.workers, each.intra_op_threads) for each in found] == [
        ({"threads": 4}, 1, 4),
        ({"threads": 4, "mode": "throughput"}, 4, 1),
        ({"threads": 4, "workers": 2}, 2, 2),
    ]
    for each in found:
        assert each.rounds == 1
        assert each.seconds_per_text > 0
        assert min(each.texts_per_second, each.requests_per_second) > 0


def test_each_provider_is_measured(models) -> None:
    found = measure.measure(
        "text-classification",
        models / "bert-uncased-text",
        ["a"],
        providers=["cpu", "CPUExecutionProvider"],
        threads=1,
        rounds=1,
    )
    assert [each.options["providers"] for each in found] == [["cpu"], ["CPUExecutionProvider"]]


def test_settings_take_turns_in_both_directions(models, monkeypatch) -> None:
    order = []

    def take_turn(pipeline, texts):
        order.append(pipeline)
        return 1.0, float(len(order)), 1.0

    monkeypatch.setattr(measure, "_take_turn", take_turn)
    found = measure.measure(
        "text-classification", models / "bert-uncased-text", ["a"], threads=2, rounds=3
    )
    first, second = order[:2]
    assert order == [first, second, second, first, first, second]
    assert [each.texts_per_second for each in found] == [4.0, 3.0]


def test_an_input_that_cannot_be_used_raises_an_error_with_its_number(models) -> None:
    with pytest.raises(InputError, match="input 1 is of type int"):
        measure.measure("text-classification", models / "bert-uncased-text", ["a", 3])


def test_without_texts_nothing_can_be_measured(models) -> None:
    with pytest.raises(InputError, match="no texts"):
        measure.measure("text-classification", models / "bert-uncased-text", [])


def test_without_texts_samples_of_the_task_are_used(models, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(measure, "_texts_for_a_list", lambda _, texts: seen.append(texts) or texts)
    monkeypatch.setattr(measure, "_take_turn", lambda *_: (1.0, 1.0, 1.0))
    words = {"is_split_into_words": True}
    model = models / "bert-cased-token"
    measure.measure("token-classification", model, threads=1, rounds=1, **words)
    assert seen == [[text.split() for text in sample_texts()]]


def test_sample_texts_are_of_several_lengths_and_always_the_same() -> None:
    texts = sample_texts()
    assert texts == sample_texts()
    lengths = sorted(len(text.split()) for text in texts)
    assert lengths[0] < 5
    assert lengths[-1] > 60
