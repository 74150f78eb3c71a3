"""Statistics of pipelines: counts for each kind of call, and their forms as dicts and tables."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError

import pytest
import slow_models

import hugot
from hugot import DeadlineExceededError, InputError, QueueFullError, SessionClosedError
from hugot.pipelines.pipeline import runner_of
from hugot.stats import Latency, PipelineStats, Timing, format_stats

TIMEOUT = 30


@pytest.fixture
def classify(models):
    with hugot.pipeline("text-classification", models / "bert-uncased-text", threads=2) as made:
        yield made


@pytest.fixture
def endless(tmp_path):
    """A pipeline with one worker that runs long texts until they are stopped."""
    folder = slow_models.endless(tmp_path / "endless")
    with hugot.pipeline("text-classification", folder, threads=1, max_queue=1) as made:
        yield made


LONG_TEXT = "word " * 50


def calls_of(stats: PipelineStats) -> tuple[int, int]:
    """The number of calls that ended, and of those with a latency."""
    return stats.calls, stats.latency.count


def test_a_call_with_a_text_counts_its_stages_and_its_time(classify) -> None:
    classify("a b")
    stats = classify.stats()
    assert calls_of(stats) == (1, 1)
    assert (stats.texts, stats.rows, stats.tokens, stats.padded_tokens) == (1, 1, 4, 4)
    stages = (stats.tokenization, stats.inference, stats.postprocessing)
    assert [stage.calls for stage in stages] == [1, 1, 1]
    assert all(stage.seconds > 0 for stage in stages)
    assert sum(stage.seconds for stage in stages) <= stats.latency.seconds == stats.latency.longest


def test_a_list_is_one_call_whatever_its_length(classify) -> None:
    classify(["a", "a b", "a b c"] * 900)
    stats = classify.stats()
    assert calls_of(stats) == (1, 1)
    assert stats.texts == 2700
    assert stats.postprocessing.calls == stats.inference.calls > 2
    assert stats.postprocessing.seconds > 0


def test_a_stream_is_one_call_and_its_time_is_left_out(classify) -> None:
    assert len(list(classify.stream(["a"] * 100))) == 100
    assert calls_of(classify.stats()) == (1, 0)
    assert len(list(classify(iter(["a"] * 100)))) == 100
    assert calls_of(classify.stats()) == (2, 0)
    assert len(list(classify.stream_batches([["a"] * 10, ["b"] * 10]))) == 2
    assert calls_of(classify.stats()) == (3, 0)


def test_a_stream_that_is_not_read_to_its_end_is_a_call_without_an_error(classify) -> None:
    stream = classify.stream(["a"] * 100)
    next(stream)
    assert classify.stats().calls == 0
    stream.close()
    stats = classify.stats()
    assert (stats.calls, stats.errors, stats.cancelled) == (1, {}, 0)


def test_an_error_in_a_stream_is_counted_once_by_its_type(classify) -> None:
    def lines():
        yield "a"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        list(classify.stream(lines()))
    stats = classify.stats()
    assert (stats.calls, stats.errors) == (1, {"OSError": 1})


def test_requests_are_calls_that_are_counted_before_their_answers_are_seen(classify) -> None:
    for number in range(1, 20):
        classify.submit("a b").result(TIMEOUT)
        assert calls_of(classify.stats()) == (number, number)
    stats = classify.stats()
    assert stats.texts == stats.postprocessing.calls == 19
    assert stats.latency.seconds >= stats.inference.seconds + stats.postprocessing.seconds > 0


def test_awaited_requests_are_calls(classify) -> None:
    async def main() -> None:
        await asyncio.gather(*[classify.acall(text) for text in ("a", ["b", "c"], "d")])

    asyncio.run(main())
    stats = classify.stats()
    assert calls_of(stats) == (3, 3)
    assert stats.texts == 4


@pytest.mark.parametrize("way", ["call", "list", "submit", "acall"])
def test_a_bad_input_is_an_error_of_its_type(classify, way) -> None:
    ask = {
        "call": lambda: classify(3),
        "list": lambda: classify(["a", 3]),
        "submit": lambda: classify.submit(3).result(TIMEOUT),
        "acall": lambda: asyncio.run(classify.acall(3)),
    }[way]
    with pytest.raises(InputError):
        ask()
    stats = classify.stats()
    assert calls_of(stats) == (1, 0)
    assert stats.errors == {"InputError": 1}


def test_an_unknown_option_is_an_error(classify) -> None:
    with pytest.raises(InputError):
        classify("a", colour="red")
    assert classify.stats().errors == {"InputError": 1}


def test_calls_after_close_are_errors(models) -> None:
    made = hugot.pipeline("text-classification", models / "bert-uncased-text")
    made.submit("a").result(TIMEOUT)
    made.close()
    with pytest.raises(SessionClosedError):
        made("a")
    with pytest.raises(SessionClosedError):
        made.submit("a")
    assert made.stats().errors == {"SessionClosedError": 2}


def test_cancelled_late_and_rejected_requests_are_counted_separately(endless) -> None:
    running = endless.submit(LONG_TEXT)
    while not runner_of(endless).batcher.running:
        time.sleep(0.001)
    waiting = endless.submit("a", timeout=0.5)
    with pytest.raises(QueueFullError):
        endless.submit("b")
    with pytest.raises(DeadlineExceededError):
        waiting.result(TIMEOUT)
    assert running.cancel()
    assert not waiting.cancel()
    stats = endless.stats()
    assert (stats.calls, stats.cancelled, stats.rejected) == (3, 1, 1)
    assert stats.errors == {"DeadlineExceededError": 1}
    assert stats.latency.count == 0


def test_a_cancelled_task_is_a_cancelled_request(endless) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(endless.acall(LONG_TEXT), 0.05)

    asyncio.run(main())
    stats = endless.stats()
    assert (stats.calls, stats.cancelled, stats.errors) == (1, 1, {})


def test_truncated_texts_are_counted_on_every_path(classify) -> None:
    fits = "a " * (runner_of(classify).task.tokenizer.max_length - 2)
    for inputs, cut in (
        (fits, 0),
        (fits + "a", 1),
        ([fits, fits + "a", "b", fits + fits], 2),
        ({"text": fits, "text_pair": "b"}, 1),
        ({"text": "a", "text_pair": "b"}, 0),
    ):
        classify.reset_stats()
        classify(inputs)
        assert classify.stats().truncated == cut
    classify.reset_stats()
    classify.submit(fits + "a").result(TIMEOUT)
    assert classify.stats().truncated == 1


def test_a_long_text_that_is_run_in_windows_is_not_truncated(models) -> None:
    with hugot.pipeline("token-classification", models / "bert-uncased-token", stride=4) as tag:
        tag("a " * 2 * runner_of(tag).task.tokenizer.max_length)
        stats = tag.stats()
    assert stats.rows > stats.texts == 1
    assert stats.truncated == 0


def test_warming_up_is_not_counted_as_calls(classify) -> None:
    classify.warmup()
    assert calls_of(classify.stats()) == (0, 0)


def test_reset_begins_at_zero_for_one_pipeline_or_for_all_of_a_session(models) -> None:
    model = models / "bert-uncased-text"
    with hugot.Session(threads=1) as session:
        first, second = (session.pipeline("text-classification", model) for _ in range(2))
        first("a")
        second("a")
        first.reset_stats()
        assert (first.stats(), second.stats().calls) == (PipelineStats(latency=EMPTY), 1)
        first("a")
        session.reset_stats()
        assert set(map(str, session.stats().values())) == {str(PipelineStats())}


EMPTY = Latency(buckets=tuple((2**k / 1e9, 0) for k in range(16, 35)))


def test_figures_are_frozen(classify) -> None:
    with pytest.raises(FrozenInstanceError):
        classify.stats().texts = 3


def test_the_dict_of_a_session_is_valid_json_and_has_every_figure(models) -> None:
    with hugot.Session(threads=1) as session:
        mood = session.pipeline("text-classification", models / "bert-uncased-text", name="mood")
        mood(["a b", "c"])
        with pytest.raises(InputError):
            mood(3)
        stats = session.stats()
    found = json.loads(json.dumps(stats.to_dict()))
    assert found["mood"] == stats["mood"].to_dict()
    latency = found["mood"].pop("latency")
    assert latency["count"] == 1
    assert 0 < latency["p50"] == latency["p95"] == latency["p99"] <= latency["longest"]
    for stage in ("tokenization", "inference", "postprocessing"):
        assert found["mood"].pop(stage)["seconds"] > 0
    assert found["mood"] == {
        "calls": 2,
        "texts": 2,
        "truncated": 0,
        "not_finite": 0,
        "rows": 2,
        "tokens": 7,
        "padded_tokens": 8,
        "padding_ratio": 8 / 7,
        "errors": {"InputError": 1},
        "cancelled": 0,
        "rejected": 0,
    }


STATS = PipelineStats(
    calls=1234,
    texts=56789,
    truncated=7,
    rows=56790,
    tokens=1_000_000,
    padded_tokens=1_025_000,
    tokenization=Timing(1.5, 10),
    inference=Timing(1234.5678, 20),
    postprocessing=Timing(0.25, 20),
    latency=Latency(1200, 60.0, 0.00123, 0.0456, 1.5, 12.3456),
    errors={"InputError": 2, "DeadlineExceededError": 1},
    cancelled=3,
)


def test_a_table_has_a_line_per_figure_and_a_column_per_pipeline() -> None:
    assert format_stats({"ner": STATS, "idle": PipelineStats()}) == TABLE


TABLE = """\
                                 ner     idle
calls                          1,234        0
texts                         56,789        0
truncated                          7        0
tokens                     1,000,000        0
padding ratio                  1.025    1.000
tokenization                 1.500 s  0.000 s
inference                1,234.568 s  0.000 s
postprocessing               0.250 s  0.000 s
call, p50                    1.23 ms        -
call, p95                    45.6 ms        -
call, p99                   1,500 ms        -
call, longest              12,346 ms        -
errors                             3        0
  DeadlineExceededError            1        -
  InputError                       2        -
cancelled                          3        -"""


def test_str_returns_the_table(models) -> None:
    with hugot.Session(threads=1) as session:
        session.pipeline("text-classification", models / "bert-uncased-text", name="mood")("a")
        stats = session.stats()
    assert str(stats) == format_stats(stats)
    assert str(stats).splitlines()[0].split() == ["mood"]
    assert str(stats["mood"]).splitlines()[0].split() == ["calls", "1"]
    assert format_stats({}) == ""


def test_the_module_of_statistics_is_not_imported_for_an_answer(models) -> None:
    code = (
        "import sys, hugot\n"
        f"made = hugot.pipeline('text-classification', {str(models / 'bert-uncased-text')!r})\n"
        "made('a')\n"
        "print('hugot.stats' in sys.modules)\n"
        "made.stats()\n"
        "print('hugot.stats' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
