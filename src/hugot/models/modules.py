"""The modules in ``modules.json``: what sentence-transformers does with token vectors, step by step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hugot.errors import ModelFormatError
from hugot.models.files import get_typed, read_json
from hugot.models.text_settings import NotFollowedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hugot.models.layers import Dense, LayerNorm

    Step: TypeAlias = Dense | LayerNorm | Literal["normalize"]

# Pooling modes: the names that sentence-transformers writes → ours. Older versions write one flag per
# mode, and pool in the order of these.
_MODES: Final = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weightedmean",
    "lasttoken": "lasttoken",
}
_FLAGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_POOLING_KEYS: Final = frozenset(
    # The dimension is not needed to pool.
    {*_FLAGS, "pooling_mode", "include_prompt", "embedding_dimension", "word_embedding_dimension"}
)
# What can follow the Transformer; in inference, Dropout does nothing.
_LATER_KINDS: Final = ("Pooling", "Dense", "LayerNorm", "Normalize", "Dropout")
_FIRST_KINDS: Final = ("Transformer", "StaticEmbedding")
_NAMESPACE: Final = "sentence_transformers."
_TOKENS: Final = "token_embeddings"
_SENTENCE: Final = "sentence_embedding"


@dataclass(frozen=True)
class Pooling:
    """A Pooling module.

    Attributes:
        modes: pooling modes whose results are concatenated.
        include_prompt: whether a prompt's tokens take part in the pooling.
    """

    modes: tuple[str, ...]
    include_prompt: bool = True


@dataclass(frozen=True)
class Modules:
    """The modules after the Transformer.

    Attributes:
        before: the steps on token vectors, before the pooling.
        pooling: the pooling; None if the Transformer's output is a vector for a text.
        after: the steps on the vectors of texts.
        is_static: whether there is a StaticEmbedding in place of the Transformer.
    """

    before: tuple[Step, ...]
    pooling: Pooling | None
    after: tuple[Step, ...]
    is_static: bool = False


def list_modules(folder: Path) -> list[dict[str, Any]] | None:
    """Return the entries of ``modules.json``, or None if there is no such file.

    Raises ModelFormatError for a damaged file, and for a path that leads out of the model's folder.
    """
    path = folder / "modules.json"
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise ModelFormatError(f"{path} must hold a list of modules")
    for module in modules:
        _check_path(get_typed(module, "path", str, path, ""), path)
    return modules


def transformer_folder(folder: Path) -> Path:
    """Return the folder of the graph, the tokenizer and ``config.json`` of the model in a folder.

    It is that of the Transformer module in ``modules.json``, which is most often the model's own.

    Raises ModelFormatError as `list_modules`.
    """
    path = transformer_path(list_modules(folder))
    return folder / path if path and (folder / path).is_dir() else folder


def transformer_path(modules: Sequence[Mapping[str, Any]] | None) -> str:
    """Return the folder of the Transformer module, in the model's; ``""`` if it is that folder."""
    first = modules[0] if modules else {}
    return _path(first) if module_kind(first) in _FIRST_KINDS else ""


def module_kind(module: Mapping[str, Any]) -> str:
    """Return the name of a module's class, without those of the Python modules that hold it."""
    return str(module.get("type", "")).rpartition(".")[2]


def read_modules(
    folder: Path, modules: Sequence[Mapping[str, Any]], *, is_sentence: bool
) -> Modules:
    """Read the modules that `list_modules` returned.

    Args:
        folder: the model's folder.
        modules: the entries.
        is_sentence: whether the Transformer's output is a vector for a text.

    Raises NotFollowedError for modules that hugot does not run, and for an order in which they do not
    run, ModelFormatError for damaged files.
    """
    reader = _Reader(folder, is_sentence)
    for number, module in enumerate(modules):
        reader.add(number, module)
    if not reader.pooled:
        raise NotFollowedError(f"{reader.source} has no Pooling module")
    return Modules(tuple(reader.before), reader.pooling, tuple(reader.after), reader.is_static)


def pooling_modes(config: Mapping[str, Any], source: Path) -> tuple[str, ...]:
    """Return the modes of a Pooling module, by its ``config.json``.

    Raises ModelFormatError for an unknown mode.
    """
    if "pooling_mode" in config:
        named = config["pooling_mode"]
        names = named if isinstance(named, list) else [named]
        unknown = [name for name in names if not isinstance(name, str) or name not in _MODES]
        if unknown or not names:
            raise ModelFormatError(f"{source}: unknown pooling_mode {(unknown or [names])[0]!r}")
        return tuple(_MODES[name] for name in names)
    return tuple(mode for flag, mode in _FLAGS.items() if config.get(flag)) or ("mean",)


class _Reader:
    """Reads modules in their order, as the features of sentence-transformers pass through them."""

    def __init__(self, folder: Path, is_sentence: bool) -> None:
        self.folder = folder
        self.source = folder / "modules.json"
        self.before: list[Step] = []
        self.after: list[Step] = []
        self.pooling: Pooling | None = None
        self.pooled = is_sentence
        self.is_static = False
        self._names: set[object] = set()

    def add(self, number: int, module: Mapping[str, Any]) -> None:
        kind = self._check(number, module)
        path = self.folder / _path(module)
        if kind == "StaticEmbedding":
            self.pooled = self.is_static = True  # its output is a vector for a text
        elif kind == "Pooling":
            self._add_pooling(path)
        elif kind == "Dense":
            self._add_dense(path)
        elif kind == "LayerNorm":
            from hugot.models.layers import read_layer_norm

            self._add(read_layer_norm(path), _SENTENCE, kind)
        elif kind == "Normalize":
            key = self._feature(read_json(path / "config.json"), path / "config.json")
            # sentence-transformers skips it if there is nothing to normalise yet.
            if self.pooled or key == _TOKENS:
                self._add("normalize", key, kind)

    def _check(self, number: int, module: Mapping[str, Any]) -> str:
        """Return the name of a module's class, if it can be there."""
        kind, name = module_kind(module), module.get("name", number)
        if not str(module.get("type")).startswith(_NAMESPACE):
            raise NotFollowedError(
                f"{self.source} has a module of type {module.get('type')!r}, whose code is not that of "
                "sentence-transformers; hugot does not run it"
            )
        if kind not in (_LATER_KINDS if number else _FIRST_KINDS):
            place = "after the first" if number else "as the first"
            raise NotFollowedError(
                f"{self.source} has a module of type {kind!r}, which hugot does not run {place}"
            )
        if not isinstance(name, str | int) or name in self._names:
            raise NotFollowedError(f"{self.source} has two modules of the name {name!r:.40}")
        self._names.add(name)
        return kind

    def _add_pooling(self, path: Path) -> None:
        source = path / "config.json"
        config = read_json(source)
        if self.pooled:
            raise NotFollowedError(
                f"{self.source} has a Pooling module where nothing is to be pooled"
            )
        if not config:
            raise ModelFormatError(f"{source} is missing or empty")
        for key in config:
            if key not in _POOLING_KEYS:
                raise NotFollowedError(f"{source}: {key} is not known")
        self.pooling = Pooling(
            pooling_modes(config, source), bool(config.get("include_prompt", True))
        )
        self.pooled = True

    def _add_dense(self, path: Path) -> None:
        from hugot.models.layers import read_dense  # few models have one

        config = read_json(path / "config.json")
        key = self._feature(config, path / "config.json")
        self._add(read_dense(path, config), key, "Dense")

    def _add(self, step: Step, key: str, kind: str) -> None:
        if key == _TOKENS:
            if not self.pooled:  # after the pooling, nothing reads the vectors of tokens
                self.before.append(step)
        elif self.pooled:
            self.after.append(step)
        else:
            raise NotFollowedError(f"{self.source} has a {kind} module on {key} before the Pooling")

    def _feature(self, config: Mapping[str, Any], source: Path) -> str:
        """Return the feature that a module reads and writes."""
        read = config.get("module_input_name", _SENTENCE)
        written = config.get("module_output_name")
        if read not in (_TOKENS, _SENTENCE):
            raise NotFollowedError(f"{source}: module_input_name is {read!r:.80}")
        if written not in (None, read):
            raise NotFollowedError(
                f"{source}: module_output_name is {written!r:.80}, not module_input_name ({read!r})"
            )
        return str(read)


def _path(module: Mapping[str, Any]) -> str:
    path = str(module.get("path") or "").replace("\\", "/").rstrip("/")
    return "" if path == "." else path


def _check_path(path: str, source: Path) -> None:
    """Raise ModelFormatError if a module's path leads out of the model's folder."""
    parts = path.replace("\\", "/").split("/")
    if ".." in parts or parts[0].endswith(":") or (len(parts) > 1 and not parts[0]):
        raise ModelFormatError(f"{source}: the path {path!r} leads out of the model's folder")
