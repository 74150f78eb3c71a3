"""What every pipeline does: take inputs, tokenize, plan, run, postprocess, restore order, unwrap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hugot.errors import CancelledError, InputError, SessionClosedError
from hugot.pipelines.bulk import counted, run_windows
from hugot.pipelines.planned import Plan, tune, warm_shapes
from hugot.pipelines.task import Options, Task, takes_signals
from hugot.pipelines.window import growing, slices
from hugot.runtime.telling import in_callback
from hugot.text.batch import RowBatch
from hugot.text.shapes import EXACT

if TYPE_CHECKING:
    from concurrent.futures import Future

    from hugot.stats import PipelineStats

Result = TypeVar("Result")


class Pipeline(Task[Options], Generic[Options, Result]):
    """Base of the pipelines; made by `hugot.pipeline` or `Session.pipeline`.

    Safe to call from many threads. ``pipeline(text)`` gives one result, ``pipeline([...])`` a list in
    the same order, ``pipeline(iterator)`` and ``pipeline.stream(iterable)`` an iterator of results.

    Attributes:
        name: the pipeline's name in its session.
        options: the options given when it was made.
    """

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Run the pipeline on one input, a list of inputs, or an iterator of inputs.

        Args:
            inputs: a text; or a list or tuple of them, for a list of results in the same order; or
                an iterator, for an iterator of results (see `stream`).
            **options: options of the pipeline, in place of those given when it was made.

        Raises InputError for an input or an option that cannot be used, SessionClosedError after
        `close`.
        """
        began = perf_counter()
        try:
            merged = self._merge(options) if options else self.options
            inputs = self.inputs_of(inputs, merged)
            if isinstance(inputs, (str, dict)):
                answer = self.unwrap(self._run_single(inputs, merged), inputs, options)
            elif isinstance(inputs, (list, tuple)):
                self._refuse_pair(inputs)
                answer = self._run(inputs, merged)
            elif isinstance(inputs, Iterator):
                return self._stream(growing(inputs), merged)
            elif hasattr(inputs, "__iter__") and not isinstance(inputs, (bytes, bytearray)):
                answer = self._run(list(inputs), merged)
            else:
                raise InputError(
                    f"{self.task} takes a str, a list or an iterator of them; not "
                    f"{type(inputs).__name__}"
                )
        except BaseException as error:
            self._recorder.failed(error)
            raise
        self._recorder.answered(perf_counter() - began)
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

        return submit(self, inputs, timeout, options)

    async def acall(self, inputs: Any, *, timeout: float | None = None, **options: Any) -> Any:
        """As `submit`, for asyncio: ``await pipeline.acall(text)`` gives the answer.

        Cancelling the task that awaits it cancels the request. Text beyond 4096 characters and lists
        are tokenized on a thread of the loop's executor, so that the loop goes on.
        """
        from hugot.pipelines.submit import acall

        return await acall(self, inputs, timeout, options)

    def stream(self, inputs: Iterable[Any], **options: Any) -> Iterator[Result]:
        """Run the pipeline over any iterable; results come in order, one per input.

        The iterable is read a bounded window ahead, so memory does not grow with its length. Closing
        the iterator stops the work.
        """
        return self._stream(growing(iter(inputs)), self._merge(options))

    def stream_batches(
        self, batches: Iterable[Sequence[Any]], **options: Any
    ) -> Iterator[Sequence[Result]]:
        """As `stream`, for inputs that come in batches; gives the results of each batch.

        A batch is tokenized while the one before it runs, so its results come one step later. An
        empty batch gives an empty result, after all results before it were given: a source that has
        nothing more for the moment sends one.
        """
        return counted(run_windows(self, batches, self._merge(options)), self._recorder)

    def plan(self, inputs: Sequence[Any], **options: Any) -> Plan:
        """How a list of inputs would be run: groups, threads and padding; nothing is run.

        Raises what a call with these inputs raises before it runs.
        """
        merged = self._merge(options)
        groups: list[tuple[int, int]] = []
        tokens = 0
        first_index = 0
        with self._gate:
            for part in slices(self.inputs_of(inputs, merged)):
                window = self._open_window(part, merged, first_index)
                groups += [group.shape for group in self._plan(window)]
                tokens += window.batch.token_count
                first_index += len(part)
            layout, providers = self._model.layout, self.providers
            shapes = EXACT if self._model.exact else layout.shapes
        return Plan(
            layout.workers,
            layout.intra_op_threads,
            layout.token_budget,
            groups,
            tokens,
            shapes.name,
            shapes.widths,
            providers,
        )

    def tune(self, inputs: Sequence[Any], *, rounds: int = 3) -> Plan:
        """Find the token budget that is fastest for inputs such as these on this machine, and keep it.

        Runs the inputs `rounds` times with each of several budgets (128 to 1024), so give it some
        hundred typical ones while nothing else runs. All pipelines of the session on this model use
        what was found. Gives the plan with it.
        """
        with self._gate:
            tune(self, inputs, rounds)
        return self.plan(inputs)

    def warmup(self) -> None:
        """Run the shapes that matter once: a short text, and a full group on every worker.

        Where the provider wants few shapes or fixed ones, each of them is run once.
        """
        layout = self._model.layout
        if not self._model.exact:
            warm_shapes(self)
            return
        self._run([self.sample_input("hello")], self.options)
        rows = max(2, layout.token_budget // 16) * layout.workers
        self._run([self.sample_input("hello " * 16)] * rows, self.options)

    def own(self, close: Callable[[], None]) -> None:
        """Have `close` called when this pipeline closes: its session is its own."""
        self._on_close = close

    def stats(self) -> PipelineStats:
        """Counters and timings since the pipeline was made, or since `reset_stats`.

        `warmup` counts its texts, and no calls.
        """
        from hugot.stats import stats_of

        return stats_of(self._recorder)

    def reset_stats(self) -> None:
        """Begin to count at zero again."""
        self._recorder.reset()

    def close(self, *, cancel: bool = False) -> None:
        """Wait for running calls and let go of the model; later calls raise SessionClosedError.

        Args:
            cancel: stop the running calls, which raise SessionClosedError as well.

        A future's callback may close as well; it cannot wait for what it is part of, so the model
        goes when the last call has ended.
        """
        self.shut(cancel=cancel)
        if in_callback():
            self._gate.when_empty(self._release)
        else:
            self._gate.wait()
            self._release()

    def shut(self, *, cancel: bool) -> None:
        """The beginning of `close`: turn new calls away, and stop those that run or not."""
        self._gate.shut()
        if cancel and not self._gate.abandoned:
            self.stop_calls(
                lambda: SessionClosedError(f"pipeline {self.name!r} was closed during the call")
            )

    def when_ended(self, action: Callable[[], object]) -> None:
        """Have `action` called when nothing of this pipeline, which is shut, runs any more."""
        self._gate.when_empty(action)

    def _release(self) -> None:
        # Of all who close, one gets the model. A forked child leaves it where it is.
        if self._gate.abandoned or self.__dict__.pop("_model", None) is None:
            return
        if self._batcher is not None:
            self._batcher.close()
        del self._tokenizer
        if self._on_close is not None:
            self._on_close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        """Pickled, a pipeline is what it was made from; unpickling makes it again."""
        from hugot.pipelines.pickling import restore

        if self._gate.closed and not self._gate.abandoned:
            raise SessionClosedError(f"pipeline {self.name!r} is closed; it cannot be pickled")
        return restore, (self.made_from,)

    def __copy__(self) -> Any:
        return self  # as for a module or a function: a copy would load the model again

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def __repr__(self) -> str:
        state = ", closed" if self._gate.closed else ""
        return f"<{type(self).__name__} {self.name!r} of {self._bundle.onnx_path}{state}>"

    # How it is done

    def _refuse_pair(self, inputs: Sequence[Any]) -> None:
        # transformers drops the second text of such a tuple without a word.
        if (
            isinstance(inputs, tuple)
            and len(inputs) == 2
            and all(isinstance(x, str) for x in inputs)
        ):
            raise InputError(
                "a tuple of two strings is ambiguous: for a pair of texts pass "
                '{"text": ..., "text_pair": ...}, for two inputs a list'
            )

    def _run_single(self, value: Any, options: Options) -> Sequence[Any]:
        """Results of a window of one input, as a rule without a plan, a job and other threads."""
        self._gate.enter()
        started = False
        try:
            text = self.check_input(value, 0, options)
            batch = self._tokenized([text], options, 0)
            if (
                type(batch) is RowBatch
                and batch.row_ids
                and self._model.exact
                and (len(batch.row_ids) <= self._quick_tokens or not takes_signals())
            ):
                return [self._run_row(text, batch, options)]
            window = self._window([text], batch, options)
            started = True
            return self.finish(self._start(window))
        except CancelledError as error:
            if self._gate.ended_by is None:
                raise
            raise self._gate.ended_by() from error
        finally:
            if not started:
                self._gate.leave()

    def _run(self, inputs: Sequence[Any], options: Options) -> Any:
        parts: list[Sequence[Any]] = list(run_windows(self, slices(inputs), options))
        return self.join(parts)

    def _stream(self, windows: Iterable[list[Any]], options: Options) -> Iterator[Result]:
        for results in counted(run_windows(self, windows, options), self._recorder):
            yield from results
