"""Pipelines as users call them: a list, an iterable, one text, and many callers at once.

Each benchmark records its texts and tokens, so that rates can be computed from the saved figures.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from texts import KINDS, texts

import hugot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Case
    from pytest_benchmark.fixture import BenchmarkFixture

# Size of the network → factor by which fewer texts are used than for the tiny ones.
FEWER = {"tiny": 1, "small": 10, "base": 25}
CALLERS = 8


@pytest.fixture(scope="module", params=["throughput", "latency", "auto"])
def pipeline(request: pytest.FixtureRequest, case: Case) -> Iterator[Any]:
    """Yield a warm pipeline in each mode."""
    with hugot.pipeline(case.task, case.folder, mode=request.param, **case.options) as made:
        made.warmup()
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_list(
    benchmark: BenchmarkFixture, case: Case, pipeline: Any, kind: str, count: int
) -> None:
    inputs = _inputs(case, kind, count)
    _note(benchmark, case, pipeline, inputs, f"list, {kind}")
    results = benchmark.pedantic(pipeline, (inputs,), rounds=5, warmup_rounds=1)
    assert len(results) == len(inputs)


@pytest.mark.parametrize("kind", ["short", "mixed"])
def test_stream(
    benchmark: BenchmarkFixture, case: Case, pipeline: Any, kind: str, count: int
) -> None:
    inputs = _inputs(case, kind, count)
    _note(benchmark, case, pipeline, inputs, f"stream, {kind}")
    results = benchmark.pedantic(lambda: list(pipeline.stream(inputs)), rounds=5, warmup_rounds=1)
    assert len(results) == len(inputs)


def test_single(benchmark: BenchmarkFixture, case: Case, pipeline: Any) -> None:
    text = texts("short", 1)[0]
    _note(benchmark, case, pipeline, [text], "one text")
    assert benchmark(pipeline, text) is not None


def test_concurrent(benchmark: BenchmarkFixture, case: Case, pipeline: Any, count: int) -> None:
    """Run as many texts as in bulk, one per call, from several threads."""
    inputs = _inputs(case, "short", count)
    _note(benchmark, case, pipeline, inputs, f"{CALLERS} callers")
    with ThreadPoolExecutor(CALLERS) as callers:
        results = benchmark.pedantic(
            lambda: list(callers.map(pipeline, inputs)), rounds=5, warmup_rounds=1
        )
    assert len(results) == len(inputs)


def _inputs(case: Case, kind: str, count: int) -> list[str]:
    return texts(kind, max(16, count // FEWER[case.size]))


def _note(
    benchmark: BenchmarkFixture, case: Case, pipeline: Any, inputs: list[str], what: str
) -> None:
    before = pipeline.stats().tokens
    pipeline(inputs)
    benchmark.group = f"{case}: {what}"
    benchmark.extra_info.update(texts=len(inputs), tokens=pipeline.stats().tokens - before)
