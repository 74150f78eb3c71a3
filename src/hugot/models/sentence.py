"""The files of sentence-transformers in a model folder: modules, texts, prompts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hugot.errors import ModelFormatError
from hugot.models.files import get_typed, read_json
from hugot.models.log import debug
from hugot.models.modules import list_modules, pooling_modes, read_modules, transformer_path
from hugot.models.text_settings import NotFollowedError, TextSettings, read_text_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hugot.models.modules import Step

_PROMPT_FILE: Final = "config_sentence_transformers.json"
# sentence-transformers knows these two names for every model.
_PROMPTS: Final = {"query": "", "document": ""}
_OWN_POOLING: Final = "1_Pooling/config.json"
_REMEDY: Final = "pooling= with the name of a mode leaves the modules out, as does output_name="


@dataclass(frozen=True)
class SentenceFiles:
    """Settings of sentence vectors in a model folder; the defaults hold if it has none.

    Attributes:
        source: the file that names the modules, or None without one.
        pooling: pooling modes whose results are concatenated; None if the model's output is pooled.
        include_prompt: whether a prompt's tokens take part in the pooling.
        before: the steps on token vectors before the pooling, in order: a `Dense` or ``"normalize"``.
        steps: the steps after the pooling, in order: a `Dense`, a `LayerNorm` or ``"normalize"``.
        texts: how texts are tokenized, and the output of the model.
        prompts: name → prompt.
        default_prompt_name: the prompt to use if none is named, or None.
        truncate_dim: number of first components to keep, or None.
        is_static: whether the model is a StaticEmbedding, whose graph takes all tokens in one row.
        text_refusal: why hugot cannot tokenize texts as sentence-transformers does, or None.
        module_refusal: why hugot cannot run the modules, or None.
    """

    source: str | None = None
    pooling: tuple[str, ...] | None = ("mean",)
    include_prompt: bool = True
    before: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    texts: TextSettings = field(default_factory=TextSettings)
    prompts: Mapping[str, str] = field(default_factory=lambda: _PROMPTS)
    default_prompt_name: str | None = None
    truncate_dim: int | None = None
    is_static: bool = False
    text_refusal: str | None = None
    module_refusal: str | None = None

    @property
    def lowercase(self) -> bool:
        """Whether texts are lower-cased before the tokenizer sees them."""
        return self.texts.lowercase

    @property
    def max_seq_length(self) -> int | None:
        """Longest row that these files ask for, or None."""
        return self.texts.max_length


def read_sentence_files(
    folder: Path,
    config: Mapping[str, Any] | None = None,
    tokenizer_config: Mapping[str, Any] | None = None,
) -> SentenceFiles:
    """Read ``modules.json``, the modules it names, and the files of texts and prompts.

    Without ``modules.json``, sentence-transformers reads none of the others.

    Args:
        folder: the model's folder.
        config: content of the model's ``config.json``.
        tokenizer_config: content of its ``tokenizer_config.json``.

    Raises ModelFormatError for damaged files.
    """
    modules = list_modules(folder)
    if modules is None:
        return _default_files(folder, config or {}, tokenizer_config or {})
    files = _read_prompts(folder)
    try:
        texts = read_text_settings(folder / transformer_path(modules), tokenizer_config or {})
    except NotFollowedError as error:
        return replace(files, text_refusal=str(error))
    files = replace(files, texts=texts)
    if files.module_refusal is not None:
        return files
    try:
        found = read_modules(folder, modules, is_sentence=texts.is_sentence)
    except NotFollowedError as error:
        return replace(files, module_refusal=f"{error}; {_REMEDY}")
    return replace(
        files,
        pooling=found.pooling.modes if found.pooling else None,
        include_prompt=found.pooling is None or found.pooling.include_prompt,
        before=found.before,
        steps=found.after,
        is_static=found.is_static,
    )


def _read_prompts(folder: Path) -> SentenceFiles:
    """Read the file of prompts, which also names the class that the model is for."""
    path = folder / _PROMPT_FILE
    config = read_json(path)
    named = get_typed(config, "prompts", dict, path, {})
    prompts = {**_PROMPTS, **{name: get_typed(named, name, str, path, "") for name in named}}
    default = get_typed(config, "default_prompt_name", str, path)
    if default is not None and default not in prompts:
        raise ModelFormatError(
            f"{path}: default_prompt_name is {default!r:.80}; the prompts are "
            f"{', '.join(map(repr, prompts))}"
        )
    made_for = config.get("model_type", "SentenceTransformer")
    refusal = f"{path}: model_type is {made_for!r:.80}, not a model of one vector a text; {_REMEDY}"
    return SentenceFiles(
        source="modules.json",
        prompts=prompts,
        default_prompt_name=default,
        truncate_dim=get_typed(config, "truncate_dim", int, path),
        module_refusal=None if made_for == "SentenceTransformer" else refusal,
    )


def _default_files(
    folder: Path, config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]
) -> SentenceFiles:
    """Return what sentence-transformers does with a model without ``modules.json``: it pools."""
    architectures = config.get("architectures")
    first = str(architectures[0]) if isinstance(architectures, list) and architectures else ""
    causal = first.endswith("ForCausalLM") and config.get("is_causal", True)
    modes = ("lasttoken",) if causal else ("mean",)
    for name in (_PROMPT_FILE, "sentence_bert_config.json"):
        if (folder / name).exists():
            debug("%s: %s is not used, since there is no modules.json", folder, name)
    refusal = None
    own = read_json(folder / _OWN_POOLING)
    if own and pooling_modes(own, folder / _OWN_POOLING) != modes:
        refusal = (
            f"{folder} has {_OWN_POOLING}, but no modules.json, without which sentence-transformers "
            f"takes {modes[0]!r}"
        )
    elif tokenizer_config.get("chat_template") or (folder / "chat_template.jinja").exists():
        refusal = (
            f"{folder} has a chat_template and no modules.json: sentence-transformers puts each text "
            "through the template, which hugot does not run"
        )
    choose = "choose with pooling= how plain texts are pooled, or an output with output_name="
    return SentenceFiles(pooling=modes, module_refusal=refusal and f"{refusal}; {choose}")
