"""Reading a model's files: JSON and typed values in it, and hashes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TYPE_NAMES: dict[Any, str] = {
    int: "a whole number",
    bool: "true or false",
    str: "a string",
    list: "a list",
    dict: "an object",
}
# Numbers of the configuration end up in 32 bits.
_LARGEST = 2**31 - 1

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGEST_POINTER = 1024

Kind = TypeVar("Kind")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if there is no such file.

    Raises ModelFormatError if the file holds anything else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        check_content(path)
        raise ModelFormatError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelFormatError(f"{path} must hold a JSON object, not {type(value).__name__}")
    return value


def check_content(path: Path) -> None:
    """Raise ModelFormatError if a file is a Git LFS pointer, which stands for the file itself."""
    try:
        if path.stat().st_size > _LARGEST_POINTER:
            return
        text = path.read_bytes()
    except OSError:
        return
    if text.startswith(_POINTER):
        size = re.search(rb"^size (\d+)", text, re.M)
        of = f" of {int(size[1]) / 1e6:.1f} MB" if size else ""
        raise ModelFormatError(
            f"{path} is a Git LFS pointer, not the file{of} itself. Run 'git lfs pull' in the clone "
            "that it comes from, or download the model with 'hugot download NAME'"
        )


@overload
def get_typed(
    config: Mapping[str, Any], key: str, kind: type[Kind], source: object
) -> Kind | None: ...
@overload
def get_typed(
    config: Mapping[str, Any], key: str, kind: type[Kind], source: object, default: Kind
) -> Kind: ...
def get_typed(
    config: Mapping[str, Any], key: str, kind: type[Any], source: object, default: Any = None
) -> Any:
    """Return the value of a key, or the default if the key is absent or its value is null.

    Args:
        config: content of the file.
        key: name of the value.
        kind: int, bool, str, list or dict.
        source: the file, for the message.
        default: the value to return instead of null.

    Raises ModelFormatError for a value of another type, and for numbers below 0 or beyond 32 bits.
    """
    value = config.get(key)
    if value is None:
        return default
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits or (kind is int and not 0 <= value <= _LARGEST):
        raise ModelFormatError(f"{source}: {key} is {value!r:.80}; it must be {_TYPE_NAMES[kind]}")
    return value


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_id(path: Path) -> str:
    """Return git's hash of a file's content, in hexadecimal; the hub has it for small files."""
    import hashlib

    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
