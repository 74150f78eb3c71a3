"""Running many inputs in windows: the workers run one while the next one is tokenized."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from hugot.errors import HugotError
from hugot.pipelines.runner import Answers, raise_first

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from hugot._fast.recorder import Recorder
    from hugot.pipelines.runner import Runner, Running
    from hugot.runtime.layout import Layout

# The first window of a stream is small, so that results come soon; later ones are large, so that sorting
# by length saves padding.
FIRST_WINDOW = 64
LARGEST_WINDOW = 1024
_GROWTH = 4
_NOTHING = Answers((), {})


def slices(inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield a sequence in windows of the largest size; a short rest is part of the last one."""
    start = 0
    while len(inputs) - start > LARGEST_WINDOW * 3 // 2:
        yield inputs[start : start + LARGEST_WINDOW]
        start += LARGEST_WINDOW
    if start < len(inputs):
        yield inputs[start:]


def growing(inputs: Iterator[Any]) -> Iterator[list[Any]]:
    """Yield the items of an iterator in windows that grow from the first size to the largest."""
    size = FIRST_WINDOW
    while window := list(islice(inputs, size)):
        yield window
        size = min(_GROWTH * size, LARGEST_WINDOW)


def run_list(
    runner: Runner[Any], inputs: Sequence[Any], options: Any, layout: Layout | None = None
) -> Any:
    """Return the results of a list of inputs; raises InputError for a refused input.

    `layout` is by default the model's.
    """
    if not len(inputs):
        return runner.no_results(options)
    if options.show_progress:
        from hugot.pipelines.progress import ProgressBar

        with ProgressBar(len(inputs)) as bar:
            windows = run_windows(runner, slices(inputs), options, layout, bar.update)
            return runner.task.join(list(accepted(windows)))
    if len(inputs) > LARGEST_WINDOW * 3 // 2:
        windows = run_windows(runner, slices(inputs), options, layout)
        return runner.task.join(list(accepted(windows)))
    running = runner.start(inputs, options, layout=layout, allow_refusals=False)
    return runner.task.join([runner.finish(running).results])


def run_windows(
    runner: Runner[Any],
    windows: Iterable[Sequence[Any]],
    options: Any,
    layout: Layout | None = None,
    on_group: Callable[[float], object] | None = None,
    *,
    refuse_not_finite: bool = False,
) -> Generator[Answers, None, None]:
    """Yield the answers of each window, one step later: the next window is tokenized while it runs.

    The answers of an empty window are empty; they follow all previous answers, so that a source without
    further inputs for the moment can yield one. Refused inputs raise no error; with `refuse_not_finite`,
    they include those whose results have numbers that are not finite. `on_group` is that of `Prepared`.
    """
    finish = partial(runner.finish, refuse_not_finite=refuse_not_finite)
    first_index = 0
    before: Running | None = None
    ahead: Running | None = None
    failure: HugotError | None = None
    try:
        for inputs in windows:
            before, ahead, failure = ahead, None, None
            if len(inputs):
                try:
                    ahead = runner.start(
                        inputs, options, first_index, layout=layout, on_group=on_group
                    )
                except HugotError as error:
                    failure = error
            if before is not None:
                running, before = before, None
                yield finish(running)
            if ahead is not None and ahead.job is None:
                # Work on the caller's own thread does not profit from reading ahead, which would delay
                # closing the pipeline.
                running, ahead = ahead, None
                yield finish(running)
            if failure is not None:
                raise failure
            if not len(inputs):
                yield _NOTHING
            first_index += len(inputs)
        if ahead is not None:
            running, ahead = ahead, None
            yield finish(running)
    finally:
        failure = None  # its traceback refers to this frame
        for left in (before, ahead):
            if left is not None:
                runner.cancel(left)


def accepted(windows: Generator[Answers, None, None]) -> Iterator[Sequence[Any]]:
    """Yield the results of each window; at a refused input, raise its error after those before it."""
    # Closed here, since the error's traceback would keep the window that was read ahead alive.
    with closing(windows):
        for results, refusals in windows:
            if refusals:
                place = min(refusals)
                if place:
                    yield results[:place]
                raise_first(refusals)
            yield results


def counted(windows: Iterator[Sequence[Any]], recorder: Recorder) -> Iterator[Sequence[Any]]:
    """Yield the results of a stream, and count it as one call when it ends."""
    try:
        yield from windows
    except GeneratorExit:  # the reader has closed the stream, which is no error
        recorder.read()
        raise
    except BaseException as error:
        recorder.failed(error)
        raise
    recorder.read()
