"""A model folder: what is in it, and what follows from it for every task.

A folder holds an ``.onnx`` file (there or in ``onnx/``), ``tokenizer.json`` and ``config.json``, and may
hold ``tokenizer_config.json``, ``special_tokens_map.json`` and the files of sentence-transformers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugot.errors import ModelFormatError, ModelNotFoundError
from hugot.models.files import read_json
from hugot.models.sentence import SentenceFiles, read_sentence_files
from hugot.models.values import value_of
from hugot.models.variants import EXPORT_HINT, FOLDERS, choose_graph, refuse_unfit, wanted_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Model types whose positions begin behind the padding index, as RobertaEmbeddings does it: a table of
# 514 positions with padding index 1 serves rows of 512 tokens.
_POSITIONS_AFTER_PADDING = frozenset(
    {
        "camembert",
        "data2vec-text",
        "ibert",
        "longformer",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
# transformers writes int(1e30) for a tokenizer that knows no limit; nor is one that takes over 32 bits.
_NO_LIMIT = 2**31
_MOST_LABELS = 10**6


@dataclass(frozen=True)
class ModelBundle:
    """The files of one model, read and checked.

    Attributes:
        folder: where the configuration files are.
        onnx_path: the graph.
        tokenizer_path: ``tokenizer.json``.
        config: ``config.json``.
        tokenizer_config: ``tokenizer_config.json``, with what only ``special_tokens_map.json`` says.
    """

    folder: Path
    onnx_path: Path
    tokenizer_path: Path
    config: Mapping[str, Any]
    tokenizer_config: Mapping[str, Any]

    @cached_property
    def sentence(self) -> SentenceFiles:
        """What the files of sentence-transformers say."""
        return read_sentence_files(self.folder)

    @cached_property
    def labels(self) -> list[str]:
        """Names of the labels, by number, as transformers derives them from ``config.json``."""
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
        count = value_of(self.config, "num_labels", int, self.folder / "config.json", 2)
        if count > _MOST_LABELS:
            raise ModelFormatError(f"{self.folder / 'config.json'}: num_labels is {count}")
        return [f"LABEL_{i}" for i in range(count)]

    @property
    def hidden_size(self) -> int:
        """Size of a token's vector, by the names that architectures have for it; 768 if unknown."""
        return _first_number(self.config, ("hidden_size", "dim", "d_model", "n_embd"), 768)

    @property
    def layers(self) -> int:
        """Number of transformer layers; 12 if unknown."""
        names = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
        return _first_number(self.config, names, 12)

    @cached_property
    def longest_row(self) -> int | None:
        """Most tokens that a row may have, special ones included; None where there is no limit."""
        limits = [self.config_limit]
        told = self.tokenizer_config.get("model_max_length")
        if isinstance(told, int | float) and 0 < told < _NO_LIMIT:
            limits.append(int(told))
        return min((limit for limit in limits if limit), default=None)

    @cached_property
    def longest_sentence(self) -> int | None:
        """As `longest_row`, for feature extraction: ``max_seq_length`` comes before the tokenizer's."""
        told = self.sentence.max_seq_length
        if told is None:
            return self.longest_row
        return min(told, self.config_limit or told)

    @cached_property
    def config_limit(self) -> int | None:
        """Rows of the position table that serve tokens, or None where there is no such table."""
        positions = self.config.get("max_position_embeddings")
        if not isinstance(positions, int) or not 0 < positions < _NO_LIMIT:
            return None
        if self.config.get("position_biased_input") is False:
            return None  # DeBERTa v2 and v3: relative positions only
        source = self.folder / "config.json"
        if value_of(self.config, "model_type", str, source) in _POSITIONS_AFTER_PADDING:
            positions -= value_of(self.config, "pad_token_id", int, source, 0) + 1
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
        onnx_file: the graph to take, where the folder has several.
        variant: which of several graphs, by its kind; see `hugot.models.variants.choose_graph`.

    Raises ModelNotFoundError for files that are not there, ModelFormatError for damaged ones and for
    graphs that are made for another CPU.
    """
    path = Path(path).expanduser()
    if path.is_file():
        folder = path.parent
        if not (folder / "tokenizer.json").exists() and folder.name == "onnx":
            folder = folder.parent
        onnx_path = path
        refuse_unfit(path.name, {})
    elif path.is_dir():
        folder = path
        onnx_path = find_onnx(path, onnx_file, variant)
    else:
        raise ModelNotFoundError(f"there is no model at {str(path)!r}")
    tokenizer_path = folder / "tokenizer.json"
    if not tokenizer_path.is_file():
        raise ModelNotFoundError(
            f"{folder} has no tokenizer.json, without which text cannot be tokenized. {EXPORT_HINT}"
        )
    return ModelBundle(
        folder=folder,
        onnx_path=onnx_path,
        tokenizer_path=tokenizer_path,
        config=read_json(folder / "config.json"),
        tokenizer_config={
            **read_json(folder / "special_tokens_map.json"),
            **read_json(folder / "tokenizer_config.json"),
        },
    )


def find_onnx(folder: Path, onnx_file: str | None = None, variant: str | None = None) -> Path:
    """The ``.onnx`` file of a folder; see `hugot.models.variants.choose_graph`."""
    wanted = wanted_file(onnx_file, variant)
    if wanted is not None:
        for place in FOLDERS:
            if (folder / place / wanted).is_file():
                refuse_unfit(wanted, {})
                return folder / place / wanted
    files = {
        place + path.name: path for place in FOLDERS for path in (folder / place).glob("*.onnx")
    }
    sizes = dict.fromkeys(files) if len(files) == 1 else _sizes(files)
    name = choose_graph(sizes, onnx_file, variant, where=str(folder))
    refuse_unfit(name, sizes)
    return files[name]


def _sizes(files: Mapping[str, Path]) -> dict[str, int | None]:
    return {name: path.stat().st_size for name, path in files.items()}
