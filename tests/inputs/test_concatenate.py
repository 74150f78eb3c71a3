"""Batches put together and taken apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hugot.inputs.rows import TokenBatch, concatenate, rows_of


def batch(*rows, type_ids=None, sources=None, encodings=None) -> TokenBatch:
    offsets = np.cumsum([0, *map(len, rows)])
    ids = np.array([token for row in rows for token in row], np.int32)
    return TokenBatch(
        ids,
        offsets.astype(np.int64),
        None if type_ids is None else np.array(type_ids, np.int32),
        encodings or [f"encoding of {row}" for row in rows],
        sources,
    )


def rows(made: TokenBatch) -> list[list[int]]:
    ends = made.offsets.tolist()
    return [made.ids[a:b].tolist() for a, b in pairwise(ends)]


def test_the_rows_follow_one_another() -> None:
    joined = concatenate([batch([1, 2], [3]), batch([4, 5, 6]), batch([])])
    assert rows(joined) == [[1, 2], [3], [4, 5, 6], []]
    assert (joined.ids.dtype, joined.offsets.dtype) == (np.int32, np.int64)
    assert list(joined.encodings) == [
        "encoding of [1, 2]",
        "encoding of [3]",
        "encoding of [4, 5, 6]",
        "encoding of []",
    ]
    assert joined.type_ids is None
    assert joined.sources is None


def test_a_batch_without_type_ids_has_zeros_beside_one_that_has_them() -> None:
    joined = concatenate([batch([1, 2]), batch([3, 4], type_ids=[0, 1]), batch([5])])
    assert joined.type_ids.tolist() == [0, 0, 0, 1, 0]
    assert joined.type_ids.dtype == np.int32


def test_texts_of_several_rows_are_numbered_through() -> None:
    first = batch([1], [2], [3], sources=[0, 0, 1])
    joined = concatenate([first, batch([4]), batch([5], [6], sources=[0, 0]), batch([7], [8])])
    assert joined.sources == [0, 0, 1, 2, 3, 3, 4, 5]


def test_a_single_batch_is_itself() -> None:
    one = batch([1, 2])
    assert concatenate([one]) is one


def test_a_text_can_be_taken_out_and_put_back() -> None:
    whole = batch([1, 2], [3], [4, 5], type_ids=[0, 1, 0, 1, 1], sources=[0, 0, 1])
    parts = [rows_of(whole, 0, 2), rows_of(whole, 2, 3)]
    assert [rows(part) for part in parts] == [[[1, 2], [3]], [[4, 5]]]
    assert [part.sources for part in parts] == [[0, 0], [0]]
    joined = concatenate(parts)
    assert rows(joined) == rows(whole)
    assert joined.type_ids.tolist() == whole.type_ids.tolist()
    assert joined.sources == whole.sources
    assert list(joined.encodings) == list(whole.encodings)


@pytest.mark.parametrize("count", [1, 2])
def test_batches_without_rows_stay_without(count) -> None:
    assert rows(concatenate([batch()] * count)) == []
