"""Token classification: a label for each token, word or entity of a text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NotRequired, TypeAlias, TypedDict

import numpy as np

from hugot._fast import aggregation
from hugot._fast.entities import EntityFinder, EntityRules
from hugot._fast.finite import all_finite
from hugot._fast.joining import TokenJoiner
from hugot._fast.row_tokens import TokenStrings
from hugot.errors import InputError
from hugot.inputs.columns import word_list
from hugot.inputs.rows import token_spans
from hugot.options import check_choice
from hugot.tasks.base import NotFinite, OptionsCache
from hugot.tasks.outputs import as_float32, check_label_count, find_logits
from hugot.tasks.schema import FLOAT32, INT32, INT64, STRING, ListOf, Member, Struct
from hugot.tasks.text import TextOptions, TextTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hugot._ort.tensor import Tensor
    from hugot.inputs.native import Text
    from hugot.inputs.rows import Group, Rows, TokenRow, TokenRows
    from hugot.models.bundle import Label
    from hugot.tasks.base import Graph, Prepared


class Entity(TypedDict):
    """A token (``entity``, ``index``) or a group of them (``entity_group``).

    ``start`` and ``end`` are character offsets in the text.
    """

    entity: NotRequired[str]
    entity_group: NotRequired[str]
    score: float
    index: NotRequired[int]
    word: str
    start: int
    end: int


Entities: TypeAlias = "list[Entity]"

_TOKEN = Struct(
    (
        Member("entity", STRING),
        Member("score", FLOAT32),
        Member("index", INT32),
        Member("word", STRING),
        Member("start", INT64),
        Member("end", INT64),
    )
)
_GROUP = Struct(
    (
        Member("entity_group", STRING, go_name="Entity"),
        *(member for member in _TOKEN.members if member.name not in ("entity", "index")),
    )
)


@dataclass(frozen=True, kw_only=True)
class TokenClassificationOptions(TextOptions):
    """Options of token classification.

    Attributes:
        aggregation_strategy: ``"none"`` returns a result per token; ``"simple"`` groups adjacent tokens
            with the same tag; ``"first"``, ``"average"`` and ``"max"`` group words, whose label is
            that of the first token, of the tokens' mean scores, or of the token with the highest score.
        ignore_labels: labels (or, if grouped, tags) that are left out.
        stride: number of tokens by which windows overlap: a text that is too long for the model is run
            in several windows, and their entities are merged. With None, it is truncated.
        is_split_into_words: whether each input is a list of words.
        delimiter: the string between the words in the text that ``start`` and ``end`` refer to; a space
            by default.
    """

    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = "none"
    ignore_labels: Sequence[str] = ("O",)
    stride: int | None = None
    is_split_into_words: bool = False
    delimiter: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.aggregation_strategy, str):
            object.__setattr__(self, "aggregation_strategy", self.aggregation_strategy.lower())
        check_choice(
            "aggregation_strategy", self.aggregation_strategy, tuple(aggregation.STRATEGIES)
        )
        if not isinstance(self.ignore_labels, (list, tuple, set, frozenset)):
            raise InputError(
                f"ignore_labels={self.ignore_labels!r}; it must be a list: [{self.ignore_labels!r}]"
            )
        # A copy, since the caller may change a list later.
        object.__setattr__(self, "ignore_labels", tuple(self.ignore_labels))
        if self.stride is not None and (type(self.stride) is not int or self.stride < 0):
            raise InputError(f"stride={self.stride!r}; it must be a whole number of at least 0")
        check_choice("is_split_into_words", self.is_split_into_words, (True, False))
        if not isinstance(self.delimiter, str | None):
            raise InputError(f"delimiter={self.delimiter!r}; it must be a str")


class TokenClassification(TextTask[TokenClassificationOptions, Entities]):
    """Label the tokens of texts, as `transformers.TokenClassificationPipeline`.

        tag = hugot.pipeline("token-classification", "path/to/model", aggregation_strategy="simple")
        tag("Wolfgang lives in Berlin")
        # [{'entity_group': 'PER', 'score': 0.998, 'word': 'Wolfgang', 'start': 0, 'end': 8}, ...]

    A result is a list of dicts with the keys ``entity`` or ``entity_group`` (str), ``score`` (float),
    ``index`` (int, without aggregation only), ``word`` (str), ``start`` and ``end`` (int).
    """

    name: ClassVar[str] = "token-classification"
    options_type: ClassVar[type[Any]] = TokenClassificationOptions
    result_types: ClassVar[tuple[ListOf, ListOf]] = (ListOf(_TOKEN), ListOf(_GROUP))
    answers_empty: ClassVar[bool] = True

    def bind(self, graph: Graph, options: TokenClassificationOptions) -> None:
        """Find the output: ``logits`` [batch, tokens, labels], or a single 3-D output."""
        super().bind(graph, options)
        self._labels = self.bundle.labels
        self._names = [str(label) for label in self._labels]
        self._logits = [find_logits(graph, self.name, ("batch", "tokens", "labels"))]
        check_label_count(self.bundle, graph.outputs[self._logits[0]].shape[-1])
        tags = [_tag(name) for name in self._names]
        numbers = {tag: i for i, tag in enumerate(dict.fromkeys(tags))}
        tokenizer = self.tokenizer
        self._finder = EntityFinder(
            np.array([numbers[tag] for tag in tags], np.int32),
            np.array([name.startswith("B-") for name in self._names], np.uint8),
            TokenStrings(tokenizer.token, tokenizer.unknown_id, tokenizer.marks_subwords),
            TokenJoiner(tokenizer.join, tokenizer.joins_by_token),
        )
        self._rules: OptionsCache[TokenClassificationOptions, EntityRules] = OptionsCache()
        self._check_stride(options)

    @property
    def labels(self) -> list[Label]:
        """The labels, by index."""
        return list(self.bundle.labels)

    def result_type(self, options: TokenClassificationOptions) -> ListOf:
        """Return a list of tokens or, with aggregation, of entities."""
        tokens, entities = self.result_types
        return tokens if options.aggregation_strategy == "none" else entities

    def sample_input(self, text: str, options: TokenClassificationOptions) -> Any:
        """Return a text, or its words."""
        return text.split() if options.is_split_into_words else text

    def arrange(self, inputs: Any, options: TokenClassificationOptions) -> Any:
        """Return the argument of a call; a flat list of words is one input, as in transformers."""
        if options.is_split_into_words and isinstance(inputs, list | tuple):
            is_flat = any(isinstance(each, str) for each in inputs)
            return [list(inputs)] if is_flat else list(inputs)
        return inputs

    def accepts_all(self, inputs: Sequence[Any], options: TokenClassificationOptions) -> bool:
        """Whether all inputs are of type str, rather than lists of words."""
        return not options.is_split_into_words and super().accepts_all(inputs, options)

    def check_input(self, value: Any, index: int, options: TokenClassificationOptions) -> Text:
        """Return the text of a str, or a list of words."""
        if not options.is_split_into_words:
            return super().check_input(value, index, options)
        words = word_list(value)
        if words is None:
            raise InputError(
                f"input {index} must be a list of words, with is_split_into_words=True", index
            )
        return words

    def make_rows(
        self, values: Sequence[Text], options: TokenClassificationOptions, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the texts; with a stride, to as many windows as each needs."""
        words = options.is_split_into_words
        if options.stride is None:
            return self.tokenizer_for(options).encode(
                values,
                type_ids=self._type_ids,
                spans=True,
                words=words,
                truncate=options.truncation is True,
                numbers=numbers,
            )
        self._check_stride(options)
        tokenizer = self.tokenizer.with_length(options.max_length, stride=options.stride)
        return tokenizer.encode_windows(
            values, type_ids=self._type_ids, words=words, numbers=numbers
        )

    def wanted_outputs(self, options: TokenClassificationOptions) -> Sequence[int]:
        """Return the number of the logits."""
        return self._logits

    def allocate(self, rows: Rows, options: TokenClassificationOptions) -> list[Entities]:
        """Return a list for the entities of each row."""
        return [[] for _ in range(len(rows))]

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[TokenClassificationOptions]
    ) -> None:
        """Find the entities of each row."""
        logits = as_float32(outputs[0], 3, len(group.rows), group.width)
        if logits.shape[2] != len(self._labels):
            check_label_count(self.bundle, logits.shape[2])
        self._finder.find(
            logits,
            prepared.rows,
            group.rows,
            self.tokenizer.padding.left,
            prepared.inputs,
            self._rules.get(prepared.options, self._rules_of),
            prepared.results,
        )
        if not all_finite(logits):  # by now, the scores, except at the padding
            scores, spans = np.asarray(logits), zip(*token_spans(prepared.rows, group), strict=True)
            finite = [all_finite(scores[i, begin:end]) for i, (begin, end) in enumerate(spans)]
            prepared.mark_not_finite(group.rows[~np.array(finite)].tolist())

    def finish(self, prepared: Prepared[TokenClassificationOptions]) -> Sequence[Entities]:
        """Return the results of `postprocess`, after merging those of each text's windows."""
        if prepared.rows.sources is None:
            return prepared.results  # type: ignore[no-any-return]
        found: list[list[Entities]] = [[] for _ in prepared.inputs]
        for source, entities in zip(prepared.rows.sources, prepared.results, strict=True):
            found[source].append(entities)
        return [
            windows[0] if len(windows) == 1 else merge_overlapping(chain.from_iterable(windows))
            for windows in found
        ]

    def finish_row(
        self, outputs: list[Tensor], text: Text, row: TokenRow, options: TokenClassificationOptions
    ) -> Entities | NotFinite:
        """Return the entities of a row that ran alone."""
        logits = as_float32(outputs[0], 3, 1, row.size)
        if logits.shape[2] != len(self._labels):
            check_label_count(self.bundle, logits.shape[2])
        rules = self._rules.get(options, self._rules_of)
        found = self._finder.find_row(logits, row.row_ids, row.encodings[0], text, rules)
        return found if all_finite(logits) else NotFinite(found)

    def _check_stride(self, options: TokenClassificationOptions) -> None:
        tokenizer = self.tokenizer_for(options)
        if options.stride is None or tokenizer.max_length is None:
            return
        if options.stride >= tokenizer.window_length:
            raise InputError(
                f"stride={options.stride}; it must be below {tokenizer.window_length}, the tokens that "
                "a row holds beside the special ones"
            )

    def _rules_of(self, options: TokenClassificationOptions) -> EntityRules:
        return EntityRules(
            aggregation.STRATEGIES[options.aggregation_strategy],
            # Groups have a part of a string as their name, even if the label is a number.
            self._labels if options.aggregation_strategy == "none" else self._names,
            options.ignore_labels,
            " " if options.delimiter is None else options.delimiter,
        )


def merge_overlapping(entities: Iterable[Entity]) -> Entities:
    """Keep the longest of overlapping entities, or of equally long ones that with the higher score.

    As `aggregate_overlapping_entities` of transformers.
    """
    merged: Entities = []
    for entity in sorted(entities, key=itemgetter("start")):
        if not merged or not merged[-1]["start"] <= entity["start"] < merged[-1]["end"]:
            merged.append(entity)
        elif _rank(entity) > _rank(merged[-1]):
            merged[-1] = entity
    return merged


def _rank(entity: Entity) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]


def _tag(label: str) -> str:
    """Return a label without its prefix ``B-`` or ``I-``."""
    return label[2:] if label.startswith(("B-", "I-")) else label
