"""A command on a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 60
INTERRUPT = b"\x03"  # what a terminal sends for ^C


class Terminal:
    """Runs `hugot` with arguments on a terminal; `shown` is what it has written there so far."""

    def __init__(self, *arguments: object) -> None:
        code = "from hugot.cli.main import main; main()"
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.execv(sys.executable, [sys.executable, "-c", code, *map(str, arguments)])
        self.shown = ""

    def wait_for(self, seen: Callable[[str], object]) -> None:
        """Read until `seen` accepts what was shown."""
        deadline = time.monotonic() + _SECONDS
        while not seen(self.shown):
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._file, key)

    def end(self) -> int:
        """Read until the command ends, and return its exit code."""
        while self._read():
            pass
        os.close(self._file)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bool:
        """Read what there is; False at the end."""
        if not select.select([self._file], [], [], _SECONDS)[0]:
            raise AssertionError(f"nothing more was shown: {self.shown}")
        try:
            data = os.read(self._file, 1 << 16)
        except OSError:  # so Linux reports the end of a terminal
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
