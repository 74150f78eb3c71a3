"""JSON Lines: an object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from hugot.io.lines import decoded
from hugot.io.values import JSON_OPTIONS, OUTPUT, LineEncoder, json_default, too_deep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot.io.batch import Batch, InputKeys, Parsed

_LINE: Final = JSON_OPTIONS | orjson.OPT_APPEND_NEWLINE


class JsonLinesParser:
    """Makes a record of each line; see `hugot.io.records.Parser`.

    A line that is a string is the text itself.

    Args:
        keys: the keys of the input.
        allow_nan: whether values may be NaN or infinite.
    """

    within_record: Final = False

    def __init__(self, keys: InputKeys, *, allow_nan: bool = False) -> None:
        self._keys = keys
        self._single = keys.single
        self._allow_nan = allow_nan

    def parse(self, line: bytes) -> Parsed | None:
        """Return the object, its input and the line; None for a blank line."""
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not line or line.isspace():
                return None
            return self._parse_loosely(line, str(error))
        if not isinstance(record, dict):
            return self._parse_text(record, line)
        single = self._single
        return record, record[single] if single in record else self._keys.of_record(record), line

    def reset(self) -> None:
        """Do nothing: a line is a record by itself."""

    def _parse_loosely(self, line: bytes, error: str) -> Parsed:
        from hugot.io.exact_json import LooseObject, lone_surrogate, read_loosely

        record = read_loosely(decoded(line), error, allow_nan=self._allow_nan)
        if isinstance(record, LooseObject):
            parsed: Parsed = record, self._keys.of_record(record), line
        else:
            parsed = self._parse_text(record, line)
        if (found := lone_surrogate(parsed[1])) is not None:
            raise ValueError(f'"{self._keys.keys[0]}" holds the lone surrogate {found}')
        return parsed

    def _parse_text(self, value: Any, line: bytes) -> Parsed:
        key = self._single
        if key is None or not isinstance(value, str):
            raise ValueError(f'each line must be an object with the key "{self._keys.keys[0]}"')
        return {key: value}, value, b"{%s:%s}" % (orjson.dumps(key), line.strip())


class JsonLinesEncoder(LineEncoder):
    """Writes each record with the result under ``output``.

    The text of a record that was an object of JSON is copied, so that nothing of it changes.
    """

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return an object a line."""
        convert, lines, made = self._convert, batch.lines, []
        # The keys of copied records matter alone.
        records = batch.rows if lines else batch.records()
        for i, record in enumerate(records):
            value = results[i] if convert is None else convert(results[i])
            line = lines[i] if lines else None
            if line is None:
                try:
                    whole = {**record, OUTPUT: value}
                    made.append(orjson.dumps(whole, default=json_default, option=_LINE))
                except TypeError:
                    raise too_deep(batch, i) from None
            elif OUTPUT in record:
                made.append(self._replaced(batch, i, line, value))
            else:
                made.append(_with_output(line, value))
        return b"".join(made)

    def _replaced(self, batch: Batch, number: int, line: bytes, value: Any) -> bytes:
        from hugot.io.exact_json import with_member

        try:
            whole = with_member(line, OUTPUT, orjson.dumps(value, option=JSON_OPTIONS))
        except RecursionError:
            raise too_deep(batch, number) from None
        return _one_line(whole) + b"\n"


def _with_output(line: bytes, value: Any) -> bytes:
    """Return an object with one more key as a line; the rest is copied."""
    head = _one_line(line.strip()[:-1].rstrip())
    comma = b"," if len(head) > 1 else b""
    return b'%s%s"output":%s}\n' % (head, comma, orjson.dumps(value, option=JSON_OPTIONS))


def _one_line(text: bytes) -> bytes:
    """Return a text of JSON without line ends, which are but spaces there."""
    if b"\n" in text or b"\r" in text:
        return text.replace(b"\n", b" ").replace(b"\r", b" ")
    return text
