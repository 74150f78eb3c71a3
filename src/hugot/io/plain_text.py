"""Plain text: a text a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.io.lines import decoded
from hugot.io.values import JSON_OPTIONS, LineEncoder, json_default

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.io.batch import Batch, Parsed

_INPUT: Final = "input"
_LINE: Final = JSON_OPTIONS | orjson.OPT_APPEND_NEWLINE


class PlainTextParser:
    """Makes a record ``{"input": line}`` of each line; see `hugot.io.records.Parser`.

    A blank line is an empty text, so that the lines of a file and those of its results correspond.
    """

    within_record: Final = False

    def parse(self, line: bytes) -> Parsed:
        """Return the line as a record, and as an input."""
        text = decoded(line.removesuffix(b"\r"))
        return {_INPUT: text}, text, None

    def reset(self) -> None:
        """Do nothing: a line is a record by itself."""


class PlainTextEncoder(LineEncoder):
    """Writes the result alone, as JSON."""

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return a value a line."""
        convert = self._convert
        values = results if convert is None else map(convert, results)
        return b"".join(
            [orjson.dumps(value, default=json_default, option=_LINE) for value in values]
        )
