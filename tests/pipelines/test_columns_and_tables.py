"""Arrays and columns of other libraries are lists of inputs; tables are refused by name."""

from __future__ import annotations

import asyncio
import collections
import enum
from types import SimpleNamespace

import numpy as np
import pytest
from comparison import same
from places import FIXTURES

import hugot
from hugot import InputError

TEXTS = ["Wolfgang lives [MASK] Berlin", "a [MASK]", "no [MASK] at all, or is there one"]
MODELS = {
    "text-classification": "bert-uncased-text",
    "token-classification": "bert-uncased-token",
    "feature-extraction": "bert-uncased-features",
    "fill-mask": "bert-uncased-mask",
    "zero-shot-classification": "bert-generic-text",
}
STRATEGIES = ("none", "simple", "first", "average", "max")


class Other(str):
    """A str that is printed as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"

    def __add__(self, other: str) -> str:
        return "something else"

    __radd__ = __add__


@pytest.fixture(scope="module")
def made():
    with hugot.Session(threads=1) as session:
        yield {task: session.pipeline(task, FIXTURES / name) for task, name in MODELS.items()}


@pytest.fixture(scope="module")
def classify(made):
    return made["text-classification"]


# The ways of passing inputs: a function of the pipeline, the inputs and the options.
WAYS = {
    "each": lambda run, texts, **options: [run(text, **options) for text in texts],
    "list": lambda run, texts, **options: run(list(texts), **options),
    "tuple": lambda run, texts, **options: run((*texts,), **options),
    "iterator": lambda run, texts, **options: list(run(iter(texts), **options)),
    "stream": lambda run, texts, **options: list(run.stream(texts, **options)),
    "stream_batches": lambda run, texts, **options: list(run.stream_batches([texts], **options)),
    "submit one": lambda run, texts, **options: run.submit(texts[0], **options).result(),
    "submit": lambda run, texts, **options: run.submit(texts, **options).result(),
    "acall one": lambda run, texts, **options: asyncio.run(run.acall(texts[0], **options)),
    "acall": lambda run, texts, **options: asyncio.run(run.acall(texts, **options)),
}
KINDS = {
    "a subclass": Other,
    "numpy.str_": np.str_,
    "an enumeration": lambda text: enum.Enum("Texts", {"TEXT": text}, type=str).TEXT,
}
CALLS = [
    *(("token-classification", {"aggregation_strategy": each}) for each in STRATEGIES),
    ("token-classification", {"aggregation_strategy": "first", "stride": 2}),
    ("text-classification", {}),
    ("feature-extraction", {"prompt": "query: "}),
    ("feature-extraction", {"pooling": "none"}),
    ("fill-mask", {"targets": ["in", "a"]}),
    ("zero-shot-classification", {"candidate_labels": ["in", "a"]}),
]


def strings_in(result):
    """Return the types of all strings in a result."""
    if isinstance(result, dict):
        return set().union(*map(strings_in, [*result.keys(), *result.values()]))
    if isinstance(result, list):
        return set().union(*map(strings_in, result))
    return {type(result)} if isinstance(result, str) else set()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_instance_of_a_subclass_of_str_is_answered_as_the_str(made, kind, way) -> None:
    for task, options in CALLS:
        run = made[task]
        expected = WAYS[way](run, TEXTS, **options)
        found = WAYS[way](run, [KINDS[kind](text) for text in TEXTS], **options)
        assert same(found, expected), (task, options)
        assert strings_in(found) <= {str}


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_and_words_may_be_of_a_subclass_of_str(made, kind) -> None:
    convert = KINDS[kind]
    one, two = TEXTS[:2]
    classify, tag = made["text-classification"], made["token-classification"]
    for inputs, expected in (
        (
            {"text": convert(one), "text_pair": convert(two)},
            {"text": one, "text_pair": two},
        ),
        ([[[convert(one), convert(two)]]], [[[one, two]]]),
    ):
        assert same(classify(inputs), classify(expected))
    words = one.split()
    for strategy in STRATEGIES:
        options = {"aggregation_strategy": strategy, "is_split_into_words": True}
        expected = tag(words, **options)
        for inputs in (
            list(map(convert, words)),
            np.array(words),
            [np.array(words)],
            [tuple(words)],
            [list(map(convert, words))],
        ):
            found = tag(inputs, **options)
            assert same(found, expected)
            assert strings_in(found) <= {str}


def columns():
    """Yield the texts as a column of each library that is installed."""
    yield np.array(TEXTS)
    yield np.array(TEXTS, object)
    try:
        import pandas as pd
    except ModuleNotFoundError:
        pass
    else:
        yield pd.Series(TEXTS, index=[7, 8, 9])
        yield pd.Series(TEXTS, dtype="category")
        yield pd.Series(TEXTS, dtype="string").array
        yield pd.Index(TEXTS)
    try:
        import polars as pl
    except ModuleNotFoundError:
        pass
    else:
        yield pl.Series(TEXTS)
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        pass
    else:
        yield pa.array(TEXTS)
        yield pa.chunked_array([TEXTS[:1], TEXTS[1:]])
        yield pa.array(TEXTS).dictionary_encode()
        yield list(pa.array(TEXTS))
    yield collections.deque(TEXTS)
    yield dict.fromkeys(TEXTS).keys()


@pytest.mark.parametrize("way", ["list", "stream", "stream_batches", "submit", "acall"])
def test_a_column_is_a_list_of_its_texts(classify, way) -> None:
    run = WAYS[way]
    expected = run(classify, TEXTS, top_k=None)
    for column in columns():
        given = column
        if way == "list":
            assert same(classify(given, top_k=None), expected)
        else:
            assert same(run(classify, given, top_k=None), expected)
        assert len(classify.plan(given).groups) == len(classify.plan(TEXTS).groups)


def tables():
    """Yield tables of each library that is installed."""
    data = {"label": [0, 1], "text": ["good", "bad"]}
    yield data
    yield collections.UserDict(data)
    yield SimpleNamespace(column_names=[*data], __iter__=None)  # as datasets.Dataset
    yield np.array([("good", 0)], [("text", "U9"), ("label", int)])
    try:
        import pandas as pd
    except ModuleNotFoundError:
        pass
    else:
        yield pd.DataFrame(data)
    try:
        import polars as pl
    except ModuleNotFoundError:
        pass
    else:
        yield pl.DataFrame(data)
    try:
        import pyarrow as pa
        import pyarrow.dataset
    except ModuleNotFoundError:
        pass
    else:
        yield pa.table(data)
        yield pa.record_batch(data)
        yield pa.dataset.dataset(pa.table(data))


@pytest.mark.parametrize("task", MODELS)
def test_a_table_is_refused_with_the_names_of_its_columns(made, task) -> None:
    run = made[task]
    for table in tables():
        for call in (
            run,
            run.stream,
            run.plan,
            lambda table: run.submit(table).result(),
            lambda table: asyncio.run(run.acall(table)),
            lambda table: list(run.stream_batches([table])),
        ):
            with pytest.raises(InputError, match=r"text") as caught:
                call(table)
            if isinstance(table, dict) and task == "text-classification" and call is not run.stream:
                continue  # there, a dict is a pair of texts
            assert (
                "pass the column with the texts, such as data['text']" in str(caught.value).lower()
            )
            assert "'label'" in str(caught.value)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (None, "input 1 is of type NoneType; .*missing value: drop it"),
        (float("nan"), "input 1 is of type float; .*missing value: drop it"),
        (b"good", "input 1 is of type bytes; .*Decode it first"),
        (bytearray(b"good"), "input 1 is of type bytearray; .*Decode it first"),
        (np.bytes_(b"good"), "input 1 is of type bytes_; .*Decode it first"),
        (3, "input 1 is of type int; text-classification takes str$"),
        (np.array([1, 2]), "input 1 is of type ndarray; text-classification takes str$"),
    ],
)
def test_an_item_that_is_no_text_is_refused_with_its_index(classify, item, says) -> None:
    column = np.empty(3, object)
    column[:] = ["good", "bad", "good"]
    column[1] = item
    for inputs in (column, list(column)):
        with pytest.raises(InputError, match=says) as caught:
            classify(inputs)
        assert caught.value.index == 1


def test_a_missing_value_of_pandas_and_polars_is_refused_with_its_index(classify) -> None:
    pd = pytest.importorskip("pandas")
    pl = pytest.importorskip("polars")
    for column in (
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype="string"),
        pl.Series(["a", None]),
    ):
        with pytest.raises(InputError, match=r"input 1 .* missing value") as caught:
            classify(column)
        assert caught.value.index == 1


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_is_refused_since_it_has_no_order(classify, kind) -> None:
    with pytest.raises(InputError, match=f"not a {kind.__name__}, whose order"):
        classify(kind(TEXTS))


@pytest.mark.parametrize("text", ["good", b"good", np.str_("good"), np.array("good"), 3])
def test_a_stream_does_not_take_a_text_for_its_characters(classify, text) -> None:
    with pytest.raises(InputError, match=r"iterable of inputs; not"):
        classify.stream(text)
    with pytest.raises(InputError, match=r"batch of stream_batches\(\) is a list"):
        list(classify.stream_batches([text]))


def test_an_array_without_axes_is_one_text(classify) -> None:
    assert same(classify(np.array("good")), classify("good"))


def test_bytes_are_refused_with_what_to_do(classify) -> None:
    with pytest.raises(InputError, match=r"not bytes\. Decode it first"):
        classify(b"good")
