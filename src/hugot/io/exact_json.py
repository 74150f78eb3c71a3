"""Objects of JSON as they stand, with numbers of any size, lone surrogates and NaN; a slow way."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in typeshed
from math import isinf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE: Final = re.compile(r"[ \t\n\r]*")


class LooseObject(dict[str, Any]):
    """An object that orjson does not read; its values are those of Python's json."""


class Member(NamedTuple):
    """A member of an object: its key and value, and both as they are written."""

    key: str
    value: Any
    written_key: str
    written_value: str


def read_loosely(text: str, error: str, *, allow_nan: bool) -> Any:
    """Return the value of a text of JSON that orjson refuses; an object is a `LooseObject`.

    A number that Python cannot hold is its digits, as a str.

    Args:
        text: the text.
        error: what orjson says of it.
        allow_nan: whether values may be NaN or infinite.

    Raises ValueError for a text that is no JSON.
    """
    constants: list[str] = []
    try:
        found = _decoder(constants).decode(text)
        if constants and not allow_nan:
            raise ValueError(_named_constant(text, constants[0], found))
    except RecursionError:
        raise ValueError("not JSON: it is nested too deeply") from None
    except json.JSONDecodeError as ended:
        if text.lstrip().startswith("{") and ended.pos >= len(text.rstrip()):
            raise ValueError(
                "not JSON: the object does not end in its line. Each line must be a whole object; "
                "jq -c . FILE makes such lines"
            ) from None
        raise ValueError(f"not JSON: {error}") from None
    return LooseObject(found) if isinstance(found, dict) else found


def exact_row(line: bytes) -> dict[str, Any]:
    """Return an object with values that lose nothing; lists and objects are `orjson.Fragment`."""
    return {
        member.key: orjson.Fragment(member.written_value)
        if isinstance(member.value, dict | list)
        else member.value
        for member in _members(line.decode())
    }


def with_member(line: bytes, key: str, value: bytes) -> bytes:
    """Return an object with another value of a key that it has; the rest is copied.

    Raises RecursionError for an object that is nested too deeply.
    """
    made = []
    for member in _members(line.decode()):
        if member.key != key:
            made.append(f"{member.written_key}:{member.written_value}".encode())
        elif value:  # a key that comes twice is replaced once
            made.append(member.written_key.encode() + b":" + value)
            value = b""
    return b"{" + b",".join(made) + b"}"


def lone_surrogate(value: Any) -> str | None:
    """Return the first lone surrogate in the texts of a value as an escape; None if all are valid."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str):
            try:
                each.encode()
            except UnicodeEncodeError as error:
                return f"\\u{ord(each[error.start]):04x}"
    return None


def _members(text: str) -> Iterator[Member]:
    """Yield the members of a text that is known to be an object."""
    decode = _decoder([]).raw_decode
    at = _behind_space(text, _behind_space(text, 0) + 1)
    while text[at] != "}":
        begin = at
        key, end = scanstring(text, at + 1)
        first = _behind_space(text, _behind_space(text, end) + 1)  # behind the colon
        value, at = decode(text, first)
        yield Member(key, value, text[begin:end], text[first:at])
        at = _behind_space(text, at)
        if text[at] == ",":
            at = _behind_space(text, at + 1)


def _behind_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches at any place


def _decoder(constants: list[str]) -> json.JSONDecoder:
    """Return a decoder that adds the names of NaN and infinities to a list."""

    def constant(name: str) -> float:
        constants.append(name)
        return float(name)

    return json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=constant)


def _float(digits: str) -> float | str:
    value = float(digits)
    return digits if isinf(value) else value


def _int(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # Python limits the number of digits
        return digits


def _named_constant(text: str, name: str, found: Any) -> str:
    """Return the message for NaN or an infinity, with the key that has it."""
    what = name
    if isinstance(found, dict):
        for member in _members(text):
            constants: list[str] = []
            _decoder(constants).decode(member.written_value)
            if constants:
                what = f'"{member.key}" is {name}'
                if isinstance(member.value, dict | list):
                    what = f'"{member.key}" holds {name}'
                break
    return f"not JSON: {what}, which JSON does not have; --allow-nan accepts it"
