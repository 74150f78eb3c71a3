"""Write one complete model folder: ONNX export, tokenizer, configuration, model card."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cards import card
from optimum.exporters.onnx import onnx_export_from_model

if TYPE_CHECKING:
    from transformers import BertTokenizerFast, PreTrainedModel

TASKS = {
    "tiny-embedding": "feature-extraction",
    "tiny-sentiment": "text-classification",
    "tiny-ner": "token-classification",
}


def write_folder(
    name: str,
    model: PreTrainedModel,
    tokenizer: BertTokenizerFast,
    out: Path,
    figures: dict[str, float],
) -> Path:
    """Write the folder anew and return its path."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        exported = Path(temporary)
        onnx_export_from_model(
            model, exported, task=TASKS[name], opset=18, do_validation=False, preprocessors=[]
        )
        shutil.copyfile(exported / "model.onnx", folder / "model.onnx")
        tokenizer.save_pretrained(exported)
        vocabulary = read_json(exported / "tokenizer.json")
        vocabulary.update(truncation=None, padding=None)  # what the last batch happened to use
        write_json(folder / "tokenizer.json", vocabulary, compact=True)
        settings = read_json(exported / "tokenizer_config.json")
        for leftover in ("max_length", "stride", "truncation_side", "truncation_strategy"):
            settings.pop(leftover, None)
        write_json(folder / "tokenizer_config.json", settings)
    write_json(folder / "special_tokens_map.json", tokenizer.special_tokens_map)
    write_json(folder / "config.json", plain_config(model))
    if name == "tiny-embedding":
        write_sentence_transformers_files(folder, model.config.hidden_size)
    text = card(name, model.num_parameters(), len(tokenizer), figures)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return folder


def plain_config(model: PreTrainedModel) -> dict[str, object]:
    """The configuration without traces of where the model was loaded from."""
    always = {"vocab_size", "hidden_size", "hidden_act", "layer_norm_eps", "type_vocab_size"}
    kept = (set(model.config.to_diff_dict()) | always) - {"_name_or_path", "transformers_version"}
    config = {key: value for key, value in model.config.to_dict().items() if key in kept}
    config["architectures"] = [type(model).__name__]
    return dict(sorted(config.items()))


def write_sentence_transformers_files(folder: Path, width: int) -> None:
    """What the sentence-transformers library wants to see next to the model."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(
        folder / "modules.json",
        [
            {
                "idx": i,
                "name": str(i),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
            for i, (path, kind) in enumerate(modules)
        ],
    )
    pooling = {"word_embedding_dimension": width}
    for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"):
        pooling[f"pooling_mode_{mode}"] = mode == "mean_tokens"
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json", pooling)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False}
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    )


def read_json(path: Path) -> dict[str, object]:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: object, compact: bool = False) -> None:
    """Compact for the long vocabulary, which would take twice the room otherwise."""
    layout = {"separators": (",", ":")} if compact else {"indent": 2}
    path.write_text(json.dumps(content, ensure_ascii=False, **layout) + "\n", encoding="utf-8")
