"""A model folder: its files, and the properties of the model that all tasks need.

A folder holds an ``.onnx`` file (directly or in ``onnx/``), ``tokenizer.json`` and ``config.json``, and
may hold ``tokenizer_config.json``, ``special_tokens_map.json`` and the files of sentence-transformers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugot.errors import ModelFormatError, ModelNotFoundError
from hugot.models.files import check_content, get_typed, read_json
from hugot.models.modules import transformer_folder
from hugot.models.sentence import SentenceFiles, read_sentence_files
from hugot.models.tokenizer_config import read_tokenizer_config
from hugot.models.variants import EXPORT_HINT, check_instruction_set, find_onnx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Model types whose positions begin after the padding index, as in RobertaEmbeddings: a table of 514
# positions with padding index 1 serves rows of 512 tokens.
_POSITIONS_AFTER_PADDING = frozenset(
    {
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "layoutlmv3",
        "lilt",
        "longformer",
        "luke",
        "markuplm",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
# Model types that have another name for the size of their position table.
_POSITION_KEYS: Mapping[str, str] = {
    "codegen": "n_positions",
    "gpt2": "n_positions",
    "gpt_bigcode": "n_positions",
    "gptj": "n_positions",
    "led": "max_encoder_position_embeddings",
    "openai-gpt": "n_positions",
}
# transformers writes int(1e30) for a tokenizer without a limit; any number beyond 32 bits is none.
_NO_LIMIT = 2**31
_MOST_LABELS = 10**6


@dataclass(frozen=True)
class ModelBundle:
    """The files of one model, read and checked.

    Attributes:
        folder: the model's folder.
        onnx_path: path of the graph.
        tokenizer_path: path of ``tokenizer.json``.
        config_path: path of ``config.json``, whether or not it exists.
        config: content of ``config.json``.
        tokenizer_config: content of ``tokenizer_config.json``; see `read_tokenizer_config`.
    """

    folder: Path
    onnx_path: Path
    tokenizer_path: Path
    config_path: Path
    config: Mapping[str, Any]
    tokenizer_config: Mapping[str, Any]

    @cached_property
    def sentence(self) -> SentenceFiles:
        """Settings in the files of sentence-transformers."""
        return read_sentence_files(self.folder, self.config, self.tokenizer_config)

    @cached_property
    def labels(self) -> list[str]:
        """Names of the labels by index, as transformers derives them from ``config.json``."""
        named = self.config.get("id2label")
        if named:
            try:
                by_number = {int(number): str(label) for number, label in named.items()}
                return [by_number[i] for i in range(len(by_number))]
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ModelFormatError(
                    f"{self.folder / 'config.json'}: id2label must name every label from 0 on; it is "
                    f"{named!r}"
                ) from error
        count = get_typed(self.config, "num_labels", int, self.config_path, 2)
        if count > _MOST_LABELS:
            raise ModelFormatError(f"{self.folder / 'config.json'}: num_labels is {count}")
        return [f"LABEL_{i}" for i in range(count)]

    @property
    def hidden_size(self) -> int:
        """Size of a token's vector, under the name that the architecture has for it; 768 if unknown."""
        return _first_number(self.config, ("hidden_size", "dim", "d_model", "n_embd"), 768)

    @property
    def layers(self) -> int:
        """Number of transformer layers; 12 if unknown."""
        names = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
        return _first_number(self.config, names, 12)

    @property
    def longest_row(self) -> int | None:
        """Maximum number of tokens in a row, special ones included; None without a limit."""
        return self._row_limit[0]

    @property
    def longest_row_source(self) -> str | None:
        """Name of the file that limits the length of rows; None without a limit."""
        return self._row_limit[1]

    @cached_property
    def _row_limit(self) -> tuple[int | None, str | None]:
        limits = [
            (self.config_limit, "config.json"),
            (self._tokenizer_limit, "tokenizer_config.json"),
        ]
        known = [(limit, source) for limit, source in limits if limit]
        return min(known, key=itemgetter(0), default=(None, None))

    @property
    def _tokenizer_limit(self) -> int | None:
        """Length to which the tokenizer cuts texts, None if it cuts none."""
        config = self.tokenizer_config
        key = "model_max_length" if "model_max_length" in config else "max_len"
        length = config.get(key)
        if length is None or length == 0:
            return None
        if isinstance(length, bool | str) or not isinstance(length, int | float) or not length > 0:
            raise ModelFormatError(
                f"{self.tokenizer_path.parent / 'tokenizer_config.json'}: {key} is {length!r:.80}; it "
                "must be a positive number"
            )
        return int(length) if length < _NO_LIMIT else None

    @cached_property
    def longest_sentence(self) -> int | None:
        """As `longest_row`, for sentence vectors: ``max_seq_length`` replaces the tokenizer's limit."""
        texts = self.sentence.texts
        if texts.length_source is None:
            return self.longest_row
        return min((each for each in (texts.max_length, self.config_limit) if each), default=None)

    @property
    def position_table(self) -> int | None:
        """As `config_limit`; None also if positions are computed, so that a model takes longer rows."""
        rotates = any("rope_" in key for key in self.config)
        return None if rotates else self.config_limit

    @cached_property
    def config_limit(self) -> int | None:
        """Number of positions that the model has for tokens, or None without a position table."""
        positions = self.config.get(
            _POSITION_KEYS.get(str(self.config.get("model_type")), "max_position_embeddings")
        )
        if not isinstance(positions, int) or not 0 < positions < _NO_LIMIT:
            return None
        if self.config.get("position_biased_input") is False:
            return None  # DeBERTa v2 and v3: relative positions only
        source = self.config_path
        if get_typed(self.config, "model_type", str, source) in _POSITIONS_AFTER_PADDING:
            positions -= get_typed(self.config, "pad_token_id", int, source, 0) + 1
        return positions


def _first_number(config: Mapping[str, Any], names: Sequence[str], default: int) -> int:
    found = (config.get(name) for name in names)
    return next((each for each in found if isinstance(each, int) and each > 0), default)


def open_bundle(
    path: str | Path, onnx_file: str | None = None, variant: str | None = None
) -> ModelBundle:
    """Read a model folder, or the folder of an ``.onnx`` file.

    Args:
        path: a folder, or an ``.onnx`` file with its tokenizer beside it (or one folder up).
        onnx_file: the graph to use, if the folder has several.
        variant: which of several graphs, by its kind; see `hugot.models.variants.choose_graph`.

    Raises ModelNotFoundError for missing files, ModelFormatError for damaged ones and for graphs made
    for another CPU.
    """
    path = Path(path).expanduser()
    if path.is_file():
        folder = _folder_of(path)
        onnx_path = path
        check_instruction_set(path.name, {})
    elif path.is_dir():
        folder = path
        onnx_path = find_onnx(path, onnx_file, variant)
    else:
        raise ModelNotFoundError(f"there is no model at {str(path)!r}")
    inner = transformer_folder(folder)
    if not (inner / "tokenizer.json").is_file():
        inner = folder
    tokenizer_path = inner / "tokenizer.json"
    if not tokenizer_path.is_file():
        raise ModelNotFoundError(
            f"{folder} has no tokenizer.json, without which text cannot be tokenized. {EXPORT_HINT}"
        )
    for each in (onnx_path, *_weight_files(onnx_path), tokenizer_path):
        check_content(each)
    return ModelBundle(
        folder=folder,
        onnx_path=onnx_path,
        tokenizer_path=tokenizer_path,
        config_path=inner / "config.json",
        config=read_json(inner / "config.json"),
        tokenizer_config=read_tokenizer_config(inner),
    )


def _folder_of(onnx_path: Path) -> Path:
    """Return the folder of the model that an ``.onnx`` file belongs to."""
    folder = onnx_path.parent
    if not (folder / "tokenizer.json").exists() and folder.name == "onnx":
        folder = folder.parent
    parent = folder.absolute().parent
    if (parent / "modules.json").is_file() and transformer_folder(parent) == folder.absolute():
        return folder.parent if folder.name else parent
    return folder


def _weight_files(onnx_path: Path) -> list[Path]:
    """Return the files beside a graph that hold its weights by the usual names, if there are any."""
    beginnings = (f"{onnx_path.name}_data", f"{onnx_path.name}.data")
    names = (name for name in os.listdir(onnx_path.parent) if name.startswith(beginnings))
    return [onnx_path.parent / name for name in names]
