"""The text for Prometheus, as its own parser reads it: every figure, and names with any character."""

from __future__ import annotations

import re

from prometheus_client import parser as prometheus

import hugot
from hugot.stats import Latency, PipelineStats, SessionStats, Timing, prometheus_text

NAME = 'a "quoted"\\name\nover two lines, ä'
STATS = PipelineStats(
    calls=12,
    texts=30,
    truncated=2,
    not_finite=7,
    rows=31,
    tokens=310,
    padded_tokens=320,
    tokenization=Timing(0.1, 3),
    inference=Timing(1 / 3, 4),
    postprocessing=Timing(0.05, 5),
    latency=Latency(9, 1.25, 0.1, 0.2, 0.2, 0.2, ((0.125, 4), (0.25, 9))),
    errors={"InputError": 2},
    cancelled=1,
    rejected=6,
)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The value of each sample by its name and labels, except that of the pipeline."""
    found = {}
    for family in prometheus.text_string_to_metric_families(text):
        for each in family.samples:
            labels = dict(each.labels)
            assert labels.pop("pipeline") == NAME
            found[(each.name, *labels.values())] = each.value
    return found


def test_every_figure_is_there_with_its_labels() -> None:
    assert samples(prometheus_text({NAME: STATS})) == {
        ("hugot_calls_total",): 12,
        ("hugot_texts_total",): 30,
        ("hugot_truncated_texts_total",): 2,
        ("hugot_not_finite_texts_total",): 7,
        ("hugot_rows_total",): 31,
        ("hugot_tokens_total",): 310,
        ("hugot_padded_tokens_total",): 320,
        ("hugot_stage_seconds_total", "tokenization"): 0.1,
        ("hugot_stage_seconds_total", "inference"): 1 / 3,
        ("hugot_stage_seconds_total", "postprocessing"): 0.05,
        ("hugot_stage_runs_total", "tokenization"): 3,
        ("hugot_stage_runs_total", "inference"): 4,
        ("hugot_stage_runs_total", "postprocessing"): 5,
        ("hugot_errors_total", "InputError"): 2,
        ("hugot_cancelled_calls_total",): 1,
        ("hugot_rejected_calls_total",): 6,
        ("hugot_call_seconds_bucket", "0.125"): 4,
        ("hugot_call_seconds_bucket", "0.25"): 9,
        ("hugot_call_seconds_bucket", "+Inf"): 9,
        ("hugot_call_seconds_sum",): 1.25,
        ("hugot_call_seconds_count",): 9,
    }


def test_metrics_are_typed_and_explained_once_for_all_pipelines() -> None:
    families = list(
        prometheus.text_string_to_metric_families(prometheus_text({"a": STATS, "b": STATS}))
    )
    names = [family.name for family in families]
    assert len(set(names)) == len(names) == 13
    assert {family.type for family in families if family.name != "hugot_call_seconds"} == {
        "counter"
    }
    assert next(f.type for f in families if f.name == "hugot_call_seconds") == "histogram"
    for family in families:
        assert family.documentation.endswith(".")
        assert {sample.labels["pipeline"] for sample in family.samples} == {"a", "b"}


LINE = re.compile(
    r"# (HELP|TYPE) [a-z_]+ [^\n]+"
    r"|[a-z_]+\{[a-z]+=\"([^\"\\\n]|\\[\\\"n])*\"(,[a-z]+=\"([^\"\\\n]|\\[\\\"n])*\")*\} [0-9.e+-]+"
)


def test_each_line_is_one_of_the_format_and_ends_with_a_newline() -> None:
    text = prometheus_text({NAME: STATS})
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert LINE.fullmatch(line)


def test_a_session_returns_its_figures_as_text(models) -> None:
    with hugot.Session(threads=1) as session:
        made = session.pipeline("text-classification", models / "bert-uncased-text", name=NAME)
        made("a")
        made(["b", "c"])
        text = session.stats().prometheus()
    found = samples(text)
    assert (found["hugot_calls_total",], found["hugot_texts_total",]) == (2, 3)
    buckets = [value for key, value in found.items() if key[0] == "hugot_call_seconds_bucket"]
    assert len(buckets) == 20
    assert buckets == sorted(buckets)
    assert buckets[-1] == found["hugot_call_seconds_count",] == 2


def test_a_session_without_pipelines_has_metrics_without_samples() -> None:
    text = SessionStats().prometheus()
    assert samples(text) == {}
    assert "# TYPE hugot_calls_total counter\n" in text
