"""Settings of a model that are measured in turns: opened, given work, timed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hugot.runtime.resources import available_cpus
from hugot.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack
    from os import PathLike

    from hugot.pipelines.base import Pipeline
    from hugot.runtime.tune import Layout

_LEAST_TEXTS, _LEAST_SINGLE = 4, 3
_MOST_TEXTS, _MOST_SINGLE, _MOST_REQUESTS = 20_000, 500, 512
# Parts of the time of a setting's turn; the rest is for requests.
_BULK_SHARE, _SINGLE_SHARE = 0.5, 0.25


@dataclass(frozen=True)
class Load:
    """What every setting is given in each of its turns.

    Attributes:
        bulk: the texts of a list.
        single: texts for calls with one text.
        requests: texts for requests that are sent at once.
    """

    bulk: Sequence[Any]
    single: Sequence[Any]
    requests: Sequence[Any]


class Run:
    """One setting, and what was measured with it.

    Attributes:
        pipeline: the pipeline; settings that differ in the token budget alone share it.
        options: the setting, as options of `Session`.
        layout: the model's layout with it.
        measures_single: whether calls with one text are measured; the token budget does not matter
            to them.
        bulk: seconds for the list, in each turn.
        single: seconds of each call with one text.
        requests: seconds for the requests, in each turn.
        tokens: tokens of the list.
    """

    def __init__(
        self,
        pipeline: Pipeline[Any, Any],
        options: Mapping[str, Any],
        layout: Layout,
        *,
        measures_single: bool,
    ) -> None:
        self.pipeline = pipeline
        self.options = options
        self.layout = layout
        self.measures_single = measures_single
        self.bulk: list[float] = []
        self.single: list[float] = []
        self.requests: list[float] = []
        self.tokens = 0

    def take_turn(self, load: Load) -> None:
        """Measure once."""
        pipeline = self.pipeline
        pipeline.model.layout = self.layout
        pipeline(load.single[0])  # what ran before has left its own things in the caches
        before = pipeline.stats().tokens
        self.bulk.append(_seconds_of_list(pipeline, load.bulk))
        self.tokens = pipeline.stats().tokens - before
        if self.measures_single:
            for text in load.single:
                began = perf_counter()
                pipeline(text)
                self.single.append(perf_counter() - began)
        began = perf_counter()
        for future in [pipeline.submit(text) for text in load.requests]:
            future.result()
        self.requests.append(perf_counter() - began)


def open_runs(
    stack: ExitStack,
    task: str,
    model: str | PathLike[str],
    onnx_file: str | None,
    given: Mapping[str, Any],
    named: Mapping[str, Any],
) -> list[Run]:
    """Settings to be measured, each warmed up; `stack` closes their sessions.

    Those that come to the same threads and budget as one before are left out.

    Args:
        stack: closes the sessions.
        task: the task.
        model: as for `Session.pipeline`.
        onnx_file: as for `Session.pipeline`.
        given: options of `Session` that say how it is loaded.
        named: options of `Session` that are part of each setting.
    """
    runs: list[Run] = []
    seen: list[Layout] = []
    for way in ways_to_spread(named.get("threads") or available_cpus()):
        options = {**named, **way}
        session = stack.enter_context(Session(**given, **options))
        pipeline = session.pipeline(task, model, onnx_file=onnx_file)
        layout = pipeline.model.layout
        if layout in seen:
            session.close()
            continue
        seen.append(layout)
        pipeline.warmup()
        runs.append(Run(pipeline, options, layout, measures_single=True))
        for budget in (layout.token_budget // 2, layout.token_budget * 2):
            other = replace(layout, token_budget=budget)
            options = {**named, **way, "token_budget": budget}
            runs.append(Run(pipeline, options, other, measures_single=False))
    return runs


def ways_to_spread(cpus: int) -> Iterator[dict[str, Any]]:
    """Options that spread the work over threads in different ways, the default first."""
    yield {}
    yield {"mode": "latency"}
    yield {"mode": "throughput"}
    for workers in sorted({2, cpus // 2}):
        if 1 < workers < cpus:
            yield {"workers": workers}


def load_for(seconds: float, runs: Sequence[Run], texts: Sequence[Any]) -> Load:
    """As many of the texts as all settings together can be measured with in about so many seconds.

    Texts are taken evenly from all over the list, or several times where it is short.
    """
    pipeline = runs[0].pipeline
    each = seconds / len(runs)
    count, took = _LEAST_TEXTS, _seconds_of_list(pipeline, _spread(texts, _LEAST_TEXTS))
    while took < each / 8 and count < _MOST_TEXTS:
        count = min(2 * count, _MOST_TEXTS)
        took = _seconds_of_list(pipeline, _spread(texts, count))
    rate = count / took
    few = _spread(texts, _LEAST_SINGLE)
    began = perf_counter()
    for text in few:
        pipeline(text)
    single_rate = len(few) / (perf_counter() - began)
    rest = rate * each * (1 - _BULK_SHARE - _SINGLE_SHARE)
    return Load(
        bulk=_spread(texts, _within(rate * each * _BULK_SHARE, _LEAST_TEXTS, _MOST_TEXTS)),
        single=_spread(
            texts, _within(single_rate * each * _SINGLE_SHARE, _LEAST_SINGLE, _MOST_SINGLE)
        ),
        requests=_spread(texts, _within(rest, _LEAST_TEXTS, _MOST_REQUESTS)),
    )


def take_turns(runs: Sequence[Run], load: Load, end: float) -> int:
    """Measure all settings in turns until the time is up, every other time in reverse order.

    Gives the number of rounds, at least one.
    """
    rounds, longest = 0, 0.0
    while rounds == 0 or perf_counter() + longest < end:
        began = perf_counter()
        for run in runs if rounds % 2 == 0 else reversed(runs):
            run.take_turn(load)
        longest = max(longest, perf_counter() - began)
        rounds += 1
    return rounds


def _seconds_of_list(pipeline: Pipeline[Any, Any], texts: Sequence[Any]) -> float:
    began = perf_counter()
    pipeline(texts)
    return perf_counter() - began


def _within(number: float, least: int, most: int) -> int:
    return max(least, min(int(number), most))


def _spread(texts: Sequence[Any], count: int) -> list[Any]:
    """So many texts, evenly from all over the list, in its order; or all of it again and again."""
    if count >= len(texts):
        return list(islice(cycle(texts), count))
    return [texts[i * len(texts) // count] for i in range(count)]
