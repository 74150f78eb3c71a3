"""Text classification: a label and a score for a text or a pair of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, TypedDict

from hugot._fast import ranking
from hugot._fast.finite import all_finite
from hugot.errors import InputError
from hugot.options import NOT_GIVEN, check_choice
from hugot.tasks.base import NotFinite, OptionsCache
from hugot.tasks.outputs import as_float32, check_label_count, find_logits, rows_not_finite
from hugot.tasks.schema import FLOAT32, STRING, TEXT, Field, ListOf, struct
from hugot.tasks.text import TextOptions, TextTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hugot._ort.tensor import Tensor
    from hugot.inputs.rows import Group, Rows, TokenRow
    from hugot.inputs.tokenizer import Text
    from hugot.tasks.base import Graph, Prepared

_FUNCTIONS: Final = ("softmax", "sigmoid", "none")


class Classification(TypedDict):
    """A label of the model and its score."""

    label: str
    score: float


TextResult: TypeAlias = "Classification | list[Classification]"


@dataclass(frozen=True, kw_only=True)
class TextClassificationOptions(TextOptions):
    """Options of text classification.

    Attributes:
        top_k: number of labels to return, best first; None for all. If it is not given, the best label
            is returned, nested as transformers does in that case.
        function_to_apply: ``"softmax"``, ``"sigmoid"`` or ``"none"``; None follows the model's
            configuration, as transformers does.
    """

    top_k: int | Any | None = NOT_GIVEN
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        top_k = self.top_k
        if top_k is not NOT_GIVEN and top_k is not None and (type(top_k) is not int or top_k < 1):
            raise InputError(f"top_k={top_k!r}; it must be a whole number of at least 1, or None")
        if isinstance(self.function_to_apply, str):
            object.__setattr__(self, "function_to_apply", self.function_to_apply.lower())
        check_choice("function_to_apply", self.function_to_apply, (None, *_FUNCTIONS))


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

    def result_type(self, options: TextClassificationOptions) -> ListOf:
        """Return a list of labels and scores, best first."""
        return self.result_types[0]

    def check_input(self, value: Any, index: int, options: TextClassificationOptions) -> Text:
        """Return the text of a str, or the pair of a dict with ``text`` and ``text_pair``."""
        if isinstance(value, dict):
            extra = value.keys() - {"text", "text_pair"}
            text, pair = value.get("text"), value.get("text_pair")
            if extra or not isinstance(text, str) or not isinstance(pair, str | None):
                raise InputError(
                    f'input {index}: a dict must be {{"text": str, "text_pair": str}}, not {value!r}',
                    index,
                )
            # transformers ignores an empty second text.
            return (str(text), str(pair)) if pair else str(text)
        if isinstance(value, list) and len(value) == 1:
            # An older form of a pair, which transformers still accepts: [["text", "text_pair"]].
            match value[0]:
                case [str() as text, str() as pair]:
                    return str(text), str(pair)
        return super().check_input(value, index, options)

    def wanted_outputs(self, options: TextClassificationOptions) -> Sequence[int]:
        """Return the number of the logits."""
        return self._logits

    def allocate(self, rows: Rows, options: TextClassificationOptions) -> list[Any]:
        """Return a list for the result of each row."""
        return [None] * len(rows)

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[TextClassificationOptions]
    ) -> None:
        """Compute the labels and scores of each row from its logits."""
        logits = as_float32(outputs[0], 2, len(group.rows), group.width)
        if logits.shape[1] != len(self._labels):
            check_label_count(self.bundle, logits.shape[1])
        function, k = self._ranking.get(prepared.options, self._ranking_of)
        ranking.classify(logits, group.rows, function, k, self._labels, prepared.results)
        if not all_finite(logits):  # by now, the scores
            prepared.mark_not_finite(rows_not_finite(logits, group.rows))

    def finish(self, prepared: Prepared[TextClassificationOptions]) -> Sequence[TextResult]:
        """Return the results of `postprocess`."""
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

    def _ranking_of(self, options: TextClassificationOptions) -> tuple[int, int]:
        """Return the kernel's arguments `function` and `k`."""
        function = ranking.FUNCTIONS[options.function_to_apply or self._default_function]
        if options.top_k is NOT_GIVEN:
            return function, 0
        every = len(self._labels)
        return function, every if options.top_k is None else min(options.top_k, every)


def _default_function(config: Mapping[str, Any], label_count: int) -> str:
    """Return the function to apply, as `TextClassificationPipeline.postprocess` of transformers."""
    problem = config.get("problem_type")
    if problem == "regression":
        return "none"
    if problem == "multi_label_classification" or label_count == 1:
        return "sigmoid"
    return "softmax"
