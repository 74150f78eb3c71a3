"""Measuring latency and rates of a model on this machine with several settings of the session."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hugot.errors import InputError
from hugot.pipelines.pipeline import runner_of
from hugot.runtime.resources import available_cpus
from hugot.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hugot.pipelines.pipeline import Pipeline

# With fewer rounds, the best setting is a matter of chance.
LEAST_ROUNDS = 5
# Approximate duration of a call with a list.
LIST_SECONDS = 0.25
_SINGLE_TEXTS, _LEAST_TEXTS, _MOST_REQUESTS = 20, 8, 512
# Settings that differ by less than the uncertainty of the measurement are equally good.
_MARGIN = 0.03


@dataclass(frozen=True)
class Measurement:
    """The figures of one setting, each the median of the rounds.

    Attributes:
        options: the setting, as options of `Session`.
        workers: groups of texts that run at once.
        intra_op_threads: threads of ONNX Runtime within a group.
        rounds: number of rounds.
        seconds_per_text: time of a call with one text.
        texts_per_second: rate of calls with a list.
        requests_per_second: rate of texts sent with `submit`, many at once.
    """

    options: Mapping[str, Any]
    workers: int
    intra_op_threads: int
    rounds: int
    seconds_per_text: float
    texts_per_second: float
    requests_per_second: float


def recommend(measurements: Sequence[Measurement]) -> dict[str, Measurement]:
    """Return the best setting for single texts, for lists, and for many requests at once.

    If several are about equally good, the first of them is returned. The result is empty after fewer
    than `LEAST_ROUNDS` rounds.
    """
    if min(each.rounds for each in measurements) < LEAST_ROUNDS:
        return {}
    uses = {
        "single": [1 / each.seconds_per_text for each in measurements],
        "bulk": [each.texts_per_second for each in measurements],
        "requests": [each.requests_per_second for each in measurements],
    }
    return {use: measurements[_first_best(rates)] for use, rates in uses.items()}


def measure(
    task: str,
    model: Any,
    texts: Sequence[Any] | None = None,
    *,
    rounds: int = LEAST_ROUNDS,
    providers: Sequence[str] = (),
    threads: int | None = None,
    library: str | None = None,
    **choice: Any,
) -> list[Measurement]:
    """Measure a model with several distributions of work over threads, in alternating rounds.

    Args:
        task: the task.
        model: as for `Session.pipeline`; it is loaded once for each setting, all at the same time.
        texts: typical inputs, which are repeated if they are too few; by default inputs of the task
            made from `sample_texts`.
        rounds: how often each setting is measured.
        providers: execution providers to compare; by default the CPU.
        threads: number of CPUs to use; by default all that are available to the process.
        library: the option `onnxruntime_library` of `Session`.
        **choice: further arguments of `Session.pipeline`.

    Raises InputError for an input that cannot be used, and as `Session` and `Session.pipeline`.
    """
    if texts is not None and not texts:
        raise InputError("there are no texts to measure with")
    common: dict[str, Any] = {} if threads is None else {"threads": threads}
    settings: dict[tuple[object, ...], _Setting] = {}
    with ExitStack() as stack:
        for named in [{"providers": [each]} for each in providers] or [{}]:
            for way in _ways_to_spread(threads or available_cpus()):
                options = common | named | way
                session = stack.enter_context(Session(onnxruntime_library=library, **options))
                made = _Setting(session.pipeline(task, model, **choice), options)
                layout = made.plan.workers, made.plan.intra_op_threads
                if settings.setdefault((*named.get("providers", ()), *layout), made) is not made:
                    session.close()
        for setting in settings.values():
            setting.pipeline.warmup()
        first = next(iter(settings.values())).pipeline
        if texts is None:
            texts = [runner_of(first).sample_input(text) for text in sample_texts()]
        chosen = _texts_for_a_list(first, texts)
        for number in range(rounds):
            for setting in list(settings.values())[:: 1 if number % 2 == 0 else -1]:
                setting.turns.append(_take_turn(setting.pipeline, chosen))
    return [setting.measurement() for setting in settings.values()]


def sample_texts() -> list[str]:
    """Return English texts of 1 to 9 sentences, most of them short, as services receive them."""
    sentences = cycle(
        (
            "Great film!",
            "Please reset my password.",
            "The train to Vienna leaves from platform four.",
            "Marie Curie was born in Warsaw and worked in Paris, where she won two Nobel Prizes.",
            "The hotel was clean and quiet, but breakfast was over at nine.",
        )
    )
    return [" ".join(islice(sentences, n)) for n in (1, 1, 2, 1, 3, 1, 1, 5, 1, 2, 1, 9) * 5]


class _Setting:
    """A setting, its pipeline, and the results of `_take_turn` for each turn."""

    def __init__(self, pipeline: Pipeline[Any, Any], options: Mapping[str, Any]) -> None:
        self.pipeline = pipeline
        self.options = options
        self.plan = pipeline.plan([])
        self.turns: list[tuple[float, float, float]] = []

    def measurement(self) -> Measurement:
        """Return the medians of all turns."""
        workers, threads = self.plan.workers, self.plan.intra_op_threads
        figures = map(median, zip(*self.turns, strict=True))
        return Measurement(self.options, workers, threads, len(self.turns), *figures)


def _ways_to_spread(cpus: int) -> list[dict[str, Any]]:
    """Return options that distribute the work over the CPUs in different ways, the default first."""
    ways: list[dict[str, Any]] = [{}, {"mode": "latency"}, {"mode": "throughput"}]
    return ways if cpus < 4 else [*ways, {"workers": cpus // 2}]


def _take_turn(pipeline: Pipeline[Any, Any], texts: list[Any]) -> tuple[float, float, float]:
    """Return seconds per single text, texts per second of a list, and requests per second."""
    pipeline(texts[0])  # the previous setting has left its own data in the CPU's caches
    single = median(_seconds(pipeline, text) for text in texts[:_SINGLE_TEXTS])
    bulk = len(texts) / _seconds(pipeline, texts)
    began = perf_counter()
    futures = [pipeline.submit(text) for text in texts[:_MOST_REQUESTS]]
    for future in futures:
        future.result()
    return single, bulk, len(futures) / (perf_counter() - began)


def _texts_for_a_list(pipeline: Pipeline[Any, Any], texts: Sequence[Any]) -> list[Any]:
    """Return as many texts as run in about `LIST_SECONDS`, in order, and repeated if necessary."""
    few = list(islice(cycle(texts), _LEAST_TEXTS))
    took = min(_seconds(pipeline, few) for _ in range(3))
    return list(islice(cycle(texts), max(_LEAST_TEXTS, int(_LEAST_TEXTS * LIST_SECONDS / took))))


def _seconds(pipeline: Pipeline[Any, Any], inputs: Any) -> float:
    began = perf_counter()
    pipeline(inputs)
    return perf_counter() - began


def _first_best(rates: Sequence[float]) -> int:
    """Return the index of the first rate that is about as high as the highest."""
    return next(i for i, rate in enumerate(rates) if rate >= max(rates) * (1 - _MARGIN))
