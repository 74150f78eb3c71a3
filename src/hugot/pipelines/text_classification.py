"""Text classification: a label and a score for a text or a pair of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypedDict

from hugot._fast import ranking
from hugot.errors import InputError
from hugot.options import NOT_GIVEN, check_choice
from hugot.pipelines.base import Pipeline
from hugot.pipelines.logits import check_label_count, find_logits
from hugot.pipelines.per_options import PerOptions
from hugot.pipelines.task_options import TaskOptions
from hugot.runtime.model import as_float32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hugot._ort.tensor import Tensor
    from hugot.pipelines.window import Window
    from hugot.text.batch import RowBatch, TokenBatch
    from hugot.text.planner import Group
    from hugot.text.tokenizer import Text

_FUNCTIONS = ("softmax", "sigmoid", "none")


class Classification(TypedDict):
    """A label of the model and its score."""

    label: str
    score: float


TextResult: TypeAlias = "Classification | list[Classification]"


@dataclass(frozen=True, kw_only=True)
class TextClassificationOptions(TaskOptions):
    """Options of text classification.

    Attributes:
        top_k: number of labels to give, best first; None for all. Not given: the best one, with the
            nesting that transformers uses for that case.
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


class TextClassificationPipeline(Pipeline[TextClassificationOptions, TextResult]):
    """Classify texts, as `transformers.TextClassificationPipeline`.

        classify = hugot.pipeline("text-classification", "path/to/model")
        classify("The film was excellent")               # [{'label': 'POSITIVE', 'score': 0.9998}]
        classify(["good", "bad"], top_k=None)            # [[{...}, {...}], [{...}, {...}]]
        classify({"text": "How many?", "text_pair": "Three."})

    A result is a dict with the keys ``label`` (str) and ``score`` (float), or a list of them, best
    first, with ``top_k``.
    """

    task: ClassVar[str] = "text-classification"
    options_type: ClassVar[type[Any]] = TextClassificationOptions

    def validate(self) -> None:
        """The graph needs an output ``logits`` [batch, labels], or a single 2-D output."""
        self._labels = self._bundle.labels
        self._logits = find_logits(
            self._bundle, self._model.session.outputs, self.task, ("batch", "labels")
        )
        self._default_function = _default_function(self._bundle.config, len(self._labels))
        self._ranking: PerOptions[TextClassificationOptions, tuple[int, int]] = PerOptions()

    def wanted_outputs(self, options: TextClassificationOptions) -> list[int]:
        """The logits."""
        return [self._logits]

    def check_input(self, value: Any, index: int, options: TextClassificationOptions) -> Text:
        """A str, or a dict with ``text`` and, for a pair, ``text_pair``."""
        if isinstance(value, dict):
            extra = value.keys() - {"text", "text_pair"}
            text, pair = value.get("text"), value.get("text_pair")
            if extra or not isinstance(text, str) or not isinstance(pair, str | None):
                raise InputError(
                    f'input {index}: a dict must be {{"text": str, "text_pair": str}}, not {value!r}',
                    index,
                )
            # transformers takes an empty second text for none at all.
            return (text, pair) if pair else text
        if isinstance(value, list) and len(value) == 1:
            # An older form of a pair, which transformers still takes: [["text", "text_pair"]].
            match value[0]:
                case [str() as text, str() as pair]:
                    return text, pair
        return super().check_input(value, index, options)

    def allocate(self, batch: TokenBatch, options: TextClassificationOptions) -> Any:
        """A place for the result of each row."""
        return [None] * len(batch)

    def postprocess(
        self, outputs: list[Tensor], group: Group, window: Window[TextClassificationOptions]
    ) -> None:
        """Turn the logits of each row into its labels and scores."""
        logits = as_float32(outputs[0], 2, len(group.rows), group.width)
        check_label_count(self._bundle, logits.shape[1])
        function, k = self._ranking(window.options, self._ranking_of)
        ranking.classify(logits, group.rows, function, k, self._labels, window.results)

    def answer_row(
        self,
        outputs: list[Tensor],
        text: Text,
        batch: RowBatch,
        options: TextClassificationOptions,
    ) -> TextResult:
        """Labels and scores of a row that stands alone."""
        logits = as_float32(outputs[0], 2, 1, len(batch.row_ids))
        check_label_count(self._bundle, logits.shape[1])
        function, k = self._ranking(options, self._ranking_of)
        results: list[Any] = [None]
        ranking.classify(logits, None, function, k, self._labels, results)
        return results[0]  # type: ignore[no-any-return]

    def collect(self, window: Window[TextClassificationOptions]) -> Sequence[TextResult]:
        """What `postprocess` made."""
        return window.results  # type: ignore[no-any-return]

    def unwrap(
        self, results: Sequence[TextResult], value: Any, call_options: Mapping[str, Any]
    ) -> Any:
        """As transformers: a str gives a list around the result, unless ``top_k`` is in the call."""
        if isinstance(value, str) and "top_k" not in call_options:
            return [results[0]]
        return results[0]

    def _ranking_of(self, options: TextClassificationOptions) -> tuple[int, int]:
        """What the kernel takes for `function` and for `k`."""
        function = ranking.FUNCTIONS[options.function_to_apply or self._default_function]
        if options.top_k is NOT_GIVEN:
            return function, 0
        every = len(self._labels)
        return function, every if options.top_k is None else min(options.top_k, every)


def _default_function(config: Mapping[str, Any], label_count: int) -> str:
    """The rule of transformers' `TextClassificationPipeline.postprocess`."""
    problem = config.get("problem_type")
    if problem == "regression":
        return "none"
    if problem == "multi_label_classification" or label_count == 1:
        return "sigmoid"
    return "softmax"
