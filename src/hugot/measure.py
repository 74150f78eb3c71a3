"""Which settings suit a model on this machine: throughput and latency of several, side by side."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hugot.errors import InputError
from hugot.measure_runs import Load, Run, load_for, open_runs, take_turns
from hugot.runtime.resources import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from hugot.models.bundle import ModelBundle

# Rounds that the time is planned for; medians are over those that were run.
_ROUNDS = 5
# A setting is preferred to those before it where it is better by more than measuring is uncertain.
_CLEARLY = 0.03


@dataclass(frozen=True)
class Measurement:
    """What was measured with one setting.

    Attributes:
        options: the setting, as options of `Session` and of `hugot.pipeline`.
        workers: groups of texts that run at once.
        intra_op_threads: threads of ONNX Runtime within a group.
        token_budget: padded tokens in a group, at most.
        p50: median of the seconds that a call with one text takes; None where only the token budget
            differs from another setting, which does not matter to a single text.
        p95: as `p50`, what 95 % of the calls take at most.
        texts_per_second: of calls with a list.
        tokens_per_second: of the same, without padding.
        requests_per_second: of texts sent with `submit`, many at once.
    """

    options: Mapping[str, Any]
    workers: int
    intra_op_threads: int
    token_budget: int
    p50: float | None
    p95: float | None
    texts_per_second: float
    tokens_per_second: float
    requests_per_second: float


@dataclass(frozen=True)
class Report:
    """What was measured, and what comes of it.

    Attributes:
        model: path of the graph.
        task: the task.
        onnxruntime: version of ONNX Runtime.
        cpus: CPUs that were used.
        texts: number of texts in a list.
        tokens: tokens of all of them.
        rounds: how often each setting was measured; its figures are medians.
        seconds: time that all took.
        measurements: one for each setting.
    """

    model: str
    task: str
    onnxruntime: str
    cpus: int
    texts: int
    tokens: int
    rounds: int
    seconds: float
    measurements: Sequence[Measurement]

    @property
    def recommended(self) -> dict[str, Measurement]:
        """The best setting for single texts, for lists, and for many requests at once.

        Of settings that are about equally good it is the first.
        """
        every = self.measurements
        return {
            "single": _best(every, lambda each: 1 / each.p50 if each.p50 else 0.0),
            "bulk": _best(every, lambda each: each.texts_per_second),
            "requests": _best(every, lambda each: each.requests_per_second),
        }

    def to_dict(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return {
            **asdict(self),
            "measurements": [asdict(each) for each in self.measurements],
            "recommended": {use: asdict(each) for use, each in self.recommended.items()},
        }


def _best(every: Sequence[Measurement], rate: Callable[[Measurement], float]) -> Measurement:
    enough = max(map(rate, every)) * (1 - _CLEARLY)
    return next(each for each in every if rate(each) >= enough)


def guess_task(bundle: ModelBundle) -> str:
    """The task of a model, from its files.

    Raises InputError where they do not tell.
    """
    name = next(iter(bundle.config.get("architectures") or ()), "")
    if name.endswith("ForSequenceClassification"):
        return "text-classification"
    if name.endswith("ForTokenClassification"):
        return "token-classification"
    if name.endswith(("Model", "ForMaskedLM")) or (bundle.folder / "modules.json").exists():
        return "feature-extraction"
    raise InputError(
        f"{bundle.folder / 'config.json'} does not tell what the model is for (architectures: "
        f"{name or 'none'}); say it with --type"
    )


def measure(
    task: str,
    model: str | PathLike[str],
    texts: Sequence[Any],
    *,
    providers: Sequence[str] = (),
    threads: int | None = None,
    seconds: float = 60.0,
    onnx_file: str | None = None,
    session_options: Mapping[str, Any] | None = None,
) -> Report:
    """Measure a model with several settings, in turns, and tell which are best.

    Args:
        task: the task.
        model: as for `Session.pipeline`.
        texts: inputs of the pipeline, typical ones; too few are taken several times.
        providers: execution providers to compare, each for itself; by default the CPU.
        threads: CPUs to use; by default all that the process has.
        seconds: about how long it may take. Each setting is measured at least once.
        onnx_file: as for `Session.pipeline`.
        session_options: options of `Session` for all settings.

    The model is loaded once for each way to spread threads, two to four times, and for each provider.

    Raises InputError for a bad text, ProviderError for a provider that is not there, and what else
    `Session.pipeline` raises.
    """
    if not texts:
        raise InputError("there are no texts to measure with")
    began = perf_counter()
    with ExitStack() as stack:
        runs: list[Run] = []
        for provider in providers or (None,):
            options: dict[str, Any] = {} if threads is None else {"threads": threads}
            if provider is not None:
                options["providers"] = [provider]
            runs += open_runs(stack, task, model, onnx_file, session_options or {}, options)
        pipeline = runs[0].pipeline
        for index, text in enumerate(texts):
            pipeline.check_input(text, index, pipeline.options)
        load = load_for((began + seconds - perf_counter()) / _ROUNDS, runs, texts)
        rounds = take_turns(runs, load, began + seconds)
        return Report(
            model=str(pipeline.model.bundle.onnx_path),
            task=pipeline.task,
            onnxruntime=pipeline.model.session.library.version,
            cpus=threads or available_cpus(),
            texts=len(load.bulk),
            tokens=runs[0].tokens,
            rounds=rounds,
            seconds=perf_counter() - began,
            measurements=[_measurement(run, load) for run in runs],
        )


def _measurement(run: Run, load: Load) -> Measurement:
    bulk = median(run.bulk)
    times = sorted(run.single)
    return Measurement(
        options=run.options,
        workers=run.layout.workers,
        intra_op_threads=run.layout.intra_op_threads,
        token_budget=run.layout.token_budget,
        p50=median(times) if times else None,
        p95=times[math.ceil(len(times) * 0.95) - 1] if times else None,
        texts_per_second=len(load.bulk) / bulk,
        tokens_per_second=run.tokens / bulk,
        requests_per_second=len(load.requests) / median(run.requests),
    )
