"""The cases of kernels.py and test_kernels.py: kernels, their inputs and their rivals.

A case makes two functions with the same result: the kernel, and the usual code without it. Inputs are
made beforehand, and the memory of outputs is reused if the function allows that.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

import hugot
from hugot._fast import activations, aggregation, padding, pooling, ranking
from hugot.inputs.rows import Group, Padding, rows_from_encodings
from hugot.pipelines.pipeline import runner_of
from hugot.tasks.base import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT = "wolfgang lives in berlin and works for the un in new york with zoe and marie"
WORDS = TEXT.split()
FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "models"
MODELS = ("bert-uncased-token", "roberta-token")


@dataclass(frozen=True)
class Case:
    """A kernel and its rival.

    Attributes:
        name: the kernel and the size of its input.
        rival: the code with which it is compared.
        target: the ratio of speeds that it should reach.
        make: returns the functions of the kernel and of the rival.
        bytes: least number of bytes that the kernel must read and write, if memory limits its speed.
    """

    name: str
    rival: str
    target: float
    make: Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]
    bytes: int = 0


def cases() -> Iterator[Case]:
    """Yield all cases; those of transformers' own steps only if it is installed."""
    yield Case("softmax 4096x9", "numpy", 4, softmax(4096, 9))
    yield Case("softmax 4096x40", "numpy", 1, softmax(4096, 40))
    yield Case("sigmoid 4096x9", "numpy", 1, sigmoid(4096, 9))
    yield Case("top 5 of 1024x28", "numpy argsort", 1, top_k(1024, 28, 5))
    for rows, width in ((32, 128), (8, 32)):
        size = rows * width * 384 * 4
        name = f"mean and norm {rows}x{width}x384"
        yield Case(name, "numpy broadcast", 4, pool(rows, width, 384, by_broadcast), size)
        yield Case(name, "numpy matmul", 1, pool(rows, width, 384, by_matmul), size)
    for rows, longest in ((32, 40), (32, 128)):
        name = f"padding {rows}x{longest}"
        yield Case(f"{name}, from encodings", "lists", 5, pad_encodings(rows, longest))
        yield Case(f"{name}, from a batch", "lists", 30, pad_batch(rows, longest))
    if importlib.util.find_spec("transformers"):
        for model, tokens, strategy in product(MODELS, (12, 113), aggregation.STRATEGIES):
            name = f"{strategy} of {tokens} tokens, {model}"
            yield Case(name, "transformers", 20, entities(model, tokens, strategy))


def softmax(rows: int, cols: int) -> Callable[[], Any]:
    """Ours works in place, and so on a copy here."""

    def make() -> Any:
        x = np.random.default_rng(0).standard_normal((rows, cols)).astype(np.float32) * 3
        out = np.empty_like(x)

        def ours() -> Any:
            np.copyto(out, x)
            activations.softmax(out)
            return out

        def theirs() -> Any:
            exponentials = np.exp(x - x.max(axis=1, keepdims=True))
            return exponentials / exponentials.sum(axis=1, keepdims=True)

        return ours, theirs

    return make


def sigmoid(rows: int, cols: int) -> Callable[[], Any]:
    """Ours works in place, and so on a copy here."""

    def make() -> Any:
        x = np.random.default_rng(0).standard_normal((rows, cols)).astype(np.float32) * 3
        out = np.empty_like(x)

        def ours() -> Any:
            np.copyto(out, x)
            activations.sigmoid(out)
            return out

        return ours, lambda: 1.0 / (1.0 + np.exp(-x))

    return make


def top_k(rows: int, cols: int, k: int) -> Callable[[], Any]:
    """Compare the best labels of each row and their scores."""

    def make() -> Any:
        x = np.random.default_rng(0).random((rows, cols)).astype(np.float32)
        order = np.empty((rows, k), np.int32)
        values = np.empty((rows, k), np.float32)

        def ours() -> Any:
            ranking.top_k(x, order, values)
            return values

        def theirs() -> Any:
            best = np.argsort(-x, axis=1, kind="stable")[:, :k]
            return np.take_along_axis(x, best, axis=1)

        return ours, theirs

    return make


def by_broadcast(hidden: Any, mask: Any) -> Any:
    """Return the mean as most scripts compute it."""
    weights = mask[..., None].astype(np.float32)
    return (hidden * weights).sum(1) / weights.sum(1)


def by_matmul(hidden: Any, mask: Any) -> Any:
    """Return the mean as a product of matrices."""
    weights = mask.astype(np.float32)
    return np.matmul(weights[:, None, :], hidden)[:, 0] / weights.sum(1, keepdims=True)


def pool(rows: int, width: int, dim: int, rival: Any) -> Callable[[], Any]:
    """Compare the mean of token vectors, scaled to length 1; no row has padding."""

    def make() -> Any:
        hidden = np.random.default_rng(0).standard_normal((rows, width, dim)).astype(np.float32)
        mask = np.ones((rows, width), np.int64)
        offsets = np.arange(rows + 1) * width
        numbers = np.arange(rows)
        out = np.empty((rows, dim), np.float32)
        mode = pooling.MODES["mean"]

        def ours() -> Any:
            pooling.pool(hidden, offsets, numbers, False, 0, mode, True, out)
            return out

        def theirs() -> Any:
            vectors = rival(hidden, mask)
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        return ours, theirs

    return make


class Encoded:
    """Texts of up to `longest` tokens, as the tokenizer returns them."""

    def __init__(self, rows: int, longest: int) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers, processors

        vocabulary = {word: 900 + i for i, word in enumerate(["[UNK]", "[CLS]", "[SEP]", *WORDS])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 902), ("[CLS]", 901))
        rng = np.random.default_rng(0)
        counts = [longest - 2, *rng.integers(longest // 2, longest - 1, rows - 1)]
        self.encodings = tokenizer.encode_batch([" ".join(rng.choice(WORDS, n)) for n in counts])
        self.shape = rows, longest
        self.rows = np.arange(rows)

    def lists(self) -> Any:
        """Return the three inputs, padded as lists."""
        longest = max(len(each.ids) for each in self.encodings)
        return (
            np.array([each.ids + [0] * (longest - len(each.ids)) for each in self.encodings]),
            np.array(
                [each.attention_mask + [0] * (longest - len(each.ids)) for each in self.encodings]
            ),
            np.array([each.type_ids + [0] * (longest - len(each.ids)) for each in self.encodings]),
        )

    def padded(self, batch: Any, out: Any) -> Any:
        """Return the three inputs, padded by the kernels."""
        padding.fill(batch.ids, batch.offsets, self.rows, 0, False, *out[:2])
        out[2].fill(0)
        return out

    def memory(self) -> Any:
        """Return memory for the three inputs."""
        return tuple(np.empty(self.shape, np.int64) for _ in range(3))


def pad_encodings(rows: int, longest: int) -> Callable[[], Any]:
    """Compare padding, including reading the ids."""

    def make() -> Any:
        encoded = Encoded(rows, longest)
        out = encoded.memory()

        def ours() -> Any:
            batch = rows_from_encodings(encoded.encodings, Padding(), with_type_ids=False)
            return encoded.padded(batch, out)

        return ours, encoded.lists

    return make


def pad_batch(rows: int, longest: int) -> Callable[[], Any]:
    """Compare padding of ids that are read already; the rival reads them."""

    def make() -> Any:
        encoded = Encoded(rows, longest)
        out = encoded.memory()
        batch = rows_from_encodings(encoded.encodings, Padding(), with_type_ids=False)
        return lambda: encoded.padded(batch, out), encoded.lists

    return make


def entities(model: str, tokens: int, strategy: str) -> Callable[[], Any]:
    """Compare logits to entities for texts of one length, without tokenizing and without the model."""

    def make() -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(FIXTURES / model / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(tokens)
        rng = np.random.default_rng(tokens)
        ours, theirs = [], []
        pipeline = hugot.pipeline(
            "token-classification", FIXTURES / model, aggregation_strategy=strategy, threads=1
        )
        task = runner_of(pipeline).task
        peer = peer_pipeline(model)
        for _ in range(16):
            text = " ".join(rng.choice(WORDS, tokens))
            encoding = tokenizer.encode(text)
            # For a trained model, most tokens clearly belong to no entity.
            labels = peer.model.config.num_labels
            logits = rng.standard_normal((1, tokens, labels)).astype(np.float32) * 2
            logits[:, :, 0] += 2.5
            ours.append(our_prepared(pipeline, text, encoding, logits))
            theirs.append(their_outputs(text, encoding, logits))
        our_turns, their_turns = cycle(ours), cycle(theirs)

        def run() -> Any:
            logits, group, prepared = next(our_turns)
            task.postprocess([logits.copy()], group, prepared)
            return task.finish(prepared)[0]

        return run, lambda: peer.postprocess(next(their_turns), strategy_of(strategy))

    return make


def our_prepared(pipeline: Any, text: str, encoding: Any, logits: Any) -> Any:
    """Return the arguments of hugot's step."""
    runner = runner_of(pipeline)
    rows = rows_from_encodings([encoding], Padding(), with_type_ids=False)
    prepared = Prepared([text], rows, pipeline.options)
    prepared.allocate(runner.task)
    return logits, Group(np.zeros(1, np.int64), logits.shape[1]), prepared


def peer_pipeline(model: str) -> Any:
    """Return transformers' pipeline without a model: only its last step is run."""
    from transformers import AutoConfig, AutoTokenizer
    from transformers.pipelines import TokenClassificationPipeline

    peer = TokenClassificationPipeline.__new__(TokenClassificationPipeline)
    peer.tokenizer = AutoTokenizer.from_pretrained(FIXTURES / model)
    peer.model = SimpleNamespace(config=AutoConfig.from_pretrained(FIXTURES / model))
    peer.framework = "pt"
    return peer


def strategy_of(name: str) -> Any:
    """Return transformers' strategy of this name."""
    from transformers.pipelines.token_classification import AggregationStrategy

    return AggregationStrategy(name)


def their_outputs(text: str, encoding: Any, logits: Any) -> Any:
    """Return the arguments of transformers' step."""
    import torch

    return [
        {
            "logits": torch.from_numpy(logits),
            "sentence": text,
            "input_ids": torch.tensor([encoding.ids]),
            "offset_mapping": torch.tensor([encoding.offsets]),
            "special_tokens_mask": torch.tensor([encoding.special_tokens_mask]),
            "is_last": True,
        }
    ]
