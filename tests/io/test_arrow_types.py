"""Results of any declared type as Arrow arrays."""

from __future__ import annotations

import numpy as np
import pytest

from hugot.tasks.schema import FLOAT32, INT32, INT64, STRING, ListOf, Vector, struct

pa = pytest.importorskip("pyarrow")

from hugot.errors import InputError  # noqa: E402
from hugot.io.arrow_types import (  # noqa: E402
    arrow_array,
    arrow_type,
    fitting_type,
    result_keys,
)

SPARSE = struct(indices=ListOf(INT32), values=ListOf(FLOAT32))
SPANS = ListOf(struct(word=STRING, start=INT64, index=INT32))


@pytest.mark.parametrize(
    ("result", "type_"),
    [
        (FLOAT32, pa.float32()),
        (Vector(3), pa.list_(pa.float32(), 3)),
        (ListOf(Vector(3)), pa.list_(pa.list_(pa.float32(), 3))),
        (
            SPANS,
            pa.list_(
                pa.struct([("word", pa.string()), ("start", pa.int64()), ("index", pa.int32())])
            ),
        ),
        (
            SPARSE,
            pa.struct([("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float32()))]),
        ),
    ],
)
def test_each_result_type_has_an_arrow_type(result, type_):
    assert arrow_type(result) == type_


@pytest.mark.parametrize(
    ("result", "results"),
    [
        (FLOAT32, np.array([0.5, 2], np.float32)),
        (STRING, ["a", "b"]),
        (SPANS, [[{"word": "a", "start": 1, "index": 2}], []]),
        (SPANS, []),
        (struct(labels=ListOf(STRING), scores=ListOf(FLOAT32)), [{"labels": [], "scores": []}]),
        (ListOf(ListOf(SPANS.item)), [[[{"word": "a", "start": 1, "index": 2}], []]]),
    ],
    ids=str,
)
def test_results_come_back_from_their_arrays(result, results):
    array = arrow_array(results, arrow_type(result))
    assert array.type == arrow_type(result)
    assert array.to_pylist() == list(results)


def test_arrays_of_numbers_become_lists():
    value = {"indices": np.array([3, 7], np.int32), "values": np.array([0.5, 2], np.float32)}
    array = arrow_array([value], arrow_type(SPARSE))
    assert array.to_pylist() == [{"indices": [3, 7], "values": [0.5, 2.0]}]


@pytest.mark.parametrize("result", [Vector(2), ListOf(Vector(2))])
def test_no_vectors_have_the_type_of_vectors(result):
    array = arrow_array([], arrow_type(result, half=True))
    assert (len(array), array.type) == (0, arrow_type(result, half=True))


def test_the_keys_of_another_style_find_those_of_the_results():
    type_ = arrow_type(SPANS, "hugot")
    array = arrow_array([{"word": "a", "start": 1, "index": 2}], type_, result_keys(SPANS, "hugot"))
    assert array.to_pylist() == [[{"Word": "a", "Start": 1, "Index": 2}]]


def test_labels_that_are_numbers_become_strings():
    assert arrow_array([1, "a"], pa.string()).to_pylist() == ["1", "a"]


def test_results_of_another_type_are_refused():
    fits = {"word": "a", "start": 1, "index": 2}
    for wrong in ({"word": "a"}, [[fits]]):
        with pytest.raises(InputError, match="another kind") as raised:
            arrow_array([fits, wrong], arrow_type(SPANS))
        assert raised.value.index == 1


def test_the_type_that_fits_results_is_found_with_the_dimension_of_vectors():
    types = (Vector(None), ListOf(Vector(None)))
    assert fitting_type(np.zeros((2, 3), np.float32), types) == Vector(3)
    assert fitting_type([np.zeros((2, 3), np.float32)], types) == ListOf(Vector(3))
    assert fitting_type([], types) is None
    assert fitting_type([[], [{"word": "a", "start": 1, "index": 2}]], (SPANS,)) == SPANS
    assert fitting_type([{"word": "a"}], (SPANS,)) is None
