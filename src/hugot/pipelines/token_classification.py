"""Token classification: a label for each token, word or entity of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NotRequired, TypeAlias, TypedDict

import numpy as np

from hugot._fast import activations, aggregation, encode
from hugot.errors import InputError
from hugot.options import check_choice
from hugot.pipelines.base import Pipeline, TaskOptions, Window
from hugot.pipelines.logits import check_label_count, find_logits
from hugot.runtime.model import as_float32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.text.batch import TokenBatch
    from hugot.text.planner import Group


class Entity(TypedDict):
    """A token (``entity``, ``index``) or a group of them (``entity_group``).

    ``start`` and ``end`` are numbers of characters of the text.
    """

    entity: NotRequired[str]
    entity_group: NotRequired[str]
    score: float
    index: NotRequired[int]
    word: str
    start: int
    end: int


Entities: TypeAlias = "list[Entity]"


@dataclass(frozen=True, kw_only=True)
class TokenClassificationOptions(TaskOptions):
    """Options of token classification.

    Attributes:
        aggregation_strategy: ``"none"`` gives a result per token; ``"simple"`` groups adjacent tokens
            of one tag; ``"first"``, ``"average"`` and ``"max"`` do so after giving every word one
            label: its first token's, that of its tokens' mean scores, or its most certain token's.
        ignore_labels: labels (or, when grouped, tags) that are left out.
    """

    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = "none"
    ignore_labels: Sequence[str] = ("O",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.aggregation_strategy, str):
            object.__setattr__(self, "aggregation_strategy", self.aggregation_strategy.lower())
        check_choice(
            "aggregation_strategy", self.aggregation_strategy, tuple(aggregation.STRATEGIES)
        )
        if isinstance(self.ignore_labels, str):
            raise InputError(
                f"ignore_labels={self.ignore_labels!r}; it must be a list: [{self.ignore_labels!r}]"
            )


class TokenClassificationPipeline(Pipeline[TokenClassificationOptions, Entities]):
    """Label the tokens of texts, as `transformers.TokenClassificationPipeline`.

        tag = hugot.pipeline("token-classification", "path/to/model", aggregation_strategy="simple")
        tag("Wolfgang lives in Berlin")
        # [{'entity_group': 'PER', 'score': 0.998, 'word': 'Wolfgang', 'start': 0, 'end': 8}, ...]

    A result is a list of dicts with the keys ``entity`` or ``entity_group`` (str), ``score`` (float),
    ``index`` (int, without aggregation only), ``word`` (str), ``start`` and ``end`` (int).
    """

    task: ClassVar[str] = "token-classification"
    options_type: ClassVar[type[Any]] = TokenClassificationOptions
    needs_spans: ClassVar[bool] = True

    def validate(self) -> list[int]:
        """The graph needs an output ``logits`` [batch, tokens, labels], or a single 3-D output."""
        self._labels = self._bundle.labels
        number = find_logits(
            self._bundle, self._model.session.outputs, self.task, ("batch", "tokens", "labels")
        )
        tags = [_tag(label) for label in self._labels]
        numbers = {tag: i for i, tag in enumerate(dict.fromkeys(tags))}
        self._label_tags = np.array([numbers[tag] for tag in tags], np.int32)
        self._label_begins = np.array([label.startswith("B-") for label in self._labels], np.uint8)
        self._vocabulary = _Vocabulary(self)
        return [number]

    def allocate(self, batch: TokenBatch, options: TokenClassificationOptions) -> Any:
        """One list of entities per row."""
        return [None] * len(batch)

    def postprocess(
        self, outputs: list[Tensor], group: Group, window: Window[TokenClassificationOptions]
    ) -> None:
        """Turn the logits of each row into its entities."""
        logits = np.asarray(as_float32(outputs[0]))
        check_label_count(self._bundle, logits.shape[2])
        activations.softmax(logits.reshape(-1, logits.shape[2]))
        batch = window.batch
        left = self._tokenizer.pads_left
        for i, row in enumerate(group.rows.tolist()):
            begin, end = int(batch.offsets[row]), int(batch.offsets[row + 1])
            first = group.width - (end - begin) if left else 0
            scores = logits[i, first : first + end - begin]
            ids = batch.ids[begin:end]
            tokens = _Tokens(window.texts[row], ids, batch.encodings[row], self._vocabulary)
            window.results[row] = self._entities(tokens, scores, window.options)

    def collect(self, window: Window[TokenClassificationOptions]) -> Sequence[Entities]:
        """The lists that `postprocess` made."""
        return window.results  # type: ignore[no-any-return]

    def _entities(
        self, tokens: _Tokens, scores: NDArray[np.float32], options: TokenClassificationOptions
    ) -> Entities:
        strategy = options.aggregation_strategy
        count = len(tokens.ids)
        kept = np.empty(count, np.int32)
        units = np.empty((count, 3), np.int32)
        unit_scores = np.empty(count, np.float32)
        groups = np.empty((count, 2), np.int32)
        group_scores = np.empty(count, np.float32)
        by_word = strategy not in ("none", "simple")
        unit_count, group_count = aggregation.aggregate(
            scores,
            tokens.special,
            tokens.subwords() if by_word else tokens.special,
            aggregation.STRATEGIES[strategy],
            self._label_tags,
            self._label_begins,
            kept,
            units,
            unit_scores,
            groups,
            group_scores,
        )
        found = _Units(kept.tolist(), units[:unit_count].tolist(), unit_scores.tolist())
        if strategy == "none":
            return self._per_token(tokens, found, options.ignore_labels)
        entities: Entities = []
        for (first, stop), score in zip(
            groups[:group_count].tolist(), group_scores.tolist(), strict=False
        ):
            tag = self._labels[found.units[first][2]].split("-", 1)[-1]
            if tag in options.ignore_labels:
                continue
            words = [self._word(tokens, found, unit, join=by_word) for unit in range(first, stop)]
            entities.append(
                {
                    "entity_group": tag,
                    "score": score,
                    "word": self._tokenizer.join(words),
                    "start": tokens.spans[found.tokens[found.units[first][0]]][0],
                    "end": tokens.spans[found.tokens[found.units[stop - 1][1] - 1]][1],
                }
            )
        return entities

    def _per_token(self, tokens: _Tokens, found: _Units, ignore_labels: Sequence[str]) -> Entities:
        entities: Entities = []
        for (place, _, number), score in zip(found.units, found.scores, strict=False):
            label = self._labels[number]
            if label in ignore_labels:
                continue
            token = found.tokens[place]
            start, end = tokens.spans[token]
            entities.append(
                {
                    "entity": label,
                    "score": score,
                    "index": token,
                    "word": tokens.string(token),
                    "start": start,
                    "end": end,
                }
            )
        return entities

    def _word(self, tokens: _Tokens, found: _Units, unit: int, *, join: bool) -> str:
        first, stop, _ = found.units[unit]
        strings = [tokens.string(found.tokens[place]) for place in range(first, stop)]
        return self._tokenizer.join(strings) if join else strings[0]


@dataclass(frozen=True)
class _Units:
    """What the kernel found, as Python numbers.

    `tokens` maps places to tokens (special ones left out); a unit is first and past-the-end place,
    and label.
    """

    tokens: list[int]
    units: list[list[int]]
    scores: list[float]


class _Vocabulary:
    """Strings of the tokens that have occurred, and their lengths."""

    def __init__(self, pipeline: TokenClassificationPipeline) -> None:
        self.tokenizer = pipeline._tokenizer
        self.lengths = np.full(self.tokenizer.vocabulary_size, -1, np.int32)
        self.strings: dict[int, str] = {}

    def string(self, token_id: int) -> str:
        """The string of a token."""
        string = self.strings.get(token_id)
        if string is None:
            string = self.strings[token_id] = self.tokenizer.token(token_id)
        return string

    def learn(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """`lengths`, with the lengths of these ids in it."""
        for token_id in ids[self.lengths[ids] < 0].tolist():
            self.lengths[token_id] = len(self.string(token_id))
        return self.lengths


class _Tokens:
    """One row's tokens beside the text that they came from."""

    def __init__(
        self, text: Any, ids: NDArray[np.int32], encoding: Any, vocabulary: _Vocabulary
    ) -> None:
        self.text = text
        self.ids = ids
        self.encoding = encoding
        self.vocabulary = vocabulary
        self.spans: list[tuple[int, int]] = encoding.offsets
        self.special = np.array(encoding.special_tokens_mask, np.uint8)

    def string(self, token: int) -> str:
        """The token's string as transformers prints it: the text itself for an unknown one."""
        token_id = int(self.ids[token])
        if token_id == self.vocabulary.tokenizer.unknown_id:
            start, end = self.spans[token]
            return self.text[start:end]  # type: ignore[no-any-return]
        return self.vocabulary.string(token_id)

    def subwords(self) -> NDArray[np.uint8]:
        """1 for each token that continues a word."""
        tokenizer = self.vocabulary.tokenizer
        spans = np.empty((len(self.ids), 2), np.int32)
        encode.gather_spans([self.encoding], spans)
        flags = np.empty(len(self.ids), np.uint8)
        if tokenizer.marks_subwords:
            lengths = self.vocabulary.learn(self.ids)
            aggregation.subwords_by_length(self.ids, spans, lengths, tokenizer.unknown_id, flags)
        else:
            points = np.frombuffer(self.text.encode("utf-32-le"), np.uint32)
            aggregation.subwords_by_blank(self.ids, spans, points, tokenizer.unknown_id, flags)
        return flags


def _tag(label: str) -> str:
    """A label without its ``B-`` or ``I-``."""
    return label[2:] if label.startswith(("B-", "I-")) else label
