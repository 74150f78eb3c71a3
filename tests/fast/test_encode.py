from types import SimpleNamespace

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from hugot._fast import encode

TEXTS = ["a b c", "", "b", "zzz a\u00e9 b", "c " * 300]


@pytest.fixture(scope="module")
def encodings():
    """Encodings of `TEXTS`, including pairs, with special tokens."""
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer.encode_batch([*TEXTS, ("a b", "c"), ("", "")])


def offsets_of(encodings):
    offsets = np.full(len(encodings) + 1, -9, np.int64)
    encode.row_offsets(encodings, offsets)
    return offsets


def test_row_offsets_tell_where_each_encoding_begins(encodings):
    lengths = [len(encoding.ids) for encoding in encodings]
    assert offsets_of(encodings).tolist() == [0, *np.cumsum(lengths).tolist()]


def test_no_encodings_have_the_one_offset_zero():
    assert offsets_of([]).tolist() == [0]


@pytest.mark.parametrize("field", ["ids", "type_ids", "special_tokens_mask", "attention_mask"])
def test_gather_joins_the_lists_of_all_encodings(encodings, field):
    out = np.full(offsets_of(encodings)[-1], -9, np.int32)
    encode.gather(encodings, field, out)
    assert out.tolist() == [value for each in encodings for value in getattr(each, field)]


@pytest.mark.parametrize("field", ["word_ids", "sequence_ids"])
def test_gather_writes_minus_one_where_there_is_no_number(encodings, field):
    out = np.full(offsets_of(encodings)[-1], -9, np.int32)
    encode.gather(encodings, field, out)
    values = [value for each in encodings for value in getattr(each, field)]
    assert None in values
    assert out.tolist() == [-1 if value is None else value for value in values]


def test_gather_of_no_encodings_writes_nothing():
    out = np.full(2, -9, np.int32)
    encode.gather([], "ids", out)
    assert out.tolist() == [-9, -9]


def test_gather_passes_on_what_an_attribute_raises():
    with pytest.raises(AttributeError, match="ids"):
        encode.gather([SimpleNamespace()], "ids", np.zeros(1, np.int32))


def test_gather_refuses_what_is_not_a_number():
    with pytest.raises(TypeError):
        encode.gather([SimpleNamespace(ids=["a"])], "ids", np.zeros(1, np.int32))
