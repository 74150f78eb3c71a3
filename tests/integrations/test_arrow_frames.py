"""pandas and polars by way of Arrow."""

from __future__ import annotations

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

from hugot.errors import InputError  # noqa: E402
from hugot.integrations.arrow import ArrowPipeline, texts_of  # noqa: E402

TEXTS = ["The film was excellent", None, "Bad", "Bad"]


@pytest.fixture(scope="module")
def embed(examples):
    return ArrowPipeline("feature-extraction", examples / "tiny-embedding", input_column="text")


@pytest.fixture(scope="module")
def tag(examples):
    return ArrowPipeline("ner", examples / "tiny-ner", aggregation_strategy="simple")


@pytest.mark.parametrize("dtype", [object, "string", "category", "string[pyarrow]"])
def test_pandas_columns_of_every_kind_give_their_texts(dtype):
    pandas = pytest.importorskip("pandas")
    assert texts_of(pandas.Series(TEXTS, dtype=dtype)) == TEXTS
    assert texts_of(pandas.Series(TEXTS, dtype=dtype)[1:3]) == TEXTS[1:3]


def test_nan_in_a_pandas_column_is_null():
    pandas = pytest.importorskip("pandas")
    assert texts_of(pandas.Series(["a", float("nan"), None], dtype=object)) == ["a", None, None]


def test_polars_columns_of_every_kind_give_their_texts():
    polars = pytest.importorskip("polars")
    for dtype in (polars.String, polars.Categorical):
        column = polars.Series("text", TEXTS, dtype=dtype)
        assert texts_of(column) == TEXTS
        assert texts_of(column[1:3]) == TEXTS[1:3]


def test_vectors_of_a_pandas_column_go_back_to_pandas(embed):
    pandas = pytest.importorskip("pandas")
    column = embed(pandas.Series(TEXTS)).to_pandas()
    assert column[1] is None
    assert np.allclose(column[0], embed.pipeline(TEXTS[0]), atol=1e-6)


def test_vectors_of_a_polars_column_go_back_to_polars(embed):
    polars = pytest.importorskip("polars")
    column = polars.Series(embed(polars.Series("text", TEXTS)))
    assert column.dtype == polars.Array(polars.Float32, 64)
    assert column.null_count() == 1
    assert np.allclose(column[0].to_numpy(), embed.pipeline(TEXTS[0]), atol=1e-6)


def test_a_pandas_frame_keeps_its_index(embed):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": range(4), "text": TEXTS}, index=list("abcd"))
    answer = embed(frame).to_pandas()
    assert list(answer.index) == list("abcd")
    assert list(answer.columns) == ["n", "text", "output"]


def test_a_polars_frame_gains_entities(tag):
    polars = pytest.importorskip("polars")
    texts = ["Wolfgang lives in Berlin", None]
    answer = polars.DataFrame(tag(polars.DataFrame({"input": texts, "n": [1, 2]})))
    assert answer["n"].to_list() == [1, 2]
    assert answer["output"].to_list()[1] is None
    assert answer["output"][0].to_list() == tag.pipeline(texts[0])


def test_a_frame_without_the_column_is_refused(embed):
    polars = pytest.importorskip("polars")
    with pytest.raises(InputError, match="'text' is not there"):
        embed(polars.DataFrame({"x": ["a"]}))
