"""The formats of files: names, suffixes, first bytes, compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Kind → its suffixes; the first is the one of files that are written.
_SUFFIXES: Final = {
    "jsonl": ("jsonl", "ndjson", "json"),
    "csv": ("csv",),
    "tsv": ("tsv", "tab"),
    "txt": ("txt", "text"),
    "parquet": ("parquet", "pq"),
    "arrow": ("arrow", "feather", "ipc", "arrows"),
}
FORMAT_KINDS: Final = tuple(_SUFFIXES)
_COMPRESSION_SUFFIXES: Final = {"gz": ("gz", "gzip"), "zst": ("zst", "zstd")}
_KINDS: Final = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}
_COMPRESSIONS: Final = {
    suffix: name for name, suffixes in _COMPRESSION_SUFFIXES.items() for suffix in suffixes
}
_COLUMNAR: Final = ("parquet", "arrow")
# First bytes; the last are those of a stream of Arrow.
_COMPRESSION_MAGIC: Final = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
_KIND_MAGIC: Final = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow"}
_LONGEST_MAGIC: Final = 8
_GZIP_LEVEL: Final = 6


class Format(NamedTuple):
    """The kind of a file, such as ``"jsonl"``, and its compression: None, ``"gz"`` or ``"zst"``."""

    kind: str
    compression: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}.{self.compression}" if self.compression else self.kind

    @property
    def columnar(self) -> bool:
        """Whether the file consists of columns, and needs pyarrow."""
        return self.kind in _COLUMNAR

    @property
    def unit(self) -> str:
        """What a file consists of, for messages: ``"row"`` or ``"line"``."""
        return "row" if self.columnar else "line"


def parse_format(name: str) -> Format:
    """Return the format of a name such as ``"jsonl"`` or ``"csv.gz"``; raises InputError for another."""
    suffix, _, compression = name.lower().partition(".")
    kind = _KINDS.get(suffix)
    if kind is None or (compression and compression not in _COMPRESSIONS):
        raise InputError(
            f"unknown format {name!r}; there are {', '.join(_SUFFIXES)}, each also with .gz or .zst"
        )
    return Format(kind, _COMPRESSIONS.get(compression))


def suffix_format(path: Path) -> Format | None:
    """Return the format of a file's suffixes, None if they are of no known format."""
    suffixes = [suffix.lstrip(".").lower() for suffix in path.suffixes]
    compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression is not None:
        suffixes.pop()
    kind = _KINDS.get(suffixes[-1]) if suffixes else None
    return Format(kind, compression) if kind is not None else None


def file_format(path: Path, given: Format | None) -> Format:
    """Return the format of a file: the given one, that of its suffix, or that of its first bytes.

    The compression is always that of its first bytes. A file of an unknown suffix whose first bytes are
    those of no format is JSON Lines; plain text is never guessed.
    """
    with path.open("rb") as file:
        head = file.read(_LONGEST_MAGIC)
    named = given or suffix_format(path)
    kinds = [kind for magic, kind in _KIND_MAGIC.items() if head.startswith(magic)]
    kind = named.kind if named is not None else (kinds or ["jsonl"])[0]
    return Format(kind, compression_of(head))


def compression_of(head: bytes) -> str | None:
    """Return the compression of a file by its first bytes."""
    for magic, name in _COMPRESSION_MAGIC.items():
        if head.startswith(magic):
            return name
    return None


def decompressed(file: Any, compression: str | None) -> BinaryIO:
    """Return the content of a compressed file as a stream; it may have several members or frames.

    Raises InputError if zstd needs the extra ``hugot[arrow]``.
    """
    if compression is None:
        return file  # type: ignore[no-any-return]
    if compression == "gz":
        import gzip

        return gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[return-value]
    try:
        from compression import zstd  # type: ignore[import-not-found]  # Python 3.14 and later
    except ImportError:
        pa = require_arrow("zstd")
        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")  # type: ignore[no-any-return]
    return zstd.ZstdFile(file)  # type: ignore[no-any-return]


def compressor(compression: str | None) -> Callable[[bytes], bytes]:
    """Return a function that compresses a block of bytes.

    Each block is a gzip member or a zstd frame of its own, and a file of several is valid. So a file
    that is cut behind any block is valid, and can be continued.
    """
    if compression is None:
        return bytes
    if compression == "gz":
        import gzip

        # Without a time, so that the same records always have the same bytes.
        return lambda data: gzip.compress(data, _GZIP_LEVEL, mtime=0)
    try:
        from compression import zstd
    except ImportError:
        codec = require_arrow("zstd").Codec("zstd")
        return lambda data: codec.compress(data, asbytes=True)
    return lambda data: zstd.compress(data)


def require_arrow(what: str) -> Any:
    """Return the module `pyarrow`; raises InputError that names the extra if it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise InputError(
            f"{what} needs the package pyarrow, which is not installed: pip install 'hugot[arrow]'"
        ) from None
    return pyarrow
