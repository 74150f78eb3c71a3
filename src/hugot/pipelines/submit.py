"""Sending requests to a pipeline from many threads or tasks: `Pipeline.submit` and `Pipeline.acall`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot.errors import HugotError, InputError, ModelFormatError
from hugot.models.graph import op_types
from hugot.pipelines.window import Window
from hugot.runtime.microbatch import MicroBatcher
from hugot.runtime.request import Item, Request
from hugot.runtime.waiting import WaitingRequests
from hugot.text.batch import concatenate, rows_of
from hugot.text.planner import Group, shaped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from hugot._ort.session import RunOptions
    from hugot.pipelines.base import Pipeline

# A text of more characters is tokenized on another thread than the event loop's: a short one takes
# less time than the way to that thread and back.
_LONGEST_INLINE = 4096

# Operators that scale by the largest value in the whole batch, so that an answer depends on what else
# is in it; exporters have several, all of which are called so.
_BATCH_DEPENDENT = "DynamicQuantize"


def submit(
    pipeline: Pipeline[Any, Any], inputs: Any, timeout: object, options: Mapping[str, Any]
) -> Future[Any]:
    """Queue a request; see `Pipeline.submit`."""
    seconds = _seconds(timeout)
    batcher = batcher_of(pipeline)
    request = Request(pipeline, None, inputs, options, seconds, recorder=pipeline._recorder)
    future: Future[Any] = request.future
    _admit(batcher, request)
    _enqueue(batcher, request)
    try:
        return future
    finally:
        # An error's traceback has this frame in it, and the future has the error.
        del future, request


async def acall(
    pipeline: Pipeline[Any, Any], inputs: Any, timeout: object, options: Mapping[str, Any]
) -> Any:
    """Queue a request and wait for its answer; see `Pipeline.acall`."""
    import asyncio

    seconds = _seconds(timeout)
    batcher = batcher_of(pipeline)
    loop = asyncio.get_running_loop()
    request = Request(pipeline, None, inputs, options, seconds, loop, recorder=pipeline._recorder)
    future = request.future
    _admit(batcher, request)
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


def batcher_of(pipeline: Pipeline[Any, Any]) -> MicroBatcher:
    """The batcher of a pipeline, made for its first request.

    Raises SessionClosedError for a pipeline that is closed.
    """
    made: MicroBatcher | None = pipeline._batcher
    if made is not None:
        return made
    # The gate first: in a forked child, a thread that is not there may hold the lock.
    with pipeline._gate, pipeline._making_batcher:
        if pipeline._batcher is None:
            pipeline._batcher = _make_batcher(pipeline)
        return pipeline._batcher


def _make_batcher(pipeline: Pipeline[Any, Any]) -> MicroBatcher:
    options, model = pipeline._engine.options, pipeline._model
    together = options.microbatch
    if together is None:
        together = not depends_on_batch(pipeline._bundle.onnx_path)
    return MicroBatcher(
        _Work(together=bool(together)),
        pipeline._model.executor,
        WaitingRequests(model.layout.cost.overhead, pads=model.pads, alone=not together),
        pipeline._gate,
        options.max_queue,
        pipeline.name,
    )


def depends_on_batch(path: Path) -> bool:
    """Whether a model's answer for a text depends on what shares its batch.

    So it is with dynamic quantization; a file that cannot be read is taken to have it.
    """
    try:
        return any(name.startswith(_BATCH_DEPENDENT) for name in op_types(path))
    except (ModelFormatError, OSError):
        return True


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or math.isnan(timeout):
        raise InputError(f"timeout={timeout!r}; it must be a number of seconds, or None")
    return None if timeout == math.inf else float(timeout)


def _admit(batcher: MicroBatcher, request: Request) -> None:
    try:
        batcher.admit(request)
    except HugotError as error:
        request.owner._recorder.failed(error)
        raise


def _enqueue(batcher: MicroBatcher, request: Request) -> None:
    """Tokenize an admitted request and queue it; an error goes to the one who waits for it."""
    if request.settled:
        return
    try:
        items = _tokenized(request)
    except Exception as error:
        batcher.fail(request, error)
    else:
        batcher.put(request, items)


def _tokenized(request: Request) -> list[Item]:
    pipeline: Pipeline[Any, Any] = request.owner
    options = request.options = pipeline._merge(request.call_options or {})
    request.token_budget = pipeline._model.layout.token_budget
    inputs = _listed(pipeline, pipeline.inputs_of(request.value, options))
    if not inputs:
        return []
    texts = [pipeline.check_input(value, index, options) for index, value in enumerate(inputs)]
    batch = pipeline._tokenized(texts, options, 0)
    if len(texts) == 1:
        return [Item(request, 0, texts[0], batch)]
    numbers = range(len(texts) + 1)
    firsts = numbers if batch.sources is None else np.searchsorted(batch.sources, numbers)
    return [
        Item(request, number, text, rows_of(batch, int(firsts[number]), int(firsts[number + 1])))
        for number, text in enumerate(texts)
    ]


def _listed(pipeline: Pipeline[Any, Any], inputs: Any) -> Sequence[Any]:
    """The inputs of a request, a single one in a list of its own."""
    if isinstance(inputs, str | dict):
        return [inputs]
    if isinstance(inputs, list | tuple):
        pipeline._refuse_pair(inputs)
        return inputs
    if (
        hasattr(inputs, "__iter__")
        and not isinstance(inputs, bytes | bytearray)
        and not isinstance(inputs, Iterator)
    ):
        return list(inputs)
    raise InputError(
        f"a request to {pipeline.task} is a str or a list of them; not {type(inputs).__name__}. "
        "stream() takes an iterator."
    )


class _Work:
    """What the batcher does with requests of a pipeline.

    Args:
        together: whether texts of several requests share a group.
    """

    def __init__(self, *, together: bool) -> None:
        self._together = together

    def new_stop(self, request: Request) -> RunOptions:
        """A handle that stops the run of a group."""
        return request.owner._model.new_run_options()  # type: ignore[no-any-return]

    def run(self, items: Sequence[Item], stop: Any) -> list[Any]:
        """Run texts together; the results of each, as a sequence of one."""
        first = items[0].request
        pipeline: Pipeline[Any, Any] = first.owner
        options = first.options
        batch = concatenate([item.batch for item in items])
        window: Window[Any] = Window(
            [item.text for item in items],
            batch,
            options,
            pipeline.wanted_outputs(options),
            pipeline.allocate(batch, options),
        )
        whole = _whole_group(items) if self._together or len(items) == 1 else None
        if whole is not None and not pipeline._model.exact:
            layout = pipeline._model.layout
            whole = shaped(whole, layout.shapes, layout.token_budget)
        for group in pipeline._plan(window) if whole is None else [whole]:
            pipeline._run_group(group, window, stop)
        results = pipeline._collected(window)
        if len(items) == 1:
            return [results]
        return [_apart(results[i : i + 1]) for i in range(len(items))]

    def answer(self, request: Request) -> Any:
        """The answer from the results of its texts."""
        pipeline: Pipeline[Any, Any] = request.owner
        value = pipeline.inputs_of(request.value, request.options)
        if isinstance(value, str | dict):
            return pipeline.unwrap(request.results[0], value, request.call_options or {})
        return pipeline.join(list(request.results))


def _whole_group(items: Sequence[Item]) -> Group | None:
    """All rows in one group, as the texts were chosen for it; None where that takes a plan."""
    if any(item.rows > 1 or not item.tokens for item in items):
        return None
    lengths = [item.tokens for item in items]
    rows = sorted(range(len(items)), key=lengths.__getitem__, reverse=True)
    return Group(np.array(rows, np.int64), lengths[rows[0]])


def _apart(results: Sequence[Any]) -> Sequence[Any]:
    """Results with memory of their own: no caller holds, or sees, what belongs to another."""
    return results.copy() if isinstance(results, np.ndarray) else results
