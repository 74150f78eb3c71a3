"""Any input at all: an answer, or an InputError that names the input; the others keep their answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hugot
from hugot.errors import HugotError, InputError

MODELS = {
    "feature-extraction": "bert-uncased-features",
    "text-classification": "roberta-text",
    "token-classification": "bert-cased-token",
}
TASKS = sorted(MODELS)

# Any code point, lone surrogates included, and what tokenizers stumble over.
characters = st.characters(exclude_categories=())
pieces = st.sampled_from(
    ["\0", "\ud800", "\udfff\ud800", "a" * 1000, " " * 300, "\u200d", "e\u0301",
     "\U0001f468\u200d\U0001f469", "[CLS]", "[PAD]", "<s>", "</s>", "##", "\ufffd", "\ufeff", "\r\n",
     "\x7f", "\u0000\u202e", "ß", "İ", "日本"]
)  # fmt: skip
texts = st.lists(st.one_of(st.text(characters, max_size=40), pieces), max_size=6).map("".join)
others = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=5), st.just(object()),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
    st.sets(st.text(max_size=2), max_size=2), st.tuples(st.text(max_size=3), st.text(max_size=3)),
)  # fmt: skip


@pytest.fixture(scope="module", params=TASKS)
def pipeline(request, models):
    with hugot.pipeline(request.param, models / MODELS[request.param], threads=2) as pipeline:
        yield pipeline


def same(a, b):
    """Whether two answers are equal, but for the rounding that padding brings."""
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and np.allclose(a, b, atol=1e-4)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == pytest.approx(b, abs=1e-4) if isinstance(a, float) else a == b


def alone(pipeline, text):
    """The answer to a text in a list of its own, or the error."""
    try:
        return pipeline([text])[0]
    except InputError as error:
        assert error.index == 0  # noqa: PT017
        return error


@given(batch=st.lists(texts, max_size=5))
@example(batch=["\0", "", "good"])
@example(batch=["good", "\ud800", "bad"])
@example(batch=["a" * 1_000_000, "x " * 500_000])
@example(batch=[""] * 3000)
def test_any_texts_have_answers_or_the_first_bad_one_is_named(pipeline, batch):
    wanted = [alone(pipeline, text) for text in batch[:5]]
    bad = [index for index, answer in enumerate(wanted) if isinstance(answer, InputError)]
    try:
        found = pipeline(batch)
    except InputError as error:
        assert bad
        assert error.index == bad[0]  # noqa: PT017
        return
    assert not bad
    assert len(found) == len(batch)
    assert all(map(same, wanted, found))


@given(batch=st.lists(texts, min_size=1, max_size=6))
def test_a_request_with_a_bad_text_leaves_the_others_their_answers(pipeline, batch):
    wanted = [alone(pipeline, text) for text in batch]
    futures = [pipeline.submit([text]) for text in batch]
    for answer, future in zip(wanted, futures, strict=True):
        error = future.exception(60)
        assert isinstance(answer, InputError) == isinstance(error, InputError)
        assert error is not None or same(answer, future.result()[0])


@given(value=st.one_of(others, st.lists(st.one_of(texts, others), max_size=4)))
def test_inputs_of_any_type_give_answers_or_an_error_of_ours(pipeline, value):
    for call in (pipeline, lambda x: pipeline.submit(x).result(60)):
        try:
            call(value)
        except HugotError as error:
            assert str(error)  # noqa: PT017


@given(before=st.lists(st.sampled_from(["good", "bad", ""]), max_size=70))
def test_what_a_generator_raises_comes_through_after_the_answers_before_it(pipeline, before):
    class OwnError(Exception):
        pass

    def generate():
        yield from before
        raise OwnError

    found = []
    with pytest.raises(OwnError):
        found.extend(pipeline.stream(generate()))
    assert len(found) in (0, 64, len(before))
    assert len(pipeline(["good"])) == 1
