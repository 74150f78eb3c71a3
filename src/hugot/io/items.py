"""An array of JSON to its items, without reading it whole."""

from __future__ import annotations

import re
from typing import Final

_STRUCTURE: Final = re.compile(rb'[\[\]{},"]')
# The rest of a string up to its end, without an escape that the bytes cut.
_STRING: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_QUOTE: Final = ord('"')


class Items:
    """Cuts the bytes behind the opening bracket of an array into its items, as they stand.

    Behind each item is one byte, a comma or the closing bracket, so that the places of items follow from
    their sizes.

    Args:
        longest: most bytes in an item.

    Attributes:
        bytes: the size of the last items, with the bytes behind them.
        fault: what is wrong with the array; None as long as nothing is.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = b""  # of an item that has not ended
        self._scanned = 0  # bytes of it that were looked at
        self._dropped = 0  # bytes before it of an item that is too long
        self._depth = 0
        self._quoted = False
        self._ended = False
        self.bytes = 0
        self.fault: str | None = None

    def add(self, data: bytes) -> list[bytes | int]:
        """Return the items that end in `data`; of an item that is too long its number of bytes."""
        held, at = self._held + data, self._scanned
        found: list[bytes | int] = []
        self.bytes = begin = 0
        while not self._ended:
            if self._quoted:
                at = _STRING.match(held, at).end()  # type: ignore[union-attr]  # it may be empty
                if at == len(held) or held[at] != _QUOTE:
                    break
                self._quoted = False
                at += 1
            match = _STRUCTURE.search(held, at)
            if match is None:
                at = len(held)
                break
            at = match.end()
            if self._ends_item(match.group()):
                self._end_item(found, held[begin : at - 1])
                begin = at
        self._hold(held[begin:], at - begin)
        return found

    def rest(self) -> list[bytes | int]:
        """Return nothing: the last item ends with the array. Without its end, the array is at fault."""
        self.bytes = 0
        if not self._ended:
            self.fault = "the array of JSON does not end"
        return []

    def _ends_item(self, character: bytes) -> bool:
        """Note the character of the array's structure; return whether an item ends there."""
        if character == b'"':
            self._quoted = True
        elif character in b"[{":
            self._depth += 1
        elif character != b",":
            self._depth -= 1
            self._ended = self._depth < 0
            return self._ended
        else:
            return not self._depth
        return False

    def _end_item(self, found: list[bytes | int], item: bytes) -> None:
        size = self._dropped + len(item)
        self.bytes += size + 1
        self._dropped = 0
        found.append(item if size <= self._longest else size)

    def _hold(self, rest: bytes, scanned: int) -> None:
        if self._ended:
            if rest.strip():
                self.fault = "there is more behind the array of JSON"
            rest, scanned = b"", 0
        elif self._dropped + len(rest) > self._longest:
            self._dropped += scanned
            rest, scanned = rest[scanned:], 0
        self._held, self._scanned = rest, scanned
