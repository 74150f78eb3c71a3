"""Pairs that are joined from the tokens of their texts are those that the tokenizer encodes."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from places import FIXTURES
from tokenizers import Tokenizer, processors

from hugot._ort.session import TensorSpec
from hugot.errors import TokenizerError
from hugot.inputs.pairs import PairTemplate
from hugot.inputs.tokenizer import TextTokenizer
from hugot.inputs.tokenizer_files import read_tokenizer_files
from hugot.models.bundle import ModelBundle, open_bundle
from hugot.tasks.base import Graph
from hugot.tasks.zero_shot_classification import (
    ZeroShotClassification,
    ZeroShotClassificationOptions,
)

MODELS = sorted(path.name for path in FIXTURES.iterdir())
WORDS = [
    "the",
    "Cat",
    "unaffable",
    "naïve",
    "it's",
    "3.14",
    "Дом",
    "日本語",
    "[SEP]",
    "</s>",
    "<mask>",
    "\n",
    "  ",
    "👩\u200d👧",
]
LENGTH = 24


def bundle_of(name: str) -> ModelBundle:
    return open_bundle(FIXTURES / name, "onnx/model.onnx" if "two-files" in name else None)


def task_of(name: str) -> ZeroShotClassification:
    """The task on the tokenizer of a model, without its graph."""
    bundle = bundle_of(name)
    made = ZeroShotClassification(
        bundle, lambda length, **options: TextTokenizer(bundle, LENGTH, **options)
    )
    inputs = [
        TensorSpec(each, "int64", (None, None))
        for each in ("input_ids", "attention_mask", "token_type_ids")
    ]
    graph = Graph(bundle.onnx_path, inputs, [TensorSpec("logits", "float32", (None, None))])
    made.bind(graph, ZeroShotClassificationOptions())
    return made


def encoded(name: str, text: str, other: str):
    """What the tokenizer makes of a pair with the truncation `only_first`."""
    files = read_tokenizer_files(bundle_of(name))
    tokenizer = files.tokenizer
    side = "left" if files.truncates_left else "right"
    tokenizer.enable_truncation(LENGTH, strategy="only_first", direction=side)
    try:
        return tokenizer.encode(text, other)
    except Exception as error:
        if "too short" not in str(error):
            raise
    tokenizer.no_truncation()
    return tokenizer.encode(text, other)


@pytest.mark.parametrize("name", MODELS)
def test_the_rows_of_pairs_are_those_of_the_tokenizer(name) -> None:
    rng = random.Random(name)
    task = task_of(name)
    takes_types = task._type_ids
    texts = [
        "".join(rng.choice(WORDS) + rng.choice(["", " "]) for _ in range(rng.randrange(1, 30)))
        for _ in range(25)
    ]
    texts += ["the Cat " * 400, "漢字と" * 300]
    labels = tuple(" ".join(rng.choices(WORDS, k=rng.randrange(1, 22))) for _ in range(4))
    options = ZeroShotClassificationOptions(candidate_labels=labels, hypothesis_template="{}?")
    prepared = task.prepare(texts, options)
    rows = prepared.rows
    made = iter(pairwise(rows.offsets.tolist()))
    for number, text in enumerate(texts):
        expected = [encoded(name, text, f"{label}?") for label in labels]
        table = task.bundle.position_table
        if table is not None and max(map(len, expected)) > table:
            assert number in prepared.refusals
            continue
        assert number not in prepared.refusals
        for each in expected:
            begin, end = next(made)
            assert rows.ids[begin:end].tolist() == each.ids
            types = [0] * len(each) if rows.type_ids is None else rows.type_ids[begin:end].tolist()
            assert types == (each.type_ids if takes_types else [0] * len(each))
    assert next(made, None) is None


def templated(pair: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(FIXTURES / "bert-uncased-text" / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


@pytest.mark.parametrize(
    "pair", ["$B $A", "[CLS] $A:3 $B:5", "[SEP]:1 $B:2 [CLS]:1 [SEP] $A:1 [SEP]:4", "$A $B"]
)
def test_the_texts_of_a_template_are_in_any_order_with_any_types(pair) -> None:
    tokenizer = templated(pair)
    template = PairTemplate(tokenizer)
    first, second = (
        tokenizer.encode(text, add_special_tokens=False).ids for text in ("the cat sat", "we swim")
    )
    around = template.around(second)
    wanted = tokenizer.encode("the cat sat", "we swim")
    assert [*around.before, *first, *around.after] == wanted.ids
    types = [template.first_type] * len(first)
    assert [*around.types_before, *types, *around.types_after] == wanted.type_ids
    assert around.size + len(first) == len(wanted)


@pytest.mark.parametrize("pair", ["$A [SEP] $B $A", "$A $A $B", "$A $B $B"])
def test_a_template_with_a_text_more_or_less_than_once_is_refused(pair) -> None:
    with pytest.raises(TokenizerError, match="joins pairs of texts in a way"):
        PairTemplate(templated(pair))


def test_the_fixtures_have_tokenizers_of_every_kind() -> None:
    kinds = set()
    for name in MODELS:
        content = json.loads((FIXTURES / name / "tokenizer.json").read_text(encoding="utf-8"))
        kinds.add((content["model"]["type"], (content["post_processor"] or {}).get("type")))
    assert len(kinds) >= 5
