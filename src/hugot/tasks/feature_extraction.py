"""Feature extraction: a vector for a text, or one for each of its tokens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from hugot._fast import pooling as kernels
from hugot.errors import InputError, ModelFormatError
from hugot.inputs.rows import token_spans
from hugot.options import check_choice, check_positive
from hugot.tasks.base import OptionsCache
from hugot.tasks.chunks import ChunkOptions, Chunks, mean_of_windows
from hugot.tasks.outputs import as_float32, describe_outputs
from hugot.tasks.schema import ListOf, Vector
from hugot.tasks.text import TextTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.inputs.native import Text
    from hugot.inputs.rows import Group, Rows, TokenRow, TokenRows
    from hugot.inputs.tokenizer import TextTokenizer
    from hugot.models.dense import Dense
    from hugot.tasks.base import Graph, Prepared
    from hugot.tasks.schema import ResultType

# Names that exporters use for the output with token vectors.
_TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
# Other names of modes in sentence-transformers.
_OTHER_NAMES = {"mean_sqrt_len_tokens": "mean_sqrt_len"}
Vectors: TypeAlias = "NDArray[np.float32]"

POOLING_MODES = ("auto", "none", *kernels.MODES)


@dataclass(frozen=True, kw_only=True)
class FeatureExtractionOptions(ChunkOptions):
    """Options of feature extraction.

    Attributes:
        pooling: how token vectors are combined to one vector: ``"mean"``, ``"cls"``, ``"max"``,
            ``"mean_sqrt_len"``, ``"weightedmean"``, ``"lasttoken"``, or a tuple of these, whose results
            are concatenated; ``"none"`` returns the token vectors, as transformers does; ``"auto"`` runs
            the modules in the model's sentence-transformers files (Pooling, Dense, Normalize), or
            takes the mean if it has none.
        normalize: whether the vectors are scaled to length 1 at the end; with None, ``pooling="auto"``
            follows the model's files, and other modes do not scale.
        truncate_dim: number of first components to keep; with None, ``pooling="auto"`` follows the
            model's files, and other modes keep all.
        prompt: text to put before every input; ``""`` for none, not even the model's default.
        prompt_name: name of a prompt in ``config_sentence_transformers.json``.
        output_name: the output of the graph to read, such as ``"pooler_output"``; an output of shape
            [batch, dim] is not pooled.
        chunks: ``"mean"`` splits a text that is too long for the model into windows, each with the
            prompt before it, and returns the mean of their vectors, weighted by their numbers of tokens.
            The mean is normalized and truncated (`truncate_dim`), rather than the windows' vectors. With
            None, such a text is truncated.
    """

    pooling: str | tuple[str, ...] = "auto"
    normalize: bool | None = None
    truncate_dim: int | None = None
    prompt: str | None = None
    prompt_name: str | None = None
    output_name: str | None = None
    chunks: Literal["mean"] | None = None

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
        check_choice("chunks", self.chunks, (None, "mean"))
        if self.chunks is not None and self.pooling == "none":
            raise InputError(
                f"chunks={self.chunks!r} pools the vectors of texts; pooling='none' returns those of "
                "tokens"
            )
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

    def result_type(self, options: FeatureExtractionOptions) -> Vector | ListOf:
        """Return a vector; with ``pooling="none"``, a list of vectors."""
        steps = self._steps_of(options)
        vector = Vector(steps.dimension)
        return ListOf(vector) if steps.modes is None and steps.rank == 3 else vector

    def wanted_outputs(self, options: FeatureExtractionOptions) -> Sequence[int]:
        """Return the number of the output named in the options, or of that with token vectors."""
        return self._steps_of(options).outputs

    def make_rows(
        self, values: Sequence[Text], options: FeatureExtractionOptions, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the texts, each with the prompt before it; with `chunks`, to windows."""
        steps = self._steps_of(options)
        if prompt := steps.prompt:
            values = [prompt + text for text in values]  # type: ignore[operator]  # str, by check_input
        if steps.chunks is not None:
            return steps.chunks.make_rows(
                values, type_ids=self._type_ids, allow_empty=False, numbers=numbers
            )
        return self.tokenizer_for(options).encode(
            values,
            type_ids=self._type_ids,
            truncate=options.truncation is True,
            allow_empty=False,
            numbers=numbers,
        )

    def tokenizer_for(self, options: FeatureExtractionOptions) -> TextTokenizer:
        """Return the tokenizer; token vectors are those of transformers, without max_seq_length."""
        if options.pooling != "none":
            return super().tokenizer_for(options)
        return self.load_tokenizer(self.bundle.longest_row).with_length(options.max_length)

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
        at_once = steps.ends_in_normalize and prepared.rows.sources is None
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
        sources = prepared.rows.sources
        if steps.chunks is not None and sources is not None:
            before, after = _split_steps(steps.after)
            for step in before:
                array = step(array)
            array = mean_of_windows(array, sources, steps.chunks.weights(prepared.rows))
            for step in after:
                array = step(array)
        elif not steps.ends_in_normalize:
            for step in steps.after:
                array = step(array)
        return array  # type: ignore[no-any-return]  # an array of rows serves as a sequence

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """Return one array for a list of texts; with ``pooling="none"``, one list."""
        if len(parts) > 1 and isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)
        return super().join(parts)

    def _output(self, options: FeatureExtractionOptions) -> int:
        specs = self.graph.outputs
        if options.output_name is not None:
            named = [i for i, spec in enumerate(specs) if spec.name == options.output_name]
            if not named:
                raise InputError(
                    f"output_name={options.output_name!r}; the graph has {describe_outputs(specs)}"
                )
            number = named[0]
        else:
            number = next((i for i, spec in enumerate(specs) if spec.name in _TOKEN_OUTPUTS), 0)
        if not specs or len(specs[number].shape) not in (2, 3):
            raise ModelFormatError(
                f"{self.bundle.onnx_path} has no output for feature-extraction: it needs token "
                "vectors [batch, tokens, dim] or vectors [batch, dim], and has "
                f"{describe_outputs(specs)}. Export it with --task feature-extraction."
            )
        return number

    def _steps_of(self, options: FeatureExtractionOptions) -> _Steps:
        return self._made.get(options, self._make_steps)

    def _make_steps(self, options: FeatureExtractionOptions) -> _Steps:
        """Return the steps for the options, which are checked against the model."""
        output = self._output(options)
        modes, modules = self._modules(options)
        prompt = self._prompt(options)
        *axes, declared = self.graph.outputs[output].shape
        rank, pools = len(axes) + 1, len(axes) == 2
        size = declared if isinstance(declared, int) else None
        if pools and modes is not None and size is not None:
            size *= len(modes)
        after: list[Callable[[NDArray[np.float32]], NDArray[np.float32]]] = []
        for module in modules if pools else ():
            if not isinstance(module, str):
                after.append(_dense(module))
                size = len(module.weight)
            elif options.normalize is not False:
                after.append(_normalize)
        dim = options.truncate_dim
        if dim is None and options.pooling == "auto":
            dim = self.bundle.sentence.truncate_dim
        if dim is not None:
            after.append(_first_components(dim))
            size = min(size, dim) if size is not None and modes is not None else size
        if options.normalize:
            after.append(_normalize)
        return _Steps(
            outputs=[output],
            rank=rank,
            dimension=size,
            prompt=prompt,
            skip=self._prompt_tokens(prompt),
            chunks=self._chunks(options, prompt),
            modes=None if modes is None else tuple(kernels.MODES[mode] for mode in modes),
            after=tuple(after),
            ends_in_normalize=pools and len(modes or ()) == 1 and set(after) == {_normalize},
        )

    def _modules(
        self, options: FeatureExtractionOptions
    ) -> tuple[tuple[str, ...] | None, tuple[Dense | str, ...]]:
        """Return the pooling modes (None for token vectors), and the steps that follow them."""
        if options.pooling == "none":
            return None, ()
        if options.pooling != "auto":
            modes = (options.pooling,) if isinstance(options.pooling, str) else options.pooling
            return modes, ()
        files = self.bundle.sentence
        for step in files.steps:
            if isinstance(step, str) and step != "normalize":
                raise ModelFormatError(
                    f"{self.bundle.folder / 'modules.json'} has a module of type {step!r}, which "
                    "hugot does not run; pooling= with the name of a mode leaves the modules out"
                )
        return files.pooling or ("mean",), files.steps

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

    def _chunks(self, options: FeatureExtractionOptions, prompt: str) -> Chunks | None:
        """Return what splits texts, None if they are not split; checks the room beside the prompt."""
        tokenizer = self.tokenizer_for(options)
        if options.max_length is not None and prompt and tokenizer.max_length is not None:
            _, behind = tokenizer.special_tokens
            taken = tokenizer.prompt_length(prompt) + behind
            if taken >= tokenizer.max_length:
                raise InputError(
                    f"max_length={options.max_length} leaves no room for the tokens of a text; the "
                    f"prompt and the special tokens take {taken}"
                )
        if options.chunks is None:
            return None
        return Chunks(tokenizer, options.chunk_overlap, prompt)

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
        chunks: splits texts that are too long; None if they are truncated.
        modes: the kernel's pooling modes, None for token vectors.
        after: the functions, from an array to an array, that are applied to all vectors of a window.
        ends_in_normalize: whether `after` is the normalisation of vectors pooled in one mode.
    """

    outputs: Sequence[int]
    rank: int
    dimension: int | None
    prompt: str
    skip: int
    chunks: Chunks | None
    modes: tuple[int, ...] | None
    after: tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], ...]
    ends_in_normalize: bool


def _split_steps(
    after: tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], ...],
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the steps of the vectors of windows, and those of their mean.

    The latter are the normalizations and truncations at the end.
    """
    ends = [step is _normalize or getattr(step, "func", None) is _truncated for step in after]
    count = next((i for i, end in enumerate(reversed(ends)) if not end), len(ends))
    return after[: len(ends) - count], after[len(ends) - count :]


def _normalize(array: NDArray[np.float32]) -> NDArray[np.float32]:
    kernels.normalize(array)
    return array


def _dense(module: Dense) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return lambda array: np.ascontiguousarray(module(array), np.float32)


def _first_components(dim: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return partial(_truncated, dim)


def _truncated(dim: int, array: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array[:, :dim])


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
