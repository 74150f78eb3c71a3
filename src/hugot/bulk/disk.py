"""Files that are on the disk when a call returns, whatever happens afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def sync_file(file: Any) -> None:
    """Have what was written to an open file on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk; where a system does not offer it, it is left to it."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there with the old content or with the new one, never with a part."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        sync_file(file)
    partial.replace(path)
    sync_folder(path.parent)


def lock_folder(folder: Path) -> int | None:
    """Take a folder for this process until it ends; None where another process has it.

    Gives a number to keep. Where the system has no such locks, -1.
    """
    try:
        import fcntl
    except ImportError:
        return -1
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    except OSError:  # a file system without locks
        return number
    return number


def unlock(number: int) -> None:
    """Give a folder back that `lock_folder` took."""
    if number >= 0:
        os.close(number)
