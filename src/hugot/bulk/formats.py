"""The formats of input and output: by name, by suffix, by the first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hugot.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("jsonl", "csv", "tsv", "txt", "parquet", "arrow")
COLUMNAR = ("parquet", "arrow")
COMPRESSIONS = ("gz", "zst")

_SUFFIXES = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "txt": "txt",
    "text": "txt",
    "parquet": "parquet",
    "pq": "parquet",
    "arrow": "arrow",
    "feather": "arrow",
    "ipc": "arrow",
    "arrows": "arrow",
}
_COMPRESSION_SUFFIXES = {"gz": "gz", "gzip": "gz", "zst": "zst", "zstd": "zst"}
_MAGIC = ((b"\x1f\x8b", "gz"), (b"\x28\xb5\x2f\xfd", "zst"))
_KIND_MAGIC = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"))
LONGEST_MAGIC = 8


class Format(NamedTuple):
    """A kind of file, one of `KINDS`, and how it is compressed: None, ``"gz"`` or ``"zst"``."""

    kind: str
    compression: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}.{self.compression}" if self.compression else self.kind

    @property
    def columnar(self) -> bool:
        """Whether it needs pyarrow."""
        return self.kind in COLUMNAR


def parse_format(name: str) -> Format:
    """The format of a name such as ``"jsonl"`` or ``"csv.gz"``; raises InputError for another."""
    kind, _, compression = name.lower().partition(".")
    kind = _SUFFIXES.get(kind, "")
    found = _COMPRESSION_SUFFIXES.get(compression)
    if not kind or (compression and found is None):
        raise InputError(
            f"unknown format {name!r}; there are {', '.join(KINDS)}, each also with .gz or .zst"
        )
    return Format(kind, found)


def suffix_format(path: Path) -> Format | None:
    """The format that a file's name tells, None where it tells none."""
    suffixes = [suffix.lstrip(".").lower() for suffix in path.suffixes]
    compression = _COMPRESSION_SUFFIXES.get(suffixes[-1]) if suffixes else None
    if compression is not None:
        suffixes.pop()
    kind = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    return Format(kind, compression) if kind is not None else None


def file_format(path: Path, given: Format | None) -> Format:
    """The format of a file: the one given, else its suffix's, else that of its first bytes.

    How it is compressed is told by its first bytes alone. Plain text is never guessed: what is neither
    told nor known by its first bytes is JSON Lines.
    """
    with path.open("rb") as file:
        head = file.read(LONGEST_MAGIC)
    named = given or suffix_format(path)
    kind = named.kind if named is not None else kind_of(head) or "jsonl"
    return Format(kind, compression_of(head))


def compression_of(head: bytes) -> str | None:
    """How a file that begins like this is compressed."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def kind_of(head: bytes) -> str | None:
    """The columnar kind of a file that begins like this, if it is one."""
    return next((name for magic, name in _KIND_MAGIC if head.startswith(magic)), None)
