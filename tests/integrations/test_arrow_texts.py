"""Arrow columns to texts."""

from __future__ import annotations

import pytest

pa = pytest.importorskip("pyarrow")

from hugot.errors import InputError  # noqa: E402
from hugot.integrations.arrow import as_column, texts_of  # noqa: E402

TEXTS = ["plain", None, "", "é 漢 \U0001f600", "nul\0within", "long " * 20]
TYPES = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_every_string_type_gives_its_texts_and_none_for_null(type_):
    assert texts_of(pa.array(TEXTS, type_)) == TEXTS


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_slice_gives_the_texts_of_the_slice(type_):
    assert texts_of(pa.array(TEXTS, type_)[1:4]) == TEXTS[1:4]
    assert texts_of(pa.array(TEXTS, type_)[2:][2:]) == TEXTS[4:]


@pytest.mark.parametrize("type_", TYPES[:2], ids=str)
def test_a_dictionary_column_gives_the_text_of_each_row(type_):
    texts = ["b", "a", None, "b", "b"]
    column = pa.array(texts, type_).dictionary_encode()
    assert texts_of(column) == texts
    assert texts_of(column[1:4]) == texts[1:4]


def test_a_null_in_a_dictionary_itself_is_none():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None]))
    assert texts_of(column) == ["a", None, None]


def test_chunks_are_read_one_after_another():
    chunks = [pa.array(part, pa.string()) for part in (TEXTS[:2], [], TEXTS[2:])]
    assert texts_of(pa.chunked_array(chunks)) == TEXTS
    assert texts_of(pa.chunked_array(chunks)[1:5]) == TEXTS[1:5]


def test_empty_and_untyped_columns_have_no_texts():
    assert texts_of(pa.array([], pa.string())) == []
    assert texts_of(pa.chunked_array([], pa.string())) == []
    assert texts_of(pa.array([None, None])) == [None, None]


def test_lists_of_strings_are_lists_of_words():
    assert texts_of(pa.array([["Anna", "sings"], None])) == [["Anna", "sings"], None]


def test_a_column_of_numbers_is_refused_with_its_type():
    with pytest.raises(InputError, match="int64"):
        texts_of(pa.array([1, 2]))


def test_bytes_that_are_no_text_are_refused_with_their_row():
    offsets = pa.py_buffer(memoryview(pa.array([0, 1, 2], pa.int32()).buffers()[1])[:12])
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xff")])
    with pytest.raises(InputError, match="row 11 is not UTF-8") as raised:
        texts_of(broken, first_row=10)
    assert raised.value.index == 11


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_bytes_that_are_utf_8_are_texts(kind):
    column = pa.array([b"caf\xc3\xa9", None, b""], kind)
    assert texts_of(column) == ["café", None, ""]
    assert texts_of(pa.chunked_array([column, column[1:]])) == ["café", None, "", None, ""]


def test_bytes_of_one_size_and_of_dictionaries_are_texts():
    assert texts_of(pa.array([b"ab", None], pa.binary(2))) == ["ab", None]
    assert texts_of(pa.array([b"ab", None, b"ab"]).dictionary_encode()) == ["ab", None, "ab"]


def test_a_dictionary_of_views_and_run_ends_have_texts():
    views = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, None]), pa.array(["a", "b"], pa.string_view())
    )
    assert texts_of(views) == ["b", "a", None]
    assert texts_of(pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None])) == ["a", "a", None]


def test_arrow_columns_are_taken_as_they_are():
    array = pa.array(["a"])
    assert as_column(array) is array


@pytest.mark.parametrize("value", [3, object(), ["a", 1]], ids=["int", "object", "mixed"])
def test_what_is_no_column_is_refused(value):
    with pytest.raises(InputError, match="no column of texts"):
        as_column(value)
