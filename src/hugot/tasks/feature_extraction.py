"""Feature extraction: a vector for a text, or one for each of its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from hugot._fast import pooling as kernels
from hugot.errors import InputError, ModelFormatError
from hugot.inputs.rows import takes_flat_tokens, token_spans
from hugot.models.log import debug
from hugot.models.vector_output import choose_output, describe_outputs, named_output
from hugot.options import check_choice, check_positive
from hugot.tasks.base import OptionsCache
from hugot.tasks.chunks import ChunkOptions, Chunks, mean_of_windows
from hugot.tasks.outputs import as_float32
from hugot.tasks.schema import ListOf, Vector
from hugot.tasks.text import TextTask
from hugot.tasks.vector_steps import (
    PooledVectors,
    Steps,
    apply_to_tokens,
    first_components,
    normalize,
    split_steps,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.inputs.native import Text
    from hugot.inputs.rows import Group, Rows, TokenRow, TokenRows
    from hugot.inputs.tokenizer import TextTokenizer
    from hugot.models.modules import Step
    from hugot.models.vector_output import VectorOutput
    from hugot.tasks.base import Graph, Prepared
    from hugot.tasks.schema import ResultType
    from hugot.tasks.vector_steps import Function

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
        self._made: OptionsCache[FeatureExtractionOptions, Steps] = OptionsCache()
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

    def allocate(self, rows: Rows, options: FeatureExtractionOptions) -> PooledVectors:
        """Return storage for vectors; the array of pooled ones is made with the first group."""
        return PooledVectors(len(rows))

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[FeatureExtractionOptions]
    ) -> None:
        """Pool the token vectors of a group, or copy those of each row."""
        steps = self._steps_of(prepared.options)
        hidden_state = as_float32(outputs[0], steps.rank, len(group.rows), group.width)
        if len(hidden_state.shape) == 2:
            prepared.results.pooled(hidden_state.shape[1])[group.rows] = hidden_state
            return
        hidden_state = apply_to_tokens(steps.before, hidden_state)
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
        if steps.before:
            hidden_state = apply_to_tokens(steps.before, hidden_state)
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
        sources = prepared.rows.sources
        if steps.chunks is not None and sources is not None:
            before, after = split_steps(steps.after)
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

    def _steps_of(self, options: FeatureExtractionOptions) -> Steps:
        return self._made.get(options, self._make_steps)

    def _make_steps(self, options: FeatureExtractionOptions) -> Steps:
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
        return Steps(
            outputs=[output.number],
            rank=output.rank,
            dimension=size,
            prompt=prompt,
            skip=self._prompt_tokens(prompt),
            chunks=self._chunks(options, prompt),
            before=tuple(normalize if isinstance(step, str) else step for step in before),
            modes=None if modes is None else tuple(kernels.MODES[mode] for mode in modes),
            after=tuple(after),
            ends_in_normalize=pools and len(modes or ()) == 1 and set(after) == {normalize},
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
                after.append(normalize)
        dim = options.truncate_dim
        if dim is None and options.pooling == "auto":
            dim = self.bundle.sentence.truncate_dim
        if dim is not None:
            after.append(first_components(dim))
            if size is not None and options.pooling != "none":
                size = min(size, dim)
        if options.normalize:
            after.append(normalize)
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
        if runs_modules and files.is_static and not takes_flat_tokens(self.graph.inputs):
            raise ModelFormatError(
                f"{files.source} has a module of type 'StaticEmbedding', whose graph has an input "
                f"'offsets'; {self.graph.path} has none"
            )

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
