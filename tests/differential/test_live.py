"""hugot against the transformers that is installed, on texts that hypothesis draws.

Needs, beside hugot, `transformers`, `sentence_transformers` and `hypothesis`, and the checkpoints that
`tests/fixtures/make.py build --work FOLDER` writes, by `HUGOT_CHECKPOINTS=FOLDER`; skipped without.
`HUGOT_EXAMPLES` sets how many examples each model is asked (default 25). What was compared, and the
largest difference per task, is printed at the end (`pytest -s`).
"""

from __future__ import annotations

import atexit
import os
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparison import largest_difference, same
from places import FIXTURES

import hugot
from hugot.inputs.rows import takes_type_ids
from hugot.pipelines.pipeline import runner_of

hypothesis = pytest.importorskip("hypothesis")
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")
CHECKPOINTS = os.environ.get("HUGOT_CHECKPOINTS")
if CHECKPOINTS is None:
    pytest.skip("HUGOT_CHECKPOINTS is not set", allow_module_level=True)

from hypothesis import strategies as st  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

TASKS = {
    "text": "text-classification",
    "token": "token-classification",
    "features": "feature-extraction",
    "mask": "fill-mask",
}
# One model of each architecture and task; the variants differ in their files, not in their answers.
MODELS = sorted(
    path.name
    for path in FIXTURES.iterdir()
    if path.name.rsplit("-", 1)[-1] in TASKS
    and not path.name.endswith("-no-mask")  # a graph without attention_mask
    and (Path(CHECKPOINTS) / path.name).is_dir()
)
LONGEST = 64

WORDS = [
    "the",
    "Wolfgang",
    "Berlin",
    "in",
    "to",
    "don't",
    "state-of-the-art",
    "Zoë",
    "Zoë",
    "naïve",
    "東京",
    "Москва",
    "مرحبا",
    "שלום",
    "ﬁnd",
    "㎞",
    "½",
    "İstanbul",
    "ß",
    "👩\u200d👧",
    "👍🏽",
    "[SEP]",
    "[UNK]",
    "</s>",
    "<mask>",
    "<unk>",
    "e.g.",
    "U.S.A.",
    "3.14",
    "#tag",
    "@you",
    "http://a.b/c?d=e",
    "x\u200by",
    "\xa0",
    "\t",
    "\n",
    "\x00",
    "\x7f",
    "...",
    "--",
    "(",
    ")",
    '"',
    "'",
    "▁",
    "Ġ",
    "##",
    "##ing",
]
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=25).map("".join),
    st.text(max_size=60),
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=20).map(" ".join),
    st.text(alphabet=st.characters(codec=None), max_size=30),
)
counts: Counter[str] = Counter()
largest: dict[str, float] = defaultdict(float)


@atexit.register
def report() -> None:
    for name, count in sorted(counts.items()):
        print(
            f"{name}: {count}",
            f"(largest difference {largest[name]:.2g})" if name in largest else "",
        )


class Pair:
    """A fixture model on both sides."""

    def __init__(self, name: str) -> None:
        self.task = TASKS[name.rsplit("-", 1)[-1]]
        folder = Path(CHECKPOINTS) / name
        self.reference = transformers.pipeline(self.task, model=str(folder), device="cpu")
        self.file_tokenizer = Tokenizer.from_file(str(FIXTURES / name / "tokenizer.json"))
        self.file_tokenizer.no_padding()
        self.file_tokenizer.no_truncation()
        self.ours = hugot.pipeline(self.task, FIXTURES / name, threads=1)

    def answerable(self, text: str) -> bool:
        """Whether transformers reads the text as tokenizer.json says (5.x rebuilds some tokenizers)."""
        try:
            read = self.reference.tokenizer(text, truncation=False, return_offsets_mapping=True)
        except Exception:
            return False
        encoding = self.file_tokenizer.encode(text)
        if not encoding.ids:
            return False  # transformers fails inside the model
        return (
            read["input_ids"] == encoding.ids
            and [tuple(span) for span in read["offset_mapping"]] == encoding.offsets
        )

    def answerable_pair(self, text: str, text_pair: str) -> bool:
        """As `answerable`, for a pair, its token type ids included."""
        try:
            read = self.reference.tokenizer(text, text_pair, truncation=False)
        except Exception:
            return False
        encoding = self.file_tokenizer.encode(text, text_pair or None)
        task = runner_of(self.ours).task
        if takes_type_ids(task.graph.inputs, task.bundle):
            # transformers 5 gives none for some tokenizers, and the model takes them for zeros.
            types = read.get("token_type_ids", [0] * len(encoding.ids))
            if types != encoding.type_ids:
                return False
        return bool(read["input_ids"] == encoding.ids)

    def answerable_words(self, words: list[str]) -> bool:
        """As `answerable`, for a list of words."""
        try:
            read = self.reference.tokenizer(
                words, is_split_into_words=True, truncation=False, return_offsets_mapping=True
            )
        except Exception:
            return False
        encoding = self.file_tokenizer.encode(words, is_pretokenized=True)
        spans = [tuple(span) for span in read["offset_mapping"]]
        return bool(encoding.ids) and (read["input_ids"], spans) == (
            encoding.ids,
            encoding.offsets,
        )


@cache
def pair(name: str) -> Pair:
    transformers.logging.set_verbosity_error()
    return Pair(name)


def plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def compare(task: str, got: Any, expected: Any) -> None:
    assert same(got, expected), (got, expected)
    counts[task] += 1
    largest[task] = max(largest[task], largest_difference(got, expected))


def examples(test: Any) -> Any:
    settings = hypothesis.settings(
        max_examples=int(os.environ.get("HUGOT_EXAMPLES", "25")),
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        database=None,
    )
    return settings(test)


def of(task: str) -> list[str]:
    return [name for name in MODELS if TASKS[name.rsplit("-", 1)[-1]] == task]


@pytest.mark.parametrize("name", of("text-classification"))
@examples
@hypothesis.given(
    batch=st.lists(texts, min_size=1, max_size=4),
    top_k=st.sampled_from(["absent", None, 1, 2]),
    function=st.sampled_from([None, "softmax", "sigmoid", "none"]),
)
def test_text_classification(name: str, batch: list[str], top_k: Any, function: Any) -> None:
    both = pair(name)
    batch = [text for text in batch if both.answerable(text)]
    options = {} if top_k == "absent" else {"top_k": top_k}
    options |= {"function_to_apply": function} if function else {}
    together = both.ours(batch, **options) if batch else []
    for text, shared in zip(batch, together, strict=True):
        expected = plain(both.reference(text, truncation=True, max_length=LONGEST, **options))
        got = both.ours(text, **options)
        compare(both.task, got, expected)
        # In a list, a text with top_k has its list of labels without the one around a single str.
        compare(both.task, shared, expected if "top_k" in options else expected[0])


@pytest.mark.parametrize("name", of("text-classification"))
@examples
@hypothesis.given(pairs=st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_pairs(name: str, pairs: list[tuple[str, str]]) -> None:
    both = pair(name)
    inputs = [
        {"text": text, "text_pair": other}
        for text, other in pairs
        if other and both.answerable_pair(text, other)
    ]
    together = both.ours(inputs) if inputs else []
    for each, shared in zip(inputs, together, strict=True):
        expected = plain(both.reference(each, truncation=True, max_length=LONGEST))
        compare("pairs", both.ours(each), expected)
        compare("pairs", shared, expected)


@pytest.mark.parametrize("name", of("token-classification"))
@examples
@hypothesis.given(
    words=st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), min_size=1, max_size=30),
    strategy=st.sampled_from(["none", "simple", "first", "average", "max"]),
    delimiter=st.sampled_from([" ", "", ", "]),
)
def test_words(name: str, words: list[str], strategy: str, delimiter: str) -> None:
    both = pair(name)
    if not both.answerable_words(words):
        return
    options = {
        "is_split_into_words": True,
        "delimiter": delimiter,
        "aggregation_strategy": strategy,
        "ignore_labels": [],
    }
    compare("words", both.ours(words, **options), plain(both.reference(words, **options)))


@pytest.mark.parametrize("name", of("token-classification"))
@examples
@hypothesis.given(
    batch=st.lists(texts, min_size=1, max_size=4),
    strategy=st.sampled_from(["none", "simple", "first", "average", "max"]),
    stride=st.sampled_from([None, 0, 3, 11]),
    ignored=st.sampled_from([["O"], []]),
)
def test_token_classification(
    name: str, batch: list[str], strategy: str, stride: int | None, ignored: list[str]
) -> None:
    both = pair(name)
    batch = [text for text in batch if both.answerable(text)]
    options: dict[str, Any] = {"aggregation_strategy": strategy, "ignore_labels": ignored}
    if stride is not None and strategy != "none":
        options["stride"] = stride
    together = both.ours(batch, **options) if batch else []
    for text, shared in zip(batch, together, strict=True):
        # transformers remembers a stride from one call to the next: a fresh pipeline each time.
        fresh = transformers.pipeline(
            both.task, model=both.reference.model, tokenizer=both.reference.tokenizer, **options
        )
        expected = plain(fresh(text))
        compare(both.task, both.ours(text, **options), expected)
        compare(both.task, shared, expected)


@pytest.mark.parametrize("name", of("feature-extraction"))
@examples
@hypothesis.given(batch=st.lists(texts, min_size=1, max_size=4))
def test_feature_extraction(name: str, batch: list[str]) -> None:
    both = pair(name)
    batch = [text for text in batch if both.answerable(text)]
    together = both.ours(batch, pooling="none") if batch else []
    for text, shared in zip(batch, together, strict=True):
        expected = plain(both.reference(text, truncation=True, max_length=LONGEST))
        compare(both.task, both.ours(text, pooling="none"), expected[0])
        compare(both.task, shared, expected[0])


@pytest.mark.parametrize("name", of("fill-mask"))
@examples
@hypothesis.given(
    batch=st.lists(st.lists(texts, min_size=2, max_size=4), min_size=2, max_size=4),
    top_k=st.sampled_from([1, 5, 30]),
    targets=st.none() | st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
)
def test_fill_mask(
    name: str, batch: list[list[str]], top_k: int, targets: list[str] | None
) -> None:
    both = pair(name)
    mask = both.reference.tokenizer.mask_token
    inputs = [text for parts in batch if both.answerable(text := mask.join(parts))]
    options: dict[str, Any] = {"top_k": top_k}
    if targets is not None:
        options["targets"] = targets
    kwargs = {"truncation": True, "max_length": LONGEST}
    for text in inputs:
        try:
            expected = both.reference(text, tokenizer_kwargs=kwargs, **options)
        except Exception:  # the mask is cut off, or no target is left
            with pytest.raises(hugot.InputError):
                both.ours(text, **options)
            continue
        compare(both.task, both.ours(text, **options), expected)
        compare(both.task, both.ours([text, mask], **options)[0], expected)


@pytest.mark.parametrize("name", of("text-classification"))
@examples
@hypothesis.given(
    batch=st.lists(texts, min_size=1, max_size=4),
    labels=st.lists(texts, min_size=1, max_size=4),
    multi_label=st.booleans(),
)
def test_zero_shot(name: str, batch: list[str], labels: list[str], multi_label: bool) -> None:
    both, (reference, ours) = pair(name), zero_shot(name)
    template = "It is {}."
    batch = [
        text
        for text in batch
        if text and all(both.answerable_pair(text, template.format(label)) for label in labels)
    ]
    options = {"hypothesis_template": template, "multi_label": multi_label}
    alone = []
    for text in batch:
        try:
            expected = plain(reference(text, labels, **options))
        except Exception:  # a hypothesis is longer than the model's positions
            with pytest.raises(hugot.InputError):
                ours(text, labels, **options)
            continue
        alone.append(expected)
        compare_scores(ours(text, labels, **options), expected)
    if alone and len(alone) == len(batch):
        for shared, expected in zip(ours(batch, labels, **options), alone, strict=True):
            compare_scores(shared, expected)


def compare_scores(got: Any, expected: Any) -> None:
    """Compare two answers, whose labels may change places if their scores are equal up to rounding."""
    assert got["sequence"] == expected["sequence"]
    assert sorted(got["labels"]) == sorted(expected["labels"])
    by_label = [dict(zip(each["labels"], each["scores"], strict=True)) for each in (got, expected)]
    assert got["scores"] == sorted(got["scores"], reverse=True)
    compare(
        "zero-shot-classification", {each: by_label[0][each] for each in by_label[1]}, by_label[1]
    )


@cache
def zero_shot(name: str) -> Any:
    task = "zero-shot-classification"
    both = pair(name).reference
    # transformers reads longest rows of `model_max_length` alone.
    reference = transformers.pipeline(task, model=both.model, tokenizer=both.tokenizer)
    if reference.tokenizer.model_max_length > LONGEST:
        reference.tokenizer.model_max_length = LONGEST
    return reference, hugot.pipeline(task, FIXTURES / name, threads=1)


@pytest.mark.parametrize("name", of("text-classification"))
@examples
@hypothesis.given(
    queries=st.lists(texts, min_size=1, max_size=2),
    documents=st.lists(texts, min_size=1, max_size=4),
    softmax=st.booleans(),
)
def test_ranking(name: str, queries: list[str], documents: list[str], softmax: bool) -> None:
    both, (reference, ours) = pair(name), ranker(name)
    softmax = softmax and len(ours.labels) > 1
    pairs = [
        (query, document)
        for query in queries
        for document in documents
        if both.answerable_pair(query, document or " ") and (query or document)
    ]
    together = ours(pairs, apply_softmax=softmax)
    for each, shared in zip(pairs, together, strict=True):
        expected = reference.predict(each, apply_softmax=softmax, show_progress_bar=False).tolist()
        for got in (ours(each, apply_softmax=softmax), shared):
            compare("text-ranking", np.asarray(got).tolist(), expected)


@cache
def ranker(name: str) -> Any:
    reference = sentence_transformers.CrossEncoder(
        str(Path(CHECKPOINTS) / name), device="cpu", max_length=LONGEST
    )
    return reference, hugot.pipeline("text-ranking", FIXTURES / name, threads=1)


@cache
def embedder(name: str) -> Any:
    return sentence_transformers.SentenceTransformer(str(Path(CHECKPOINTS) / name), device="cpu")


@pytest.mark.parametrize(
    "name",
    [name for name in of("feature-extraction") if (FIXTURES / name / "modules.json").exists()],
)
@examples
@hypothesis.given(batch=st.lists(texts, min_size=1, max_size=4), normalize=st.booleans())
def test_sentence_vectors(name: str, batch: list[str], normalize: bool) -> None:
    both = pair(name)
    batch = [text for text in batch if both.answerable(text)]
    options = {"normalize": True} if normalize else {}
    together = both.ours(batch, **options) if batch else []
    for text, shared in zip(batch, together, strict=True):
        expected = (
            embedder(name)
            .encode(text, normalize_embeddings=normalize, show_progress_bar=False)
            .tolist()
        )
        compare("sentence vectors", both.ours(text, **options), expected)
        compare("sentence vectors", shared, expected)
