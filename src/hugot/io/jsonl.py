"""JSON Lines: an object a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.io.values import JSON_OPTIONS, OUTPUT, LineEncoder, json_default, too_deep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.io.batch import Batch, InputKeys

_LINE: Final = JSON_OPTIONS | orjson.OPT_APPEND_NEWLINE
# orjson reads a number of more than 64 bits as a float, so such a line is copied instead of encoded.
_LONG_NUMBER: Final = re.compile(rb"\d{17}")


class JsonLinesParser:
    """Makes a record of each line; see `hugot.io.records.Parser`."""

    within_record: Final = False

    def __init__(self, keys: InputKeys) -> None:
        self._keys = keys
        self._first = keys.keys[0]

    def parse(self, line: bytes) -> tuple[dict[str, Any], Any] | None:
        """Return the object and its input; None for a blank line."""
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not line or line.isspace():
                return None
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(record, dict) or self._first not in record:
            raise ValueError(f'each line must be an object with the key "{self._first}"')
        single = self._keys.single
        return record, self._keys.of_record(record) if single is None else record[single]


class JsonLinesEncoder(LineEncoder):
    """Writes each record with the result under ``output``."""

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return an object a line."""
        convert, lines, made = self._convert, batch.lines, []
        for i, record in enumerate(batch.records()):
            value = results[i] if convert is None else convert(results[i])
            if lines and _LONG_NUMBER.search(lines[i]) and OUTPUT not in record:
                made.append(_with_output(lines[i], value))
                continue
            try:
                whole = {**record, OUTPUT: value}
                made.append(orjson.dumps(whole, default=json_default, option=_LINE))
            except TypeError:  # orjson reads what is nested more deeply than what it writes
                if not lines or OUTPUT in record:
                    raise too_deep(batch, i) from None
                made.append(_with_output(lines[i], value))
        return b"".join(made)


def _with_output(line: bytes, value: Any) -> bytes:
    """Return a line of JSON with one more key; the rest of the line is copied."""
    head = line.rstrip()[:-1].rstrip()
    return b'%s,"%s":%s}\n' % (head, OUTPUT.encode(), orjson.dumps(value, option=JSON_OPTIONS))
