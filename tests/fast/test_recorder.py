"""The recorder: exact counts from many threads, and percentiles from its histogram."""

from __future__ import annotations

import asyncio
import sys
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hugot
from hugot._fast.recorder import Recorder, bounds
from hugot.stats import stats_of

DRAW = np.random.default_rng(0)
TIMES = {
    "normal": np.abs(DRAW.normal(3e-3, 1e-3, 20_000)),
    "lognormal": DRAW.lognormal(-6, 1.5, 20_000),
    "two modes": np.concatenate([DRAW.uniform(4e-5, 5e-5, 9000), DRAW.uniform(1, 2, 1000)]),
    "one": np.array([0.0421]),
    "three": np.array([5e-6, 0.3, 7200.0]),
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_percentiles_are_within_a_thirtieth_of_the_exact_ones(times) -> None:
    recorder = Recorder()
    for seconds in times:
        recorder.answered(seconds)
    latency = stats_of(recorder).latency
    for percent, found in ((50, latency.p50), (95, latency.p95), (99, latency.p99)):
        exact = np.percentile(times, percent, method="inverted_cdf")
        assert found == pytest.approx(exact, rel=0.032)
    assert latency.longest == times.max()
    assert latency.seconds == pytest.approx(times.sum())


def test_shown_buckets_count_exactly_the_answers_below_their_bounds() -> None:
    recorder = Recorder()
    times = TIMES["lognormal"]
    for seconds in times:
        recorder.answered(seconds)
    buckets = stats_of(recorder).latency.buckets
    assert len(buckets) == 19
    for bound, number in buckets:
        assert number == np.count_nonzero(times < bound)


def test_times_out_of_range_are_counted_in_the_outermost_buckets() -> None:
    recorder = Recorder()
    for seconds in (-1.0, 0.0, 1e9, float("nan")):
        recorder.answered(seconds)
    counts = recorder.snapshot()["latency"][3]
    assert (counts[0], counts[-1], sum(counts)) == (3, 1, 4)


def test_each_time_falls_into_the_bucket_between_its_bounds() -> None:
    upper = np.array(bounds())
    assert (np.diff(upper) > 0).all()
    for seconds in 10 ** DRAW.uniform(-6.5, 4, 500):
        recorder = Recorder()
        recorder.answered(seconds)
        place = recorder.snapshot()["latency"][3].index(1)
        assert place == np.searchsorted(upper, seconds, side="right")


def test_a_recorder_does_not_grow_with_the_number_of_calls() -> None:
    recorder = Recorder()
    before = sys.getsizeof(recorder), len(recorder.snapshot()["latency"][3])
    for seconds in TIMES["lognormal"]:
        recorder.answered(seconds)
    assert (sys.getsizeof(recorder), len(recorder.snapshot()["latency"][3])) == before


def test_counts_from_many_threads_are_exact() -> None:
    recorder = Recorder()

    def count(_: int) -> None:
        for _ in range(2000):
            recorder.tokenized(0.5, 3, 1)
            recorder.ran(0.25, 2, 10, 12)
            recorder.ran_row(0.25, 0.125, 5)
            recorder.postprocessed(0.125, 1)
            recorder.answered(1e-3)
            recorder.failed(ValueError())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    stats = stats_of(recorder)
    times = 16_000
    assert (stats.texts, stats.truncated, stats.rows) == (3 * times, times, 3 * times)
    assert (stats.tokens, stats.padded_tokens) == (15 * times, 17 * times)
    assert (stats.tokenization.seconds, stats.tokenization.calls) == (0.5 * times, times)
    assert (stats.inference.seconds, stats.inference.calls) == (0.5 * times, 2 * times)
    assert (stats.postprocessing.seconds, stats.postprocessing.calls) == (0.25 * times, 2 * times)
    assert (stats.calls, stats.latency.count) == (2 * times, times)
    assert stats.errors == {"ValueError": times}


def test_failed_calls_are_counted_by_the_type_of_their_exception() -> None:
    recorder = Recorder()
    given_up = [
        hugot.CancelledError("stopped"),
        asyncio.CancelledError(),
        futures.CancelledError(),
        KeyboardInterrupt(),
    ]
    for error in (*given_up, hugot.QueueFullError("full"), hugot.InputError("bad"), KeyError("k")):
        recorder.failed(error)
    stats = stats_of(recorder)
    assert (stats.calls, stats.cancelled, stats.rejected) == (7, 4, 1)
    assert stats.errors == {"InputError": 1, "KeyError": 1}
    assert stats.latency.count == 0


def test_after_reset_a_recorder_is_as_new() -> None:
    recorder = Recorder()
    new = recorder.snapshot()
    recorder.tokenized(0.5, 3, 1)
    recorder.ran_row(0.25, 0.125, 5)
    recorder.answered(1e-3)
    recorder.cancelled()
    recorder.read()
    recorder.failed(ValueError())
    assert recorder.snapshot() != new
    recorder.reset()
    assert recorder.snapshot() == new
