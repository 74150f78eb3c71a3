"""Hypotheses: texts paired with a sentence for each label, as rows of tokens."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hugot.errors import InputError
from hugot.inputs.pairs import PairRows
from hugot.options import plain_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hugot.inputs.pairs import Surrounding
    from hugot.inputs.rows import TokenRows
    from hugot.inputs.tokenizer import TextTokenizer


class Question(NamedTuple):
    """A text and the labels to choose from."""

    text: str
    labels: tuple[str, ...]


class _Tokens(NamedTuple):
    """Tokens of a text.

    Attributes:
        ids: their ids; of a text that is too long, as many as a row for it alone takes.
        goes_on: whether the text has more of them.
    """

    ids: NDArray[np.int32]
    goes_on: bool


class _RefusedError(Exception):
    """The reason to refuse an input, to be preceded by its number."""


class Hypotheses:
    """Makes a row for each label of a text. Texts and hypotheses are tokenized once.

    Args:
        tokenizer: the model's tokenizer, with the model's longest row.
        positions: number of positions that the model has for tokens; None without a limit.
        type_ids: whether the graph takes token type ids.

    Raises TokenizerError as `PairTemplate`.
    """

    def __init__(self, tokenizer: TextTokenizer, positions: int | None, *, type_ids: bool) -> None:
        self._tokenizer = tokenizer
        self._positions = positions
        self._type_ids = type_ids
        self._template = tokenizer.pair_template
        self._special = tokenizer.special_tokens
        # A row for the text alone has then at least as many of its tokens as one with a hypothesis.
        self._cuts_texts = sum(self._special) <= self._template.special

    def of_labels(self, labels: Sequence[str], template: str) -> list[Surrounding]:
        """Return what the row of each label has around a text.

        Raises InputError for a label or a template without a hypothesis.
        """
        hypotheses = [_filled(template, label) for label in labels]
        check_template(template, labels[0])
        rows, refused = self._tokenizer.without_limit().encode(hypotheses, type_ids=False)
        for place, error in refused.items():
            reason = str(error).removeprefix(f"input {error.index} ")
            raise InputError(f"candidate_labels: the hypothesis of {labels[place]!a} {reason}")
        return [self._template.around(each.ids.tolist()) for each in self._texts_of(rows, None)]

    def count_tokens(self, question: Question, template: str) -> int:
        """Return the number of tokens of a text's longest row, without truncation."""
        size = max(each.size for each in self.of_labels(question.labels, template))
        return self._tokenizer.count(question.text) - sum(self._special) + size

    def make_rows(
        self,
        questions: Sequence[Question],
        tokenizer: TextTokenizer,
        *,
        template: str,
        known: Mapping[tuple[str, ...], list[Surrounding]],
        truncate: bool,
        numbers: Sequence[int],
    ) -> tuple[TokenRows, dict[int, InputError]]:
        """Return the rows of questions, and the error of each that is refused by its place.

        Args:
            questions: the questions.
            tokenizer: the tokenizer, with the longest row of the call.
            template: the hypothesis, with ``{}`` in place of a label.
            known: labels → what `of_labels` has returned for them.
            truncate: whether a text that is too long is cut, rather than refused.
            numbers: number of each question among the caller's inputs, for messages.
        """
        cutter = tokenizer if self._cuts_texts else tokenizer.without_limit()
        texts, refused = cutter.encode(
            [question.text for question in questions], type_ids=False, numbers=numbers
        )
        accepted = [place for place in range(len(questions)) if place not in refused]
        joined = PairRows(self._template, tokenizer.padding, type_ids=self._type_ids)
        known = dict(known)
        source = cut = 0
        for place, tokens in zip(accepted, self._texts_of(texts, cutter.max_length), strict=True):
            text, labels = questions[place]
            try:
                if labels not in known:
                    known[labels] = self.of_labels(labels, template)
                sizes = [each.size for each in known[labels]]
                firsts = [self._first(text, tokens, size, tokenizer, truncate) for size in sizes]
            except (InputError, _RefusedError) as error:
                refused[place] = _refusal(numbers[place], error)
                continue
            for first, hypothesis in zip(firsts, known[labels], strict=True):
                joined.add(source, first, hypothesis)
            cut += tokens.goes_on or any(len(first) < len(tokens.ids) for first in firsts)
            source += 1
        rows = joined.rows()
        rows.truncated = cut
        return rows, refused

    def _texts_of(self, texts: TokenRows, longest: int | None) -> list[_Tokens]:
        """Return the tokens of texts, whose rows were cut at a length, without special ones."""
        before, after = self._special
        ids, offsets = texts.ids, texts.offsets.tolist()
        found = []
        for row, (begin, end) in enumerate(pairwise(offsets)):
            goes_on = end - begin == longest and bool(texts.encodings[row].overflowing)
            found.append(_Tokens(ids[begin + before : end - after], goes_on))
        return found

    def _first(
        self, text: str, tokens: _Tokens, size: int, tokenizer: TextTokenizer, truncate: bool
    ) -> NDArray[np.int32]:
        """Return the tokens of a text in a row.

        As the truncation `only_first` of transformers: the hypothesis is never cut, and if it leaves no
        room for the text, nothing is.

        Args:
            text: the text.
            tokens: its tokens.
            size: number of the row's other tokens.
            tokenizer: the tokenizer, with the longest row.
            truncate: whether the text may be cut.

        Raises _RefusedError if the row cannot be run.
        """
        longest = tokenizer.max_length
        if longest is None or (not tokens.goes_on and len(tokens.ids) + size <= longest):
            return tokens.ids
        shortened = tokenizer is not self._tokenizer
        limit = f"{'max_length is' if shortened else 'the model takes'} {longest}"
        if not truncate:
            count = size + len(tokenizer.pieces(text))
            raise _RefusedError(
                f"has {count} tokens with a hypothesis; {limit}. Shorten it, or let truncation=True "
                "cut it."
            )
        room = longest - size
        if room > 0:
            return tokens.ids[-room:] if tokenizer.truncates_left else tokens.ids[:room]
        ids = np.array(tokenizer.pieces(text), np.int32)
        if shortened or (self._positions is not None and len(ids) + size > self._positions):
            raise _RefusedError(
                f"has no room for its tokens beside a hypothesis of {size} tokens (special ones "
                f"included); {limit}. Shorten the label or hypothesis_template."
            )
        return ids


def checked_labels(given: object) -> tuple[str, ...]:
    """Return labels as a tuple; raises InputError unless they are a str, or a list of some."""
    labels = plain_value(given)
    if isinstance(labels, str):
        labels = [label for part in labels.split(",") if (label := part.strip())]
    if not isinstance(labels, list | tuple) or not all(isinstance(each, str) for each in labels):
        raise InputError(
            f"candidate_labels={given!r:.200}; it must be a list of str, or a str with commas"
        )
    if not labels:
        raise InputError(f"candidate_labels={given!r:.200}; there must be at least one label")
    return tuple(labels)


def check_template(template: object, label: str) -> None:
    """Raise InputError unless a template is a str that changes with a label."""
    if not isinstance(template, str):
        raise InputError(f"hypothesis_template={template!r}; it must be a str")
    if _filled(template, label) == template:
        raise InputError(
            f"hypothesis_template={template!r} is the same with the label {label!r}; it must have {{}} "
            "in place of the label"
        )


def _refusal(number: int, error: Exception) -> InputError:
    """Return the error of an input, for that of its labels or the reason to refuse its text."""
    separator = ":" if isinstance(error, InputError) else ""
    return InputError(f"input {number}{separator} {error}", number)


def _filled(template: str, label: str) -> str:
    """Return the hypothesis for a label; raises InputError for a template that takes no label."""
    try:
        return template.format(label)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"hypothesis_template={template!r}; it must have {{}} in place of the label, and no other "
            f"braces ({type(error).__name__}: {error})"
        ) from None
