"""Reading ``tokenizer_config.json`` and ``special_tokens_map.json`` as transformers does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hugot.models.files import get_typed, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_tokenizer_config(folder: Path) -> Mapping[str, Any]:
    """Return the content of ``tokenizer_config.json`` in a folder, with the special tokens of the other.

    ``special_tokens_map.json`` is an older file: it only counts if ``tokenizer_config.json`` has no
    ``added_tokens_decoder``, and then replaces the special tokens there.
    """
    config = read_json(folder / "tokenizer_config.json")
    if "added_tokens_decoder" in config:
        return config
    source = folder / "special_tokens_map.json"
    tokens = read_json(source)
    additional = get_typed(tokens, "additional_special_tokens", list, source)
    if additional is not None:
        given = config.get("additional_special_tokens") or []
        if isinstance(given, list):
            additional = [*given, *(token for token in additional if token not in given)]
        tokens["additional_special_tokens"] = additional
    return {**config, **tokens}
