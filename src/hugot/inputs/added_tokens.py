"""Tokens that a model's files name over ``tokenizer.json``: special tokens and other added ones.

transformers adds those that the tokenizer lacks to the vocabulary, and gives those that it has the
properties that the files state, such as whether the spaces before a mask belong to it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hugot.errors import ModelFormatError
from hugot.models.files import get_typed, read_json
from hugot.models.tokenizer_classes import SPECIAL_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokenizers import AddedToken, Tokenizer

    from hugot.models.tokenizer_classes import TokenizerClass

# The number of tokens <extra_id_0>, <extra_id_1>, … of T5, if no key states it.
_EXTRA_IDS: Final = 100
# Names that special tokens usually have, for a model without any other file than tokenizer.json.
_USUAL: Final = {
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
    "bos_token": ("<s>", "<bos>"),
    "eos_token": ("</s>", "<eos>"),
}


class AddedTokens:
    """The special and added tokens of a model, as `PreTrainedTokenizerFast` of transformers finds them.

    Args:
        tokenizer: the tokenizer of ``tokenizer.json``.
        config: the tokenizer's configuration.
        kind: the tokenizer's class.
        source: path of ``tokenizer_config.json``.

    Attributes:
        special: the special tokens by key, such as ``mask_token``.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: Mapping[str, Any],
        kind: TokenizerClass,
        source: Path,
    ) -> None:
        self._config = config
        self._kind = kind
        self._source = source
        self._present = tokenizer.get_added_tokens_decoder()
        self._listed = self._read_listed()
        by_content = {token.content: token for token in self._listed}
        named = {key: self._named(key, by_content) for key in SPECIAL_TOKENS}
        extra = config.get("extra_special_tokens") or {}
        if isinstance(extra, dict):
            named |= {key: self._token(value, key) for key, value in extra.items()}
            extra = []
        further = self._further(extra)
        self.special = {key: _content(token) for key, token in named.items() if token is not None}
        self._wanted = [token for token in (*named.values(), *further) if token is not None]
        # Only transformers 5 reads a list of extra_special_tokens, and leaves its tokens as they are.
        self._special = set(self.special.values())
        if not extra:
            self._special.update(map(_content, further))

    def add_to(self, tokenizer: Tokenizer) -> None:
        """Add the tokens to the tokenizer, unless it has all of them with the same properties."""
        from tokenizers import AddedToken

        contents = {token.content for token in (*self._present.values(), *self._listed)}
        tokens = list(self._listed)
        seen: set[str] = set()
        for token in self._wanted:
            name = _content(token)
            known = name in contents if isinstance(token, str) else token in tokens
            if name not in seen and not known:
                tokens.append(AddedToken(token, special=True) if isinstance(token, str) else token)
            seen.add(name)
        for token in tokens:
            if token.content in self._special and not token.special:
                token.special = True
        present = {token.content: token for token in self._present.values()}
        if any(present.get(token.content) != token for token in tokens):
            tokenizer.add_tokens(tokens)

    def _read_listed(self) -> list[AddedToken]:
        """Return the tokens of ``added_tokens_decoder``, or of the older files in its place."""
        if "added_tokens_decoder" in self._config:
            key = "added_tokens_decoder"
            listed = get_typed(self._config, key, dict, self._source, {})
            numbered = {
                _number(number, key, self._source): self._token(token, key, special=False)
                for number, token in listed.items()
            }
        else:
            numbered = {**self._read_added_tokens(), **self._present}
        return [numbered[number] for number in sorted(numbered)]

    def _read_added_tokens(self) -> dict[int, AddedToken]:
        from tokenizers import AddedToken

        source = self._source.parent / "added_tokens.json"
        names = read_json(source)
        if not names:
            return {}
        values = [self._config.get(key) for key in SPECIAL_TOKENS]
        values += self._config.get("additional_special_tokens") or []
        special = {_content(value) for value in values if value is not None}
        return {
            _number(number, name, source): AddedToken(
                name, special=name in special, normalized=name not in special
            )
            for name, number in names.items()
        }

    def _named(self, key: str, listed: Mapping[str, AddedToken]) -> str | AddedToken | None:
        """Return the special token of a key, with the properties that the class gives to a string."""
        value = self._config.get(key, self._kind.tokens.get(key))
        if value is None:
            return None
        token: str | AddedToken = self._token(value, key)
        if key in self._config:
            token = listed.get(_content(token), token)
        if not isinstance(token, str):
            return token
        arguments: Mapping[str, bool] | None = None
        if key in self._kind.normalized:
            arguments = {"normalized": True}
        elif key == "mask_token":
            arguments = self._kind.mask
        if arguments is None:
            return token
        from tokenizers import AddedToken

        return AddedToken(token, **arguments)

    def _further(self, extra: Any) -> list[str | AddedToken]:
        """Return the special tokens that have no key of their own."""
        if extra:
            key, values = "extra_special_tokens", extra
        else:
            key, values = "additional_special_tokens", self._config.get("additional_special_tokens")
            if values is None:
                values = list(self._kind.additional)
            if self._kind.extra_ids:
                values = self._with_extra_ids(values)
        if not isinstance(values, list):
            raise ModelFormatError(f"{self._source}: {key} is {values!r:.80}; it must be a list")
        return [self._token(value, key) for value in values]

    def _with_extra_ids(self, values: Any) -> Any:
        """Return the additional tokens with those that `T5Tokenizer` adds."""
        count = get_typed(self._config, "extra_ids", int, self._source, _EXTRA_IDS)
        if not isinstance(values, list):
            return values
        given = sum("<extra_id_" in _content(value) for value in values)
        if given and count and given != count:
            raise ModelFormatError(
                f"{self._source}: additional_special_tokens has {given} tokens <extra_id_…>, but "
                f"extra_ids is {count}"
            )
        return values if given else [*values, *(f"<extra_id_{i}>" for i in range(count))]

    def _token(self, value: Any, key: str, *, special: bool = True) -> Any:
        """Return a token as it stands in the files: a string, or an `AddedToken` of an object."""
        if not _is_text(_content(value)):
            raise ModelFormatError(
                f"{self._source}: {key} has a lone surrogate, which is in no vocabulary"
            )
        if isinstance(value, str) and special:
            return value
        if isinstance(value, dict) and isinstance(value.get("content"), str):
            from tokenizers import AddedToken

            arguments = {name: each for name, each in value.items() if name != "__type"}
            if special and "__type" not in value:
                arguments["special"] = True
            try:
                return AddedToken(**arguments)
            except TypeError as error:
                raise ModelFormatError(f"{self._source}: {key} has a bad token: {error}") from error
        raise ModelFormatError(
            f"{self._source}: {key} has the token {value!r:.80}; it must be "
            f"{'a string or ' if special else ''}an object with the key content"
        )


def tokens_of_vocabulary(tokenizer: Tokenizer, path: Path) -> dict[str, str]:
    """Return the special tokens of a model that has no other file than ``tokenizer.json``.

    The model names its unknown token; the others have usual names.
    """
    special = {
        token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special
    }
    found = {
        key: next((name for name in names if name in special), None)
        for key, names in _USUAL.items()
    }
    unknown = getattr(tokenizer.model, "unk_token", None)
    if type(tokenizer.model).__name__ == "Unigram":
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        unknown = model["vocab"][model["unk_id"]][0] if model.get("unk_id") is not None else None
    found["unk_token"] = unknown or found["unk_token"]
    return {key: name for key, name in found.items() if name is not None}


def _content(token: Any) -> str:
    content = token.get("content") if isinstance(token, dict) else getattr(token, "content", token)
    return content if isinstance(content, str) else ""


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _number(value: Any, key: str, source: Path) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ModelFormatError(f"{source}: {key} has {value!r:.80} for a token's number") from None
