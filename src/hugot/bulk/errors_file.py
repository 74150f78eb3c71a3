"""The file for what cannot be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from hugot.bulk.disk import sync_file
from hugot.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot.bulk.batch import BadRecord


class ErrorsFile:
    """``errors.jsonl``: a line for each record that could not be run; made with the first."""

    def __init__(self, path: Path, length: int = 0) -> None:
        self._path = path
        self._file: Any = None
        if length and (not path.exists() or path.stat().st_size < length):
            raise ModelNotFoundError(f"{path}, which the run has begun, is gone or shorter")
        if length:
            self._file = path.open("r+b")
            self._file.truncate(length)
            self._file.seek(length)
        else:
            path.unlink(missing_ok=True)

    def write(self, bad: Sequence[BadRecord]) -> None:
        """Add lines."""
        if bad and self._file is None:
            self._file = self._path.open("wb")
        for each in bad:
            line = {
                "file": each.source,
                "line": each.line,
                "reason": each.reason,
                "text": each.text,
            }
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def sync(self) -> int:
        """Have it on the disk; gives its length."""
        if self._file is None:
            return 0
        sync_file(self._file)
        return int(self._file.tell())

    def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
