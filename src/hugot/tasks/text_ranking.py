"""Text ranking: how well documents answer a query, by a cross encoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NotRequired, TypeAlias, TypedDict

import numpy as np

from hugot.errors import InputError, ModelFormatError, TokenizerError
from hugot.inputs.columns import plain_str
from hugot.inputs.joined import join_pairs, without_number
from hugot.models.log import debug
from hugot.models.ranking import find_function, longest_pair, read_ranking_files, softmax
from hugot.options import NOT_GIVEN, check_choice, check_positive
from hugot.tasks.base import OptionsCache
from hugot.tasks.outputs import as_float32, check_label_count, find_logits
from hugot.tasks.ranking_inputs import (
    DOCUMENT,
    DOCUMENTS,
    QUERY,
    Query,
    checked_input,
    is_pair,
    pairs_of,
    refusals,
)
from hugot.tasks.schema import FLOAT32, INT32, STRING, Field, ListOf, struct
from hugot.tasks.text import TextOptions, TextTask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from hugot._ort.tensor import Tensor
    from hugot.inputs.rows import Group, Rows, TokenRows
    from hugot.inputs.tokenizer import TextTokenizer
    from hugot.models.bundle import Label
    from hugot.models.ranking import Function
    from hugot.tasks.base import Graph, Prepared
    from hugot.tasks.schema import ResultType

_FUNCTIONS: Final = {
    "sigmoid": "torch.nn.Sigmoid",
    "tanh": "torch.nn.Tanh",
    "softmax": "torch.nn.Softmax",
    "none": "torch.nn.Identity",
}


class RankedDocument(TypedDict):
    """A document of a list: its index, its score, and its text if that is asked for."""

    corpus_id: int
    score: float
    text: NotRequired[str]


RankingResult: TypeAlias = "float | NDArray[np.float32] | list[RankedDocument]"


@dataclass(frozen=True, kw_only=True)
class TextRankingOptions(TextOptions):
    """Options of text ranking.

    Attributes:
        function_to_apply: ``"sigmoid"``, ``"tanh"``, ``"softmax"`` or ``"none"``, the function of the
            scores; None follows the model's files, as sentence-transformers does.
        apply_softmax: whether the scores of several labels become probabilities, after that function.
        prompt: text to put before every query; ``""`` for none, not even the model's default.
        prompt_name: name of a prompt in ``config_sentence_transformers.json``.
        top_k: number of documents in a ranked list; None for all.
        return_documents: whether a ranked list has the texts of the documents.
    """

    function_to_apply: Literal["sigmoid", "tanh", "softmax", "none"] | None = None
    apply_softmax: bool = False
    prompt: str | None = None
    prompt_name: str | None = None
    top_k: int | None = None
    return_documents: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.function_to_apply, str):
            object.__setattr__(self, "function_to_apply", self.function_to_apply.lower())
        check_choice("function_to_apply", self.function_to_apply, (None, *_FUNCTIONS))
        for name in ("apply_softmax", "return_documents"):
            check_choice(name, getattr(self, name), (True, False))
        for name in ("prompt", "prompt_name"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"{name}={getattr(self, name)!r:.80}; it must be a str")
        if self.top_k is not None:
            check_positive("top_k", self.top_k)


class Ranking:
    """The methods of text ranking."""

    def rank(
        self,
        query: str,
        documents: Iterable[str],
        top_k: int | Any | None = NOT_GIVEN,
        return_documents: bool | Any = NOT_GIVEN,
        **options: Any,
    ) -> list[RankedDocument]:
        """Return documents by their scores for a query, best first.

            rank.rank("How many?", ["Three.", "In Berlin."], top_k=1, return_documents=True)
            # [{'corpus_id': 0, 'score': 0.98, 'text': 'Three.'}]

        Documents of one score keep their order.

        Args:
            query: the query.
            documents: the documents.
            top_k: number of documents to return; None for all.
            return_documents: whether each has its ``text``.
            **options: options of the pipeline, which replace those given when it was made.

        Raises InputError for a model with several labels, and as the call of the pipeline.
        """
        named = {"top_k": top_k, "return_documents": return_documents}
        options |= {name: value for name, value in named.items() if value is not NOT_GIVEN}
        call: Any = self  # a pipeline
        ranked: list[RankedDocument] = call({"query": query, "documents": documents}, **options)
        return ranked


class TextRanking(TextTask[TextRankingOptions, RankingResult]):
    """Score pairs of texts by a cross encoder, as `CrossEncoder` of sentence-transformers.

        rank = hugot.pipeline("text-ranking", "path/to/model")
        rank(("query", "a document"))                          # 0.98
        rank([("query", "a document"), ("query", "another")])  # float32 [2]
        rank.rank("query", ["a document", "another"])          # [{'corpus_id': 0, 'score': 0.98}, ...]

    The result of a pair is a float, that of a list of pairs float32 [n]; of a model with several labels,
    float32 [labels] and [n, labels]. A pair is a tuple or list of two strings, or
    ``{"query": ..., "document": ...}``; for ``{"query": ..., "documents": [...]}`` the result is a
    ranked list.
    """

    name: ClassVar[str] = "text-ranking"
    options_type: ClassVar[type[Any]] = TextRankingOptions
    fields: ClassVar[tuple[Field, ...]] = (QUERY, DOCUMENT, DOCUMENTS)
    methods: ClassVar[type | None] = Ranking
    result_types: ClassVar[tuple[ResultType, ...]] = (
        ListOf(struct(corpus_id=INT32, score=FLOAT32, text=STRING)),
        ListOf(struct(corpus_id=INT32, score=FLOAT32)),
        FLOAT32,
        ListOf(FLOAT32),
    )

    def choose_tokenizer(self) -> TextTokenizer:
        """Return the tokenizer, with length limit and lower-casing as in sentence-transformers."""
        self._files = read_ranking_files(self.bundle)
        texts = self._files.texts
        longest = longest_pair(self.bundle, texts)
        return self.load_tokenizer(longest, lowercase=texts.lowercase)

    def bind(self, graph: Graph, options: TextRankingOptions) -> None:
        """Find the output, ``logits`` [batch, labels], and the function of the scores."""
        super().bind(graph, options)
        self._logits = [find_logits(graph, self.name, ("batch", "labels"))]
        check_label_count(self.bundle, graph.outputs[self._logits[0]].shape[-1])
        self._label_count = len(self.bundle.labels)
        if self._label_count < 1:
            raise ModelFormatError(
                f"{self.bundle.config_path} has no labels; {self.name} needs one"
            )
        name, source = self._files.activation or (self._default_function, "the number of labels")
        self._function = find_function(name, source)
        debug("%s: the scores are those of %s: %s", graph.path, name, source)
        self._prompts: OptionsCache[TextRankingOptions, str] = OptionsCache()
        self._prompts.get(options, self._prompt_of)
        try:
            self._joins = self.tokenizer.pair_template is not None
        except TokenizerError:  # then the tokenizer has to make each pair
            self._joins = False
        self._check_room(self.tokenizer_for(options))

    @property
    def labels(self) -> list[Label]:
        """The names of the labels, by index."""
        return list(self.bundle.labels)

    @property
    def _default_function(self) -> str:
        return _FUNCTIONS["sigmoid" if self._label_count == 1 else "none"]

    # Types of results

    def result_type(self, options: TextRankingOptions) -> ResultType:
        """A score, or the scores of several labels."""
        return FLOAT32 if len(self.bundle.labels) == 1 else ListOf(FLOAT32)

    def record_type(self, options: TextRankingOptions, fields: Collection[str]) -> ResultType:
        """A ranked list for the field ``documents``, otherwise scores."""
        if DOCUMENTS.name not in fields:
            return self.result_type(options)
        return self.result_types[0 if options.return_documents else 1]

    # Inputs

    def is_single(self, inputs: Any) -> bool:
        """Whether the argument of a call is a str, a dict or a pair."""
        return super().is_single(inputs) or is_pair(inputs)

    def arrange(self, inputs: Any, options: TextRankingOptions) -> Any:
        """As sentence-transformers: a list of two texts is a pair, as a tuple is."""
        return tuple(inputs) if isinstance(inputs, list) and is_pair(inputs) else inputs

    def sample_input(self, text: str, options: TextRankingOptions) -> Any:
        """A pair of the text with itself."""
        return text, text

    def count_tokens(self, value: Any, options: TextRankingOptions) -> int:
        """Count the tokens of a text or pair, or of the longest row of a query with documents."""
        if isinstance(value, str):
            return self.tokenizer.count(plain_str(value))
        checked = self.check_input(value, 0, options)
        prompt = self._prompts.get(options, self._prompt_of)
        return max(map(self.tokenizer.count, pairs_of(checked, prompt)), default=0)

    def accepts_all(self, inputs: Sequence[Any], options: TextRankingOptions) -> bool:
        """No: a text alone is no input."""
        return False

    def check_input(self, value: Any, index: int, options: TextRankingOptions) -> Any:
        """Return the pair of a tuple, list or dict, or the `Query` of a dict with ``documents``."""
        checked = checked_input(value, index)
        if self._label_count != 1 and type(checked) is Query:
            raise InputError(
                f"input {index}: documents are ranked by models with one label; this one has "
                f"{self._label_count}: {', '.join(map(str, self.bundle.labels))}. Pass pairs",
                index,
            )
        return checked

    def make_rows(
        self, values: Sequence[Any], options: TextRankingOptions, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the pairs; texts that are part of several are tokenized once."""
        tokenizer = self.tokenizer_for(options)
        self._check_room(tokenizer)
        prompt = self._prompts.get(options, self._prompt_of)
        listed = [pairs_of(value, prompt) for value in values]
        pairs = [*chain.from_iterable(listed)]
        encode = partial(
            tokenizer.encode,
            pairs,
            type_ids=self._type_ids,
            truncate=options.truncation is True,
            allow_empty=False,
        )
        repeats = self._joins and len({query for query, _ in pairs}) < len(pairs)
        if not repeats and all(type(value) is tuple for value in values):
            return encode(numbers=numbers)
        sources = [place for place, each in enumerate(listed) for _ in each]
        if self._joins:
            truncate = options.truncation is True
            rows, reasons = join_pairs(
                tokenizer, pairs, sources, type_ids=self._type_ids, truncate=truncate
            )
        else:
            rows, errors = encode()
            rows.sources = sources
            reasons = {place: without_number(error) for place, error in errors.items()}
        if not reasons:
            return rows, {}
        refused = refusals(values, numbers, sources, reasons)
        kept = [place for place in range(len(values)) if place not in refused]
        rows, _ = self.make_rows(
            [values[place] for place in kept], options, [numbers[place] for place in kept]
        )
        return rows, refused

    # Results

    def wanted_outputs(self, options: TextRankingOptions) -> Sequence[int]:
        """The logits."""
        return self._logits

    def allocate(self, rows: Rows, options: TextRankingOptions) -> NDArray[np.float32]:
        """An array for the logits, [rows, labels]."""
        return np.empty((len(rows), self._label_count), np.float32)

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[TextRankingOptions]
    ) -> None:
        """Store the logits of each row."""
        logits = as_float32(outputs[0], 2, len(group.rows), group.width)
        if logits.shape[1] != self._label_count:
            check_label_count(self.bundle, logits.shape[1])
        prepared.results[group.rows] = logits

    def finish(self, prepared: Prepared[TextRankingOptions]) -> Sequence[RankingResult]:
        """Return the score or the ranked list of each input."""
        options = prepared.options
        scores = self._scores(prepared.results, options)
        if not np.isfinite(scores).all():
            finite = np.isfinite(scores).all(1)
            prepared.mark_not_finite(np.flatnonzero(~finite).tolist())
        listed: list[Any] = scores[:, 0].tolist() if self._label_count == 1 else list(scores)
        if len(listed) == len(prepared.inputs) and prepared.rows.sources is None:
            return listed
        results: list[RankingResult] = []
        begin = 0
        for value in prepared.inputs:
            if type(value) is tuple:
                results.append(listed[begin])
                begin += 1
            else:
                end = begin + len(value.documents)
                results.append(_ranked(value.documents, listed[begin:end], options))
                begin = end
        return results

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """Return the scores of a list of pairs as an array; a list if it has ranked lists."""
        results = [*chain.from_iterable(parts)]
        kinds = {*map(type, results)}
        if kinds <= {float} or kinds == {np.ndarray}:
            return np.array(results, np.float32)
        return results

    def _scores(
        self, logits: NDArray[np.float32], options: TextRankingOptions
    ) -> NDArray[np.float32]:
        """Return the scores for logits [rows, labels]."""
        function: Function = self._function
        if options.function_to_apply is not None:
            function = find_function(_FUNCTIONS[options.function_to_apply], "function_to_apply")
        scores = np.asarray(function(logits), np.float32)
        # A score by itself is none of several probabilities.
        return softmax(scores) if options.apply_softmax and self._label_count > 1 else scores

    def _prompt_of(self, options: TextRankingOptions) -> str:
        """Return the text that is put before every query; raises InputError for an unknown name."""
        files = self._files
        if options.prompt is not None:
            return options.prompt
        name = options.prompt_name or files.default_prompt_name
        if name is None:
            return ""
        if name not in files.prompts:
            raise InputError(
                f"prompt_name={name!r}; the model has "
                f"{', '.join(map(repr, files.prompts)) or 'no prompts'}"
            )
        return files.prompts[name]

    def _check_room(self, tokenizer: TextTokenizer) -> None:
        """Raise InputError if the special tokens of a pair fill a row."""
        if not self._joins or tokenizer.max_length is None:
            return
        special = tokenizer.pair_template.special
        if tokenizer.max_length <= special:
            raise InputError(
                f"max_length={tokenizer.max_length} leaves no room for the tokens of a pair; {special} "
                "tokens of its row are special"
            )


def _ranked(
    documents: Sequence[str], scores: Sequence[float], options: TextRankingOptions
) -> list[RankedDocument]:
    """Return documents by their scores, best first; equal ones keep their order."""
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[: options.top_k]
    if options.return_documents:
        return [
            {"corpus_id": number, "score": scores[number], "text": documents[number]}
            for number in order
        ]
    return [{"corpus_id": number, "score": scores[number]} for number in order]
