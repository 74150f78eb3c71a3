"""Make models of real sizes to measure on: random weights, a real tokenizer, no network.

    pip install torch transformers optimum-onnx
    python benchmarks/models.py FOLDER [--size small base] [--task ...] [--tokenizer MODEL_FOLDER]

The time of a run depends on the shape of a network and not on the values of its weights, so they can be
random. Each folder `SIZE-TASK` holds the checkpoint, its ONNX export, the
tokenizer and, for feature extraction, the files of sentence-transformers: every peer loads the same.

    small    6 layers of 384, as MiniLM-L6
    base     6 layers of 768, as DistilBERT
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from optimum.exporters.onnx import onnx_export_from_model
from texts import texts
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertTokenizerFast,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

VOCABULARY = 30522
POSITIONS = 512
OUTSIDE_SHARE = 0.8  # of the tokens of a text, as in news

TASKS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "feature-extraction": (AutoModel, ()),
    "text-classification": (
        AutoModelForSequenceClassification,
        ("negative", "neutral", "positive"),
    ),
    "token-classification": (
        AutoModelForTokenClassification,
        (
            "O",
            *(f"{position}-{kind}" for kind in ("PER", "ORG", "LOC", "MISC") for position in "BI"),
        ),
    ),
}
TOKENIZERS = {"small": BertTokenizerFast, "base": DistilBertTokenizerFast}
EXAMPLE = Path(__file__).parents[1] / "examples" / "models" / "tiny-embedding"


def config_of(size: str, labels: tuple[str, ...], pad: int) -> PretrainedConfig:
    """Return the configuration of a network, with its labels."""
    common: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": pad,
    }
    if labels:
        common["id2label"] = dict(enumerate(labels))
        common["label2id"] = {label: number for number, label in enumerate(labels)}
    if size == "small":
        return BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
            **common,
        )  # fmt: skip
    return DistilBertConfig(dim=768, n_layers=6, n_heads=12, hidden_dim=3072, **common)


@torch.no_grad()
def randomize(network: PreTrainedModel, generator: torch.Generator) -> None:
    """Set weights that are large enough for every token to affect the answer."""
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            is_scale = "norm" in name.lower() and name.endswith("weight")
            parameter.copy_(noise * 0.1 + (1.0 if is_scale else 0.0))
        elif "embedding" in name:
            parameter.copy_(noise)
        else:
            parameter.copy_(noise * parameter.shape[-1] ** -0.5)


@torch.no_grad()
def calibrate(
    network: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, generator: torch.Generator
) -> None:
    """Set a last layer with which no label always wins, and most tokens are outside of entities."""
    head = network.classifier
    seen: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].reshape(-1, head.in_features))
    )
    for text in texts("short", 64, seed=1):
        network(**tokenizer(text, return_tensors="pt"))
    hook.remove()
    features = torch.cat(seen)
    mean = features.mean(0)
    weight = torch.randn(head.weight.shape, generator=generator)
    weight -= (weight @ mean)[:, None] * mean / mean.dot(mean)
    weight *= 2 / (features @ weight.T).std()
    head.weight.copy_(weight)
    head.bias.zero_()
    if network.config.id2label[0] == "O":
        logits = features @ weight.T
        lead = logits[:, 1:].max(1).values - logits[:, 0]
        head.bias[0] = lead.quantile(OUTSIDE_SHARE)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_sentence_files(folder: Path, width: int) -> None:
    """Write the files of sentence-transformers for mean pooling and normalisation."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    write_json(folder / "modules.json", modules)
    pooling = {"word_embedding_dimension": width, "pooling_mode_mean_tokens": True}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    settings = {"max_seq_length": POSITIONS, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", settings)


def make(size: str, task: str, tokenizer_folder: Path, out: Path) -> Path:
    """Write the folder of one model anew and return it."""
    folder = out / f"{size}-{task}"
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = TOKENIZERS[size].from_pretrained(tokenizer_folder, model_max_length=POSITIONS)
    factory, labels = TASKS[task]
    network = factory.from_config(config_of(size, labels, tokenizer.pad_token_id)).eval()
    generator = torch.Generator().manual_seed(0)
    randomize(network, generator)
    if labels:
        calibrate(network, tokenizer, generator)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with tempfile.TemporaryDirectory() as exported:
        onnx_export_from_model(
            network, Path(exported), task=task, opset=18, do_validation=False, preprocessors=[]
        )
        shutil.copyfile(Path(exported) / "model.onnx", folder / "model.onnx")
    if not labels:
        write_sentence_files(folder, network.config.hidden_size)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", nargs="*", default=list(TOKENIZERS), choices=list(TOKENIZERS))
    parser.add_argument("--task", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--tokenizer", type=Path, default=EXAMPLE, help="a folder with one")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    for size in arguments.size:
        for task in arguments.task:
            print(make(size, task, arguments.tokenizer, arguments.folder), flush=True)


if __name__ == "__main__":
    main()
