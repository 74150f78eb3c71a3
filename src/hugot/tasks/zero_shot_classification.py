"""Zero-shot classification: labels of the caller's choice for a text, by an entailment model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

import numpy as np

from hugot.errors import InputError, ModelFormatError
from hugot.inputs.columns import advice, plain_str
from hugot.models.files import get_typed
from hugot.options import check_switch
from hugot.tasks.base import MISSING, OptionsCache
from hugot.tasks.hypotheses import Hypotheses, Question, check_template, checked_labels
from hugot.tasks.outputs import as_float32, check_label_count, find_logits
from hugot.tasks.schema import FLOAT32, STRING, TEXT, Field, ListOf, Struct, struct
from hugot.tasks.text import TextOptions, TextTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.inputs.pairs import Surrounding
    from hugot.inputs.rows import Group, Rows, TokenRows
    from hugot.models.bundle import Label, ModelBundle
    from hugot.tasks.base import Graph, Prepared

_LABELS: Final = "candidate_labels"
# The labels of inputs that measure or warm up a pipeline without labels of its own.
_SAMPLE_LABELS: Final = ("politics", "sports", "science")


class ZeroShotResult(TypedDict):
    """A text, its labels, the best first, and their scores."""

    sequence: str
    labels: list[str]
    scores: list[float]


@dataclass(frozen=True, kw_only=True)
class ZeroShotClassificationOptions(TextOptions):
    """Options of zero-shot classification.

    Attributes:
        candidate_labels: the labels to choose from: a list, or a str in which commas separate them.
        hypothesis_template: the sentence that the model compares with the text for each label, which
            takes the place of ``{}`` in it.
        multi_label: whether each label is judged by itself, so that several may fit; otherwise, the
            scores of a text add up to 1.
    """

    candidate_labels: str | Sequence[str] | None = None
    hypothesis_template: str = "This example is {}."
    multi_label: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_switch("multi_label", self.multi_label)
        check_template(self.hypothesis_template, "label")
        if self.candidate_labels is not None:
            object.__setattr__(self, _LABELS, checked_labels(self.candidate_labels))


class ZeroShotClassification(TextTask[ZeroShotClassificationOptions, ZeroShotResult]):
    """Classify texts by any labels, as `transformers.ZeroShotClassificationPipeline`.

        classify = hugot.pipeline("zero-shot-classification", "path/to/model")
        classify("The match ended in a draw", ["politics", "sports"])
        # {'sequence': 'The match ended in a draw', 'labels': ['sports', 'politics'],
        #  'scores': [0.97, 0.03]}
        classify({"text": "The match ended in a draw", "candidate_labels": ["politics", "sports"]})

    A result is a dict with the keys ``sequence`` (str), ``labels`` (list of str, best first) and
    ``scores`` (list of float).
    """

    name: ClassVar[str] = "zero-shot-classification"
    options_type: ClassVar[type[Any]] = ZeroShotClassificationOptions
    fields: ClassVar[tuple[Field, ...]] = (
        TEXT,
        Field(
            _LABELS,
            _LABELS,
            "Key or column of the labels of a text, which replace those of --candidate-labels.",
            required=False,
            if_present=True,
        ),
    )
    positional_options: ClassVar[tuple[str, ...]] = (_LABELS,)
    result_types: ClassVar[tuple[Struct]] = (struct(labels=ListOf(STRING), scores=ListOf(FLOAT32)),)

    def bind(self, graph: Graph, options: ZeroShotClassificationOptions) -> None:
        """Find the output, ``logits`` [batch, labels], and the label for entailment."""
        super().bind(graph, options)
        self._logits = [find_logits(graph, self.name, ("batch", "labels"))]
        check_label_count(self.bundle, graph.outputs[self._logits[0]].shape[-1])
        self._entailment = _entailment(self.bundle)
        self._warned = False
        self._contradiction = -1 if self._entailment == 0 else 0
        self._hypotheses = Hypotheses(
            self.tokenizer, self.bundle.position_table, type_ids=self._type_ids
        )
        self._known: OptionsCache[
            ZeroShotClassificationOptions, dict[tuple[str, ...], list[Surrounding]]
        ] = OptionsCache()
        self._known.get(options, self._of_options)

    @property
    def labels(self) -> list[Label]:
        """The names of the model's labels, by index."""
        return list(self.bundle.labels)

    def result_type(self, options: ZeroShotClassificationOptions) -> Struct:
        """Labels, best first, and their scores."""
        return self.result_types[0]

    def count_tokens(self, value: Any, options: ZeroShotClassificationOptions) -> int:
        """Count the tokens of a text's longest row, or of the text alone if it has no labels."""
        if isinstance(value, str) and options.candidate_labels is None:
            return self.tokenizer.count(plain_str(value))
        question = self.check_input(value, 0, options)
        return self._hypotheses.count_tokens(question, options.hypothesis_template)

    def bind_call(
        self, inputs: Any, more: Sequence[Any], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return inputs and options; transformers calls the inputs `sequences`."""
        if inputs is MISSING and "sequences" in options:
            inputs = options["sequences"]
            options = {name: value for name, value in options.items() if name != "sequences"}
        return super().bind_call(inputs, more, options)

    def sample_input(self, text: str, options: ZeroShotClassificationOptions) -> Any:
        """A text, with labels if the options have none."""
        if options.candidate_labels is not None:
            return text
        return {TEXT.key: text, _LABELS: list(_SAMPLE_LABELS)}

    def accepts_all(self, inputs: Sequence[Any], options: ZeroShotClassificationOptions) -> bool:
        """No: each input gets its labels."""
        return False

    def check_input(self, value: Any, index: int, options: ZeroShotClassificationOptions) -> Any:
        """Return the text of a str or a dict, and its labels, as a `Question`."""
        labels = options.candidate_labels
        if isinstance(value, dict):
            is_text = isinstance(value.get(TEXT.key), str)
            if value.keys() - {TEXT.key, _LABELS} or not is_text:
                raise InputError(
                    f'input {index}: a dict must be {{"text": str, "candidate_labels": [str, …]}}, '
                    f"not {value!r:.200}{'' if is_text else advice(value)}",
                    index,
                )
            if value.get(_LABELS) is not None:
                try:
                    labels = checked_labels(value[_LABELS])
                except InputError as error:
                    raise InputError(f"input {index}: {error}", index) from None
            value = value[TEXT.key]
        text: Any = super().check_input(value, index, options)
        if not text:
            raise InputError(f"input {index} is an empty text, which has no labels", index)
        if labels is None:
            raise InputError(
                f"input {index} has no candidate_labels; pass a list of them as an option", index
            )
        return Question(text, labels)  # type: ignore[arg-type]  # the options' are checked

    def make_rows(
        self,
        values: Sequence[Any],
        options: ZeroShotClassificationOptions,
        numbers: Sequence[int],
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize each text once, and make a row of it for each of its labels."""
        self._warn()
        return self._hypotheses.make_rows(
            values,
            self.tokenizer_for(options),
            template=options.hypothesis_template,
            known=self._known.get(options, self._of_options),
            truncate=options.truncation is True,
            numbers=numbers,
        )

    def wanted_outputs(self, options: ZeroShotClassificationOptions) -> Sequence[int]:
        """The logits."""
        return self._logits

    def allocate(self, rows: Rows, options: ZeroShotClassificationOptions) -> NDArray[np.float32]:
        """An array for the logits, [rows, labels]."""
        return np.empty((len(rows), len(self.bundle.labels)), np.float32)

    def postprocess(
        self,
        outputs: list[Tensor],
        group: Group,
        prepared: Prepared[ZeroShotClassificationOptions],
    ) -> None:
        """Store the logits of each row."""
        logits = as_float32(outputs[0], 2, len(group.rows), group.width)
        if logits.shape[1] != prepared.results.shape[1]:
            check_label_count(self.bundle, logits.shape[1])
        prepared.results[group.rows] = logits

    def finish(self, prepared: Prepared[ZeroShotClassificationOptions]) -> Sequence[ZeroShotResult]:
        """Return the labels of each text by their scores."""
        entailment = prepared.results[:, self._entailment].astype(np.float64)
        contradiction = prepared.results[:, self._contradiction].astype(np.float64)
        ends = np.cumsum([len(question.labels) for question in prepared.inputs]).tolist()
        results: list[ZeroShotResult] = []
        begin = 0
        for question, end in zip(prepared.inputs, ends, strict=True):
            rows = slice(begin, end)
            if prepared.options.multi_label or end - begin == 1:
                scores = _softmax(np.stack((contradiction[rows], entailment[rows])))[1]
            else:
                scores = _softmax(entailment[rows])
            if not np.isfinite(scores).all():
                prepared.mark_not_finite([begin])
            results.append(_result(question, scores.astype(np.float32)))
            begin = end
        return results

    def _of_options(
        self, options: ZeroShotClassificationOptions
    ) -> dict[tuple[str, ...], list[Surrounding]]:
        """Return the hypotheses of the options' labels, by the labels."""
        labels: Any = options.candidate_labels  # as `checked_labels` has returned them
        if labels is None:
            return {}
        return {labels: self._hypotheses.of_labels(labels, options.hypothesis_template)}

    def _warn(self) -> None:
        """Warn once of a model that names no label for entailment."""
        if self._entailment == -1 and not self._warned:
            self._warned = True
            logging.getLogger("hugot").warning(
                "%s names no label that begins with 'entail'; the last one, %r, is taken for it",
                self.bundle.config_path,
                self.bundle.labels[-1],
            )


def _entailment(bundle: ModelBundle) -> int:
    """Return the number of the label for entailment, -1 if none is named so.

    As `ZeroShotClassificationPipeline.entailment_id`: the first label of ``label2id`` counts. Without
    ``id2label``, transformers does not read it.
    """
    source, count = bundle.config_path, len(bundle.labels)
    numbers: Mapping[str, Any] = {str(label): number for number, label in enumerate(bundle.labels)}
    if bundle.config.get("id2label"):
        numbers = get_typed(bundle.config, "label2id", dict, source, numbers)
    for label, number in numbers.items():
        if label.lower().startswith("entail"):
            if type(number) is not int or not -count <= number < count:
                raise ModelFormatError(
                    f"{source}: label2id has {number!r:.80} for {label!r}; it must be the number of one "
                    f"of the {count} labels"
                )
            return number
    return -1


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax along the first axis."""
    with np.errstate(all="ignore"):
        exponentials = np.exp(values - values.max(0))
        found: NDArray[np.float64] = exponentials / exponentials.sum(0)
        return found


def _result(question: Question, scores: NDArray[np.float32]) -> ZeroShotResult:
    """Return the result of a text; of labels with one score, the last comes first."""
    order = scores.argsort(kind="stable")[::-1]
    return {
        "sequence": question.text,
        "labels": [question.labels[number] for number in order.tolist()],
        "scores": scores[order].tolist(),
    }
