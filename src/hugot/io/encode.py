"""The writers of the formats: records and their results to bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from hugot.io.delimited import DELIMITERS, DelimitedEncoder
from hugot.io.formats import require_arrow
from hugot.io.jsonl import JsonLinesEncoder
from hugot.io.plain_text import PlainTextEncoder
from hugot.io.values import json_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hugot.io.batch import Batch
    from hugot.io.formats import Format
    from hugot.tasks.schema import ResultType


class Encoder(Protocol):
    """Encodes batches to the bytes of a working file, and converts it to the final file.

    Attributes:
        suffix: that of the final file.
    """

    suffix: str

    def begin(self, state: Any, *, new: bool) -> None:
        """Begin a new file, or go on with one; `state` is what `state` returned last, at first None."""

    def encode(self, batch: Batch, results: Sequence[Any]) -> bytes:
        """Return the bytes of a batch."""

    def state(self) -> Any:
        """Return what `begin` needs to go on, as values of JSON."""

    def finish(self, working: Path, target: Path) -> None:
        """Make the final file `target` of a working file; an older file is replaced at once."""


def make_encoder(
    format: Format, result: ResultType, key_style: str, *, half: bool = False
) -> Encoder:
    """Return the writer of a format.

    Args:
        format: the format.
        result: the type of the results.
        key_style: ``"hugot"`` or ``"transformers"``, the keys of results.
        half: whether vectors are written as float16.
    """
    if format.columnar:
        require_arrow(f"the output format {format.kind}")
        from hugot.io.column_encoder import ColumnarEncoder

        return ColumnarEncoder(format, result, key_style, half=half)
    convert = _none_as_null(json_value(result, key_style, half=half))
    if format.kind in DELIMITERS:
        return DelimitedEncoder(format, convert)
    return (PlainTextEncoder if format.kind == "txt" else JsonLinesEncoder)(format, convert)


def _none_as_null(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    """Return a conversion of results that leaves None, the result of a null, as it is."""
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)
