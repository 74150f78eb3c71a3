"""Statistics of pipelines in Prometheus' text format, without its client library.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    # The figures of one pipeline by name: `PipelineStats.to_dict()`, and under "buckets" the pairs of
    # upper bound and cumulative count of `Latency.buckets`.
    Figures = Mapping[str, Any]
    # A sample: suffix of the metric's name, labels other than the pipeline's name, value.
    Sample = tuple[str, dict[str, str], float]

_STAGES = ("tokenization", "inference", "postprocessing")


def exposition(pipelines: Mapping[str, Figures]) -> str:
    """Return the text: each metric with its help, its type and the samples of all pipelines."""
    return "".join(
        f"{line}\n"
        for name, kind, meaning, samples in _METRICS
        for line in _lines(name, kind, meaning, samples, pipelines)
    )


def _lines(
    name: str,
    kind: str,
    meaning: str,
    samples: Callable[[Figures], Iterator[Sample]],
    pipelines: Mapping[str, Figures],
) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for pipeline, each in pipelines.items():
        for suffix, labels, value in samples(each):
            pairs = {"pipeline": pipeline, **labels}.items()
            text = ",".join(f'{key}="{_escaped(label)}"' for key, label in pairs)
            # repr writes a float with all its digits, in a form that Go's parser accepts.
            yield f"{name}{suffix}{{{text}}} {value!r}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(name: str) -> Callable[[Figures], Iterator[Sample]]:
    def samples(figures: Figures) -> Iterator[Sample]:
        yield "", {}, figures[name]

    return samples


def _stage_seconds(figures: Figures) -> Iterator[Sample]:
    for stage in _STAGES:
        yield "", {"stage": stage}, figures[stage]["seconds"]


def _stage_runs(figures: Figures) -> Iterator[Sample]:
    for stage in _STAGES:
        yield "", {"stage": stage}, figures[stage]["calls"]


def _errors(figures: Figures) -> Iterator[Sample]:
    for name, number in figures["errors"].items():
        yield "", {"type": name}, number


def _call_seconds(figures: Figures) -> Iterator[Sample]:
    latency = figures["latency"]
    for bound, number in figures["buckets"]:
        yield "_bucket", {"le": repr(bound)}, number
    yield "_bucket", {"le": "+Inf"}, latency["count"]
    yield "_sum", {}, latency["seconds"]
    yield "_count", {}, latency["count"]


_METRICS = (
    (
        "hugot_calls_total",
        "counter",
        "Calls, requests and streams that have ended.",
        _number("calls"),
    ),
    ("hugot_texts_total", "counter", "Texts tokenized.", _number("texts")),
    (
        "hugot_truncated_texts_total",
        "counter",
        "Texts that were cut to what the model takes.",
        _number("truncated"),
    ),
    (
        "hugot_not_finite_texts_total",
        "counter",
        "Texts whose results have numbers that are not finite.",
        _number("not_finite"),
    ),
    ("hugot_rows_total", "counter", "Rows of tokens run.", _number("rows")),
    ("hugot_tokens_total", "counter", "Tokens run, without padding.", _number("tokens")),
    ("hugot_padded_tokens_total", "counter", "Tokens run, with padding.", _number("padded_tokens")),
    (
        "hugot_stage_seconds_total",
        "counter",
        "Seconds in each stage, over all threads.",
        _stage_seconds,
    ),
    ("hugot_stage_runs_total", "counter", "Times that each stage was run.", _stage_runs),
    ("hugot_errors_total", "counter", "Calls that ended with an error, by its type.", _errors),
    (
        "hugot_cancelled_calls_total",
        "counter",
        "Calls that were given up before their answer was there.",
        _number("cancelled"),
    ),
    (
        "hugot_rejected_calls_total",
        "counter",
        "Requests that were refused since too many waited.",
        _number("rejected"),
    ),
    (
        "hugot_call_seconds",
        "histogram",
        "Seconds from a call or a request to its answer.",
        _call_seconds,
    ),
)
