"""Feature extraction: a vector for a text, or one for each of its tokens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from hugot._fast import pooling as kernels
from hugot.errors import InputError, ModelFormatError
from hugot.inputs.rows import token_spans
from hugot.models.log import debug
from hugot.models.vector_output import choose_output, describe_outputs, named_output
from hugot.options import check_positive
from hugot.tasks.base import OptionsCache
from hugot.tasks.outputs import as_float32
from hugot.tasks.schema import ListOf, Vector
from hugot.tasks.text import TextOptions, TextTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.inputs.rows import Group, Rows, TokenRow, TokenRows
    from hugot.inputs.tokenizer import Text, TextTokenizer
    from hugot.models.modules import Step
    from hugot.models.vector_output import VectorOutput
    from hugot.tasks.base import Graph, Prepared
    from hugot.tasks.schema import ResultType

# Other names of modes in sentence-transformers.
_OTHER_NAMES = {"mean_sqrt_len_tokens": "mean_sqrt_len"}
Vectors: TypeAlias = "NDArray[np.float32]"
# A function from vectors [n, dim] to vectors [n, dim].
Function: TypeAlias = "Callable[[NDArray[np.float32]], NDArray[np.float32]]"

POOLING_MODES = ("auto", "none", *kernels.MODES)


@dataclass(frozen=True, kw_only=True)
class FeatureExtractionOptions(TextOptions):
    """Options of feature extraction.

    Attributes:
        pooling: how token vectors are combined to one vector: ``"mean"``, ``"cls"``, ``"max"``,
            ``"mean_sqrt_len"``, ``"weightedmean"``, ``"lasttoken"``, or a tuple of these, whose results
            are concatenated; ``"none"`` returns the token vectors, as transformers does; ``"auto"`` runs
            the modules in the model's sentence-transformers files (Pooling, Dense, LayerNorm,
            Normalize); without them, it takes the graph's output ``sentence_embedding``, or the mean.
        normalize: whether the vectors are scaled to length 1 at the end; with None, ``pooling="auto"``
            follows the model's files, and other modes do not scale.
        truncate_dim: number of first components to keep; with None, ``pooling="auto"`` follows the
            model's files, and other modes keep all.
        prompt: text to put before every input; ``""`` for none, not even the model's default.
        prompt_name: name of a prompt in ``config_sentence_transformers.json``.
        output_name: the output of the graph to read, such as ``"pooler_output"``; an output of shape
            [batch, dim] is not pooled, and no module is applied to it.
    """

    pooling: str | tuple[str, ...] = "auto"
    normalize: bool | None = None
    truncate_dim: int | None = None
    prompt: str | None = None
    prompt_name: str | None = None
    output_name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        listed = isinstance(self.pooling, (tuple, list)) and len(self.pooling) > 0
        modes: tuple[Any, ...] = tuple(self.pooling) if listed else (self.pooling,)
        known = POOLING_MODES if len(modes) == 1 else tuple(kernels.MODES)
        for mode in modes:
            if not isinstance(mode, str) or _OTHER_NAMES.get(mode, mode) not in known:
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
        for name in ("prompt", "prompt_name", "output_name"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"{name}={getattr(self, name)!r:.80}; it must be a str")


class FeatureExtraction(TextTask[FeatureExtractionOptions, Vectors]):
    """Convert texts to vectors, as sentence-transformers (or, with ``pooling="none"``, transformers).

        embed = hugot.pipeline("feature-extraction", "path/to/model")
        embed("one text")                    # float32 [dim]
        embed(["some", "texts"])             # float32 [2, dim]
        embed("one text", pooling="none")    # float32 [tokens, dim]

    The result of a list is one array [n, dim]; with ``pooling="none"``, it is a list of arrays
    [tokens, dim], each with memory of its own.
    """

    name: ClassVar[str] = "feature-extraction"
    options_type: ClassVar[type[Any]] = FeatureExtractionOptions
    result_types: ClassVar[tuple[ResultType, ...]] = (Vector(None), ListOf(Vector(None)))

    def choose_tokenizer(self) -> TextTokenizer:
        """Return the tokenizer, with length limit and lower-casing as in sentence-transformers."""
        bundle = self.bundle
        return self.load_tokenizer(bundle.longest_sentence, lowercase=bundle.sentence.lowercase)

    def bind(self, graph: Graph, options: FeatureExtractionOptions) -> None:
        """Find the output: token vectors [batch, tokens, dim], or pooled vectors [batch, dim]."""
        super().bind(graph, options)
        self._made: OptionsCache[FeatureExtractionOptions, _Steps] = OptionsCache()
        self._steps_of(options)
        output = self._output(options)
        name = graph.outputs[output.number].name
        debug("%s: the vectors are made of the output %s: %s", graph.path, name, output.why)
        files = self.bundle.sentence
        if options.pooling == "auto" and not output.is_final and files.source is not None:
            steps = [*files.before, *(files.pooling or ()), *files.steps]
            names = ", ".join(
                each if isinstance(each, str) else type(each).__name__ for each in steps
            )
            debug("%s: %s are applied to it, as %s says", graph.path, names, files.source)
        if files.texts.length_source is not None:
            limit = self.bundle.longest_sentence
            debug("%s: longest row %s: %s", graph.path, limit, files.texts.length_source)

    def result_type(self, options: FeatureExtractionOptions) -> Vector | ListOf:
        """Return a vector; with ``pooling="none"``, a list of vectors."""
        steps = self._steps_of(options)
        vector = Vector(steps.dimension)
        return ListOf(vector) if steps.modes is None and steps.rank == 3 else vector

    def longest_row(self, options: FeatureExtractionOptions) -> int | None:
        """Return the longest row; that of token vectors is the one of transformers."""
        is_whole = options.pooling == "none"
        return self.bundle.longest_row if is_whole else super().longest_row(options)

    def count_tokens(self, value: Any, options: FeatureExtractionOptions) -> int:
        """Count the tokens of a text with the prompt before it; see `Task.count_tokens`."""
        text = self._steps_of(options).prompt + str(self.check_input(value, 0, options))
        return self.tokenizer.count(text)

    def wanted_outputs(self, options: FeatureExtractionOptions) -> Sequence[int]:
        """Return the number of the output named in the options, or of that with token vectors."""
        return self._steps_of(options).outputs

    def make_rows(
        self, values: Sequence[Text], options: FeatureExtractionOptions, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the texts, each with the prompt before it."""
        tokenizer = self.tokenizer
        if options.pooling == "none":
            # Token vectors are those of transformers, which does not use max_seq_length.
            tokenizer = self.load_tokenizer(self.bundle.longest_row)
        if prompt := self._steps_of(options).prompt:
            values = [prompt + text for text in values]  # type: ignore[operator]  # str, by check_input
        return tokenizer.encode(
            values,
            type_ids=self._type_ids,
            truncate=options.truncation is True,
            allow_empty=False,
            numbers=numbers,
        )

    def allocate(self, rows: Rows, options: FeatureExtractionOptions) -> _Vectors:
        """Return storage for vectors; the array of pooled ones is made with the first group."""
        return _Vectors(len(rows))

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[FeatureExtractionOptions]
    ) -> None:
        """Pool the token vectors of a group, or copy those of each row."""
        steps = self._steps_of(prepared.options)
        hidden_state = as_float32(outputs[0], steps.rank, len(group.rows), group.width)
        if len(hidden_state.shape) == 2:
            prepared.results.pooled(hidden_state.shape[1])[group.rows] = hidden_state
            return
        hidden_state = _apply_to_tokens(steps.before, hidden_state)
        offsets = prepared.rows.offsets
        if steps.modes is None:
            starts, stops = token_spans(prepared.rows, group)
            array = np.asarray(hidden_state)
            for i, row in enumerate(group.rows.tolist()):
                prepared.results.tokens[row] = array[i, starts[i] : stops[i]].copy()
            return
        dim = hidden_state.shape[2]
        left = prepared.rows.padding.left
        out = prepared.results.pooled(dim * len(steps.modes))
        # Normalisation as the only step after a single pooling is done together with it, while the
        # vector is in the CPU's cache.
        at_once = steps.ends_in_normalize
        for i, mode in enumerate(steps.modes):
            part = out if len(steps.modes) == 1 else out[:, i * dim : (i + 1) * dim]
            kernels.pool(hidden_state, offsets, group.rows, left, steps.skip, mode, at_once, part)

    def finish_row(
        self, outputs: list[Tensor], text: Text, row: TokenRow, options: FeatureExtractionOptions
    ) -> NDArray[np.float32]:
        """Return the vector of a row that ran alone."""
        steps = self._steps_of(options)
        hidden_state = as_float32(outputs[0], steps.rank, 1, row.size)
        shape = hidden_state.shape
        if steps.modes is None or len(steps.modes) > 1 or len(shape) != 3:
            return super().finish_row(outputs, text, row, options)  # type: ignore[no-any-return]
        if steps.before:
            hidden_state = _apply_to_tokens(steps.before, hidden_state)
            shape = hidden_state.shape
        vector = np.empty(shape[2], np.float32)
        kernels.pool_row(hidden_state, steps.skip, steps.modes[0], steps.ends_in_normalize, vector)
        if steps.ends_in_normalize or not steps.after:
            return vector
        array: NDArray[np.float32] = vector[None]
        for step in steps.after:
            array = step(array)
        return array[0]  # type: ignore[no-any-return]

    def finish(self, prepared: Prepared[FeatureExtractionOptions]) -> Sequence[NDArray[np.float32]]:
        """Return the vectors of the window, after the steps that follow the pooling."""
        array = prepared.results.array
        if array is None:
            return prepared.results.tokens  # type: ignore[no-any-return]
        steps = self._steps_of(prepared.options)
        if not steps.ends_in_normalize:
            for step in steps.after:
                array = step(array)
        return array  # type: ignore[no-any-return]  # an array of rows serves as a sequence

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """Return one array for a list of texts; with ``pooling="none"``, one list."""
        if len(parts) > 1 and isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)
        return super().join(parts)

    def _output(self, options: FeatureExtractionOptions) -> VectorOutput:
        """Return the output that the vectors are made of."""
        specs = self.graph.outputs
        if options.output_name is not None:
            named = named_output(specs, options.output_name)
            if named is None:
                raise InputError(
                    f"output_name={options.output_name!r}; the graph has, with 2 or 3 dimensions, "
                    f"{describe_outputs(each for each in specs if len(each.shape) in (0, 2, 3))}"
                )
            return named
        files = self.bundle.sentence if options.pooling == "auto" else None
        return choose_output(specs, files, self.bundle.config, self.bundle.onnx_path)

    def _steps_of(self, options: FeatureExtractionOptions) -> _Steps:
        return self._made.get(options, self._make_steps)

    def _make_steps(self, options: FeatureExtractionOptions) -> _Steps:
        """Return the steps for the options, which are checked against the model."""
        self._check_files(options)
        output = self._output(options)
        modes, modules, before = self._modules(options, output)
        prompt = self._prompt(options)
        declared = self.graph.outputs[output.number].shape[-1:]
        size = next((each for each in declared if isinstance(each, int)), None)
        size = next((step.size for step in before[::-1] if not isinstance(step, str)), size)
        pools = output.rank == 3 and modes is not None
        if pools and modes is not None and size is not None:
            size *= len(modes)
        after, size = self._functions(options, modules, size)
        return _Steps(
            outputs=[output.number],
            rank=output.rank,
            dimension=size,
            prompt=prompt,
            skip=self._prompt_tokens(prompt),
            before=tuple(_normalize if isinstance(step, str) else step for step in before),
            modes=None if modes is None else tuple(kernels.MODES[mode] for mode in modes),
            after=tuple(after),
            ends_in_normalize=pools and len(modes or ()) == 1 and set(after) == {_normalize},
        )

    def _functions(
        self, options: FeatureExtractionOptions, modules: Sequence[Step], size: int | None
    ) -> tuple[list[Function], int | None]:
        """Return the functions of pooled vectors, and the size of their results."""
        after: list[Function] = []
        for module in modules:
            if not isinstance(module, str):
                after.append(module)
                size = module.size
            elif options.normalize is not False:
                after.append(_normalize)
        dim = options.truncate_dim
        if dim is None and options.pooling == "auto":
            dim = self.bundle.sentence.truncate_dim
        if dim is not None:
            after.append(_first_components(dim))
            if size is not None and options.pooling != "none":
                size = min(size, dim)
        if options.normalize:
            after.append(_normalize)
        return after, size

    def _check_files(self, options: FeatureExtractionOptions) -> None:
        """Raise ModelFormatError if the model's files ask for something that hugot does not do."""
        if options.pooling == "none":  # token vectors are those of transformers
            return
        files = self.bundle.sentence
        if files.text_refusal is not None:
            raise ModelFormatError(files.text_refusal)
        runs_modules = options.pooling == "auto" and not (
            options.output_name is not None and self._output(options).is_final
        )
        if runs_modules and files.module_refusal is not None:
            raise ModelFormatError(files.module_refusal)

    def _modules(
        self, options: FeatureExtractionOptions, output: VectorOutput
    ) -> tuple[tuple[str, ...] | None, tuple[Step, ...], tuple[Step, ...]]:
        """Return the pooling modes (None for token vectors), the steps after and those before it."""
        if options.pooling == "none":
            return None, (), ()
        if options.pooling != "auto":
            modes = (options.pooling,) if isinstance(options.pooling, str) else options.pooling
            return modes, (), ()
        files = self.bundle.sentence
        if output.is_final:
            return files.pooling or ("mean",), (), ()
        return files.pooling or ("mean",), files.steps, files.before

    def _prompt(self, options: FeatureExtractionOptions) -> str:
        """Return the text that is put before every input."""
        files = self.bundle.sentence
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

    def _prompt_tokens(self, prompt: str) -> int:
        """Return the number of tokens at the beginning of each row that are not pooled."""
        if not prompt or self.bundle.sentence.include_prompt:
            return 0
        return self.tokenizer.prompt_length(prompt)


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """The steps for one set of options.

    Attributes:
        outputs: number of the output that is read.
        rank: number of its dimensions: 3 for token vectors, 2 for pooled ones.
        dimension: size of the vectors, None if the graph does not declare it.
        prompt: the text that is put before every input.
        skip: number of the prompt's tokens that are not pooled.
        before: the functions that are applied to all token vectors before the pooling.
        modes: the kernel's pooling modes, None for token vectors.
        after: the functions, from an array to an array, that are applied to all vectors of a window.
        ends_in_normalize: whether `after` is the normalisation of vectors pooled in one mode.
    """

    outputs: Sequence[int]
    rank: int
    dimension: int | None
    prompt: str
    skip: int
    before: tuple[Function, ...]
    modes: tuple[int, ...] | None
    after: tuple[Function, ...]
    ends_in_normalize: bool


def _normalize(array: NDArray[np.float32]) -> NDArray[np.float32]:
    kernels.normalize(array)
    return array


def _apply_to_tokens(functions: Sequence[Function], hidden_state: Any) -> Any:
    """Return token vectors [rows, tokens, dim] after functions of vectors [n, dim]."""
    if not functions:
        return hidden_state
    array = np.asarray(hidden_state)
    rows, width, dim = array.shape
    vectors = array.reshape(-1, dim)
    if functions[0] is _normalize:
        vectors = vectors.copy()  # it works in place, and the memory is ONNX Runtime's
    for function in functions:
        vectors = function(vectors)
    return vectors.reshape(rows, width, -1)


def _first_components(dim: int) -> Function:
    return lambda array: np.ascontiguousarray(array[:, :dim])


class _Vectors:
    """Results of a window: one array of pooled vectors, or a list of arrays of token vectors."""

    def __init__(self, count: int) -> None:
        self.tokens: list[Any] = [None] * count
        self.array: NDArray[np.float32] | None = None
        self._lock = threading.Lock()

    def pooled(self, dim: int) -> NDArray[np.float32]:
        """Return the array [rows, dim], which the first completed group allocates."""
        with self._lock:
            if self.array is None:
                self.array = np.empty((len(self.tokens), dim), np.float32)
            elif self.array.shape[1] != dim:
                # The kernel writes `dim` numbers to each row.
                raise ModelFormatError(
                    f"the graph gave vectors of {self.array.shape[1]} numbers for some texts and of "
                    f"{dim} for others"
                )
            return self.array
