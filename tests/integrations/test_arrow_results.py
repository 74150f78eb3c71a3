"""Results to Arrow arrays."""

from __future__ import annotations

import numpy as np
import pytest

import hugot

pa = pytest.importorskip("pyarrow")

from hugot.errors import InputError  # noqa: E402
from hugot.integrations.arrow import result_type, results_array  # noqa: E402

TEXTS = ["Wolfgang lives in Berlin", "Nothing here", "Anna met Bob in Paris"]
STRATEGIES = ["none", "simple", "first", "average", "max"]


def test_vectors_share_the_memory_of_numpy():
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)
    array = results_array("feature-extraction", vectors)
    assert array.type == pa.list_(pa.float32(), 4)
    assert array.values.buffers()[1].address == vectors.ctypes.data
    assert array.to_pylist() == vectors.tolist()


def test_nan_in_a_vector_stays_nan():
    array = results_array("feature-extraction", np.full((1, 2), np.nan, np.float32))
    assert array.null_count == array.values.null_count == 0


def test_vectors_can_be_rounded_to_float16():
    vectors = np.array([[1 / 3, 2.0]], np.float32)
    array = results_array("feature-extraction", vectors, pa.list_(pa.float16(), 2))
    assert array.type.value_type == pa.float16()
    assert np.array_equal(array.values.to_numpy(), vectors[0].astype(np.float16))


def test_token_vectors_are_lists_of_vectors(examples):
    with hugot.pipeline("feature-extraction", examples / "tiny-embedding", pooling="none") as embed:
        results = embed(TEXTS)
        array = results_array("feature-extraction", results)
        assert array.type == result_type(embed) == pa.list_(pa.list_(pa.float32(), 64))
    assert len(array) == 3
    for row, vectors in zip(array, results, strict=True):
        assert np.array_equal(row.as_py(), vectors)


@pytest.mark.parametrize("top_k", [{}, {"top_k": 1}, {"top_k": None}], ids=str)
def test_classifications_come_back_to_the_digit(examples, top_k):
    with hugot.pipeline("text-classification", examples / "tiny-sentiment", **top_k) as classify:
        results = classify(TEXTS)
        array = results_array("text-classification", results)
        assert array.type == result_type(classify)
    assert array.to_pylist() == [each if isinstance(each, list) else [each] for each in results]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_come_back_with_the_keys_of_their_strategy(examples, strategy):
    model = examples / "tiny-ner"
    with hugot.pipeline("ner", model, aggregation_strategy=strategy) as tag:
        results = tag(TEXTS)
        array = results_array("ner", results)
        assert array.type == result_type(tag)
    assert any(results)
    assert array.to_pylist() == results


def test_the_type_of_embeddings_is_that_of_their_results(examples):
    with hugot.pipeline("feature-extraction", examples / "tiny-embedding") as embed:
        assert result_type(embed) == results_array(embed.task, embed(TEXTS)).type
        assert result_type(embed, "float16") == pa.list_(pa.float16(), 64)


def test_no_results_have_the_type_that_is_told(examples):
    for task, model in (("ner", "tiny-ner"), ("feature-extraction", "tiny-embedding")):
        with hugot.pipeline(task, examples / model) as pipeline:
            array = results_array(task, pipeline([]), result_type(pipeline))
            assert (len(array), array.type) == (0, result_type(pipeline))


def test_no_results_without_a_type_are_refused():
    with pytest.raises(InputError, match="result_type"):
        results_array("ner", [])


def test_results_of_another_task_are_refused():
    with pytest.raises(InputError, match="another kind"):
        results_array("text-classification", [{"entity": "B-PER", "score": 1.0}])
