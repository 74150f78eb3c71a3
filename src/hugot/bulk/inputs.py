"""Which files a run reads, in which order and format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.bulk.formats import Format, file_format, suffix_format
from hugot.errors import InputError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEAD_BYTES = 1 << 16


class InputFile(NamedTuple):
    """A file to read, its format and its size in bytes."""

    path: Path
    format: Format
    size: int


def find_inputs(sources: Sequence[str], given: Format | None = None) -> list[InputFile] | None:
    """The files of paths, folders and patterns, in the order given; None for stdin (no source, or -).

    A folder gives its files of one kind, by name. A pattern gives what it matches, by name.

    Raises InputError where a folder or a pattern gives none, ModelNotFoundError for a missing file.
    """
    if not sources or list(sources) == ["-"]:
        return None
    found: list[InputFile] = []
    for source in sources:
        for path in _paths(source, given):
            try:
                found.append(InputFile(path, file_format(path, given), path.stat().st_size))
            except OSError as error:
                raise ModelNotFoundError(f"the input cannot be read: {error}") from error
    if len({file.format.columnar for file in found}) > 1:
        raise InputError("the input mixes files of lines and files of columns; run them one by one")
    return found


def _paths(source: str, given: Format | None) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return _folder_files(path, given)
    if path.exists():
        return [path]
    import glob

    if glob.has_magic(source):
        matches = [Path(name) for name in sorted(glob.glob(source, recursive=True))]
        files = [each for each in matches if each.is_file()]
        if files:
            return files
        raise InputError(f"no file matches {source!r}")
    raise ModelNotFoundError(f"there is no input {source!r}")


def _folder_files(folder: Path, given: Format | None) -> list[Path]:
    """The files of one kind in a folder: the kind given, else JSON Lines, else the only one there is."""
    by_kind: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        named = suffix_format(path)
        # JSON as such is not JSON Lines; a folder of lines may well hold a report in JSON.
        if named is not None and path.is_file() and ".json" not in path.suffixes:
            by_kind.setdefault(named.kind, []).append(path)
    if given is not None:
        found = by_kind.get(given.kind)
    elif "jsonl" in by_kind or len(by_kind) == 1:
        found = by_kind.get("jsonl") or next(iter(by_kind.values()))
    elif by_kind:
        raise InputError(
            f"the folder {folder} has files of several kinds ({', '.join(by_kind)}); choose one with "
            "--input-format"
        )
    else:
        found = None
    if not found:
        what = f".{given.kind} files" if given else ".jsonl files, nor any of another known kind"
        raise InputError(f"the folder {folder} has no {what}")
    return found


def refuse_overwriting(files: Iterable[InputFile], targets: Iterable[Path]) -> None:
    """Raise InputError where an output would overwrite a file that is read."""
    present = [target for target in targets if target.exists()]
    for file in files:
        if any(file.path.samefile(target) for target in present):
            raise InputError(
                f"{file.path} is input and output at once; choose another output folder"
            )


def file_mark(path: Path) -> list[Any]:
    """What tells a file from another or from a later state of itself: path, size, time, beginning."""
    import hashlib

    stat = path.stat()
    with path.open("rb") as file:
        head = hashlib.blake2b(file.read(_HEAD_BYTES), digest_size=16).hexdigest()
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns, head]
