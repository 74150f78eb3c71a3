"""Fill-mask: the tokens that fit best into the place of a mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from math import isnan
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeAlias, TypedDict

import numpy as np

from hugot._fast import activations, ranking
from hugot.errors import InputError, ModelFormatError
from hugot.inputs.rows import token_spans
from hugot.models.files import get_typed
from hugot.options import check_mapping, check_names, check_positive
from hugot.tasks.base import OptionsCache
from hugot.tasks.outputs import check_output, find_logits
from hugot.tasks.schema import FLOAT32, INT32, STRING, ListOf, struct
from hugot.tasks.text import TextOptions, TextTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from tokenizers import Encoding

    from hugot._ort.tensor import Tensor
    from hugot.inputs.native import Text
    from hugot.inputs.rows import Group, Rows, TokenRows
    from hugot.inputs.tokenizer import TextTokenizer
    from hugot.tasks.base import Graph, Prepared

_DEFAULT_TOP_K: Final = 5
# Targets whose token is kept, so that it is looked up, and a missing one logged, once.
_KEPT_TARGETS: Final = 4096


class FilledMask(TypedDict):
    """A token for a mask: its score, id and text, and the input with it in the mask's place."""

    score: float
    token: int
    token_str: str
    sequence: str


FilledMasks: TypeAlias = "list[FilledMask] | list[list[FilledMask]]"


@dataclass(frozen=True, kw_only=True)
class FillMaskOptions(TextOptions):
    """Options of fill-mask.

    Attributes:
        top_k: number of tokens to return, best first; None for 5.
        targets: words to choose from, instead of the whole vocabulary. The first token stands for a
            word that is not in the vocabulary, which is logged.
        tokenizer_kwargs: ``{"truncation": True, "max_length": 64}``, as transformers takes it; the same
            as the options `truncation` and `max_length`.
    """

    top_k: int | None = _DEFAULT_TOP_K
    targets: str | Sequence[str] | None = None
    tokenizer_kwargs: Mapping[str, bool | int | None] | None = None

    def __post_init__(self) -> None:
        if self.tokenizer_kwargs is not None:
            check_mapping("tokenizer_kwargs", self.tokenizer_kwargs)
            known = ("truncation", "max_length")
            check_names(self.tokenizer_kwargs, known, "key of tokenizer_kwargs")
            for name in known:
                value = self.tokenizer_kwargs.get(name, getattr(self, name))
                object.__setattr__(self, name, value)
            # A later `truncation` must not be overruled by it.
            object.__setattr__(self, "tokenizer_kwargs", None)
        super().__post_init__()
        if self.top_k is None:
            object.__setattr__(self, "top_k", _DEFAULT_TOP_K)
        check_positive("top_k", self.top_k)
        if self.targets is not None:
            object.__setattr__(self, "targets", _checked_targets(self.targets))


class _Choice(NamedTuple):
    """What the options choose from the vocabulary.

    Attributes:
        k: number of tokens to return.
        targets: ids of the tokens to choose from, int32 [targets]; None for all.
        vocabulary: least number of tokens that the vocabulary must have for it.
    """

    k: int
    targets: NDArray[np.int32] | None
    vocabulary: int


class FillMask(TextTask[FillMaskOptions, FilledMasks]):
    """Find the tokens that fit best into the place of a mask, as `transformers.FillMaskPipeline`.

        fill = hugot.pipeline("fill-mask", "path/to/model")
        fill("Paris is the [MASK] of France.")
        # [{'score': 0.97, 'token': 3007, 'token_str': 'capital',
        #   'sequence': 'paris is the capital of france.'}, ...]
        fill("Paris is the [MASK] of France.", targets=["capital", "heart"])

    A result is a list of dicts, best first, with the keys ``score`` (float), ``token`` (int),
    ``token_str`` and ``sequence`` (str); for a text with several masks a list of such lists, a list for
    each mask, whose sequences keep the special tokens. The result of a list of one text is that of the
    text.
    """

    name: ClassVar[str] = "fill-mask"
    options_type: ClassVar[type[Any]] = FillMaskOptions
    result_types: ClassVar[tuple[ListOf]] = (
        ListOf(struct(score=FLOAT32, token=INT32, token_str=STRING, sequence=STRING), nests=True),
    )

    def bind(self, graph: Graph, options: FillMaskOptions) -> None:
        """Find the output, ``logits`` [batch, tokens, vocabulary], and the mask token."""
        super().bind(graph, options)
        self._logits = [find_logits(graph, self.name, ("batch", "tokens", "vocabulary"))]
        self._check_vocabulary(graph.outputs[self._logits[0]].shape[-1])
        mask_id = _special_id(self.tokenizer, "mask_token", ("[MASK]", "<mask>"))
        size = self.bundle.config.get("vocab_size")
        if mask_id is None or (isinstance(size, int) and mask_id >= size):
            raise ModelFormatError(
                f"{self.bundle.folder / 'tokenizer_config.json'} names no mask_token of the "
                f"vocabulary; {self.name} needs one"
            )
        self._mask_id = mask_id
        self._pad_id = _special_id(self.tokenizer, "pad_token", ("[PAD]", "<pad>"))
        self._target_id = lru_cache(_KEPT_TARGETS)(
            partial(_target_id, self.tokenizer, cuts_left=self._cuts_left)
        )
        self._choices: OptionsCache[FillMaskOptions, _Choice] = OptionsCache()
        self._choices.get(options, self._choice_of)

    def result_type(self, options: FillMaskOptions) -> ListOf:
        """A list of tokens, best first, or such a list for each of several masks."""
        return self.result_types[0]

    def sample_input(self, text: str, options: FillMaskOptions) -> str:
        """A text with a mask at the end that is not cut off."""
        mask = self.tokenizer.token(self._mask_id)
        return f"{text} {mask}" if self._cuts_left else f"{mask} {text}"

    def make_rows(
        self, values: Sequence[Text], options: FillMaskOptions, numbers: Sequence[int]
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Tokenize the texts; one without a mask is refused."""
        self._choices.get(options, self._choice_of)  # raises for options that cannot be used
        tokenizer = self.tokenizer_for(options)
        return tokenizer.encode(
            values,
            type_ids=self._type_ids,
            truncate=options.truncation is True,
            check=partial(self._check_masks, tokenizer.max_length),
            numbers=numbers,
        )

    def wanted_outputs(self, options: FillMaskOptions) -> Sequence[int]:
        """The logits."""
        return self._logits

    def allocate(self, rows: Rows, options: FillMaskOptions) -> list[Any]:
        """A place for the result of each row."""
        return [None] * len(rows)

    def postprocess(
        self, outputs: list[Tensor], group: Group, prepared: Prepared[FillMaskOptions]
    ) -> None:
        """Choose the tokens for the masks of each row."""
        check_output(outputs[0], 3, len(group.rows), group.width)
        logits = outputs[0].numpy()
        self._check_vocabulary(logits.shape[2])
        choice = self._choices.get(prepared.options, self._choice_of)
        _check_choice(choice, logits.shape[2])
        rows = prepared.rows
        all_ids, offsets = rows.ids, rows.offsets
        begins, _ = token_spans(rows, group)
        for i, row in enumerate(group.rows.tolist()):
            ids = all_ids[offsets[row] : offsets[row + 1]]
            masks = np.flatnonzero(ids == self._mask_id).tolist()
            single, tokens = len(masks) == 1, ids.tolist()
            filled = [
                self._filled(tokens, mask, _best(logits[i, begins[i] + mask], choice), single)
                for mask in masks
            ]
            prepared.results[row] = filled[0] if single else filled
            # Softmax makes all scores NaN if one is.
            if any(isnan(each["score"]) for tokens in filled for each in tokens[:1]):
                prepared.mark_not_finite([row])

    def finish(self, prepared: Prepared[FillMaskOptions]) -> Sequence[FilledMasks]:
        """What `postprocess` made."""
        return prepared.results  # type: ignore[no-any-return]

    def join(self, parts: list[Sequence[Any]]) -> Any:
        """As transformers: the result of a list of one text is that of the text."""
        results = super().join(parts)
        return results[0] if len(results) == 1 else results

    @property
    def _cuts_left(self) -> bool:
        """Whether a text that is too long loses its beginning."""
        return self.tokenizer.truncates_left

    def _filled(
        self, tokens: list[int], mask: int, best: list[tuple[int, float]], single: bool
    ) -> list[FilledMask]:
        """Return the results for one mask of a row.

        Args:
            tokens: token ids of the row.
            mask: place of the mask among them.
            best: the chosen tokens and their scores.
            single: whether the row has no other mask, which would be skipped as a special token.
        """
        decode, pad_id = self.tokenizer.decode, self._pad_id
        before = [token for token in tokens[:mask] if token != pad_id]
        after = [token for token in tokens[mask + 1 :] if token != pad_id]
        return [
            {
                "score": score,
                "token": token,
                "token_str": decode([token]),
                "sequence": decode(
                    [*before, *([] if token == pad_id else [token]), *after],
                    skip_special_tokens=single,
                ),
            }
            for token, score in best
        ]

    def _check_masks(self, longest: int | None, encoding: Encoding) -> str | None:
        """Return why a text is refused if it has no mask, or none that is left after cutting."""
        if self._mask_id in encoding.ids:
            return None
        mask = self.tokenizer.token(self._mask_id)
        if any(self._mask_id in more.ids for more in encoding.overflowing):
            return f"has its mask token {mask} beyond the {longest} tokens that a row takes; shorten it"
        return f"has no mask token {mask}"

    def _check_vocabulary(self, count: object) -> None:
        """Raise ModelFormatError if a graph returns another number of scores than there are tokens."""
        source = self.bundle.folder / "config.json"
        size = get_typed(self.bundle.config, "vocab_size", int, source, None)
        if isinstance(count, int) and size is not None and count != size:
            raise ModelFormatError(
                f"{source} has a vocabulary of {size} tokens; the graph {self.bundle.onnx_path.name} "
                f"gives {count} scores. Export it with --task {self.name}."
            )

    def _choice_of(self, options: FillMaskOptions) -> _Choice:
        """Return what options choose; raises InputError if the vocabulary does not have it."""
        k: Any = options.top_k
        if options.targets is None:
            choice = _Choice(k, None, k)
        else:
            found = {self._target_id(target) for target in options.targets} - {None}
            if not found:
                raise InputError(
                    f"targets={options.targets!r}; none of them has a token in the vocabulary"
                )
            ids = np.array(sorted(found), np.int32)  # type: ignore[type-var]  # None is not in it
            choice = _Choice(min(k, len(ids)), ids, int(ids[-1]) + 1)
        size = self.bundle.config.get("vocab_size")
        if isinstance(size, int):
            _check_choice(choice, size)
        return choice


def _checked_targets(targets: object) -> tuple[str, ...]:
    """Return targets as a tuple; raises InputError unless they are a str, or a list of some."""
    listed = (targets,) if isinstance(targets, str) else targets
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
        raise InputError(f"targets={targets!r}; it must be a str or a list of str")
    if not listed:
        raise InputError("targets is empty; there must be at least one")
    for each in listed:
        if not each.isascii() and any("\ud800" <= character <= "\udfff" for character in each):
            raise InputError(f"targets: {each!a} has a lone surrogate, which no text has")
    return tuple(listed)


def _check_choice(choice: _Choice, vocabulary: int) -> None:
    """Raise InputError for a choice that a vocabulary of this size does not have."""
    if choice.vocabulary > vocabulary:
        if choice.targets is None:
            raise InputError(f"top_k={choice.k}; the vocabulary has {vocabulary} tokens")
        raise InputError(
            f"targets: the tokenizer has token {choice.vocabulary - 1}; the model has {vocabulary}"
        )


def _special_id(tokenizer: TextTokenizer, name: str, usual: tuple[str, ...]) -> int | None:
    """Return the id of a special token; older folders do not name one that is usual for the model."""
    found = [tokenizer.special_token_id(name), *map(tokenizer.token_id, usual)]
    return next((token for token in found if token is not None), None)


def _target_id(tokenizer: TextTokenizer, target: str, *, cuts_left: bool) -> int | None:
    """Return the id of a target, or of its first token; None if it has none.

    As `FillMaskPipeline.get_target_ids`, which has the tokenizer cut a target to one token.
    """
    found = tokenizer.token_id(target)
    if found is not None:
        return found
    import logging

    pieces = tokenizer.pieces(target)
    if not pieces:
        logging.getLogger("hugot").warning(
            "the target %r is not in the model's vocabulary and has no tokens; it is ignored",
            target,
        )
        return None
    first = pieces[-1 if cuts_left else 0]
    logging.getLogger("hugot").warning(
        "the target %r is not in the model's vocabulary; its first token %r stands for it",
        target,
        tokenizer.token(first),
    )
    return first


def _best(logits: NDArray[Any], choice: _Choice) -> list[tuple[int, float]]:
    """Return the best tokens for a mask and their scores, from its logits [vocabulary]."""
    scores = np.array(logits, np.float32)[None]
    activations.softmax(scores)
    if choice.targets is not None:
        scores = scores[:, choice.targets]
    order = np.empty((1, choice.k), np.int32)
    values = np.empty((1, choice.k), np.float32)
    ranking.top_k(np.ascontiguousarray(scores), order, values)
    tokens = order[0] if choice.targets is None else choice.targets[order[0]]
    return list(zip(tokens.tolist(), values[0].tolist(), strict=True))
