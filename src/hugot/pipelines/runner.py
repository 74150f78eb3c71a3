"""Running a task on a model: rows are planned, run in groups, and turned into results.

A `Runner` belongs to one pipeline. It uses the model's executor and layout, records statistics, and ends
calls that are under way. Lists and streams are run by `hugot.pipelines.windows`, the requests of many
clients by `hugot.pipelines.submit`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeVar

import numpy as np

from hugot._fast.recorder import Recorder
from hugot.errors import CancelledError, SessionClosedError
from hugot.inputs.planner import fitted, plan
from hugot.inputs.rows import TokenRow
from hugot.options import check_names, option_names, plain_options
from hugot.pipelines.not_finite import (
    is_finite,
    refused_not_finite,
    vectors_not_finite,
    warn_of_not_finite,
)
from hugot.runtime.calls import ActiveCalls, in_callback
from hugot.runtime.process import register_exit_handler
from hugot.tasks.base import NotFinite, OptionsCache, Prepared, TaskOptions
from hugot.tasks.schema import ListOf, Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hugot._ort.session import RunOptions
    from hugot.errors import HugotError, InputError
    from hugot.inputs.graph_inputs import OtherInputs
    from hugot.inputs.rows import Group, Rows
    from hugot.pipelines.batcher import Batcher
    from hugot.runtime.executor import Job
    from hugot.runtime.layout import Layout
    from hugot.runtime.model import LoadedModel
    from hugot.tasks.base import Task
    from hugot.tasks.schema import ResultType

# On the main thread, Python handles an interrupt only between two runs. Work that takes longer than this
# is passed to a worker, for which the main thread waits; that takes up to 0.4 ms more.
_QUICK_SECONDS = 0.05
# Padded tokens that are assumed to run within that time until there is a measurement.
_FIRST_QUICK_TOKENS = 128
# A measurement is used for runs of up to this many times its tokens.
_GROWTH = 2

Options = TypeVar("Options", bound=TaskOptions)


class Answers(NamedTuple):
    """The results and refusals of a window of inputs.

    Attributes:
        results: the results of the accepted inputs, in order.
        refusals: index in the window → the error of an input that cannot be used, or whose result is
            left out because it has numbers that are not finite (see `Runner.finish`).
    """

    results: Sequence[Any]
    refusals: dict[int, InputError]


class Running(NamedTuple):
    """A window that was started.

    Attributes:
        prepared: its inputs.
        groups: the groups of its rows.
        job: the job of the workers; None if the thread that calls `finish` runs the groups.
    """

    prepared: Prepared[Any]
    groups: Sequence[Group]
    job: Job | None


class Runner(Generic[Options]):
    """Runs a task on a loaded model. All methods may be called by many threads at once.

    Args:
        task: see below.
        model: see below.
        name: see below.
        options: see below.

    Attributes:
        task: the task, bound to the model.
        model: the loaded model.
        name: name of the pipeline, for messages.
        options: options given when the pipeline was made.
        calls: the calls under way.
        recorder: records the statistics.
        shares_groups: whether inputs of several requests may share a group.
        other_inputs: the inputs of the graph that rows do not fill; None without any.
        batcher: runs requests of many clients together; None before the first request.
        batcher_lock: held while the batcher is made.
        on_close: called once the model is released; None for nothing.
    """

    def __init__(
        self,
        task: Task[Options, Any],
        model: LoadedModel,
        name: str,
        options: Options,
        *,
        shares_groups: bool = True,
        other_inputs: OtherInputs | None = None,
    ) -> None:
        self.task = task
        self.model = model
        self.name = name
        self.options = options
        self.shares_groups = shares_groups
        self.other_inputs = other_inputs
        self.calls = ActiveCalls(f"pipeline {name!r}")
        self.recorder = Recorder()
        self.batcher: Batcher | None = None
        self.batcher_lock = threading.Lock()
        self._warned = False
        self._stop = self.calls.run_options = model.new_run_options()
        self._quick_tokens = _FIRST_QUICK_TOKENS
        self._types: OptionsCache[Options, ResultType] = OptionsCache()
        self.on_close: Callable[[], None] | None = None
        self._releasing = threading.Lock()
        register_exit_handler(self)

    def merge(self, given: Mapping[str, Any]) -> Options:
        """Return the pipeline's options with those of a call; raises InputError for unknown ones."""
        if not given:
            return self.options
        check_names(given, option_names(type(self.options)), f"option of {self.task.name}")
        return replace(self.options, **plain_options(given))

    def prepare(
        self, inputs: Sequence[Any], options: Options, first_index: int = 0
    ) -> Prepared[Options]:
        """Check and tokenize inputs, and record the statistics; see `Task.prepare`."""
        began = perf_counter()
        prepared = self.task.prepare(inputs, options, first_index)
        self.recorder.tokenized(
            perf_counter() - began, len(prepared.inputs), prepared.rows.truncated
        )
        return prepared

    # One input, or one window of them

    def run_one(self, value: Any, options: Options) -> Sequence[Any]:
        """Return the results of one input, a sequence of one; raises InputError if it is refused."""
        self.calls.enter()
        left = False
        try:
            began = perf_counter()
            prepared = self.task.prepare((value,), options)
            row = prepared.rows
            self.recorder.tokenized(perf_counter() - began, len(prepared.inputs), row.truncated)
            if prepared.refusals:
                raise_first(prepared.refusals)
            if (
                type(row) is TokenRow
                and row.size
                and self.model.exact
                and (row.size <= self._quick_tokens or not takes_signals())
            ):
                return (self.run_row(prepared.inputs[0], row, options, self._stop),)
            left = True
            return self.finish(self._start(prepared)).results
        except CancelledError as error:
            if self.calls.ended_by is None:
                raise
            raise self.calls.ended_by() from error
        finally:
            if not left:
                self.calls.leave()

    def run_row(self, value: Any, row: TokenRow, options: Options, stop: RunOptions) -> Any:
        """Run a single row without a plan or a job, and return the result of its input.

        `value` is the input as the task has prepared it.
        """
        task = self.task
        began = perf_counter()
        wanted = task.wanted_outputs(options)
        outputs = self.model.forward_row(row, wanted, stop, self.other_inputs)
        ran = perf_counter()
        result = task.finish_row(outputs, value, row, options)
        if type(result) is NotFinite:
            result = result.result
            self._note_not_finite(1)
        elif type(result) is np.ndarray and not is_finite(result):
            self._note_not_finite(1)
        self.recorder.ran_row(ran - began, perf_counter() - ran, row.size)
        return result

    def start(
        self,
        inputs: Sequence[Any],
        options: Options,
        first_index: int = 0,
        *,
        layout: Layout | None = None,
        allow_refusals: bool = True,
        on_group: Callable[[float], object] | None = None,
    ) -> Running:
        """Prepare and plan a window; the workers begin to run it if there is work for several of them.

        The caller must call `finish` or `cancel`. `layout` is by default the model's, `on_group` is that
        of `Prepared`. Without `allow_refusals`, raises the InputError of the first refused input.
        """
        self.calls.enter()
        try:
            prepared = self.prepare(inputs, options, first_index)
            if prepared.refusals and not allow_refusals:
                raise_first(prepared.refusals)
        except BaseException:
            self.calls.leave()
            raise
        prepared.on_group = on_group
        return self._start(prepared, layout)

    def finish(self, running: Running, *, refuse_not_finite: bool = False) -> Answers:
        """Wait for a started window, or run it on this thread, and return its answers.

        With `refuse_not_finite`, an input whose result has numbers that are not finite has no result but
        a refusal.
        """
        prepared, job = running.prepared, running.job
        if job is not None:
            job.wait()
        else:
            try:
                self._run_here(running)
            except CancelledError as error:
                if self.calls.ended_by is None:
                    raise
                raise self.calls.ended_by() from error
        results = self._finish(prepared, warn=not refuse_not_finite)
        if refuse_not_finite and prepared.not_finite:
            results = refused_not_finite(results, prepared)
        return Answers(results, prepared.refusals)

    def _finish(self, prepared: Prepared[Options], *, warn: bool = True) -> Sequence[Any]:
        """Return the results of inputs that have run, and count those that are not finite."""
        began = perf_counter()
        results = self.task.finish(prepared)
        prepared.not_finite.update(vectors_not_finite(results))
        self.recorder.postprocessed(perf_counter() - began, 0)
        if prepared.not_finite:
            self._note_not_finite(len(prepared.not_finite), warn=warn)
        return results

    def _note_not_finite(self, count: int, *, warn: bool = True) -> None:
        """Count inputs whose results are not finite; warn once for the pipeline."""
        self.recorder.not_finite(count)
        if warn and not self._warned:
            self._warned = True
            warn_of_not_finite(self.name, self.task.bundle.onnx_path)

    def cancel(self, running: Running) -> None:
        """Stop a started window."""
        if running.job is not None:
            running.job.cancel()
        else:
            self.calls.leave()

    def _start(self, prepared: Prepared[Options], layout: Layout | None = None) -> Running:
        """Start a window whose call is inside the gate; the call leaves when the window has run."""
        try:
            layout = layout or self.model.layout
            groups = self.plan(prepared.rows, prepared.options, layout)
            prepared.allocate(self.task)
            if layout.workers == 1 or len(groups) < 2:
                return Running(prepared, groups, None)
            job = self._new_job(prepared, groups)
        except BaseException:
            self.calls.leave()
            raise
        self.model.executor.start(job, len(groups))
        return Running(prepared, groups, job)

    def _new_job(self, prepared: Prepared[Options], groups: Sequence[Group]) -> Job:
        stop = self.model.new_run_options()
        return self.calls.new_job(partial(self.run_group, prepared, stop), groups, stop)

    def _run_here(self, running: Running) -> None:
        """Run the groups of a window on this thread, or on a worker if an interrupt must end them."""
        prepared, groups = running.prepared, running.groups
        tokens = sum([len(group.rows) * group.width for group in groups])
        began = perf_counter()
        if tokens > self._quick_tokens and takes_signals():
            try:
                job = self._new_job(prepared, groups)
            except BaseException:
                self.calls.leave()
                raise
            self.model.executor.start(job, len(groups))
            job.wait()
        else:
            try:
                for group in groups:
                    self.run_group(prepared, self._stop, group)
            finally:
                self.calls.leave()
        if tokens:
            # A far larger run cannot be predicted from this time: attention grows with the square of
            # the width.
            known = max(_FIRST_QUICK_TOKENS, _GROWTH * tokens)
            self._quick_tokens = min(known, int(_QUICK_SECONDS * tokens / (perf_counter() - began)))

    def run_group(self, prepared: Prepared[Options], stop: RunOptions | None, group: Group) -> None:
        """Run a group of rows and store their results."""
        rows = prepared.rows
        began = perf_counter()
        outputs = self.model.forward(rows, group, prepared.outputs, stop, self.other_inputs)
        ran = perf_counter()
        offsets = rows.offsets
        tokens = int((offsets[group.rows + 1] - offsets[group.rows]).sum())
        count = len(group.rows)
        self.recorder.ran(ran - began, count, tokens, (group.padded_rows or count) * group.width)
        ran = perf_counter()
        self.task.postprocess(outputs, group, prepared)
        self.recorder.postprocessed(perf_counter() - ran, 1)
        if prepared.on_group is not None:
            prepared.on_group(count / len(rows) * len(prepared.inputs))

    def run_together(
        self, prepared: Prepared[Options], stop: RunOptions, group: Group | None
    ) -> Sequence[Any]:
        """Run prepared inputs on this thread and return their results.

        All rows run in `group`, padded to the model's shape policy; if it is None, a plan is made.
        """
        prepared.allocate(self.task)
        layout = self.model.layout
        if group is None:
            groups = self.plan(prepared.rows, prepared.options, layout)
        else:
            groups = fitted(group, prepared.rows, layout.shapes, layout.token_budget)
        for each in groups:
            self.run_group(prepared, stop, each)
        return self._finish(prepared)

    # Plans, result types, sample inputs

    def plan(self, rows: Rows, options: Options, layout: Layout) -> list[Group]:
        """Return the groups that rows run in."""
        return plan(
            rows,
            layout.token_budget,
            options.batch_size,
            pads=self.model.pads,
            workers=layout.workers,
            cost=layout.cost,
            shapes=layout.shapes,
        )

    def result_type(self, options: Options | None = None) -> ResultType:
        """Return the type of a result; a sample is run if the files do not state the vectors' size."""
        return self._types.get(self.options if options is None else options, self._find_type)

    def no_results(self, options: Options) -> Any:
        """Return the answer for an empty list: for vectors, an array of their size without rows."""
        with self.calls:
            found = self.result_type(options)
            if isinstance(found, Vector):
                return np.empty((0, found.dimension or 0), np.float32)
            return self.task.join([])

    def _find_type(self, options: Options) -> ResultType:
        found = self.task.result_type(options)
        vector = found.item if isinstance(found, ListOf) else found
        if not isinstance(vector, Vector) or vector.dimension is not None:
            return found
        known = Vector(self.run_one(self.sample_input("hello"), options)[0].shape[-1])
        return ListOf(known) if isinstance(found, ListOf) else known

    def sample_input(self, text: str) -> Any:
        """Return an input of this pipeline that is made from a text."""
        return self.task.sample_input(text, self.options)

    # Ending calls

    def close(self, *, cancel: bool) -> None:
        """Refuse new calls, wait for those under way (or stop them) and release the model."""
        self.refuse_calls(cancel=cancel)
        if in_callback():
            # A future's callback cannot wait for the request that it is part of.
            self.calls.on_idle(self._release)
        else:
            self.calls.wait()
            self._release()

    def refuse_calls(self, *, cancel: bool) -> None:
        """Refuse new calls, and stop those under way if `cancel`."""
        self.calls.refuse()
        if cancel and not self.calls.forked:
            self._stop_calls(
                lambda: SessionClosedError(f"pipeline {self.name!r} was closed during the call")
            )

    def end_calls(self) -> Callable[[float], object]:
        """End the calls under way when the interpreter ends; see `ExitHandler`."""
        self.calls.refuse()
        self._stop_calls(
            lambda: SessionClosedError(f"pipeline {self.name!r} was stopped: the process ends")
        )
        return self.calls.wait

    def _stop_calls(self, error: Callable[[], HugotError]) -> None:
        self.calls.stop(error)
        if self.batcher is not None:
            self.batcher.stop(error)

    def _release(self) -> None:
        # If several threads close, only one releases the model. A forked child frees nothing: the
        # native session belongs to the parent.
        if self.calls.forked or not self._releasing.acquire(blocking=False):
            return
        if self.batcher is not None:
            self.batcher.close()
        del self.model
        self.task.release()
        if self.on_close is not None:
            self.on_close()


def raise_first(refusals: dict[int, InputError]) -> NoReturn:
    """Raise the error of the first refused input.

    The error is removed from `refusals`: its traceback refers to frames that refer to `refusals`, and
    such a cycle would keep the model alive until the next run of the garbage collector.
    """
    raise refusals.pop(min(refusals))


def takes_signals() -> bool:
    """Whether Python's signal handlers, and thus interrupts, run on this thread."""
    return threading.current_thread() is threading.main_thread()
