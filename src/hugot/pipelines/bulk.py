"""Many inputs: windows of them, each run by the workers while the next one is tokenized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hugot.errors import HugotError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hugot._fast.recorder import Recorder
    from hugot.pipelines.base import Pipeline
    from hugot.pipelines.window import Window
    from hugot.runtime.executor import Job


@dataclass(frozen=True, slots=True)
class Running:
    """A window and its job.

    `shared` jobs are run by the workers, others by who waits for them; `tokens` counts the padded ones.
    """

    window: Window[Any]
    job: Job
    shared: bool
    tokens: int


def run_windows(
    pipeline: Pipeline[Any, Any], windows: Iterable[Sequence[Any]], options: Any
) -> Iterator[Sequence[Any]]:
    """Results of each window, tokenizing the next while one runs; see `Pipeline.stream_batches`."""
    first_index = 0
    before: Running | None = None
    ahead: Running | None = None
    try:
        for inputs in windows:
            before, ahead, refused = ahead, None, None
            if inputs:
                ahead, refused = _start_what_fits(pipeline, inputs, options, first_index)
            if before is not None:
                running, before = before, None
                yield pipeline.finish(running)
            if ahead is not None and (refused is not None or not ahead.shared):
                # What the caller's thread runs by itself gains nothing from looking ahead, and would
                # keep a closed pipeline waiting.
                running, ahead = ahead, None
                yield pipeline.finish(running)
            if refused is not None:
                raise refused
            if not inputs:
                yield ()
            first_index += len(inputs)
        if ahead is not None:
            running, ahead = ahead, None
            yield pipeline.finish(running)
    finally:
        for left in (before, ahead):
            if left is not None:
                left.job.cancel()


def counted(windows: Iterator[Sequence[Any]], recorder: Recorder) -> Iterator[Sequence[Any]]:
    """The results of a stream, which counts as one call once it has ended."""
    try:
        yield from windows
    except GeneratorExit:  # its reader has what it wanted
        recorder.read()
        raise
    except BaseException as error:
        recorder.failed(error)
        raise
    recorder.read()


def _start_what_fits(
    pipeline: Pipeline[Any, Any], inputs: Sequence[Any], options: Any, first_index: int
) -> tuple[Running | None, HugotError | None]:
    """Start a window, or what comes before the first input that is refused."""
    try:
        return pipeline.start(inputs, options, first_index), None
    except InputError as error:
        if error.index is None or error.index == first_index:
            return None, error
        return pipeline.start(inputs[: error.index - first_index], options, first_index), error
    except HugotError as error:
        return None, error
