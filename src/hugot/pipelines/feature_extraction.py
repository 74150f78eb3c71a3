"""Feature extraction: a vector for a text, or one for each of its tokens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hugot._fast import pooling as kernels
from hugot.errors import InputError, ModelFormatError
from hugot.options import check_positive
from hugot.pipelines.base import Pipeline
from hugot.pipelines.logits import describe_outputs
from hugot.pipelines.task_options import TaskOptions
from hugot.runtime.model import as_float32, token_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.models.bundle import ModelBundle
    from hugot.models.dense import Dense
    from hugot.pipelines.window import Window
    from hugot.runtime.engine import Engine
    from hugot.text.batch import TokenBatch
    from hugot.text.planner import Group
    from hugot.text.tokenizer import Text, TextTokenizer

# Outputs that hold token vectors, by the names that exporters give them.
_TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
# Names that sentence-transformers has for a mode.
_OTHER_NAMES = {"mean_sqrt_len_tokens": "mean_sqrt_len"}
POOLING_MODES = ("auto", "none", *kernels.MODES)


@dataclass(frozen=True, kw_only=True)
class FeatureExtractionOptions(TaskOptions):
    """Options of feature extraction.

    Attributes:
        pooling: how token vectors become one vector: ``"mean"``, ``"cls"``, ``"max"``,
            ``"mean_sqrt_len"``, ``"weightedmean"``, ``"lasttoken"``, or several of them in a tuple,
            whose results are concatenated; ``"none"`` gives the token vectors, as transformers does;
            ``"auto"`` runs the modules of the model's sentence-transformers files (Pooling, Dense,
            Normalize) and else takes the mean.
        normalize: whether the vectors are brought to length 1 at the end; None follows the model's
            files with ``pooling="auto"`` and means no otherwise.
        truncate_dim: number of first components to keep; None follows the model's files with
            ``pooling="auto"`` and means all otherwise.
        prompt: text to put before every input; ``""`` for none, not even the model's default.
        prompt_name: name of a prompt in ``config_sentence_transformers.json``.
        output_name: the output of the graph to read, such as ``"pooler_output"``; one of shape
            [batch, dim] is used as it is.
    """

    pooling: str | tuple[str, ...] = "auto"
    normalize: bool | None = None
    truncate_dim: int | None = None
    prompt: str | None = None
    prompt_name: str | None = None
    output_name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        modes = (self.pooling,) if isinstance(self.pooling, str) else tuple(self.pooling)
        known = POOLING_MODES if len(modes) == 1 else tuple(kernels.MODES)
        for mode in modes or ("",):
            if _OTHER_NAMES.get(mode, mode) not in known:
                raise InputError(
                    f"pooling={self.pooling!r}; it can be {', '.join(map(repr, POOLING_MODES))}, or "
                    "a tuple of pooling modes"
                )
        modes = tuple(_OTHER_NAMES.get(mode, mode) for mode in modes)
        object.__setattr__(self, "pooling", modes[0] if len(modes) == 1 else modes)
        if self.normalize not in (None, True, False):
            raise InputError(f"normalize={self.normalize!r}; it can be True, False or None")
        if self.truncate_dim is not None:
            check_positive("truncate_dim", self.truncate_dim)


class FeatureExtractionPipeline(Pipeline[FeatureExtractionOptions, "NDArray[np.float32]"]):
    """Turn texts into vectors, as sentence-transformers (or, with ``pooling="none"``, transformers).

        embed = hugot.pipeline("feature-extraction", "path/to/model")
        embed("one text")                    # float32 [dim]
        embed(["some", "texts"])             # float32 [2, dim]
        embed("one text", pooling="none")    # float32 [tokens, dim]

    A list gives one array [n, dim]; with ``pooling="none"`` a list of arrays [tokens, dim], each with
    memory of its own.
    """

    task: ClassVar[str] = "feature-extraction"
    options_type: ClassVar[type[Any]] = FeatureExtractionOptions

    def load_tokenizer(self, engine: Engine, bundle: ModelBundle) -> TextTokenizer:
        """``max_seq_length`` and lower-casing are those of sentence-transformers."""
        return engine.load_tokenizer(
            bundle, bundle.longest_sentence, lowercase=bundle.sentence.lowercase
        )

    def validate(self) -> None:
        """The graph needs token vectors [batch, tokens, dim], or finished ones [batch, dim]."""
        self._output(self.options)
        self._prompt(self.options)
        self._modules(self.options)

    def wanted_outputs(self, options: FeatureExtractionOptions) -> list[int]:
        """The output named in the options, or the one that holds the token vectors."""
        return [self._output(options)]

    def tokenize(
        self, texts: list[Text], options: FeatureExtractionOptions, first_index: int
    ) -> TokenBatch:
        """Tokens of the texts, each behind the prompt."""
        tokenizer = self._tokenizer
        if options.pooling == "none":
            # Token vectors are those of transformers, which knows no max_seq_length.
            tokenizer = self._engine.load_tokenizer(self._bundle, self._bundle.longest_row)
        if prompt := self._prompt(options):
            texts = [prompt + text for text in texts]  # type: ignore[operator]  # str, by check_input
        return tokenizer.encode(
            texts,
            type_ids=self._model.takes_type_ids,
            truncate=options.truncation is True,
            first_index=first_index,
        )

    def allocate(self, batch: TokenBatch, options: FeatureExtractionOptions) -> Any:
        """A cell per row for token vectors; the first group tells the size of pooled ones."""
        return _Vectors(len(batch))

    def postprocess(
        self, outputs: list[Tensor], group: Group, window: Window[FeatureExtractionOptions]
    ) -> None:
        """Pool the token vectors of a group, or copy each row's out."""
        hidden_state = as_float32(outputs[0])
        if len(hidden_state.shape) == 2:
            window.results.pooled(hidden_state.shape[1])[group.rows] = hidden_state
            return
        starts, stops = token_spans(window.batch, group, left=self._tokenizer.pads_left)
        modes, _ = self._modules(window.options)
        if modes is None:
            array = np.asarray(hidden_state)
            for i, row in enumerate(group.rows.tolist()):
                window.results.tokens[row] = array[i, starts[i] : stops[i]].copy()
            return
        dim = hidden_state.shape[2]
        out = window.results.pooled(dim * len(modes))
        skip = self._prompt_tokens(window.options)
        for i, mode in enumerate(modes):
            part = out[:, i * dim : (i + 1) * dim]
            kernels.pool(hidden_state, starts, stops, skip, kernels.MODES[mode], group.rows, part)

    def collect(self, window: Window[FeatureExtractionOptions]) -> Sequence[NDArray[np.float32]]:
        """The vectors of the window, after the modules behind the pooling."""
        results: _Vectors = window.results
        if results.array is None:
            return results.tokens
        array, options = results.array, window.options
        for step in self._modules(options)[1] if self._pools(options) else ():
            if not isinstance(step, str):
                array = np.ascontiguousarray(step(array), np.float32)
            elif options.normalize is not False:
                kernels.normalize(array)
        dim = options.truncate_dim
        if dim is None and options.pooling == "auto":
            dim = self._bundle.sentence.truncate_dim
        if dim is not None:
            array = np.ascontiguousarray(array[:, :dim])
        if options.normalize:
            kernels.normalize(array)
        return array  # type: ignore[return-value]  # an array of rows serves as a sequence

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """One array for a list of texts; with ``pooling="none"`` one list."""
        if len(parts) == 1:
            return parts[0]
        if parts and isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)
        return super().join(parts)

    def _output(self, options: FeatureExtractionOptions) -> int:
        specs = self._model.session.outputs
        if options.output_name is not None:
            named = [i for i, spec in enumerate(specs) if spec.name == options.output_name]
            if not named:
                raise InputError(
                    f"output_name={options.output_name!r}; the graph has {describe_outputs(specs)}"
                )
            number = named[0]
        else:
            number = next((i for i, spec in enumerate(specs) if spec.name in _TOKEN_OUTPUTS), 0)
        if len(specs[number].shape) not in (2, 3):
            raise ModelFormatError(
                f"{self._bundle.onnx_path} has no output for feature-extraction: it needs token "
                "vectors [batch, tokens, dim] or vectors [batch, dim], and has "
                f"{describe_outputs(specs)}. Export it with --task feature-extraction."
            )
        return number

    def _pools(self, options: FeatureExtractionOptions) -> bool:
        """Whether the output that is read holds token vectors."""
        return len(self._model.session.outputs[self._output(options)].shape) == 3

    def _modules(
        self, options: FeatureExtractionOptions
    ) -> tuple[tuple[str, ...] | None, tuple[Dense | str, ...]]:
        """Pooling modes (None for token vectors), and the steps behind them."""
        if options.pooling == "none":
            return None, ()
        if options.pooling != "auto":
            modes = (options.pooling,) if isinstance(options.pooling, str) else options.pooling
            return modes, ()
        files = self._bundle.sentence
        for step in files.steps:
            if isinstance(step, str) and step != "normalize":
                raise ModelFormatError(
                    f"{self._bundle.folder / 'modules.json'} has a module of type {step!r}, which "
                    "hugot does not run; pooling= with the name of a mode leaves the modules out"
                )
        return files.pooling or ("mean",), files.steps

    def _prompt(self, options: FeatureExtractionOptions) -> str:
        """The text that goes before every input."""
        files = self._bundle.sentence
        if options.prompt is not None:
            return options.prompt
        if options.prompt_name is not None:
            if options.prompt_name not in files.prompts:
                raise InputError(
                    f"prompt_name={options.prompt_name!r}; the model has "
                    f"{', '.join(map(repr, files.prompts)) or 'no prompts'}"
                )
            return files.prompts[options.prompt_name]
        if options.pooling == "none" or files.default_prompt_name is None:
            return ""
        return files.prompts.get(files.default_prompt_name, "")

    def _prompt_tokens(self, options: FeatureExtractionOptions) -> int:
        """Tokens at the beginning of each row that take no part in the pooling."""
        prompt = self._prompt(options)
        if not prompt or self._bundle.sentence.include_prompt:
            return 0
        return self._tokenizer.prompt_length(prompt)


class _Vectors:
    """Results of a window: one array of pooled vectors, or a list of arrays of token vectors."""

    def __init__(self, count: int) -> None:
        self.tokens: list[Any] = [None] * count
        self.array: NDArray[np.float32] | None = None
        self._lock = threading.Lock()

    def pooled(self, dim: int) -> NDArray[np.float32]:
        """The array [rows, dim], made by the first group that is done."""
        with self._lock:
            if self.array is None:
                self.array = np.empty((len(self.tokens), dim), np.float32)
            return self.array
