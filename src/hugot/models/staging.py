"""The folder that a download fills before it gets its name: alone in it, whole, and on the disk."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def beside(target: Path, what: str) -> Path:
    """A path beside a model's folder that no model's name leads to."""
    return target.with_name(f".{target.name}.{what}")


def own_folder(path: Path, *, empty: bool = False) -> None:
    """Make a folder, or take the one of an interrupted download; nothing in it leads elsewhere."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif empty:
        shutil.rmtree(path, ignore_errors=True)
    path.mkdir(exist_ok=True)
    for inner in path.rglob("*"):
        if inner.is_symlink():
            inner.unlink()


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Alone with a model's folder, among all processes; a lock ends with its process."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    with WeakFileLock(beside(target, "lock")):
        yield


def keep_only(folder: Path, names: list[str]) -> None:
    """Remove what an interrupted download of something else has left."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in names:
            path.unlink()


def flush(folder: Path) -> None:
    """Have the files on the disk before their folder gets its name, lest a power cut empties them."""
    if os.name == "nt":
        return  # only a file that is open for writing can be flushed there
    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def terminal_bar() -> type[Any]:
    """A progress bar that shows on a terminal alone."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class TerminalBar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            if options.get("disable") is not True:
                options["disable"] = None
            super().__init__(*args, **options)  # type: ignore[no-untyped-call]

    return TerminalBar
