"""Single values of a model's configuration, of the type that they must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from hugot.errors import ModelFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: dict[Any, str] = {int: "a whole number", str: "a string", list: "a list", dict: "an object"}
# Numbers of the configuration end up in 32 bits.
_LARGEST = 2**31 - 1

Kind = TypeVar("Kind")


@overload
def value_of(
    config: Mapping[str, Any], key: str, kind: type[Kind], source: object
) -> Kind | None: ...
@overload
def value_of(
    config: Mapping[str, Any], key: str, kind: type[Kind], source: object, default: Kind
) -> Kind: ...
def value_of(
    config: Mapping[str, Any], key: str, kind: type[Any], source: object, default: Any = None
) -> Any:
    """The value of a key; the default where the key is absent or its value is null.

    Args:
        config: what the file holds.
        key: see above.
        kind: int, str, list or dict.
        source: the file, for the message.
        default: see above.

    Raises ModelFormatError for a value of another type, and for numbers below 0 or beyond 32 bits.
    """
    value = config.get(key)
    if value is None:
        return default
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits or (kind is int and not 0 <= value <= _LARGEST):
        raise ModelFormatError(f"{source}: {key} is {value!r:.80}; it must be {_NAMES[kind]}")
    return value
