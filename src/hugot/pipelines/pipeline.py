"""The public class of pipelines."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from hugot.errors import SessionClosedError
from hugot.pipelines.dispatch import MANY, SINGLE, dispatch, several
from hugot.pipelines.local import LocalRunner
from hugot.pipelines.windows import accepted, counted, growing, run_list, run_windows
from hugot.tasks.base import MISSING
from hugot.tasks.schema import ListOf, Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from hugot.models.bundle import Label
    from hugot.pipelines.plan import Plan
    from hugot.pipelines.runner import Runner
    from hugot.pipelines.spec import PipelineSpec
    from hugot.stats import PipelineStats

Options = TypeVar("Options")
Result = TypeVar("Result")


class Pipeline(Generic[Options, Result]):
    """Base of the pipelines; made by `hugot.pipeline` or `Session.pipeline`.

    Safe to call from many threads. ``pipeline(text)`` returns one result, ``pipeline([...])`` a list in
    the same order, ``pipeline(iterator)`` and ``pipeline.stream(iterable)`` an iterator of results.

    Attributes:
        name: the pipeline's name in its session.
        options: the options given when it was made.
        task: name of the task.
    """

    task: ClassVar[str]

    def __init__(
        self,
        runner: Runner[Any],
        spec: PipelineSpec,
        restore: Callable[[PipelineSpec], Any],
        max_queue: int,
    ) -> None:
        self.name = runner.name
        self.options: Options = runner.options
        self._local = LocalRunner(runner, lambda: runner_of(restore(spec)))
        self._spec = spec
        self._restore = restore
        self._max_queue = max_queue
        self._model_path = runner.task.bundle.onnx_path

    def __call__(self, inputs: Any = MISSING, *more: Any, **options: Any) -> Any:
        """Run the pipeline on one input, a list of inputs, or an iterator of inputs.

        Args:
            inputs: a text; or a list, tuple, array or column (such as a pandas Series) of texts, for a
                list of results in the same order; or an iterator, for an iterator of results (see
                `stream`).
            *more: options that the task takes by position.
            **options: options of the pipeline, which replace those given when it was made.

        Raises InputError for an input or an option that cannot be used, SessionClosedError after
        `close`.
        """
        runner = self._local.runner or self._local.get()
        began = perf_counter()
        try:
            if more or options or inputs is MISSING:
                inputs, options = runner.task.bind_call(inputs, more, options)
            merged = runner.merge(options) if options else runner.options
            if type(inputs) is str:
                kind = SINGLE
            else:
                kind, inputs = dispatch(runner.task, inputs, merged)
            if kind == SINGLE:
                results = runner.run_one(inputs, merged)
                answer = runner.task.unwrap(results, inputs, options)
            elif kind == MANY:
                answer = run_list(runner, inputs, merged)
            else:
                return _stream(runner, inputs, merged)
        except BaseException as error:
            runner.recorder.failed(error)
            raise
        runner.recorder.answered(perf_counter() - began)
        return answer

    def submit(
        self, inputs: Any = MISSING, *more: Any, timeout: float | None = None, **options: Any
    ) -> Future[Any]:
        """Queue a request, which may run together with those of other threads, and return its future.

            futures = [classify.submit(text) for text in texts]
            answers = [future.result() for future in futures]

        Requests that arrive while the workers are busy share batches; a request that arrives while a
        worker is free runs at once. If a model's answers depend on the batch (dynamic quantization),
        each request runs alone, unless the session was made with ``microbatch=True``.

        Args:
            inputs: a text, for the answer of ``pipeline(text)``; or a list of texts, which counts as one
                request.
            *more: options that the task takes by position.
            timeout: seconds until the future fails with DeadlineExceededError.
            **options: options of the pipeline, which replace those given when it was made.

        The future raises what the call would have raised. A request ends when it is cancelled, even
        while it runs, or when its deadline passes; a run that no other request needs is stopped. `close`
        waits for requests that are queued.

        Raises QueueFullError if `max_queue` requests wait already, SessionClosedError after `close`.
        """
        from hugot.pipelines.submit import submit

        runner = self._local.get()
        if more or options or inputs is MISSING:
            inputs, options = runner.task.bind_call(inputs, more, options)
        return submit(runner, self._max_queue, inputs, timeout, options)

    async def acall(
        self, inputs: Any = MISSING, *more: Any, timeout: float | None = None, **options: Any
    ) -> Any:
        """As `submit`, for asyncio: ``await pipeline.acall(text)`` returns the answer.

        Cancelling the asyncio task that awaits it cancels the request. Texts of more than 4096
        characters and lists are tokenized on a thread of the loop's executor, so that the event loop is
        not blocked.
        """
        from hugot.pipelines.submit import acall

        runner = self._local.runner
        if runner is None:
            import asyncio

            runner = await asyncio.to_thread(self._local.get)
        if more or options or inputs is MISSING:
            inputs, options = runner.task.bind_call(inputs, more, options)
        return await acall(runner, self._max_queue, inputs, timeout, options)

    def stream(self, inputs: Iterable[Any], **options: Any) -> Iterator[Result]:
        """Run the pipeline over any iterable; return an iterator of results in order, one per input.

        The iterable is read ahead by a bounded number of inputs, so memory does not grow with its
        length. Closing the iterator stops the work.
        """
        runner = self._local.get()
        items = several(runner.task, inputs, "the argument of stream()")
        return _stream(runner, iter(items), runner.merge(options))

    def stream_batches(
        self, batches: Iterable[Sequence[Any]], **options: Any
    ) -> Iterator[Sequence[Result]]:
        """As `stream`, for batches of inputs; return an iterator of the results of each batch.

        A batch is tokenized while the previous one runs, so its results are yielded one step later. The
        result of an empty batch is empty: a source without further inputs for the moment can send one to
        have all previous results yielded.
        """
        runner = self._local.get()
        listed = map(partial(_batch, runner), several(runner.task, batches, "the argument"))
        merged = runner.merge(options)
        return counted(_batches(runner, listed, merged), runner.recorder)

    def plan(self, inputs: Any = MISSING, *more: Any, **options: Any) -> Plan:
        """Return how a list of inputs would be run: groups, threads and padding. Nothing is run.

        Raises the errors that a call with these inputs raises before it runs the model.
        """
        from hugot.pipelines.plan import plan_list

        runner = self._local.get()
        inputs, options = runner.task.bind_call(inputs, more, options)
        merged = runner.merge(options)
        return plan_list(runner, _listed(runner, inputs, merged), merged)

    def tune(self, inputs: Sequence[Any], *, rounds: int = 3) -> Plan:
        """Find the token budget that is fastest for inputs such as these on this machine, and keep it.

        Runs the inputs `rounds` times with each of several budgets (128 to 1024); some hundred typical
        inputs are enough, and nothing else should run meanwhile. The budget applies to all pipelines of
        the session on this model. Returns the plan with the new budget.
        """
        from hugot.pipelines.plan import plan_list, tune

        runner = self._local.get()
        listed = _listed(runner, inputs, runner.options)
        with runner.calls:
            tune(runner, listed, rounds)
        return plan_list(runner, listed, runner.options)

    def warmup(self) -> None:
        """Run the most important shapes once: a short text, and a full group on every worker.

        With the shape policy ``"few"`` or ``"fixed"``, each of its shapes is run once.
        """
        from hugot.pipelines.plan import warm_up

        runner = self._local.get()
        with runner.calls:
            warm_up(runner)

    @property
    def labels(self) -> list[Label]:
        """The model's labels, by index: strings, or numbers if ``config.json`` has numbers.

        Raises AttributeError for a task without labels, such as feature extraction.
        """
        found = self._local.get().task.labels
        if found is None:
            raise AttributeError(
                f"a pipeline for {self.task} has no labels", name="labels", obj=self
            )
        return found

    @property
    def dimension(self) -> int:
        """The size of the vectors that the pipeline returns, with its options.

        Raises AttributeError for a task whose results are no vectors.
        """
        runner = self._local.get()
        with runner.calls:
            found = runner.result_type()
        vector = found.item if isinstance(found, ListOf) else found
        if not isinstance(vector, Vector):
            raise AttributeError(
                f"a pipeline for {self.task} returns no vectors", name="dimension", obj=self
            )
        return vector.dimension or 0

    @property
    def max_length(self) -> int | None:
        """Maximum number of tokens of a text, special ones included; None if the model has no limit."""
        runner = self._local.get()
        with runner.calls:
            return runner.task.longest_row(runner.options)

    def count_tokens(self, text: Any, **options: Any) -> int:
        """Return the number of tokens of a text, special ones (and the prompt) included.

        A text with more than `max_length` tokens is truncated, or refused, by a call.

        Args:
            text: a text, or another single input of the task, such as a pair of texts.
            **options: options of the pipeline, which replace those given when it was made.
        """
        runner = self._local.get()
        with runner.calls:
            return runner.task.count_tokens(text, runner.merge(options))

    @property
    def providers(self) -> dict[str, int | None]:
        """Execution provider → number of the model's nodes that it runs; None if that is unknown.

        ONNX Runtime reports it from version 1.24 on, for sessions with another provider than the CPU's.
        """
        runner = self._local.get()
        with runner.calls:
            return dict(runner.model.providers)

    def stats(self) -> PipelineStats:
        """Return counters and timings since the pipeline was made, or since `reset_stats`.

        The texts of `warmup` are counted, but not as calls. A forked child begins with zeros.
        """
        from hugot.stats import stats_of

        return stats_of(self._local.recorder)

    def reset_stats(self) -> None:
        """Reset all counters and timings to zero."""
        self._local.recorder.reset()

    def close(self, *, cancel: bool = False) -> None:
        """Wait for running calls and release the model; later calls raise SessionClosedError.

        Args:
            cancel: stop the running calls, which raise SessionClosedError as well.

        In a future's callback, `close` does not wait, since the callback is part of a running call; the
        model is released when the last call has ended.
        """
        self._local.settle().close(cancel=cancel)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        """Pickle the spec of the pipeline; unpickling makes the pipeline again."""
        if self._local.closed:
            raise SessionClosedError(f"pipeline {self.name!r} is closed; it cannot be pickled")
        return self._restore, (self._spec,)

    def __copy__(self) -> Any:
        return self  # as for modules and functions: a copy would load the model again

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def __repr__(self) -> str:
        state = ", closed" if self._local.closed else ""
        return f"<{type(self).__name__} {self.name!r} of {self._model_path}{state}>"


def _listed(runner: Runner[Any], inputs: Any, options: Any) -> Sequence[Any]:
    kind, listed = dispatch(runner.task, inputs, options)
    return [listed] if kind == SINGLE else list(listed)


def _batches(
    runner: Runner[Any], batches: Iterator[Sequence[Any]], options: Any
) -> Iterator[Sequence[Any]]:
    for results in accepted(run_windows(runner, batches, options)):
        yield results if len(results) else runner.no_results(options)


def _batch(runner: Runner[Any], batch: Any) -> Sequence[Any]:
    items = several(runner.task, batch, "a batch of stream_batches()")
    return items if isinstance(items, list | tuple) else list(items)


def _stream(runner: Runner[Any], inputs: Iterator[Any], options: Any) -> Iterator[Any]:
    windows = run_windows(runner, growing(inputs), options)
    for results in counted(accepted(windows), runner.recorder):
        yield from results


def runner_of(pipeline: Pipeline[Any, Any]) -> Runner[Any]:
    """Return the runner of a pipeline, for other modules of hugot."""
    return local_runner_of(pipeline).get()


def local_runner_of(pipeline: Pipeline[Any, Any]) -> LocalRunner:
    """Return the holder of a pipeline's runner, for other modules of hugot."""
    return pipeline._local  # noqa: SLF001  (the only access from outside)
