"""Finding the files that a run reads, and writing files and their names to the disk safely."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from hugot.errors import InputError, ModelNotFoundError
from hugot.io.formats import Format, file_format, suffix_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


# Names and values of folders.
Keys: TypeAlias = "tuple[tuple[str, str | None], ...]"

_NULL_KEY: Final = "__HIVE_DEFAULT_PARTITION__"


class InputFile(NamedTuple):
    """A file to read.

    Attributes:
        path: its path.
        format: its format.
        size: its bytes.
        keys: names and values of the folders that it is in, such as ``day=1``, below the one that was
            asked for; the value of a null is None.
    """

    path: Path
    format: Format
    size: int
    keys: Keys = ()


def find_inputs(sources: Sequence[str], given: Format | None = None) -> list[InputFile] | None:
    """Return the files of paths, folders and patterns, in order; None for stdin (no source, or -).

    A folder stands for its files of one kind, sorted by name, a pattern for the files that match it.
    Files of columns may be in folders within it whose names are keys, such as ``day=1``.

    Raises InputError for a folder or a pattern without files, ModelNotFoundError for a missing file.
    """
    if not sources or list(sources) == ["-"]:
        return None
    found: list[InputFile] = []
    for source in sources:
        for path, keys in _paths(source, given):
            try:
                found.append(InputFile(path, file_format(path, given), path.stat().st_size, keys))
            except OSError as error:
                raise ModelNotFoundError(f"the input cannot be read: {error}") from error
    if len({file.format.columnar for file in found}) > 1:
        raise InputError("the input mixes files of lines and files of columns; run them one by one")
    return found


def _paths(source: str, given: Format | None) -> list[tuple[Path, Keys]]:
    path = Path(source)
    if path.is_dir():
        return [(each, _keys(path, each)) for each in _folder_files(path, given)]
    if path.exists():
        if not path.is_file():
            raise InputError(
                f"{source} is no file but a pipe or a device, which cannot be read again; pass it to "
                f"stdin: --input - < {source}"
            )
        return [(path, ())]
    import glob

    if glob.has_magic(source):
        matches = [Path(name) for name in sorted(glob.glob(source, recursive=True))]
        fixed = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        files = [(each, _keys(fixed, each)) for each in matches if each.is_file()]
        if files:
            return files
        raise InputError(f"no file matches {source!r}")
    raise ModelNotFoundError(f"there is no input {source!r}")


def _keys(folder: Path, path: Path) -> Keys:
    """Return the keys in the names of the folders between a folder and a file."""
    from urllib.parse import unquote

    found = []
    for name in path.relative_to(folder).parts[:-1]:
        key, is_key, value = name.partition("=")
        if is_key:
            found.append((unquote(key), None if value == _NULL_KEY else unquote(value)))
    return tuple(found)


def _folder_files(folder: Path, given: Format | None) -> list[Path]:
    """Return a folder's files of one kind: the given one, or the only one that it has."""
    by_kind: dict[str, list[Path]] = {}
    for path in _files_with_keys(folder):
        named = suffix_format(path)
        # JSON as such is not JSON Lines; a folder of lines may well hold a report in JSON.
        if named is None or ".json" in path.suffixes:
            continue
        # The records of lines do not gain keys from the names of folders.
        if named.columnar or path.parent == folder:
            by_kind.setdefault(named.kind, []).append(path)
    if given is None and len(by_kind) > 1:
        by_kind.pop("txt", None)  # notes beside the data
    if given is not None:
        found = by_kind.get(given.kind)
    elif len(by_kind) == 1:
        found = next(iter(by_kind.values()))
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
    _refuse_doubled(found)
    return found


def _refuse_doubled(paths: Sequence[Path]) -> None:
    """Raise InputError for two files that differ in their compression alone, such as by ``gzip -k``."""
    seen: dict[Path, Path] = {}
    for path in paths:
        plain = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
        other = seen.setdefault(plain, path)
        if other is not path:
            raise InputError(
                f"{other} and {path} have the same records, as it seems; name one of them as --input"
            )


def _files_with_keys(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those within it whose names are keys, sorted by name."""
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif "=" in path.name and path.is_dir():
            yield from _files_with_keys(path)


def refuse_overwriting(files: Iterable[InputFile], targets: Iterable[Path]) -> None:
    """Raise InputError if an output would overwrite a file that is read."""
    present = [target for target in targets if target.exists()]
    for file in files:
        if any(file.path.samefile(target) for target in present):
            raise InputError(
                f"{file.path} is input and output at once; choose another output folder"
            )


def sync_file(file: Any) -> None:
    """Write an open file's content to the disk before returning."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Write the names of a folder's files to the disk, on systems that offer it."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file at once: at any time it has the old content or the new one."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        sync_file(file)
    partial.replace(path)
    sync_folder(path.parent)


def lock_folder(folder: Path) -> int | None:
    """Lock a folder for this process, and return a number for `unlock`; None if another has locked it.

    The number is -1 on systems without such locks.
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
    """Unlock a folder that `lock_folder` locked."""
    if number >= 0:
        os.close(number)
