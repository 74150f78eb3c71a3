"""The option `chunks`: windows of texts that are too long, compared with the same done by hand."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from comparison import same

import hugot
from hugot import InputError
from hugot.pipelines.pipeline import runner_of

WORDS = ("the", "cat", "sat", "by", "sea", "and", "ran", "to", "man", "in", "sun", ".", "we", "it")
LONGEST = 12
# Models in whose vocabulary each of the words is a token that does not depend on its neighbours.
VECTORS = [
    "bert-uncased-features",
    "bert-uncased-features-sentence",
    "bert-uncased-features-pooler",
    "albert-features",
    "xlm-roberta-features",
    "deberta-features",
    "electra-features",  # with a Dense module
    "camembert-features",
]
CLASSES = ["bert-uncased-text", "electra-text", "albert-text", "xlm-roberta-text"]


@pytest.fixture(scope="module")
def pipelines(models):
    made = {}

    def pipeline(model):
        task = "feature-extraction" if "features" in model else "text-classification"
        return made.setdefault(model, hugot.pipeline(task, models / model, threads=1))

    yield pipeline
    for each in made.values():
        each.close()


def content(pipeline, text) -> list[int]:
    """The tokens of a text, without special ones."""
    return runner_of(pipeline).task.tokenizer.pieces(text)


@pytest.fixture(scope="module")
def token_words(pipelines):
    """Words that are one token each, many of them in a random order."""

    def words(model, count):
        known = [word for word in WORDS if len(content(pipelines(model), word)) == 1]
        assert len(known) > 3
        return np.random.default_rng(1).choice(known, count).tolist()

    return words


def windows(words, room, overlap) -> list[list[str]]:
    """Split a list of words by hand."""
    found, start = [], 0
    while True:
        found.append(words[start : start + room])
        if start + room >= len(words):
            return found
        start += room - overlap


def room_of(pipeline, prompt="") -> int:
    """Number of words that a window holds."""
    task = runner_of(pipeline).task
    before, behind = task.tokenizer.special_tokens
    return LONGEST - before - behind - len(content(pipeline, prompt))


@pytest.mark.parametrize("overlap", [0, 1, 4])
@pytest.mark.parametrize("model", VECTORS)
def test_vectors_are_the_weighted_mean_of_those_of_the_windows(
    pipelines, token_words, model, overlap
) -> None:
    embed = pipelines(model)
    words = token_words(model, 43)
    parts = windows(words, room_of(embed), overlap)
    assert len(parts) > 3
    options = {"max_length": LONGEST, "chunks": "mean", "chunk_overlap": overlap, "prompt": ""}
    vectors = embed([" ".join(part) for part in parts], normalize=False, prompt="")
    mean = np.average(vectors, axis=0, weights=[len(part) for part in parts])
    text = " ".join(words)
    assert np.allclose(embed(text, normalize=False, **options), mean, atol=1e-5)
    expected = mean / np.linalg.norm(mean)
    assert np.allclose(embed(text, normalize=True, **options), expected, atol=1e-5)
    if model == "bert-uncased-features-sentence":  # its files name a Normalize module
        assert np.allclose(embed(text, **options), expected, atol=1e-5)
        first = embed(text, truncate_dim=5, **options)
        assert np.allclose(first, expected[:5], atol=1e-5)


@pytest.mark.parametrize("include", [True, False])
def test_a_prompt_is_pooled_in_each_window_only_if_the_files_say_so(
    copy_of, token_words, include
) -> None:
    folder = copy_of("bert-uncased-features-two-files")
    pooling = folder / "1_Pooling" / "config.json"
    config = json.loads(pooling.read_text(encoding="utf-8")) if pooling.exists() else {}
    pooling.parent.mkdir(exist_ok=True)
    pooling.write_text(
        json.dumps(config | {"pooling_mode_mean_tokens": True, "include_prompt": include}),
        encoding="utf-8",
    )
    words, prompt = token_words("bert-uncased-features", 30), "the sea : "
    with hugot.pipeline("feature-extraction", folder) as embed:
        parts = windows(words, room_of(embed, prompt), 2)
        call = {"prompt": prompt, "normalize": False}
        vectors = embed([" ".join(part) for part in parts], **call)
        mean = np.average(vectors, axis=0, weights=[len(part) for part in parts])
        options = {"max_length": LONGEST, "chunks": "mean", "chunk_overlap": 2}
        assert np.allclose(embed(" ".join(words), **options, **call), mean, atol=1e-5)


@pytest.mark.parametrize("model", ["bert-uncased-features", "xlm-roberta-features"])
def test_each_window_begins_with_the_prompt(pipelines, token_words, model) -> None:
    embed = pipelines(model)
    words, prompt = token_words(model, 30), "the sea : "
    parts = windows(words, room_of(embed, prompt), 2)
    vectors = embed([" ".join(part) for part in parts], prompt=prompt, normalize=False)
    mean = np.average(vectors, axis=0, weights=[len(part) for part in parts])
    options = {"max_length": LONGEST, "chunks": "mean", "chunk_overlap": 2, "prompt": prompt}
    assert np.allclose(embed(" ".join(words), normalize=False, **options), mean, atol=1e-5)


def scores(answers) -> np.ndarray:
    """Scores of each answer in the order of the labels' names."""
    return np.array(
        [
            [each["score"] for each in sorted(answer, key=lambda each: each["label"])]
            for answer in answers
        ]
    )


@pytest.mark.parametrize("function", [None, "sigmoid", "none"])
@pytest.mark.parametrize("overlap", [0, 3])
@pytest.mark.parametrize("model", CLASSES)
def test_scores_are_the_mean_or_the_largest_of_those_of_the_windows(
    pipelines, token_words, model, overlap, function
) -> None:
    classify = pipelines(model)
    words = token_words(model, 37)
    parts = windows(words, room_of(classify), overlap)
    call = {"function_to_apply": function, "top_k": None}
    found = scores(classify([" ".join(part) for part in parts], **call))
    options = {"max_length": LONGEST, "chunk_overlap": overlap}
    text = " ".join(words)
    mean = scores([classify(text, chunks="mean", **call, **options)])
    weights = [len(part) for part in parts]
    assert np.allclose(mean, np.average(found, axis=0, weights=weights), atol=1e-6)
    largest = scores([classify(text, chunks="max", **call, **options)])
    assert np.allclose(largest, found.max(axis=0), atol=1e-6)


def test_the_best_label_is_that_of_the_pooled_scores(pipelines, token_words) -> None:
    classify = pipelines("bert-uncased-text")
    texts = [" ".join(token_words("bert-uncased-text", count)) for count in (40, 3, 90)]
    options = {"chunks": "mean", "max_length": LONGEST}
    every = classify(texts, top_k=None, **options)
    assert same(classify(texts, **options), [ranked[0] for ranked in every])
    assert same(classify(texts[0], **options), [every[0][0]])
    assert [each["score"] for each in every[0]] == sorted(
        (each["score"] for each in every[0]), reverse=True
    )


@pytest.mark.parametrize("model", ["bert-uncased-features-sentence", "bert-uncased-text"])
def test_every_way_of_calling_has_the_same_answers(pipelines, token_words, model) -> None:
    made = pipelines(model)
    texts = [" ".join(token_words(model, count)) for count in (40, 3, 90, 5, 41)]
    options = {"chunks": "mean", "max_length": LONGEST, "chunk_overlap": 2}
    expected = made(texts, **options)
    alone = [made(text, **options) for text in texts]
    if not isinstance(expected, np.ndarray):
        alone = [answer[0] for answer in alone]

    def agree(answers) -> bool:
        return same(plain(list(answers)), plain(list(expected)), 1e-5)

    assert agree(alone)
    assert agree(made.stream(iter(texts), **options))
    assert agree(made.submit(texts, **options).result(30))
    assert agree(asyncio.run(made.acall(texts, **options)))
    futures = [made.submit(text, **options) for text in texts]
    single = [future.result(30) for future in futures]
    assert agree(each if isinstance(each, np.ndarray) else each[0] for each in single)
    plan = made.plan(texts, **options)
    assert sum(rows for rows, _ in plan.groups) > len(texts)
    assert max(width for _, width in plan.groups) == LONGEST


def plain(answers):
    return [each.tolist() if isinstance(each, np.ndarray) else each for each in answers]


@pytest.mark.parametrize("model", [*VECTORS, *CLASSES])
def test_a_text_that_fits_has_exactly_the_answer_without_chunks(pipelines, model) -> None:
    made = pipelines(model)
    answer, expected = made("the cat sat", chunks="mean"), made("the cat sat")
    assert plain([answer]) == plain([expected])


def test_a_long_text_is_not_refused_with_chunks(pipelines) -> None:
    embed = pipelines("bert-uncased-features")
    assert embed("the cat " * 100, chunks="mean", truncation="error").shape == (16,)
    assert embed.stats().truncated == 0


def test_a_tokenizer_without_a_limit_makes_no_windows(models) -> None:
    with hugot.pipeline("text-classification", models / "roberta-text-no-limit") as made:
        assert same(made("the cat " * 20, chunks="mean"), made("the cat " * 20))


@pytest.mark.parametrize("model", ["bert-uncased-features", "bert-uncased-text"])
def test_an_empty_text_among_long_ones_has_its_usual_answer(pipelines, model) -> None:
    made = pipelines(model)
    answers, expected = made(["", "the cat " * 50], chunks="mean"), made(["", "a"])
    assert same(plain([answers[0]]), plain([expected[0]]))


def test_a_refused_text_among_long_ones_keeps_its_number(models) -> None:
    texts = ["the cat " * 50, "a\ud800", "the cat " * 60]
    with hugot.pipeline("feature-extraction", models / "bert-uncased-features") as made:
        with pytest.raises(InputError, match="input 1 cannot be tokenized"):
            made(texts, chunks="mean")
        assert made(texts[::2], chunks="mean").shape == (2, 16)


def test_pairs_are_refused_with_chunks(pipelines) -> None:
    pair = {"text": "a", "text_pair": "b"}
    with pytest.raises(InputError, match="input 1 is a pair of texts; chunks='max'"):
        pipelines("bert-uncased-text")(["a", pair], chunks="max")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunks": "median"}, "chunks='median'; it can be None, 'mean'"),
        ({"chunks": "max"}, "chunks='max'"),
        ({"chunks": True}, "chunks=True"),
        ({"chunks": "mean", "pooling": "none"}, "chunks='mean' .* pooling='none'"),
        ({"chunk_overlap": -1}, "chunk_overlap=-1"),
        ({"chunk_overlap": 1.5}, "chunk_overlap=1.5"),
        ({"chunks": "mean", "chunk_overlap": 62}, "chunk_overlap=62; it must be below 62"),
        ({"chunks": "mean", "chunk_overlap": 9, "max_length": 11}, "it must be below 9"),
        (
            {"chunks": "mean", "chunk_overlap": 8, "max_length": 11, "prompt": "the "},
            "it must be below 8",
        ),
        (
            {"chunks": "mean", "prompt": "the " * 70},
            "the prompt and the special tokens leave no room",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused(models, pipelines, options, message) -> None:
    with pytest.raises(InputError, match=message):
        pipelines("bert-uncased-features")("a", **options)
    with pytest.raises(InputError, match=message):
        hugot.pipeline("feature-extraction", models / "bert-uncased-features", **options)
