"""Results as values of JSON."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from hugot.io.values import JSON_OPTIONS, json_value
from hugot.tasks.schema import FLOAT32, INT32, STRING, ListOf, Vector, struct

BEST = ListOf(struct(label=STRING, score=FLOAT32))


def printed(value) -> str:
    return orjson.dumps(value, option=JSON_OPTIONS).decode()


def test_a_float32_has_its_shortest_digits():
    score = float(np.float32(0.1))
    assert printed(json_value(FLOAT32, "hugot")(score)) == "0.1"
    assert printed(json_value(BEST, "hugot")([{"label": "A", "score": score}])) == (
        '[{"Label":"A","Score":0.1}]'
    )


def test_a_single_result_becomes_a_list_if_the_type_is_one():
    assert json_value(BEST, "transformers")({"label": "A", "score": 0.5}) == [
        {"label": "A", "score": 0.5}
    ]


def test_a_list_of_lists_is_a_result_if_the_type_nests():
    value = [[{"label": "A", "score": 0.5}], [{"label": "B", "score": 0.25}]]
    assert json_value(ListOf(BEST.item, nests=True), "hugot")(value) == [
        [{"Label": "A", "Score": 0.5}],
        [{"Label": "B", "Score": 0.25}],
    ]


def test_the_style_of_go_has_words_with_capitals():
    type_ = struct(corpus_id=INT32, items=ListOf(struct(token_str=STRING)))
    value = {"corpus_id": 1, "items": [{"token_str": "a"}]}
    assert json_value(type_, "hugot")(value) == {"CorpusId": 1, "Items": [{"TokenStr": "a"}]}
    assert json_value(type_, "transformers")(value) == value


def test_only_vectors_are_halved():
    vectors = np.array([[1 / 3, 2.0]], np.float32)
    for type_ in (Vector(2), ListOf(Vector(None))):
        assert json_value(type_, "hugot") is None
        assert json_value(type_, "hugot", half=True)(vectors).dtype == np.float16
    assert json_value(FLOAT32, "hugot", half=True) is np.float32


def test_arrays_of_numbers_stay_arrays():
    type_ = struct(indices=ListOf(INT32), values=ListOf(FLOAT32))
    value = {"indices": np.array([3, 7], np.int32), "values": np.array([0.1, 2], np.float32)}
    assert printed(json_value(type_, "hugot")(value)) == '{"Indices":[3,7],"Values":[0.1,2.0]}'


@pytest.mark.parametrize("style", ["hugot", "transformers"])
def test_strings_and_whole_numbers_are_values_of_json(style):
    assert json_value(STRING, style) is None
    assert json_value(INT32, style) is None
