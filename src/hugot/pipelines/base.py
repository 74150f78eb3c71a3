"""What every pipeline does: take inputs, tokenize, plan, run, postprocess, restore order, unwrap.

A task adds its options, `validate`, `wanted_outputs`, `allocate`, `postprocess` and `collect`, and where
it differs from the rest, `load_tokenizer`, `inputs_of`, `check_input`, `tokenize`, `join` and `unwrap`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from hugot.errors import InputError
from hugot.options import check_names, option_names
from hugot.pipelines.bulk import Running, run_windows
from hugot.pipelines.window import Window, growing, slices
from hugot.runtime.executor import Job
from hugot.runtime.gate import Gate
from hugot.stats import PipelineStats, StatsRecorder
from hugot.text.batch import RowBatch
from hugot.text.planner import Group, plan

if TYPE_CHECKING:
    from hugot._ort.session import RunOptions
    from hugot._ort.tensor import Tensor
    from hugot.models.bundle import ModelBundle
    from hugot.pipelines.task_options import TaskOptions
    from hugot.runtime.engine import Engine
    from hugot.text.batch import TokenBatch
    from hugot.text.tokenizer import Text, TextTokenizer

_ONE_ROW = np.zeros(1, np.int64)

Result = TypeVar("Result")
Options = TypeVar("Options", bound="TaskOptions")


class Pipeline(Generic[Options, Result]):
    """Base of the pipelines; made by `hugot.pipeline` or `Session.pipeline`.

    Safe to call from many threads. ``pipeline(text)`` gives one result, ``pipeline([...])`` a list in
    the same order, ``pipeline(iterator)`` and ``pipeline.stream(iterable)`` an iterator of results.

    Attributes:
        name: the pipeline's name in its session.
        options: the options given when it was made.
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
        self._on_close: Callable[[], None] | None = None
        self._gate = Gate(f"pipeline {name!r}")
        self._recorder = StatsRecorder()
        self._model = engine.load_model(bundle)
        self._tokenizer = self.load_tokenizer(engine, bundle)
        self.validate()

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

    def allocate(self, batch: TokenBatch, options: Options) -> Any:
        """Make what `postprocess` writes its results into."""
        raise NotImplementedError

    def postprocess(self, outputs: list[Tensor], group: Group, window: Window[Options]) -> None:
        """Write the results of one group of rows into `window.results`. Many threads call it."""
        raise NotImplementedError

    def collect(self, window: Window[Options]) -> Sequence[Any]:
        """One result per text, in order, from the filled `window.results`."""
        raise NotImplementedError

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """The results of a list of inputs, from those of its windows."""
        return list(chain.from_iterable(parts))

    def unwrap(self, results: Sequence[Any], value: Any, call_options: Mapping[str, Any]) -> Any:
        """The answer for a single input."""
        return results[0]

    # What people call

    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Run the pipeline on one input, a list of inputs, or an iterator of inputs.

        Args:
            inputs: a text; or a list or tuple of them, for a list of results in the same order; or
                an iterator, for an iterator of results (see `stream`).
            **options: options of the pipeline, in place of those given when it was made.

        Raises InputError for an input or an option that cannot be used, SessionClosedError after
        `close`.
        """
        merged = self._merge(options) if options else self.options
        inputs = self.inputs_of(inputs, merged)
        if isinstance(inputs, (str, dict)):
            return self.unwrap(self._run_single(inputs, merged), inputs, options)
        if isinstance(inputs, (list, tuple)):
            self._refuse_pair(inputs)
            return self._run(inputs, merged)
        if isinstance(inputs, Iterator):
            return self._stream(growing(inputs), merged)
        if hasattr(inputs, "__iter__") and not isinstance(inputs, (bytes, bytearray)):
            return self._run(list(inputs), merged)
        raise InputError(
            f"{self.task} takes a str, a list or an iterator of them; not {type(inputs).__name__}"
        )

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
        return run_windows(self, batches, self._merge(options))

    def warmup(self) -> None:
        """Run the shapes that matter once: a short text, and a full group on every worker."""
        layout = self._model.layout
        self._run([self.sample_input("hello")], self.options)
        rows = max(2, layout.token_budget // 16) * layout.workers
        self._run([self.sample_input("hello " * 16)] * rows, self.options)

    def own(self, close: Callable[[], None]) -> None:
        """Have `close` called when this pipeline closes: its session is its own."""
        self._on_close = close

    def sample_input(self, text: str) -> Any:
        """An input of this pipeline made from a text."""
        return text

    def stats(self) -> PipelineStats:
        """Counters and timings since the pipeline was made."""
        return self._recorder.snapshot()

    def close(self) -> None:
        """Wait for running calls and let go of the model; later calls raise SessionClosedError."""
        if not self._gate.close():
            return
        del self._model, self._tokenizer
        if self._on_close is not None:
            self._on_close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = ", closed" if self._gate.closed else ""
        return f"<{type(self).__name__} {self.name!r} of {self._bundle.onnx_path}{state}>"

    # How it is done

    def _merge(self, given: Mapping[str, Any]) -> Options:
        if not given:
            return self.options
        check_names(given, option_names(self.options_type), f"option of {self.task}")
        return replace(self.options, **given)

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
            window = self._open_window([value], options, 0)
            batch = window.batch
            if type(batch) is RowBatch and batch.row_ids:
                self._run_row(batch, window)
                return self.collect(window)
            started = True
            return self.finish(self._start(window))
        finally:
            if not started:
                self._gate.leave()

    def _run(self, inputs: Sequence[Any], options: Options) -> Any:
        parts: list[Sequence[Any]] = list(run_windows(self, slices(inputs), options))
        return self.join(parts)

    def _stream(self, windows: Iterable[list[Any]], options: Options) -> Iterator[Result]:
        for results in run_windows(self, windows, options):
            yield from results

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
            run_options = self._model.new_run_options() if shared else None
        except BaseException:
            self._gate.leave()
            raise
        job = Job(
            work=lambda group: self._run_group(group, window, run_options),
            groups=groups,
            stop=run_options.terminate if run_options is not None else _nothing_runs,
            on_done=self._gate.leave,
        )
        if shared:
            self._engine.executor.start(job)
        return Running(window, job, shared)

    def finish(self, running: Running) -> Sequence[Any]:
        """Wait for a window that was started, or run it; gives one result per input."""
        if not running.shared:
            while running.job.run_one():
                pass
        running.job.wait()
        return self.collect(running.window)

    def _open_window(
        self, inputs: Sequence[Any], options: Options, first_index: int
    ) -> Window[Options]:
        """Check and tokenize inputs, and make room for their results."""
        texts = [self.check_input(value, i, options) for i, value in enumerate(inputs, first_index)]
        began = time.perf_counter()
        batch = self.tokenize(texts, options, first_index)
        self._recorder.tokenized(time.perf_counter() - began, len(texts))
        if not self.answers_empty and not self._tokenizer.adds_special_tokens:
            self._refuse_empty(batch, first_index)
        return Window(
            texts, batch, options, self.wanted_outputs(options), self.allocate(batch, options)
        )

    def tokenize(self, texts: list[Text], options: Options, first_index: int) -> TokenBatch:
        """Tokens of the texts, a row each."""
        return self._tokenizer.encode(
            texts,
            type_ids=self._model.takes_type_ids,
            truncate=options.truncation is True,
            first_index=first_index,
        )

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
        )

    def _run_row(self, batch: RowBatch, window: Window[Options]) -> None:
        """Run the only row of a window."""
        began = time.perf_counter()
        outputs = self._model.forward_row(batch, self._tokenizer, window.outputs)
        width = len(batch.row_ids)
        self._recorder.ran(time.perf_counter() - began, 1, width, width)
        self.postprocess(outputs, Group(_ONE_ROW, width), window)

    def _run_group(
        self, group: Group, window: Window[Options], run_options: RunOptions | None
    ) -> None:
        began = time.perf_counter()
        outputs = self._model.forward(
            window.batch, group, self._tokenizer, window.outputs, run_options
        )
        offsets = window.batch.offsets
        tokens = int((offsets[group.rows + 1] - offsets[group.rows]).sum())
        self._recorder.ran(
            time.perf_counter() - began, len(group.rows), tokens, len(group.rows) * group.width
        )
        self.postprocess(outputs, group, window)


def _nothing_runs() -> None:
    """What stops the groups of a job that only its own caller runs."""
