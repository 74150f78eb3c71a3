"""Vocabularies and the training loop, shared by the three models."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import BertConfig, BertTokenizerFast, PreTrainedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SEED = 20
MAX_LENGTH = 128
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
Batch = dict[str, torch.Tensor]


def build_tokenizer(
    texts: Sequence[str], lowercase: bool, pieces: int, size: int, wanted: Sequence[str] = ()
) -> BertTokenizerFast:
    """A WordPiece vocabulary: first learned pieces, then the most frequent whole words.

    The usual training spends many entries on steps towards words; with so few entries it pays
    to add the words themselves. ``wanted`` words count as seen often.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=pieces, special_tokens=SPECIAL, limit_alphabet=120, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    # The trainer numbers the pieces differently in every run; sorted, they stay where they are.
    vocabulary = SPECIAL + sorted(tokenizer.get_vocab().keys() - set(SPECIAL))
    known, alphabet = set(vocabulary), {t for t in vocabulary if len(t) == 1}
    for word in _frequent_words(tokenizer, texts, wanted):
        if len(vocabulary) == size:
            break
        if word not in known and alphabet.issuperset(word):
            vocabulary.append(word)
    tokenizer.model = models.WordPiece(
        {token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]"
    )
    tokenizer.decoder = decoders.WordPiece()
    ends = [(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=ends
    )
    return BertTokenizerFast(
        tokenizer_object=tokenizer,
        do_lower_case=lowercase,
        strip_accents=True,
        model_max_length=MAX_LENGTH,
    )


def _frequent_words(tokenizer: Tokenizer, texts: Iterable[str], wanted: Sequence[str]) -> list[str]:
    normalize, split = tokenizer.normalizer.normalize_str, tokenizer.pre_tokenizer.pre_tokenize_str
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in split(normalize(text)))
    for rank, word in enumerate(wanted):
        counts[normalize(word)] += max(2, 2000 // (rank + 1)) + (8 if rank < 4000 else 0)
    return sorted(counts, key=lambda word: (-counts[word], word))


def bert_config(
    tokenizer: BertTokenizerFast, hidden: int, inner: int, **more: object
) -> BertConfig:
    """Two layers, small enough for the whole folder to stay below 2 MB."""
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=inner,
        max_position_embeddings=MAX_LENGTH,
        attn_implementation="eager",
        **more,
    )


def pad(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """Right-pad to the longest row."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def encoded(ids: Sequence[Sequence[int]]) -> Batch:
    """Model inputs for rows of token ids."""
    return {"input_ids": pad(ids, 0), "attention_mask": pad([[1] * len(row) for row in ids], 0)}


def shuffled_batches(lengths: Sequence[int], size: int, rng: random.Random) -> Iterator[list[int]]:
    """Random batches of texts of similar length, which saves padding."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), size * 50):
        window = sorted(order[start : start + size * 50], key=lengths.__getitem__)
        batches += [window[i : i + size] for i in range(0, len(window), size)]
    rng.shuffle(batches)
    yield from batches


def optimise(
    name: str,
    parameters: Iterable[torch.nn.Parameter],
    batches: Callable[[], Iterator[list[int]]],
    loss_of: Callable[[list[int]], torch.Tensor],
    epochs: int,
    rate: float,
) -> None:
    """AdamW with a short warm-up and a linear way down to zero."""
    parameters = list(parameters)
    plan = [batch for _ in range(epochs) for batch in batches()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    warmup = len(plan) // 20
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / (warmup + 1), (len(plan) - step) / (len(plan) - warmup)),
    )
    total = 0.0
    for step, batch in enumerate(plan, 1):
        loss = loss_of(batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 400 == 0:
            print(f"  {name}: step {step}/{len(plan)}, loss {total / 400:.4f}", flush=True)
            total = 0.0


def train_classifier(
    name: str,
    model: PreTrainedModel,
    ids: Sequence[Sequence[int]],
    labels: Sequence[object],
    epochs: int,
    rate: float,
) -> None:
    """Cross-entropy over label numbers (one per text, or a row with one per piece)."""
    rng = random.Random(SEED)
    lengths = [len(row) for row in ids]

    def loss_of(batch: list[int]) -> torch.Tensor:
        chosen = [labels[i] for i in batch]
        target = torch.tensor(chosen) if isinstance(chosen[0], int) else pad(chosen, -100)
        return model(**encoded([ids[i] for i in batch]), labels=target).loss

    model.train()
    optimise(
        name, model.parameters(), lambda: shuffled_batches(lengths, 64, rng), loss_of, epochs, rate
    )
    model.eval()


def token_ids(tokenizer: BertTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    return tokenizer(list(texts), truncation=True, max_length=64)["input_ids"]
