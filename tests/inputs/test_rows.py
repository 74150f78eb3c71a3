"""Rows of tokens put together and taken apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hugot.inputs.rows import Padding, TokenRows

PADDING = Padding(pad_id=7)


def token_rows(*rows, type_ids=None, sources=None, encodings=None) -> TokenRows:
    offsets = np.cumsum([0, *map(len, rows)])
    ids = np.array([token for row in rows for token in row], np.int32)
    return TokenRows(
        ids,
        offsets.astype(np.int64),
        None if type_ids is None else np.array(type_ids, np.int32),
        encodings or [f"encoding of {row}" for row in rows],
        PADDING,
        sources,
    )


def listed(made: TokenRows) -> list[list[int]]:
    ends = made.offsets.tolist()
    return [made.ids[a:b].tolist() for a, b in pairwise(ends)]


def test_the_rows_follow_one_another() -> None:
    joined = token_rows([1, 2], [3]).concat([token_rows([4, 5, 6]), token_rows([])])
    assert listed(joined) == [[1, 2], [3], [4, 5, 6], []]
    assert (joined.ids.dtype, joined.offsets.dtype) == (np.int32, np.int64)
    assert list(joined.encodings) == [
        "encoding of [1, 2]",
        "encoding of [3]",
        "encoding of [4, 5, 6]",
        "encoding of []",
    ]
    assert joined.type_ids is None
    assert joined.sources is None


def test_rows_without_type_ids_have_zeros_beside_those_that_have_them() -> None:
    joined = token_rows([1, 2]).concat([token_rows([3, 4], type_ids=[0, 1]), token_rows([5])])
    assert joined.type_ids.tolist() == [0, 0, 0, 1, 0]
    assert joined.type_ids.dtype == np.int32


def test_inputs_of_several_rows_are_numbered_through() -> None:
    first = token_rows([1], [2], [3], sources=[0, 0, 1])
    rest = [token_rows([4]), token_rows([5], [6], sources=[0, 0]), token_rows([7], [8])]
    joined = first.concat(rest)
    assert joined.sources == [0, 0, 1, 2, 3, 3, 4, 5]


def test_rows_without_others_are_themselves() -> None:
    one = token_rows([1, 2])
    assert one.concat([]) is one


def test_the_rows_of_an_input_can_be_taken_out_and_put_back() -> None:
    whole = token_rows([1, 2], [3], [4, 5], type_ids=[0, 1, 0, 1, 1], sources=[0, 0, 1])
    parts = [whole.slice(0, 2), whole.slice(2, 3)]
    assert [listed(part) for part in parts] == [[[1, 2], [3]], [[4, 5]]]
    assert [part.sources for part in parts] == [[0, 0], [0]]
    joined = parts[0].concat(parts[1:])
    assert listed(joined) == listed(whole)
    assert joined.type_ids.tolist() == whole.type_ids.tolist()
    assert joined.sources == whole.sources
    assert list(joined.encodings) == list(whole.encodings)
    assert joined.padding is parts[0].padding is PADDING


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_joined_to_nothing_has_no_rows(count) -> None:
    assert listed(token_rows().concat([token_rows()] * (count - 1))) == []
