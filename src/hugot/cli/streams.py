"""The standard streams of a command whose shell has closed some, and output that nobody takes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

EXIT_SIGPIPE = 141  # as shells report a program that a closed pipe ended

_STDIN, _STDOUT, _STDERR = range(3)


def open_standard_streams() -> None:
    """Open the standard streams that are closed, so that no other file takes their numbers.

    Reading the one and writing the other then fails as for a closed file. What goes to stderr is lost.
    """
    modes = {_STDIN: os.O_WRONLY, _STDOUT: os.O_RDONLY, _STDERR: os.O_WRONLY}
    for number, mode in modes.items():
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    # Python has no such streams.
    if sys.stdin is None:
        sys.stdin = open(_STDIN, closefd=False, encoding="utf-8")  # noqa: SIM115  (it stays open)
    if sys.stdout is None:
        sys.stdout = open(_STDOUT, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", closefd=False, encoding="utf-8")  # noqa: SIM115


def flush_stdout() -> None:
    """Write what is left for stdout; raises OSError if that fails, and drops it.

    Python would write it once more on its way out, and print a traceback.
    """
    try:
        sys.stdout.flush()
    except OSError:
        drop_stdout()
        raise


def drop_stdout() -> None:
    """Have what is written to stdout from now on be lost."""
    with contextlib.suppress(OSError):  # a stream in memory has no number
        number = sys.stdout.fileno()
        opened = os.open(os.devnull, os.O_WRONLY)
        os.dup2(opened, number)
        os.close(opened)


def why(error: OSError) -> str:
    """Return why stdout cannot be written, for messages."""
    return "stdout is closed" if error.errno == errno.EBADF else str(error)
