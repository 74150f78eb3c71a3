"""A task over a model: what each task defines, and how a window of inputs is run with it."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from hugot._fast.recorder import Recorder
from hugot.errors import InputError, SessionClosedError
from hugot.options import check_names, option_names
from hugot.pipelines.bulk import Running
from hugot.pipelines.window import Window
from hugot.runtime.calls import Calls
from hugot.runtime.lifetime import tell_of_exit
from hugot.text.planner import Group, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hugot._ort.session import RunOptions
    from hugot._ort.tensor import Tensor
    from hugot.errors import HugotError
    from hugot.models.bundle import ModelBundle
    from hugot.pipelines.pickling import Recipe
    from hugot.pipelines.task_options import TaskOptions
    from hugot.runtime.engine import Engine
    from hugot.runtime.microbatch import MicroBatcher
    from hugot.runtime.model import LoadedModel
    from hugot.text.batch import RowBatch, TokenBatch
    from hugot.text.tokenizer import Text, TextTokenizer

_ONE_ROW = np.zeros(1, np.int64)

# Python hears of an interrupt only between two runs on its main thread. Work that takes longer than this
# is handed to a worker, which the main thread waits for; the way there and back takes up to 0.4 ms.
_QUICK_SECONDS = 0.05
# Padded tokens that are taken to run so fast until there is a measurement.
_FIRST_QUICK_TOKENS = 128
# A measurement holds for runs of up to so many times its tokens.
_GROWTH = 2

Options = TypeVar("Options", bound="TaskOptions")


class Task(Generic[Options]):
    """Takes windows of inputs from text to results; `Pipeline` is what people call.

    A task's own class adds its options, `validate`, `wanted_outputs`, `allocate`, `postprocess` and
    `collect`, and where it differs from the rest, `load_tokenizer`, `inputs_of`, `check_input`,
    `tokenize`, `join`, `unwrap` and `sample_input`.
    """

    task: ClassVar[str]
    options_type: ClassVar[type[Any]]
    # Whether a text without any token has an answer.
    answers_empty: ClassVar[bool] = False

    def __init__(
        self,
        engine: Engine,
        bundle: ModelBundle,
        name: str,
        options: Mapping[str, Any],
    ) -> None:
        self.name = name
        check_names(options, option_names(self.options_type), f"option of {self.task}")
        self.options: Options = self.options_type(**options)
        self._engine = engine
        self._bundle = bundle
        self.made_from: Recipe | None = None  # for pickling
        self._on_close: Callable[[], None] | None = None
        self._batcher: MicroBatcher | None = None
        self._quick_tokens = _FIRST_QUICK_TOKENS
        self._making_batcher = threading.Lock()
        self._gate = Calls(f"pipeline {name!r}")
        self._recorder = Recorder()
        try:
            self._tokenizer = self.load_tokenizer(engine, bundle)
        finally:
            # The engine's thread loads it meanwhile. Where both fail, the model's error is the one told.
            self._model = engine.load_model(bundle)
        self._gate.rows = self._row_stop = self._model.new_run_options()
        self.validate()
        tell_of_exit(self)

    # What a task defines

    def load_tokenizer(self, engine: Engine, bundle: ModelBundle) -> TextTokenizer:
        """The tokenizer, with the task's longest row."""
        return engine.load_tokenizer(bundle, bundle.longest_row)

    def validate(self) -> None:
        """Check the model and the options against the task, once, when the pipeline is made.

        Raises ModelFormatError that says what was found and what is needed.
        """
        raise NotImplementedError

    def wanted_outputs(self, options: Options) -> list[int]:
        """Numbers of the graph's outputs that `postprocess` reads."""
        raise NotImplementedError

    def inputs_of(self, inputs: Any, options: Options) -> Any:
        """What a call was given, arranged: a single input, or a sequence or iterator of inputs."""
        return inputs

    def check_input(self, value: Any, index: int, options: Options) -> Text:
        """The text (or pair) to tokenize for one input; raises InputError for anything else."""
        if not isinstance(value, str):
            raise InputError(
                f"input {index} is of type {type(value).__name__}; {self.task} takes str", index
            )
        return value

    def tokenize(self, texts: list[Text], options: Options, first_index: int) -> TokenBatch:
        """Tokens of the texts, a row each."""
        return self._tokenizer.encode(
            texts,
            type_ids=self._model.takes_type_ids,
            truncate=options.truncation is True,
            first_index=first_index,
        )

    def allocate(self, batch: TokenBatch, options: Options) -> Any:
        """Make what `postprocess` writes its results into."""
        raise NotImplementedError

    def postprocess(self, outputs: list[Tensor], group: Group, window: Window[Options]) -> None:
        """Write the results of one group of rows into `window.results`. Many threads call it."""
        raise NotImplementedError

    def collect(self, window: Window[Options]) -> Sequence[Any]:
        """One result per text, in order, from the filled `window.results`."""
        raise NotImplementedError

    def answer_row(
        self, outputs: list[Tensor], text: Text, batch: RowBatch, options: Options
    ) -> Any:
        """The result of a text that is one row and runs alone: what the three above make of it.

        A task may do it with less: each array of numpy's that is made here shows.
        """
        window = self._window([text], batch, options)
        self.postprocess(outputs, Group(_ONE_ROW, len(batch.row_ids)), window)
        return self.collect(window)[0]

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """The results of a list of inputs, from those of its windows."""
        return list(chain.from_iterable(parts))

    def unwrap(self, results: Sequence[Any], value: Any, call_options: Mapping[str, Any]) -> Any:
        """The answer for a single input."""
        return results[0]

    def sample_input(self, text: str) -> Any:
        """An input of this pipeline made from a text."""
        return text

    # How a window is run

    @property
    def model(self) -> LoadedModel:
        """The loaded model, for hugot's own layers."""
        return self._model

    @property
    def providers(self) -> dict[str, int | None]:
        """Execution provider → number of the model's nodes that it runs; None where that is not known.

        It is known from ONNX Runtime 1.24 on, for sessions with another provider than the CPU's.
        """
        return dict(self._model.providers)

    def _merge(self, given: Mapping[str, Any]) -> Options:
        if not given:
            return self.options
        check_names(given, option_names(self.options_type), f"option of {self.task}")
        return replace(self.options, **given)

    def start(self, inputs: Sequence[Any], options: Options, first_index: int) -> Running:
        """Tokenize and plan a window, and have the workers run it where there is work for them.

        `finish` must follow, or `Running.job.cancel`. For hugot's own layers.
        """
        self._gate.enter()
        try:
            window = self._open_window(inputs, options, first_index)
        except BaseException:
            self._gate.leave()
            raise
        return self._start(window)

    def _start(self, window: Window[Options]) -> Running:
        """Start a window whose call is within the gate; the call leaves it when the window is done."""
        try:
            groups = self._plan(window)
            shared = self._model.layout.workers > 1 and len(groups) > 1
            tokens = sum([len(group.rows) * group.width for group in groups])
            run_options = self._model.new_run_options()
        except BaseException:
            self._gate.leave()
            raise
        job = self._gate.new_job(
            lambda group: self._run_group(group, window, run_options), groups, run_options
        )
        if shared:
            self._model.executor.start(job)
        return Running(window, job, shared, tokens)

    def finish(self, running: Running) -> Sequence[Any]:
        """Wait for a window that was started, or run it; gives one result per input."""
        if running.shared:
            running.job.wait()
        else:
            self._run_here(running)
        return self._collected(running.window)

    def _run_here(self, running: Running) -> None:
        """Run a job that the workers do not know of, so that an interrupt ends it."""
        began = perf_counter()
        if running.tokens > self._quick_tokens and takes_signals():
            self._model.executor.start(running.job)
        else:
            while running.job.run_one():
                pass
        running.job.wait()
        seconds = perf_counter() - began
        if running.tokens:
            # What a small run took does not tell of one that is far larger: attention grows with the
            # square of the width.
            known = max(_FIRST_QUICK_TOKENS, _GROWTH * running.tokens)
            self._quick_tokens = min(known, int(_QUICK_SECONDS * running.tokens / seconds))

    def _open_window(
        self, inputs: Sequence[Any], options: Options, first_index: int
    ) -> Window[Options]:
        """Check and tokenize inputs, and make room for their results."""
        texts = [self.check_input(value, i, options) for i, value in enumerate(inputs, first_index)]
        return self._window(texts, self._tokenized(texts, options, first_index), options)

    def _window(self, texts: list[Text], batch: TokenBatch, options: Options) -> Window[Options]:
        return Window(
            texts, batch, options, self.wanted_outputs(options), self.allocate(batch, options)
        )

    def _tokenized(self, texts: list[Text], options: Options, first_index: int) -> TokenBatch:
        began = perf_counter()
        batch = self.tokenize(texts, options, first_index)
        self._recorder.tokenized(perf_counter() - began, len(texts), batch.truncated)
        if not self.answers_empty and not self._tokenizer.adds_special_tokens:
            self._refuse_empty(batch, first_index)
        return batch

    def _refuse_empty(self, batch: TokenBatch, first_index: int) -> None:
        empty = np.flatnonzero(batch.lengths == 0)
        if len(empty):
            index = first_index + int(empty[0])
            raise InputError(
                f"input {index} has no tokens: it is empty, and the tokenizer adds no special tokens",
                index,
            )

    def _plan(self, window: Window[Options]) -> list[Group]:
        layout = self._model.layout
        return plan(
            window.batch,
            layout.token_budget,
            window.options.batch_size,
            pads=self._model.pads,
            workers=layout.workers,
            cost=layout.cost,
            shapes=layout.shapes,
        )

    def _run_row(self, text: Text, batch: RowBatch, options: Options) -> Any:
        """The result of a text that is one row."""
        began = perf_counter()
        outputs = self._model.forward_row(
            batch, self._tokenizer, self.wanted_outputs(options), self._row_stop
        )
        ran = perf_counter()
        answer = self.answer_row(outputs, text, batch, options)
        self._recorder.ran_row(ran - began, perf_counter() - ran, len(batch.row_ids))
        return answer

    def _run_group(
        self, group: Group, window: Window[Options], run_options: RunOptions | None
    ) -> None:
        began = perf_counter()
        outputs = self._model.forward(
            window.batch, group, self._tokenizer, window.outputs, run_options
        )
        ran = perf_counter()
        offsets = window.batch.offsets
        tokens = int((offsets[group.rows + 1] - offsets[group.rows]).sum())
        lines, width = group.shape
        self._recorder.ran(ran - began, len(group.rows), tokens, lines * width)
        ran = perf_counter()
        self.postprocess(outputs, group, window)
        self._recorder.postprocessed(perf_counter() - ran, 1)

    def _collected(self, window: Window[Options]) -> Sequence[Any]:
        """The results of a window whose groups have run; the time counts to their making."""
        began = perf_counter()
        results = self.collect(window)
        self._recorder.postprocessed(perf_counter() - began, 0)
        return results

    # How calls are ended

    def stop_calls(self, error: Callable[[], HugotError]) -> None:
        """End what runs with an error; the gate must be shut."""
        self._gate.stop(error)
        if self._batcher is not None:
            self._batcher.stop(error)

    def end_calls(self) -> Callable[[float], object]:
        """The process ends: nobody waits for answers any more. For hugot's own layers."""
        self._gate.shut()
        self.stop_calls(
            lambda: SessionClosedError(f"pipeline {self.name!r} was stopped: the process ends")
        )
        return self._gate.wait


def takes_signals() -> bool:
    """Whether Python's signal handlers, and so interrupts, run on this thread."""
    return threading.current_thread() is threading.main_thread()
