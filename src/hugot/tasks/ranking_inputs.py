"""The inputs of text ranking: pairs of texts, and queries with lists of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hugot.errors import InputError
from hugot.inputs.columns import plain_str, unpack
from hugot.tasks.schema import Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUERY: Final = Field("query", "query", "Key or column of the query.")
DOCUMENT: Final = Field(
    "document",
    "document",
    "Key or column of the document; the result is its score.",
    required=False,
    if_present=True,
    exclusive=True,
)
DOCUMENTS: Final = Field(
    "documents",
    "documents",
    "Key or column of a list of documents; the result is the list of their scores, best first.",
    required=False,
    if_present=True,
    exclusive=True,
    is_list=True,
)


@dataclass(frozen=True, slots=True)
class Query:
    """An input that asks for a ranked list.

    Attributes:
        query: the query.
        documents: the documents.
    """

    query: str
    documents: tuple[str, ...]


def checked_input(value: Any, index: int) -> tuple[str, str] | Query:
    """Return the pair of a tuple, list or dict, or the `Query` of a dict with ``documents``.

    Raises InputError for anything else; `index` is the number of the input, for the message.
    """
    if is_pair(value):
        return plain_str(value[0]), plain_str(value[1])
    if isinstance(value, dict):
        return _checked_dict(value, index)
    kind = type(value).__name__
    shown = f"{value!r:.80}" if isinstance(value, tuple | list) else f"of type {kind}"
    raise InputError(
        f"input {index} is {shown}; text-ranking takes pairs of a query and a document: "
        '("query", "document"), or a list of these',
        index,
    )


def _checked_dict(value: dict[str, Any], index: int) -> tuple[str, str] | Query:
    keys = value.keys() - {QUERY.key}
    query, document = value.get(QUERY.key), value.get(DOCUMENT.key)
    if isinstance(query, str):
        if keys == {DOCUMENT.key} and isinstance(document, str):
            return plain_str(query), plain_str(document)
        if keys == {DOCUMENTS.key}:
            return Query(plain_str(query), _documents(value[DOCUMENTS.key], index))
    if keys == {DOCUMENT.key, DOCUMENTS.key}:
        reason = "it has both a document and documents"
    elif not keys:
        reason = "it has neither a document nor documents"
    else:
        reason = f"not {value!r:.200}"
    raise InputError(
        f'input {index}: a dict must be {{"query": str, "document": str}} or {{"query": str, '
        f'"documents": [str, …]}}; {reason}',
        index,
    )


def is_pair(value: Any) -> bool:
    """Whether a value is two texts."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], str)
    )


def pairs_of(value: Any, prompt: str) -> list[tuple[str, str]]:
    """Return the pairs of an input, with the prompt before the query."""
    if type(value) is tuple:
        return [(prompt + value[0], value[1])] if prompt else [value]
    query = prompt + value.query
    return [(query, document) for document in value.documents]


def refusals(
    values: Sequence[Any],
    numbers: Sequence[int],
    sources: Sequence[int],
    reasons: Mapping[int, str],
) -> dict[int, InputError]:
    """Return the errors of inputs by their place.

    Args:
        values: the inputs.
        numbers: number of each among the caller's inputs.
        sources: the place of each pair's input.
        reasons: place of a pair → why it cannot be used.
    """
    refused: dict[int, InputError] = {}
    for pair, reason in reasons.items():
        place = sources[pair]
        which = "" if type(values[place]) is tuple else f": document {pair - sources.index(place)}"
        message = f"input {numbers[place]}{which} {reason}"
        refused.setdefault(place, InputError(message, numbers[place]))
    return refused


def _documents(given: Any, index: int) -> tuple[str, ...]:
    """Return documents as a tuple; raises InputError for anything else than several texts."""
    if not isinstance(given, str | bytes | dict):
        given = unpack(given, "text-ranking") if not isinstance(given, list | tuple) else given
        if hasattr(given, "__iter__"):
            documents = [*given]
            if all(isinstance(document, str) for document in documents):
                return tuple(map(plain_str, documents))
            wrong = next(i for i, each in enumerate(documents) if not isinstance(each, str))
            raise InputError(
                f"input {index}: document {wrong} is of type "
                f"{type(documents[wrong]).__name__}, not str",
                index,
            )
    raise InputError(
        f"input {index}: documents must be a list of str, not {type(given).__name__}", index
    )
