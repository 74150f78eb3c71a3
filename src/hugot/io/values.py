"""Results as values of JSON, and what the writers of lines share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.errors import InputError
from hugot.tasks.schema import FLOAT32, ListOf, OneOf, Struct, Vector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hugot.io.batch import Batch
    from hugot.io.formats import Format
    from hugot.tasks.schema import Member, ResultType

OUTPUT: Final = "output"  # the key or column of results
# orjson prints a float32 with the fewest digits that identify it.
JSON_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class LineEncoder:
    """Base of the writers of lines; see `hugot.io.encode.Encoder`.

    The working file is the final one, under another name.
    """

    def __init__(self, format: Format, convert: Callable[[Any], Any] | None) -> None:
        self.suffix = str(format)
        self._convert = convert

    def begin(self, state: Any, *, new: bool) -> None:
        """Do nothing."""

    def state(self) -> Any:
        """Return None: there is no state."""
        return None

    def finish(self, working: Path, target: Path) -> None:
        """Rename the working file."""
        working.replace(target)


def key_of(member: Member, key_style: str) -> str:
    """Return the key of a member in a style: ``"hugot"`` (as hugot for Go) or ``"transformers"``."""
    return member.go_key if key_style == "hugot" else member.name


def json_value(
    result: ResultType, key_style: str, *, half: bool = False
) -> Callable[[Any], Any] | None:
    """Return a function that makes a value of JSON of a result of a type; None if a result is one.

    A float32 stays one, so that it is printed with the fewest digits that identify it; with `half`
    vectors are rounded to float16. A single result is wrapped in a list if the type is a list.
    """
    import numpy as np  # here: it is imported while the model is loaded

    if result == FLOAT32:
        return np.float32
    if isinstance(result, OneOf):
        plain = json_value(result.plain, key_style, half=half) or _same
        listed = json_value(result.listed, key_style, half=half) or _same
        return lambda value: listed(value) if isinstance(value, list) else plain(value)
    vector = result.item if isinstance(result, ListOf) else result
    if isinstance(vector, Vector):
        return (lambda value: np.asarray(value).astype(np.float16)) if half else None
    if isinstance(result, Struct):
        members = []
        for member in result.members:
            convert = json_value(member.type, key_style, half=half)
            members.append((member.name, key_of(member, key_style), convert))

        def convert_dict(value: Any) -> Any:
            made = {}
            for name, key, convert in members:
                made[key] = value[name] if convert is None else convert(value[name])
            return made

        return convert_dict
    if isinstance(result, ListOf):
        item, nests = json_value(result.item, key_style, half=half), result.nests

        def convert_list(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return value
            items = value if isinstance(value, list) else [value]
            if nests and items and isinstance(items[0], list):
                return list(map(convert_list, items))
            return items if item is None else list(map(item, items))

        return convert_list
    return None


def _same(value: Any) -> Any:
    return value


def json_default(value: Any) -> Any:
    """Return the text for a value that orjson does not know: base64 of bytes, else its str."""
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    return str(value)


def too_deep(batch: Batch, number: int) -> InputError:
    """Return the error for a record whose values are nested too deeply to be written."""
    return InputError(f"{batch.place_of(number)}: what it carries along is nested too deeply")
