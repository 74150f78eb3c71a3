"""gzip and zstd: streams to read, and blocks to write.

Output is compressed in whole blocks (a gzip member, a zstd frame), one after another, which is a valid
file of either kind. So a file that is cut behind any block is whole, and can be continued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from hugot.bulk.extra import require_arrow

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP_LEVEL = 6


def decompressed(file: Any, compression: str | None) -> BinaryIO:
    """The stream within a compressed file; any number of members or frames.

    Raises InputError where zstd needs the extra ``hugot[arrow]``.
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
    """What makes a whole block of bytes."""
    if compression is None:
        return bytes
    if compression == "gz":
        import gzip

        # No time of day in it: the same work gives the same bytes.
        return lambda data: gzip.compress(data, _GZIP_LEVEL, mtime=0)
    try:
        from compression import zstd
    except ImportError:
        codec = require_arrow("zstd").Codec("zstd")
        return lambda data: codec.compress(data, asbytes=True)
    return lambda data: zstd.compress(data)
