"""The peers that peers.py measures: each is loaded and called as in its documentation.

A loader takes a model folder, a task and a number of threads, and returns a function from texts and a
batch size to answers; it raises ImportError if its package is not installed. Answers have one form per
task, so that they can be compared: vectors for embeddings, lists of dicts otherwise, and None for a peer
that does not compute the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Answer = Callable[[list[str], int], Any]
Loader = Callable[[Path, str, int], Answer]

EMBEDDING = "feature-extraction"
TEXT = "text-classification"
TOKEN = "token-classification"
TOKEN_OPTIONS = {"aggregation_strategy": "simple"}


def longest_of(folder: Path) -> int:
    """Return the maximum number of tokens of a text, as in sentence-transformers and hugot."""
    path = folder / "sentence_bert_config.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))["max_seq_length"]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config["max_position_embeddings"]


def hugot_in(mode: str) -> Loader:
    """Return the loader of hugot in a mode; hugot chooses batches itself."""

    def load(folder: Path, task: str, threads: int) -> Answer:
        import hugot

        options = TOKEN_OPTIONS if task == TOKEN else {}
        pipeline = hugot.pipeline(task, folder, mode=mode, threads=threads, **options)
        return lambda texts, batch_size: pipeline(texts)

    return load


# onnxruntime


def _finish(folder: Path, task: str) -> Callable[[np.ndarray, np.ndarray], list[Any]]:
    """Return the steps after a run; for token classification, only the labels of tokens."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = config.get("id2label", {})

    def embed(hidden: np.ndarray, mask: np.ndarray) -> list[Any]:
        weights = mask[:, :, None].astype(np.float32)
        vectors = (hidden * weights).sum(1) / weights.sum(1)
        return list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def softmax(logits: np.ndarray) -> np.ndarray:
        powers = np.exp(logits - logits.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def classify(logits: np.ndarray, mask: np.ndarray) -> list[Any]:
        scores = softmax(logits)
        best = scores.argmax(1)
        return [
            {"label": labels[str(label)], "score": float(row[label])}
            for label, row in zip(best, scores, strict=True)
        ]

    def tag(logits: np.ndarray, mask: np.ndarray) -> list[Any]:
        best = softmax(logits).argmax(-1)
        return [[labels[str(label)] for label in row] for row in best]

    return {EMBEDDING: embed, TEXT: classify, TOKEN: tag}[task]


def bare(folder: Path, task: str, threads: int) -> Answer:
    """Load onnxruntime with all threads, for batches in the order of arrival."""
    from sorted_script import feeds_of, open_model

    session, tokenizer = open_model(folder, threads, longest_of(folder))
    finish = _finish(folder, task)

    def answer(texts: list[str], batch_size: int) -> Any:
        answers: list[Any] = []
        for start in range(0, len(texts), batch_size):
            encodings = tokenizer.encode_batch(texts[start : start + batch_size])
            feeds = feeds_of(session, [encoding.ids for encoding in encodings])
            answers += finish(session.run(None, feeds)[0], feeds["attention_mask"])
        return None if task == TOKEN else answers

    return answer


def bare_sorted(folder: Path, task: str, threads: int) -> Answer:
    """Load sorted_script.py."""
    from sorted_script import load

    script = load(folder, longest_of(folder), _finish(folder, task))

    def answer(texts: list[str], batch_size: int) -> Any:
        answers = script(texts)
        return None if task == TOKEN else answers

    return answer


# sentence-transformers and fastembed


def sentence_transformers(backend: str) -> Loader:
    """Return the loader of SentenceTransformer.encode, which sorts by length itself."""

    def load(folder: Path, task: str, threads: int) -> Answer:
        from sentence_transformers import SentenceTransformer

        options: dict[str, Any] = {}
        if backend == "onnx":
            options = {"session_options": _session_options(threads), "export": False}
            options |= {"provider": "CPUExecutionProvider", "file_name": "model.onnx"}
        model = SentenceTransformer(
            str(folder), device="cpu", backend=backend, model_kwargs=options
        )
        return lambda texts, batch_size: model.encode(texts, batch_size=batch_size)

    return load


def fastembed(folder: Path, task: str, threads: int) -> Answer:
    """Load TextEmbedding with a custom model from a folder."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # A name can be registered once in a process.
    name = f"benchmark/{folder.name}-{len(TextEmbedding.list_supported_models())}"
    TextEmbedding.add_custom_model(
        model=name,
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf=name),
        dim=config.get("hidden_size", config.get("dim")),
        model_file="model.onnx",
    )
    model = TextEmbedding(name, threads=threads, specific_model_path=str(folder))
    return lambda texts, batch_size: list(model.embed(texts, batch_size=batch_size))


# transformers and optimum


def transformers(folder: Path, task: str, threads: int) -> Answer:
    """Load transformers on torch: its pipeline, or for embeddings the code of the model cards."""
    import transformers

    kinds = {EMBEDDING: "", TEXT: "ForSequenceClassification", TOKEN: "ForTokenClassification"}
    network = getattr(transformers, f"AutoModel{kinds[task]}").from_pretrained(folder).eval()
    return _call(folder, task, network)


def optimum(folder: Path, task: str, threads: int) -> Answer:
    """Load the same with optimum's ONNX Runtime models."""
    from optimum import onnxruntime

    kinds = {EMBEDDING: "FeatureExtraction", TEXT: "SequenceClassification"}
    name = f"ORTModelFor{kinds.get(task, 'TokenClassification')}"
    network = getattr(onnxruntime, name).from_pretrained(
        folder,
        file_name="model.onnx",
        provider="CPUExecutionProvider",
        session_options=_session_options(threads),
    )
    return _call(folder, task, network)


def _call(folder: Path, task: str, network: Any) -> Answer:
    import torch
    from transformers import AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if task != EMBEDDING:
        options = TOKEN_OPTIONS if task == TOKEN else {}
        made = pipeline(task, model=network, tokenizer=tokenizer, device="cpu", **options)
        return lambda texts, batch_size: made(texts, batch_size=batch_size)
    longest = longest_of(folder)

    @torch.inference_mode()
    def embed(texts: list[str], batch_size: int) -> Any:
        parts = []
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            inputs = tokenizer(
                batch, padding=True, truncation=True, max_length=longest, return_tensors="pt"
            )
            hidden = network(**inputs).last_hidden_state
            weights = inputs["attention_mask"].unsqueeze(-1).float()
            vectors = (hidden * weights).sum(1) / weights.sum(1)
            parts.append(torch.nn.functional.normalize(vectors))
        return torch.cat(parts).numpy()

    return embed


def _session_options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return options


PEERS: dict[str, Loader] = {
    "onnxruntime, sorted script": bare_sorted,
    "onnxruntime, batches": bare,
    "sentence-transformers, torch": sentence_transformers("torch"),
    "sentence-transformers, ONNX": sentence_transformers("onnx"),
    "fastembed": fastembed,
    "optimum": optimum,
    "transformers": transformers,
}
EMBEDDING_ONLY = {"sentence-transformers, torch", "sentence-transformers, ONNX", "fastembed"}
# The peers that choose their batches themselves, or are defined by them.
BATCHES: dict[str, tuple[int, ...]] = {
    "onnxruntime, sorted script": (0,),
    "onnxruntime, batches": (32,),
}
TRIED = (1, 8, 32)
