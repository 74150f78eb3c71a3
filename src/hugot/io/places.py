"""Where a run keeps its results, its state and its unfinished files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hugot.errors import InputError
from hugot.io.files import lock_folder, sync_folder, unlock
from hugot.io.formats import suffix_format
from hugot.io.state import STATE_FILE

if TYPE_CHECKING:
    from hugot.io.formats import Format

ERRORS_FILE: Final = "errors.jsonl"
_ENDING: Final = ".hugot"
# Suffixes of files that are not written. Any other may be part of a folder's name, such as v1.2.
_OTHER_FILES: Final = frozenset(
    (
        *("jsonlines", "xlsx", "xls", "ods", "avro", "orc", "h5", "hdf5", "npy", "npz", "pkl"),
        *("pickle", "pt", "safetensors", "msgpack", "tfrecord", "db", "sqlite"),
        *("sqlite3", "duckdb", "html", "xml", "yaml", "yml", "toml", "md", "pdf", "log", "dat"),
        *("gz", "gzip", "zst", "zstd", "bz2", "xz", "lzma", "lz4", "br", "7z", "rar", "zip", "tar"),
        *("tgz", "tbz2", "txz"),
    )
)


class Place(NamedTuple):
    """The files of a run.

    Result files appear in their folder when they are complete. Everything else is in a folder beside
    it, since a folder that holds other files as well cannot be read as a dataset by every library.

    Attributes:
        folder: the folder of the result files.
        side: the folder of the state, of errors and of unfinished files, such as ``out.hugot``.
        name: the name of the only result file; None if they are ``result_0``, ``result_1``, ….
    """

    folder: Path
    side: Path
    name: str | None = None

    def __str__(self) -> str:
        return str(self.folder if self.name is None else self.folder / self.name)

    def result(self, number: int, suffix: str) -> Path:
        """Return the path of a result file."""
        return self.folder / (self.name or f"result_{number}.{suffix}")

    def results(self, suffix: str) -> list[Path]:
        """Return the paths of the result files that may exist."""
        if self.name is not None:
            return [self.folder / self.name]
        return [*self.folder.glob(f"result_*.{suffix}")]

    def make(self) -> None:
        """Make the folders, and move the state of a run of an earlier version of hugot to its place.

        Earlier versions kept it among the results.

        Raises InputError if such a version writes to the folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.side.mkdir(exist_ok=True)
        if self.name is None and (self.folder / STATE_FILE).exists():
            self._adopt()

    def remove_unfinished(self) -> None:
        """Remove the unfinished files of a run that is not resumed."""
        for path in self.side.glob("*.partial"):
            path.unlink()

    def _adopt(self) -> None:
        lock = lock_folder(self.folder)
        if lock is None:
            raise InputError(f"another run writes to {self}")
        try:
            # The state is the last one to move: if this ends early, the next run moves the rest.
            moved = [*self.folder.glob("result_*.partial"), self.folder / ERRORS_FILE]
            for path in (*moved, self.folder / STATE_FILE):
                if path.exists():
                    path.replace(self.side / path.name)
            sync_folder(self.side)
            sync_folder(self.folder)
        finally:
            unlock(lock)


def place_of(output: Path) -> Place:
    """Return the place for the results of an output path: a file if it ends as one, else a folder."""
    if not output.is_dir() and suffix_format(output) is not None:
        return Place(output.parent, output.with_name(output.name + _ENDING), output.name)
    if output.is_symlink() or output.name in ("", ".."):
        output = output.resolve()
    inside = output / _ENDING
    if inside.is_dir() or not _can_have_sibling(output):
        return Place(output, inside)
    return Place(output, output.with_name(output.name + _ENDING))


def is_other_file(output: Path) -> bool:
    """Whether an output that is no folder has the suffix of a file that cannot be written."""
    if output.is_dir() or suffix_format(output) is not None:
        return False
    return output.suffix.lower().lstrip(".") in _OTHER_FILES


def check_format(place: Place, given: Format | None) -> Format | None:
    """Return the format of the only result file, or the given one if there is no such file.

    Raises InputError if they contradict each other.
    """
    if place.name is None:
        return given
    named = suffix_format(Path(place.name))
    assert named is not None
    if named.columnar:
        if named.compression is not None:
            raise InputError(
                f"--output {place}: {named.kind} compresses within; name the file "
                f"{Path(place.name).stem}, and choose --output-format {named}"
            )
        if given is not None and given.kind == named.kind:
            return given
    if given is not None and given != named:
        raise InputError(
            f"--output {place} is {named} by its name, but --output-format is {given}; leave one out"
        )
    return named


def _can_have_sibling(folder: Path) -> bool:
    """Whether files can be renamed from a folder beside this one into it.

    They cannot if it is the root of a file system, such as a volume of a container.
    """
    if not folder.name:
        return False
    if not folder.exists():
        return True
    return not os.path.ismount(folder) and os.access(folder.parent, os.W_OK)
