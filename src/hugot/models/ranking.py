"""The files of a cross encoder: the function of its scores, prompts, how texts become tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hugot.errors import ModelFormatError
from hugot.models.activations import find_activation
from hugot.models.files import get_typed, read_json
from hugot.models.log import debug
from hugot.models.modules import list_modules, module_kind, transformer_path
from hugot.models.text_settings import NotFollowedError, TextSettings, read_text_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from hugot.models.bundle import ModelBundle

    Function = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_CONFIG: Final = "config_sentence_transformers.json"
_TASK: Final = "sequence-classification"
# sentence-transformers loads no other function without `trust_remote_code`.
_TRUSTED: Final = "torch."


@dataclass(frozen=True)
class RankingFiles:
    """Settings of a cross encoder in a model folder.

    Attributes:
        activation: dotted name of the function of the scores, and the file and key that have it; None
            for the default.
        prompts: name → prompt.
        default_prompt_name: the prompt to use if none is named, or None.
        texts: how texts are tokenized.
    """

    activation: tuple[str, str] | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt_name: str | None = None
    texts: TextSettings = field(default_factory=TextSettings)


def read_ranking_files(bundle: ModelBundle) -> RankingFiles:
    """Read the files of a cross encoder, as `CrossEncoder` of sentence-transformers 5.7 and 6.2.

    Raises NotFollowedError for modules and keys that hugot does not follow, ModelFormatError for damaged
    files.
    """
    folder = bundle.folder
    modules = list_modules(folder)
    path = folder / _CONFIG
    config = read_json(path) if modules is not None else {}
    if modules is None or config.get("model_type", "SentenceTransformer") != "CrossEncoder":
        if modules is not None or path.exists():
            debug("%s: the files of sentence-transformers are not those of a cross encoder", folder)
        return RankingFiles(_activation(bundle, {}, path))
    if len(modules) != 1 or module_kind(modules[0]) != "Transformer":
        kinds = ", ".join(map(module_kind, modules))
        raise NotFollowedError(
            f"{folder / 'modules.json'} has the modules {kinds}; hugot runs cross encoders of a "
            "Transformer alone"
        )
    named = get_typed(config, "prompts", dict, path, {})
    prompts = {name: get_typed(named, name, str, path, "") for name in named}
    default = get_typed(config, "default_prompt_name", str, path)
    if default is not None and default not in prompts:
        raise ModelFormatError(
            f"{path}: default_prompt_name is {default!r:.80}; the prompts are "
            f"{', '.join(map(repr, prompts)) or 'none'}"
        )
    texts = read_text_settings(folder / transformer_path(modules), bundle.tokenizer_config, _TASK)
    return RankingFiles(_activation(bundle, config, path), prompts, default, texts)


def longest_pair(bundle: ModelBundle, texts: TextSettings) -> int | None:
    """Return the maximum number of tokens in a row; None without a limit.

    sentence-transformers cuts at ``max_position_embeddings`` even if the model has no such table.
    """
    positions = bundle.config.get("max_position_embeddings")
    limits = [bundle.config_limit]
    if texts.length_source is not None:
        limits.append(texts.max_length)
    else:
        limits.append(bundle.longest_row)
        limits.append(positions if isinstance(positions, int) and positions > 0 else None)
    return min((limit for limit in limits if limit), default=None)


def find_function(name: str, source: str) -> Function:
    """Return the function of scores [n, labels] that a dotted name in ``torch.nn`` means.

    Raises ModelFormatError for an unknown name; `source` is the file and key that have it.
    """
    found = _ROW_FUNCTIONS.get(name.rpartition(".")[2]) if name.startswith("torch.nn.") else None
    return found or find_activation(name, source)


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of each row."""
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    found: NDArray[np.float32] = exponentials / exponentials.sum(-1, keepdims=True)
    return found


_ROW_FUNCTIONS: Final[Mapping[str, Function]] = {
    "LogSoftmax": lambda scores: np.log(softmax(scores)),
    "Softmax": softmax,
    "Softmin": lambda scores: softmax(-scores),
}


def _activation(
    bundle: ModelBundle, config: Mapping[str, Any], path: Path
) -> tuple[str, str] | None:
    """Return the first function that the files name and sentence-transformers trusts."""
    name = get_typed(config, "activation_fn", str, path)
    if name is not None and _is_trusted(name, path):
        return name, f"{path}, activation_fn"
    source = bundle.config_path
    saved = get_typed(bundle.config, "sentence_transformers", dict, source, {})
    key = "sbert_ce_default_activation_function"
    if "activation_fn" in saved:  # even null keeps the older key from being read
        saved_key = "sentence_transformers.activation_fn"
        name = get_typed(saved, "activation_fn", str, source)
    else:
        saved_key, name = key, get_typed(bundle.config, key, str, source)
    if name is not None and _is_trusted(name, source):
        return name, f"{source}, {saved_key}"
    return None


def _is_trusted(name: str, source: Path) -> bool:
    if name.startswith(_TRUSTED):
        return True
    import logging

    logging.getLogger("hugot").warning(
        "%s: the activation %r is not of torch; sentence-transformers does not load it, and neither "
        "does hugot: the next one is used",
        source,
        name,
    )
    return False
