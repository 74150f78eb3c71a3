"""Rows: the inputs of a model's graph, of which one input of a pipeline may have several.

Planner, executor and batcher use the protocol `Rows` alone. `TokenRows` are the rows of texts.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from hugot._fast import encode, padding
from hugot.errors import ModelFormatError
from hugot.inputs.graph_inputs import OFFSETS, check_fixed_shape, describe_input
from hugot.models.files import get_typed
from hugot.models.tokenizer_classes import tokenizer_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from tokenizers import Encoding

    from hugot._ort.session import TensorSpec
    from hugot.models.bundle import ModelBundle

    IntegerArray: TypeAlias = NDArray[np.int32 | np.int64]


class Group:
    """Rows that are padded to one width and run together.

    Attributes:
        rows: numbers of the rows, the longest first, int64 [group].
        width: tokens of the longest row, or the width of the shape policy to which rows are padded.
        padded_rows: number of rows that the model is run on, if the group is filled up with copies of
            its last row; otherwise None.
    """

    __slots__ = ("padded_rows", "rows", "width")

    def __init__(self, rows: NDArray[np.int64], width: int, padded_rows: int | None = None) -> None:
        self.rows = rows
        self.width = width
        self.padded_rows = padded_rows

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and width of the arrays that the model is run on."""
        return self.padded_rows or len(self.rows), self.width


class Rows(Protocol):
    """Rows of any kind of input.

    Attributes:
        offsets: the index of each row's first unit of work (token), and last their number, int64
            [rows + 1].
        size: units of work of all rows.
        sources: the number of each row's input, ascending, if an input may have several rows; None if
            row i belongs to input i.
        truncated: number of inputs that were cut.
    """

    size: int
    sources: Sequence[int] | None
    truncated: int

    @property
    def offsets(self) -> NDArray[np.int64]: ...  # noqa: D102  (see above)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Units of work of each row, int64 [rows]."""

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """Approximate size of the rows in memory, in bytes."""

    def feeds(self, group: Group, inputs: Sequence[TensorSpec]) -> Sequence[Any]:
        """Return an array for each of a graph's inputs, for the rows of a group."""

    def slice(self, begin: int, end: int) -> Rows:
        """Return rows `begin` to `end`, which belong to one input."""

    def concat(self, others: Sequence[Any]) -> Rows:
        """Return these rows and others of their kind, with consecutive numbers for their inputs."""


class Padding(NamedTuple):
    """The padding of rows of tokens.

    Attributes:
        pad_id: id of the padding token.
        pad_type_id: token type id of padding.
        left: whether padding goes before the tokens.
    """

    pad_id: int = 0
    pad_type_id: int = 0
    left: bool = False


class TokenRows:
    """Rows of tokens, one after another (CSR): row r is ``ids[offsets[r]:offsets[r + 1]]``.

    Attributes:
        ids: token ids, int32 [tokens].
        offsets: the index of each row's first token, and last the number of tokens, int64 [rows + 1].
        type_ids: token type ids, int32 [tokens], or None if all are 0.
        encodings: the tokenizer's result for each row, for tasks that need more than the ids.
        padding: the padding of shorter rows.
        size: number of tokens in all rows.
        sources: see `Rows`.
        truncated: see `Rows`.
    """

    __slots__ = (
        "encodings",
        "ids",
        "offsets",
        "padding",
        "size",
        "sources",
        "truncated",
        "type_ids",
    )

    def __init__(
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        type_ids: NDArray[np.int32] | None,
        encodings: Sequence[Encoding],
        padding: Padding,
        sources: Sequence[int] | None = None,
    ) -> None:
        self.ids = ids
        self.offsets = offsets
        self.type_ids = type_ids
        self.encodings = encodings
        self.padding = padding
        self.size = len(ids)
        self.sources = sources
        self.truncated = 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each row, int64 [rows]."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes; the tokenizer's results take about ten times as much."""
        return self.ids.nbytes + self.offsets.nbytes + getattr(self.type_ids, "nbytes", 0)

    def feeds(self, group: Group, inputs: Sequence[TensorSpec]) -> Sequence[Any]:
        """Return ids, mask, type ids and so on, padded to the group's width, in the graph's order."""
        plan = _feed_plan(tuple(inputs))
        if plan.flat:
            return self._feeds_flat(group, inputs)
        if plan.common is None or self.type_ids is not None:
            return self._feeds_one_by_one(group, plan)
        # Ids, mask and zeros for type ids, in the graph's order, from one pass over the tokens.
        ids, mask, types = plan.common
        arrays = np.empty((len(inputs), len(group.rows), group.width), np.int64)
        padding.fill(
            self.ids,
            self.offsets,
            group.rows,
            self.padding.pad_id,
            self.padding.left,
            arrays[ids],
            arrays[mask],
            None if types is None else arrays[types],
        )
        return arrays  # type: ignore[return-value]  # an array of arrays serves as a sequence

    def slice(self, begin: int, end: int) -> TokenRows:
        """Return rows `begin` to `end`, which belong to one input, over the same memory."""
        first, last = int(self.offsets[begin]), int(self.offsets[end])
        return TokenRows(
            self.ids[first:last],
            self.offsets[begin : end + 1] - first,
            None if self.type_ids is None else self.type_ids[first:last],
            self.encodings[begin:end],
            self.padding,
            None if self.sources is None else [0] * (end - begin),
        )

    def concat(self, others: Sequence[TokenRows]) -> TokenRows:
        """Return these rows and the others, with consecutive numbers for their inputs."""
        if not others:
            return self
        parts = [self, *others]
        offsets = np.zeros(sum(map(len, parts)) + 1, np.int64)
        if all(type(part) is TokenRow for part in parts):
            ids_of_rows = [part.row_ids for part in parts if type(part) is TokenRow]
            ids = np.array([*chain.from_iterable(ids_of_rows)], np.int32)
            np.cumsum([len(row) for row in ids_of_rows], out=offsets[1:])
        else:
            ids = np.concatenate([part.ids for part in parts])
            np.cumsum(np.concatenate([part.lengths for part in parts]), out=offsets[1:])
        type_ids = None
        if any(part.type_ids is not None for part in parts):
            type_ids = np.concatenate(
                [np.zeros(x.size, np.int32) if (t := x.type_ids) is None else t for x in parts]
            )
        encodings = [encoding for part in parts for encoding in part.encodings]
        return TokenRows(ids, offsets, type_ids, encodings, self.padding, _joined_sources(parts))

    def _feeds_one_by_one(self, group: Group, plan: _FeedPlan) -> Sequence[Any]:
        shape = (len(group.rows), group.width)
        arrays: list[Any] = []
        for fill, dtype, cast in plan.fills:
            array = np.empty(shape, dtype)
            fill(self, group, array)
            arrays.append(array if cast is None else array.astype(cast))
        return arrays

    def _feeds_flat(self, group: Group, inputs: Sequence[TensorSpec]) -> Sequence[Any]:
        """Return the tokens of all rows one after another, and the place of each row's first one."""
        begins, ends = self.offsets[group.rows], self.offsets[group.rows + 1]
        tokens = [self.ids[begin:end] for begin, end in zip(begins, ends, strict=True)]
        firsts = np.zeros(len(tokens), np.int64)
        np.cumsum((ends - begins)[:-1], out=firsts[1:])
        ids = np.concatenate(tokens)
        return [(firsts if spec.name == OFFSETS else ids).astype(spec.dtype) for spec in inputs]


class TokenRow(TokenRows):
    """A single row as the tokenizer returned it; arrays are made at their first use.

    Attributes:
        row_ids: token ids.
        row_type_ids: token type ids, or None if all are 0.
    """

    __slots__ = ("row_ids", "row_type_ids")

    def __init__(self, encoding: Encoding, padding: Padding, with_type_ids: bool) -> None:
        self.encodings = (encoding,)
        self.padding = padding
        self.sources = None
        self.row_ids: list[int] = encoding.ids
        self.row_type_ids: list[int] | None = encoding.type_ids if with_type_ids else None
        self.size = len(self.row_ids)
        self.truncated = 0

    def __len__(self) -> int:
        return 1

    @property
    def ids(self) -> NDArray[np.int32]:  # type: ignore[override]
        """As that of `TokenRows`."""
        return np.array(self.row_ids, np.int32)

    @property
    def offsets(self) -> NDArray[np.int64]:  # type: ignore[override]
        """As that of `TokenRows`."""
        return np.array((0, len(self.row_ids)), np.int64)

    @property
    def type_ids(self) -> NDArray[np.int32] | None:  # type: ignore[override]
        """As that of `TokenRows`."""
        return None if self.row_type_ids is None else np.array(self.row_type_ids, np.int32)


def rows_from_encodings(
    encodings: list[Any],
    padding: Padding,
    *,
    with_type_ids: bool,
    sources: Sequence[int] | None = None,
) -> TokenRows:
    """Return a row for each of the tokenizer's results, with type ids only if they may differ from 0."""
    if len(encodings) == 1 and sources is None:
        return TokenRow(encodings[0], padding, with_type_ids)
    offsets = np.empty(len(encodings) + 1, np.int64)
    encode.row_offsets(encodings, offsets)
    count = int(offsets[-1])
    ids = np.empty(count, np.int32)
    encode.gather(encodings, "ids", ids)
    type_ids = None
    if with_type_ids:
        type_ids = np.empty(count, np.int32)
        encode.gather(encodings, "type_ids", type_ids)
    return TokenRows(ids, offsets, type_ids, encodings, padding, sources)


def token_spans(rows: TokenRows, group: Group) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and past-the-end position of each row's tokens in its padded row."""
    counts = rows.offsets[group.rows + 1] - rows.offsets[group.rows]
    if rows.padding.left:
        return group.width - counts, np.full(len(counts), group.width, np.int64)
    return np.zeros(len(counts), np.int64), counts


def takes_type_ids(inputs: Sequence[TensorSpec], bundle: ModelBundle) -> bool:
    """Whether a graph takes the tokenizer's token type ids.

    A tokenizer has none if its ``model_input_names`` does not list them, or if that key is missing and
    its class has none; the graph then gets zeros.
    """
    if "token_type_ids" not in [spec.name for spec in inputs]:
        return False
    source = bundle.tokenizer_path.parent / "tokenizer_config.json"
    listed = get_typed(bundle.tokenizer_config, "model_input_names", list, source)
    if listed:
        return "token_type_ids" in listed
    _, kind = tokenizer_class(bundle.tokenizer_config, bundle.config)
    return kind.type_ids


def check_token_inputs(inputs: Sequence[TensorSpec], path: Path) -> None:
    """Raise ModelFormatError for inputs of a graph that rows of tokens cannot feed."""
    ranks = _FLAT if takes_flat_tokens(inputs) else dict.fromkeys(_FILLS, 2)
    for spec in inputs:
        if spec.name not in ranks:
            raise ModelFormatError(
                f"{path} has an input {spec.name!r}, {describe_input(spec)}, none of those that "
                f"hold tokens ({', '.join(ranks)}). If its value is the same for all texts, pass "
                f"inputs={{{spec.name!r}: value}} (--graph-input {spec.name}=VALUE); otherwise "
                "export the model without it."
            )
        if spec.dtype not in _DTYPES:
            raise ModelFormatError(f"{path}: input {spec.name!r} is of dtype {spec.dtype}")
        if spec.shape and len(spec.shape) != ranks[spec.name]:
            raise ModelFormatError(
                f"{path}: input {spec.name!r} is {describe_input(spec)}; it needs "
                f"{ranks[spec.name]} dimensions"
            )
    check_fixed_shape(inputs, path)


def takes_flat_tokens(inputs: Sequence[TensorSpec]) -> bool:
    """Whether a graph takes the tokens of all rows one after another, with the place of each row."""
    return any(spec.name == OFFSETS for spec in inputs)


class _FeedPlan(NamedTuple):
    """The functions that fill the inputs of a graph.

    Attributes:
        fills: for each input a function, the dtype of its array, and a dtype to cast it to or None.
        common: numbers of the inputs for ids, mask and type ids; None if the graph has other inputs, or
            if one of these is not int64.
        flat: whether the graph takes the tokens of all rows one after another, without padding.
    """

    fills: tuple[tuple[Callable[[TokenRows, Group, IntegerArray], None], Any, str | None], ...]
    common: tuple[int, int, int | None] | None
    flat: bool = False


# Element types of inputs → the type that is filled, and the type to cast it to.
_DTYPES: dict[str, tuple[Any, str | None]] = {
    "int64": (np.int64, None),
    "int32": (np.int32, None),
    "float32": (np.int64, "float32"),
    "float16": (np.int64, "float16"),
    "bool": (np.int64, "bool"),
}


@lru_cache(maxsize=256)
def _feed_plan(inputs: tuple[TensorSpec, ...]) -> _FeedPlan:
    if takes_flat_tokens(inputs):
        return _FeedPlan((), None, flat=True)
    fills = tuple((_FILLS[spec.name], *_DTYPES[spec.dtype]) for spec in inputs)
    numbers = {spec.name: number for number, spec in enumerate(inputs)}
    common = None
    if all(spec.dtype == "int64" for spec in inputs) and (
        {"input_ids", "attention_mask"}
        <= numbers.keys()
        <= {"input_ids", "attention_mask", "token_type_ids"}
    ):
        common = numbers["input_ids"], numbers["attention_mask"], numbers.get("token_type_ids")
    return _FeedPlan(fills, common)


def _fill_ids(rows: TokenRows, group: Group, out: IntegerArray) -> None:
    padding.pad(rows.ids, rows.offsets, group.rows, rows.padding.pad_id, rows.padding.left, out)


def _fill_mask(rows: TokenRows, group: Group, out: IntegerArray) -> None:
    padding.mask(rows.offsets, group.rows, rows.padding.left, out)


def _fill_type_ids(rows: TokenRows, group: Group, out: IntegerArray) -> None:
    if rows.type_ids is None:
        out.fill(0)
        return
    pad = rows.padding
    padding.pad(rows.type_ids, rows.offsets, group.rows, pad.pad_type_id, pad.left, out)


def _fill_positions(rows: TokenRows, group: Group, out: IntegerArray) -> None:
    padding.positions(rows.offsets, group.rows, rows.padding.left, out)


_FILLS: dict[str, Callable[[TokenRows, Group, IntegerArray], None]] = {
    "input_ids": _fill_ids,
    "attention_mask": _fill_mask,
    "token_type_ids": _fill_type_ids,
    "position_ids": _fill_positions,
}
# Inputs of graphs that take the tokens of all rows one after another → number of their dimensions.
_FLAT = {"input_ids": 1, OFFSETS: 1}


def _joined_sources(parts: Sequence[TokenRows]) -> list[int] | None:
    if all(part.sources is None for part in parts):
        return None
    joined: list[int] = []
    for part in parts:
        sources = range(len(part)) if part.sources is None else part.sources
        first = joined[-1] + 1 if joined else 0
        joined += [first + source for source in sources]
    return joined
