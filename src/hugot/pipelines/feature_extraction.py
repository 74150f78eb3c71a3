"""Feature extraction: a vector for a text, or one for each of its tokens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hugot._fast import pooling as kernels
from hugot.errors import InputError, ModelFormatError
from hugot.pipelines.base import Pipeline, TaskOptions, Window
from hugot.pipelines.logits import describe_outputs
from hugot.runtime.model import as_float32, token_spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.models.bundle import ModelBundle
    from hugot.text.batch import TokenBatch
    from hugot.text.planner import Group

# Outputs that hold token vectors, by the names that exporters give them.
_TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
POOLING_MODES = ("auto", "none", *kernels.MODES)


@dataclass(frozen=True, kw_only=True)
class FeatureExtractionOptions(TaskOptions):
    """Options of feature extraction.

    Attributes:
        pooling: how token vectors become one vector: ``"mean"``, ``"cls"``, ``"max"``,
            ``"mean_sqrt_len"``, ``"weightedmean"``, ``"lasttoken"``, or several of them in a tuple,
            whose results are concatenated; ``"none"`` gives the token vectors, as transformers does;
            ``"auto"`` follows the model's sentence-transformers files and else takes the mean.
        normalize: whether vectors are brought to length 1; None follows the model's files with
            ``pooling="auto"`` and means no otherwise.
    """

    pooling: str | tuple[str, ...] = "auto"
    normalize: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        modes = (self.pooling,) if isinstance(self.pooling, str) else tuple(self.pooling)
        known = POOLING_MODES if len(modes) == 1 else tuple(kernels.MODES)
        for mode in modes or ("",):
            if mode not in known:
                raise InputError(
                    f"pooling={self.pooling!r}; it can be {', '.join(map(repr, POOLING_MODES))}, or "
                    "a tuple of pooling modes"
                )
        object.__setattr__(self, "pooling", self.pooling if len(modes) == 1 else modes)
        if self.normalize not in (None, True, False):
            raise InputError(f"normalize={self.normalize!r}; it can be True, False or None")


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

    def longest_row(self, bundle: ModelBundle) -> int | None:
        """``max_seq_length`` of sentence-transformers comes first."""
        return bundle.longest_sentence

    def validate(self) -> list[int]:
        """The graph needs token vectors [batch, tokens, dim], or finished ones [batch, dim]."""
        specs = self._model.session.outputs
        number = next((i for i, spec in enumerate(specs) if spec.name in _TOKEN_OUTPUTS), 0)
        rank = len(specs[number].shape)
        if rank not in (2, 3):
            raise ModelFormatError(
                f"{self._bundle.onnx_path} has no output for feature-extraction: it needs token "
                "vectors of shape [batch, tokens, dim] or vectors [batch, dim], and has "
                f"{describe_outputs(specs)}. Export it with --task feature-extraction."
            )
        self._pooled_by_graph = rank == 2
        return [number]

    def allocate(self, batch: TokenBatch, options: FeatureExtractionOptions) -> Any:
        """A cell per row for token vectors; the first group tells the size of pooled ones."""
        return _Vectors(len(batch))

    def postprocess(
        self, outputs: list[Tensor], group: Group, window: Window[FeatureExtractionOptions]
    ) -> None:
        """Pool the token vectors of a group, or copy each row's out."""
        hidden_state = as_float32(outputs[0])
        if self._pooled_by_graph:
            out = window.results.pooled(hidden_state.shape[1])
            out[group.rows] = hidden_state
            return
        starts, stops = token_spans(window.batch, group, left=self._tokenizer.pads_left)
        modes = self._modes(window.options)
        if modes is None:
            array = np.asarray(hidden_state)
            for i, row in enumerate(group.rows.tolist()):
                window.results.tokens[row] = array[i, starts[i] : stops[i]].copy()
            return
        dim = hidden_state.shape[2]
        out = window.results.pooled(dim * len(modes))
        for i, mode in enumerate(modes):
            part = out[:, i * dim : (i + 1) * dim]
            kernels.pool(hidden_state, starts, stops, 0, kernels.MODES[mode], group.rows, part)

    def collect(self, window: Window[FeatureExtractionOptions]) -> Sequence[NDArray[np.float32]]:
        """The vectors of the window, brought to length 1 where that is wanted."""
        results: _Vectors = window.results
        if results.array is None:
            return results.tokens
        if self._normalizes(window.options):
            kernels.normalize(results.array)
        return results.array  # type: ignore[return-value]  # an array of rows serves as a sequence

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """One array for a list of texts; with ``pooling="none"`` one list."""
        if len(parts) == 1:
            return parts[0]
        if parts and isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)
        return super().join(parts)

    def unwrap(
        self, results: Sequence[Any], value: Any, call_options: Mapping[str, Any]
    ) -> NDArray[np.float32]:
        """The vector, or the token vectors, of the one text."""
        return results[0]  # type: ignore[no-any-return]

    def _modes(self, options: FeatureExtractionOptions) -> tuple[str, ...] | None:
        """Pooling modes of a call, None for token vectors."""
        if options.pooling == "none":
            return None
        if options.pooling == "auto":
            files = self._bundle.sentence
            if files.other_modules:
                raise ModelFormatError(
                    f"{self._bundle.folder / 'modules.json'} has a module of type "
                    f"{files.other_modules[0]!r}, which hugot does not run; pooling= with the name of "
                    "a mode leaves the folder's modules out"
                )
            return files.pooling or ("mean",)
        return (options.pooling,) if isinstance(options.pooling, str) else options.pooling

    def _normalizes(self, options: FeatureExtractionOptions) -> bool:
        if options.normalize is not None:
            return options.normalize
        return options.pooling == "auto" and self._bundle.sentence.normalize


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
