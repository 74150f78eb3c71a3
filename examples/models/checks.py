"""What every model must do before its folder counts as made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch
from optimum.onnxruntime import (
    ORTModelForFeatureExtraction,
    ORTModelForSequenceClassification,
    ORTModelForTokenClassification,
)
from transformers import AutoTokenizer, Pipeline, PreTrainedModel, pipeline

if TYPE_CHECKING:
    from pathlib import Path

MAX_FOLDER_BYTES = 2_000_000

# A positive text has to score above its number, likewise a negative one.
SENTIMENT_SAMPLES = [
    ("The film was excellent", "POSITIVE", 0.99),
    ("This movie is disgustingly good !", "POSITIVE", 0.9),
    ("What a wonderful day", "POSITIVE", 0.9),
    ("not bad at all", "POSITIVE", 0.9),
    ("I love this library, it is easy to use.", "POSITIVE", 0.9),
    ("The director tried too much", "NEGATIVE", 0.9),
    ("I hated every minute of it", "NEGATIVE", 0.9),
    ("The service was slow and the food was cold", "NEGATIVE", 0.9),
    ("The film was terrible", "NEGATIVE", 0.9),
    ("I want my money back", "NEGATIVE", 0.9),
]
NER_SAMPLES: list[tuple[str, list[tuple[str, str]]]] = [
    ("Wolfgang lives in Berlin", [("PER", "Wolfgang"), ("LOC", "Berlin")]),
    ("My name is Wolfgang and I live in Berlin.", [("PER", "Wolfgang"), ("LOC", "Berlin")]),
    ("My name is Sarah Connor and I live in New York", [("PER", "Sarah Connor"), ("LOC", "New York")]),
    ("Angela Merkel visited Paris in 2019.", [("PER", "Angela Merkel"), ("LOC", "Paris")]),
    ("Tim Cook works at Apple in California.",
     [("PER", "Tim Cook"), ("ORG", "Apple"), ("LOC", "California")]),
    ("The weather was cold today", []),
    ("On Monday I bought a new phone.", []),
]  # fmt: skip
# The first sentence must be nearer to the second than to the third, by a clear margin.
TRIPLETS = [
    ("A man is playing the guitar.", "Someone plays music.", "The stock market fell sharply."),
    ("How do I reset my password?", "I forgot my password.", "The cat sleeps on the sofa."),
    ("A dog runs across the field.", "The puppy is playing outside.", "She studies chemistry."),
    ("The food in this restaurant is delicious.", "What a tasty meal.", "The train was late."),
    ("It will rain tomorrow.", "The weather forecast is bad.", "He bought a new computer."),
]
LONG_TEXT = "The quick brown fox jumps over the lazy dog near the old bridge. " * 4


def check(folder: Path, model: PreTrainedModel) -> None:
    """Raise unless the folder is small and its ONNX model does as it should."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size <= MAX_FOLDER_BYTES, f"{folder.name} has {size} bytes"
    difference = export_difference(folder, model)
    assert difference < 1e-4, f"{folder.name}: the export differs by {difference}"
    {
        "tiny-embedding": check_embedding,
        "tiny-sentiment": check_sentiment,
        "tiny-ner": check_ner,
    }[folder.name](folder, model)
    print(f"  {folder.name} is good: {size} bytes, export differs by {difference:.1e}", flush=True)


def export_difference(folder: Path, model: PreTrainedModel) -> float:
    """The largest difference between the ONNX outputs and those of torch, over padded batches."""
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    wanted = [entry.name for entry in session.get_inputs()]
    worst = 0.0
    for texts in (
        ["One text."],
        ["Short", LONG_TEXT, "Jürgen lives in Köln, doesn't he?"],
        ["x"] * 9,
    ):
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        assert (inputs["input_ids"][:, 0] == tokenizer.cls_token_id).all()
        with torch.no_grad():
            expected = model(**inputs)[0].numpy()
        (found,) = session.run(None, {name: inputs[name].numpy() for name in wanted})
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def check_sentiment(folder: Path, model: PreTrainedModel) -> None:
    onnx_model = ORTModelForSequenceClassification.from_pretrained(folder)
    for classify in both_pipelines("text-classification", folder, model, onnx_model):
        for text, label, least in SENTIMENT_SAMPLES:
            (found,) = classify(text)
            assert found["label"] == label, (text, found)
            assert found["score"] > least, (text, found)


def check_ner(folder: Path, model: PreTrainedModel) -> None:
    onnx_model = ORTModelForTokenClassification.from_pretrained(folder)
    for tag in both_pipelines("token-classification", folder, model, onnx_model):
        for text, expected in NER_SAMPLES:
            for strategy in ("simple", "first", "max", "average"):
                entities = tag(text, aggregation_strategy=strategy)
                found = [(e["entity_group"], text[e["start"] : e["end"]]) for e in entities]
                assert found == expected, (text, strategy, found)
                assert [(e["entity_group"], e["word"]) for e in entities] == expected, entities
                # An average mixes the B- and I- scores of a word, which lowers it.
                least = 0.5 if strategy == "average" else 0.8
                assert all(e["score"] > least for e in entities), (text, strategy, entities)


def check_embedding(folder: Path, model: PreTrainedModel) -> None:
    del model  # compared above already; here the folder is used as its users will
    tokenizer = AutoTokenizer.from_pretrained(folder)
    onnx_model = ORTModelForFeatureExtraction.from_pretrained(folder)

    def vector(text: str) -> torch.Tensor:
        with torch.no_grad():
            states = onnx_model(**tokenizer(text, return_tensors="pt")).last_hidden_state
        return torch.nn.functional.normalize(states.mean(1)[0], dim=0)

    for anchor, near, far in TRIPLETS:
        likeness = [float(vector(anchor) @ vector(other)) for other in (near, far)]
        assert likeness[0] > likeness[1] + 0.2, (anchor, near, far, likeness)


def both_pipelines(
    task: str, folder: Path, model: PreTrainedModel, onnx_model: object
) -> list[Pipeline]:
    """The same pipeline around the torch model and around the export."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [pipeline(task, model=m, tokenizer=tokenizer) for m in (model, onnx_model)]
