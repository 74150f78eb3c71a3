"""The pipelines that people call."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from hugot.errors import SessionClosedError
from hugot.pipelines.dispatch import MANY, SINGLE, dispatch
from hugot.pipelines.windows import accepted, counted, growing, run_list, run_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

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
        self._runner = runner
        self._spec = spec
        self._restore = restore
        self._max_queue = max_queue
        self._model_path = runner.task.bundle.onnx_path

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Run the pipeline on one input, a list of inputs, or an iterator of inputs.

        Args:
            inputs: a text; or a list or tuple of them, for a list of results in the same order; or
                an iterator, for an iterator of results (see `stream`).
            **options: options of the pipeline, in place of those given when it was made.

        Raises InputError for an input or an option that cannot be used, SessionClosedError after
        `close`.
        """
        runner = self._runner
        began = perf_counter()
        try:
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
                return self._stream(inputs, merged)
        except BaseException as error:
            runner.recorder.failed(error)
            raise
        runner.recorder.answered(perf_counter() - began)
        return answer

    def submit(self, inputs: Any, *, timeout: float | None = None, **options: Any) -> Future[Any]:
        """Queue one request, to be run together with those of other threads, and go on.

            futures = [classify.submit(text) for text in texts]
            answers = [future.result() for future in futures]

        Requests that arrive while the workers are busy share batches; one that comes alone runs at
        once. Models whose answers depend on the batch (dynamic quantization) run each request alone,
        unless the session was made with ``microbatch=True``.

        Args:
            inputs: a text, for the answer that ``pipeline(text)`` gives; or a list of them, which
                counts as one request.
            timeout: seconds until the future fails with DeadlineExceededError.
            **options: options of the pipeline, in place of those given when it was made.

        The future raises what the call would have raised. Cancelling it, also while it runs, or its
        deadline frees its place and stops a run that serves nobody else. `close` waits for requests
        that were queued.

        Raises QueueFullError when `max_queue` requests wait already, SessionClosedError after `close`.
        """
        from hugot.pipelines.submit import submit

        return submit(self._runner, self._max_queue, inputs, timeout, options)

    async def acall(self, inputs: Any, *, timeout: float | None = None, **options: Any) -> Any:
        """As `submit`, for asyncio: ``await pipeline.acall(text)`` gives the answer.

        Cancelling the task that awaits it cancels the request. Text beyond 4096 characters and lists
        are tokenized on a thread of the loop's executor, so that the loop goes on.
        """
        from hugot.pipelines.submit import acall

        return await acall(self._runner, self._max_queue, inputs, timeout, options)

    def stream(self, inputs: Iterable[Any], **options: Any) -> Iterator[Result]:
        """Run the pipeline over any iterable; results come in order, one per input.

        The iterable is read a bounded window ahead, so memory does not grow with its length. Closing
        the iterator stops the work.
        """
        return self._stream(iter(inputs), self._runner.merge(options))

    def stream_batches(
        self, batches: Iterable[Sequence[Any]], **options: Any
    ) -> Iterator[Sequence[Result]]:
        """As `stream`, for inputs that come in batches; gives the results of each batch.

        A batch is tokenized while the one before it runs, so its results come one step later. An
        empty batch gives an empty result, after all results before it were given: a source that has
        nothing more for the moment sends one.
        """
        runner = self._runner
        windows = run_windows(runner, batches, runner.merge(options))
        return counted(accepted(windows), runner.recorder)

    def plan(self, inputs: Sequence[Any], **options: Any) -> Plan:
        """How a list of inputs would be run: groups, threads and padding; nothing is run.

        Raises what a call with these inputs raises before it runs.
        """
        from hugot.pipelines.plan import plan_list

        runner = self._runner
        merged = runner.merge(options)
        return plan_list(runner, self._listed(inputs, merged), merged)

    def tune(self, inputs: Sequence[Any], *, rounds: int = 3) -> Plan:
        """Find the token budget that is fastest for inputs such as these on this machine, and keep it.

        Runs the inputs `rounds` times with each of several budgets (128 to 1024), so give it some
        hundred typical ones while nothing else runs. All pipelines of the session on this model use
        what was found. Gives the plan with it.
        """
        from hugot.pipelines.plan import plan_list, tune

        runner = self._runner
        listed = self._listed(inputs, runner.options)
        with runner.calls:
            tune(runner, listed, rounds)
        return plan_list(runner, listed, runner.options)

    def warmup(self) -> None:
        """Run the shapes that matter once: a short text, and a full group on every worker.

        If the provider wants few shapes or fixed ones, each of them is run once.
        """
        from hugot.pipelines.plan import warm_up

        with self._runner.calls:
            warm_up(self._runner)

    @property
    def providers(self) -> dict[str, int | None]:
        """Execution provider → number of the model's nodes that it runs; None if that is not known.

        It is known from ONNX Runtime 1.24 on, for sessions with another provider than the CPU's.
        """
        with self._runner.calls:
            return dict(self._runner.model.providers)

    def stats(self) -> PipelineStats:
        """Counters and timings since the pipeline was made, or since `reset_stats`.

        `warmup` counts its texts, and no calls.
        """
        from hugot.stats import stats_of

        return stats_of(self._runner.recorder)

    def reset_stats(self) -> None:
        """Begin to count at zero again."""
        self._runner.recorder.reset()

    def close(self, *, cancel: bool = False) -> None:
        """Wait for running calls and let go of the model; later calls raise SessionClosedError.

        Args:
            cancel: stop the running calls, which raise SessionClosedError as well.

        A future's callback may close as well; it cannot wait for what it is part of, so the model
        goes when the last call has ended.
        """
        self._runner.close(cancel=cancel)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        """Pickled, a pipeline is what it was made from; unpickling makes it again."""
        calls = self._runner.calls
        if calls.closed and not calls.forked:
            raise SessionClosedError(f"pipeline {self.name!r} is closed; it cannot be pickled")
        return self._restore, (self._spec,)

    def __copy__(self) -> Any:
        return self  # as for a module or a function: a copy would load the model again

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def __repr__(self) -> str:
        state = ", closed" if self._runner.calls.closed else ""
        return f"<{type(self).__name__} {self.name!r} of {self._model_path}{state}>"

    def _listed(self, inputs: Any, options: Any) -> Sequence[Any]:
        kind, listed = dispatch(self._runner.task, inputs, options)
        return [listed] if kind == SINGLE else list(listed)

    def _stream(self, inputs: Iterator[Any], options: Any) -> Iterator[Result]:
        runner = self._runner
        windows = run_windows(runner, growing(inputs), options)
        for results in counted(accepted(windows), runner.recorder):
            yield from results


def runner_of(pipeline: Pipeline[Any, Any]) -> Runner[Any]:
    """Return what runs a pipeline, for hugot's own layers."""
    return pipeline._runner  # noqa: SLF001  (the one way in)
