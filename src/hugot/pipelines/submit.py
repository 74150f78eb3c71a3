"""Sending requests to a pipeline from many threads or tasks: `Pipeline.submit` and `Pipeline.acall`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.errors import InputError
from hugot.inputs.rows import Group, TokenRow
from hugot.options import plain_value
from hugot.pipelines.batcher import Batcher, Work
from hugot.pipelines.dispatch import SINGLE, STREAM, dispatch
from hugot.pipelines.queue import RequestQueue
from hugot.pipelines.request import Item, Request
from hugot.pipelines.runner import raise_first
from hugot.tasks.base import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from hugot._ort.session import RunOptions
    from hugot.pipelines.runner import Runner

# Longer texts are tokenized on another thread than the event loop's. Passing a shorter one to another
# thread would take longer than tokenizing it.
_LONGEST_INLINE = 4096


def submit(
    runner: Runner[Any],
    max_queue: int,
    inputs: Any,
    timeout: object,
    options: Mapping[str, Any],
) -> Future[Any]:
    """Queue a request; see `Pipeline.submit`."""
    seconds = None if timeout is None else _seconds(timeout)
    batcher = runner.batcher
    if batcher is None:
        batcher = _batcher_of(runner, max_queue)
    request = Request(runner, None, inputs, options, seconds, recorder=runner.recorder)
    future: Future[Any] = request.future
    batcher.admit(request)
    _enqueue(batcher, request)
    try:
        return future
    finally:
        # Breaks a reference cycle: the error's traceback refers to this frame.
        del future, request


async def acall(
    runner: Runner[Any],
    max_queue: int,
    inputs: Any,
    timeout: object,
    options: Mapping[str, Any],
) -> Any:
    """Queue a request and wait for its answer; see `Pipeline.acall`."""
    import asyncio

    seconds = None if timeout is None else _seconds(timeout)
    batcher = runner.batcher
    if batcher is None:
        batcher = _batcher_of(runner, max_queue)
    loop = asyncio.get_running_loop()
    request = Request(runner, None, inputs, options, seconds, loop, recorder=runner.recorder)
    future = request.future
    batcher.admit(request)
    timer = None if seconds is None else loop.call_later(seconds, batcher.expire, request)
    try:
        if isinstance(inputs, str) and len(inputs) <= _LONGEST_INLINE:
            _enqueue(batcher, request)
        else:
            loop.run_in_executor(None, _enqueue, batcher, request)
        return await future
    except asyncio.CancelledError:
        batcher.cancel(request)
        raise
    finally:
        if timer is not None:
            timer.cancel()
        # As above.
        del future, request


def _seconds(timeout: object) -> float | None:
    timeout = plain_value(timeout)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or math.isnan(timeout):
        raise InputError(f"timeout={timeout!r}; it must be a number of seconds, or None")
    return None if timeout == math.inf else float(timeout)


def _batcher_of(runner: Runner[Any], max_queue: int) -> Batcher:
    """Return the batcher of a runner, which is made for its first request.

    Raises SessionClosedError if the pipeline is closed.
    """
    # The gate first: in a forked child, the lock may be held by a thread of the parent.
    with runner.calls, runner.batcher_lock:
        if runner.batcher is None:
            model = runner.model
            runner.batcher = Batcher(
                Work(_run, _answer),
                model.executor,
                RequestQueue(
                    model.layout.cost.overhead, pads=model.pads, alone=not runner.shares_groups
                ),
                runner.calls,
                max_queue,
                runner.name,
            )
        return runner.batcher


def _enqueue(batcher: Batcher, request: Request) -> None:
    """Prepare an admitted request and queue it; an error is set on its future."""
    if request.settled:
        return
    try:
        items = _prepare(request)
    except Exception as error:
        batcher.fail(request, error)
    else:
        batcher.put(request, items)


def _prepare(request: Request) -> list[Item]:
    """Return the inputs of a request as rows; raises InputError if one is refused."""
    runner: Runner[Any] = request.runner
    options = runner.merge(request.call_options) if request.call_options else runner.options
    kind, inputs = dispatch(runner.task, request.value, options)
    if kind == STREAM:
        raise InputError(
            f"a request to {runner.task.name} is a str or a list of them; not "
            f"{type(inputs).__name__}. stream() takes an iterator."
        )
    request.options, request.value, request.single = options, inputs, kind == SINGLE
    request.size_budget = runner.model.layout.token_budget
    if kind != SINGLE and not inputs:
        return []
    prepared = runner.prepare((inputs,) if kind == SINGLE else inputs, options)
    if prepared.refusals:
        raise_first(prepared.refusals)
    values, rows = prepared.inputs, prepared.rows
    if len(values) == 1:
        return [Item(request, 0, values[0], rows)]
    numbers = range(len(values) + 1)
    firsts = numbers if rows.sources is None else np.searchsorted(rows.sources, numbers)
    return [
        Item(request, number, value, rows.slice(int(firsts[number]), int(firsts[number + 1])))
        for number, value in enumerate(values)
    ]


def _run(items: Sequence[Item], stop: RunOptions) -> Sequence[Any]:
    """Run inputs together and return the results of each input, as a sequence of one."""
    first = items[0]
    runner: Runner[Any] = first.request.runner
    options = first.request.options
    if len(items) == 1:
        row = first.rows
        # The answer to a list is joined from the sequences that `Task.finish` returns, such as arrays.
        if first.request.single and type(row) is TokenRow and row.size and runner.model.exact:
            return ((runner.run_row(first.value, row, options, stop),),)
        prepared = Prepared((first.value,), row, options)
        return (runner.run_together(prepared, stop, _one_group(items)),)
    rows = first.rows.concat([item.rows for item in items[1:]])
    prepared = Prepared([item.value for item in items], rows, options)
    group = _one_group(items) if runner.shares_groups else None
    results = runner.run_together(prepared, stop, group)
    return [_copied(results[i : i + 1]) for i in range(len(items))]


def _answer(request: Request) -> Any:
    """Return the answer of a request from the results of its inputs."""
    task = request.runner.task
    if request.single:
        return task.unwrap(request.results[0], request.value, request.call_options or {})
    if not request.items:
        return request.runner.no_results(request.options)
    return task.join(list(request.results))


def _one_group(items: Sequence[Item]) -> Group | None:
    """Return all rows as one group, as the queue has chosen them; None if a plan is needed."""
    if any(item.row_count > 1 or not item.size for item in items):
        return None
    sizes = [item.size for item in items]
    rows = sorted(range(len(items)), key=sizes.__getitem__, reverse=True)
    return Group(np.array(rows, np.int64), sizes[rows[0]])


def _copied(results: Sequence[Any]) -> Sequence[Any]:
    """Return results with memory of their own, so that clients do not share memory."""
    return results.copy() if isinstance(results, np.ndarray) else results
