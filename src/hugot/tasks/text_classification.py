"""Text classification: a label and a score for a text or a pair of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, TypedDict

import numpy as np

from hugot._fast import activations, ranking
from hugot._fast.finite import all_finite
from hugot.errors import InputError
from hugot.inputs.columns import plain_str
from hugot.options import NOT_GIVEN, check_choice
from hugot.tasks.base import NotFinite, OptionsCache
from hugot.tasks.chunks import ChunkOptions, Chunks, max_of_windows, mean_of_windows
from hugot.tasks.outputs import as_float32, check_label_count, find_logits, rows_not_finite
from hugot.tasks.schema import FLOAT32, STRING, TEXT, Field, ListOf, struct
from hugot.tasks.text import TextTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.inputs.native import Text
    from hugot.inputs.rows import Group, Rows, TokenRow, TokenRows
    from hugot.models.bundle import Label
    from hugot.tasks.base import Graph, Prepared

_FUNCTIONS: Final = ("softmax", "sigmoid", "none")


class Classification(TypedDict):
    """A label of the model and its score."""

    label: str
    score: float


TextResult: TypeAlias = "Classification | list[Classification]"


@dataclass(frozen=True, kw_only=True)
class TextClassificationOptions(ChunkOptions):
    """Options of text classification.

    Attributes:
        top_k: number of labels to return, best first; None for all. If it is not given, the best label
            is returned, nested as transformers does in that case.
        function_to_apply: ``"softmax"``, ``"sigmoid"`` or ``"none"``; None follows the model's
            configuration, as transformers does.
        chunks: ``"mean"`` or ``"max"`` splits a text that is too long for the model into windows, and
            returns for each label the mean of its scores in them, weighted by their numbers of tokens,
            or the largest one. With None, such a text is truncated.
    """

    top_k: int | Any | None = NOT_GIVEN
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None
    chunks: Literal["mean", "max"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        top_k = self.top_k
        if top_k is not NOT_GIVEN and top_k is not None and (type(top_k) is not int or top_k < 1):
            raise InputError(f"top_k={top_k!r}; it must be a whole number of at least 1, or None")
        if isinstance(self.function_to_apply, str):
            object.__setattr__(self, "function_to_apply", self.function_to_apply.lower())
        check_choice("function_to_apply", self.function_to_apply, (None, *_FUNCTIONS))
        check_choice("chunks", self.chunks, (None, "mean", "max"))


class TextClassification(TextTask[TextClassificationOptions, TextResult]):
    """Classify texts, as `transformers.TextClassificationPipeline`.

        classify = hugot.pipeline("text-classification", "path/to/model")
        classify("The film was excellent")               # [{'label': 'POSITIVE', 'score': 0.9998}]
        classify(["good", "bad"], top_k=None)            # [[{...}, {...}], [{...}, {...}]]
        classify({"text": "How many?", "text_pair": "Three."})

    A result is a dict with the keys ``label`` (str) and ``score`` (float), or a list of them, best
    first, with ``top_k``.
    """

    name: ClassVar[str] = "text-classification"
    options_type: ClassVar[type[Any]] = TextClassificationOptions
    fields: ClassVar[tuple[Field, ...]] = (
        TEXT,
        Field("pair", "text_pair", "Key or column of a second text.", required=False),
    )
    result_types: ClassVar[tuple[ListOf]] = (ListOf(struct(label=STRING, score=FLOAT32)),)

    def bind(self, graph: Graph, options: TextClassificationOptions) -> None:
        """Find the output: ``logits`` [batch, labels], or a single 2-D output."""
        super().bind(graph, options)
        self._labels = self.bundle.labels
        self._logits = [find_logits(graph, self.name, ("batch", "labels"))]
        check_label_count(self.bundle, graph.outputs[self._logits[0]].shape[-1])
        self._default_function = _default_function(self.bundle.config, len(self._labels))
        self._ranking: OptionsCache[TextClassificationOptions, tuple[int, int]] = OptionsCache()
        self._chunks: OptionsCache[TextClassificationOptions, Chunks] = OptionsCache()
        if options.chunks is not None:
            self._chunks_of(options)

    @property
    def labels(self) -> list[Label]:
        """The labels, by index."""
        return list(self.bundle.labels)

    def result_type(self, options: TextClassificationOptions) -> ListOf:
        """Return a list of labels and scores, best first."""
        return self.result_types[0]

    def check_input(self, value: Any, index: int, options: TextClassificationOptions) -> Text:
        """Return the text of a str, or the pair of a dict with ``text`` and ``text_pair``."""
        text = self._text_of(value, index, options)
        if options.chunks is not None and not isinstance(text, str):
            raise InputError(
                f"input {index} is a pair of texts; chunks={options.chunks!r} takes single texts",
                index,
            )
        return text

    def _text_of(self, value: Any, index: int, options: TextClassificationOptions) -> Text:
        if isinstance(value, dict):
            extra = value.keys() - {"text", "text_pair"}
            text, pair = value.get("text"), value.get("text_pair")
            if extra or not isinstance(text, str) or not isinstance(pair, str | None):
                raise InputError(
                    f'input {index}: a dict must be {{"text": str, "text_pair": str}}, not '
                    f"{value!r:.200}. For columns of texts, pass a list of such dicts",
                    index,
                )
            # transformers ignores an empty second text.
            return (plain_str(text), plain_str(pair)) if pair else plain_str(text)
        if isinstance(value, list) and len(value) == 1:
            # An older form of a pair, which transformers still accepts: [["text", "text_pair"]].
            match value[0]:
                case [str() as text, str() as pair]:
                    return plain_str(text), plain_str(pair)
        return super().check_input(value, index, options)

    def make_rows(
        self, values: Sequence[Text], options: TextClassificationOptions, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the texts; with `chunks`, to as many windows as each needs."""
        if options.chunks is None:
            return super().make_rows(values, options, numbers)
        return self._chunks_of(options).make_rows(
            values, type_ids=self._type_ids, allow_empty=self.answers_empty, numbers=numbers
        )

    def wanted_outputs(self, options: TextClassificationOptions) -> Sequence[int]:
        """Return the number of the logits."""
        return self._logits

    def allocate(self, rows: Rows, options: TextClassificationOptions) -> Any:
        """Return a list for the result of each row, or an array for the scores of windows."""
        if options.chunks is not None and rows.sources is not None:
            return np.empty((len(rows), len(self._labels)), np.float32)
        return [None] * len(rows)

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[TextClassificationOptions]
    ) -> None:
        """Compute the labels and scores of each row from its logits."""
        logits = as_float32(outputs[0], 2, len(group.rows), group.width)
        if logits.shape[1] != len(self._labels):
            check_label_count(self.bundle, logits.shape[1])
        function, k = self._ranking.get(prepared.options, self._ranking_of)
        if isinstance(prepared.results, np.ndarray):
            scores = prepared.results[group.rows] = _scores(logits, function)
            if not np.isfinite(scores).all():
                prepared.mark_not_finite(rows_not_finite(scores, group.rows))
            return
        ranking.classify(logits, group.rows, function, k, self._labels, prepared.results)
        if not all_finite(logits):  # by now, the scores
            prepared.mark_not_finite(rows_not_finite(logits, group.rows))

    def finish(self, prepared: Prepared[TextClassificationOptions]) -> Sequence[TextResult]:
        """Return the results of `postprocess`, after pooling the scores of each text's windows."""
        scores, sources, options = prepared.results, prepared.rows.sources, prepared.options
        if sources is not None and isinstance(scores, np.ndarray):
            if options.chunks == "max":
                pooled = max_of_windows(scores, sources)
            else:
                weights = self._chunks_of(options).weights(prepared.rows)
                pooled = mean_of_windows(scores, sources, weights)
            _, k = self._ranking.get(options, self._ranking_of)
            results: list[Any] = [None] * len(pooled)
            ranking.classify(pooled, None, ranking.FUNCTIONS["none"], k, self._labels, results)
            return results
        return prepared.results  # type: ignore[no-any-return]

    def finish_row(
        self, outputs: list[Tensor], text: Text, row: TokenRow, options: TextClassificationOptions
    ) -> TextResult | NotFinite:
        """Return the labels and scores of a row that ran alone."""
        logits = as_float32(outputs[0], 2, 1, row.size)
        if logits.shape[1] != len(self._labels):
            check_label_count(self.bundle, logits.shape[1])
        function, k = self._ranking.get(options, self._ranking_of)
        results: list[Any] = [None]
        ranking.classify(logits, None, function, k, self._labels, results)
        return results[0] if all_finite(logits) else NotFinite(results[0])

    def unwrap(
        self, results: Sequence[TextResult], value: Any, call_options: Mapping[str, Any]
    ) -> Any:
        """Nest the result as transformers: a str's is in a list, unless the call sets ``top_k``."""
        if isinstance(value, str) and "top_k" not in call_options:
            return [results[0]]
        return results[0]

    def _chunks_of(self, options: TextClassificationOptions) -> Chunks:
        """Return what splits texts; raises InputError for an overlap of whole windows."""
        return self._chunks.get(
            options, lambda given: Chunks(self.tokenizer_for(given), given.chunk_overlap)
        )

    def _ranking_of(self, options: TextClassificationOptions) -> tuple[int, int]:
        """Return the kernel's arguments `function` and `k`."""
        function = ranking.FUNCTIONS[options.function_to_apply or self._default_function]
        if options.top_k is NOT_GIVEN:
            return function, 0
        every = len(self._labels)
        return function, every if options.top_k is None else min(options.top_k, every)


def _scores(logits: Any, function: int) -> NDArray[np.float32]:
    """Return the scores for logits [batch, labels], by the number of the function."""
    scores = np.array(logits, np.float32)
    if function == ranking.FUNCTIONS["softmax"]:
        activations.softmax(scores)
    elif function == ranking.FUNCTIONS["sigmoid"]:
        activations.sigmoid(scores)
    return scores


def _default_function(config: Mapping[str, Any], label_count: int) -> str:
    """Return the function to apply, as `TextClassificationPipeline.postprocess` of transformers."""
    problem = config.get("problem_type")
    if problem == "regression":
        return "none"
    if problem == "multi_label_classification" or label_count == 1:
        return "sigmoid"
    return "softmax"
