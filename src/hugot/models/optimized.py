"""The optimised graph beside an ``.onnx`` file: written once, mapped into memory by every start.

ONNX Runtime spends most of a model's loading on reading and optimising its graph. `optimize` writes the
outcome in ONNX Runtime's own format, ``model.<checksum>.ort``, and a sidecar ``model.ort.json`` that
says what it was made from and for (`hugot.models.sidecar`). Where all of that still holds,
`read_candidate` and `find_optimized` give it; else the ``.onnx`` file is used.

A session reads its weights from the mapped file for as long as it lives, so:

* the file is written under another name and renamed, and never changed: its name holds its checksum,
  and renaming the sidecar is what puts a new one in the place of an old one;
* it is mapped only where nobody else can cut it off, which would end this process (SIGBUS), and is
  read into memory otherwise;
* its checksum is taken on every start (at the rate of reading memory), since ONNX Runtime trusts what
  it reads: a damaged file may load, and answer nonsense or crash.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot._fast.checksum import checksum
from hugot._ort.providers import CPU
from hugot.errors import HugotError, InputError, ModelFormatError
from hugot.models.cpu import cpu_features
from hugot.models.files import file_sha256
from hugot.models.sidecar import (
    FORMAT,
    UnfitError,
    circumstances,
    compare,
    compare_source,
    read_sidecar,
    sidecar_path,
    source_record,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from hugot._ort.library import Library
    from hugot._ort.providers import Provider
    from hugot._ort.settings import SessionOptions

    Providers = Sequence[Provider]

_WARNING, _ERROR = 2, 3  # levels of ONNX Runtime's messages
_WRITE_CONFIG = {"session.save_model_format": "ORT"}
# A file that no sidecar names is left to a writer that may be about to name it, for so many seconds.
_SPARED = 3600
# The key "location" in an entry of TensorProto.external_data (field 13), as protobuf writes it.
_EXTERNAL_DATA = re.compile(rb"j..?\n\x08location\x12", re.DOTALL)
_GROUP_OR_OTHERS_WRITE = 0o022


class OptimizedModel(NamedTuple):
    """An optimised graph that fits.

    Attributes:
        path: the file.
        buffer: its bytes, read-only.
        mapped: whether they are the mapped file, and not a copy in memory.
    """

    path: Path
    buffer: Buffer
    mapped: bool


class Candidate(NamedTuple):
    """An optimised graph that was made from the ``.onnx`` file as it is; for what remains to be seen.

    It holds all that takes an access to a file, so that the rest can be done on a thread.

    Attributes:
        onnx_path: the ``.onnx`` file.
        sidecar: what the sidecar says.
        model: the file that it names.
        cpu: what the CPU is capable of.
    """

    onnx_path: Path
    sidecar: dict[str, Any]
    model: OptimizedModel
    cpu: list[str]


def optimize(
    onnx_path: Path, library: Library, options: SessionOptions, providers: Providers = ()
) -> OptimizedModel:
    """Write the optimised graph of an ``.onnx`` file and its sidecar, in place of what was there.

    Raises InputError where that cannot be done for these providers, or the folder cannot be written
    to; ModelFormatError for a model that ONNX Runtime cannot load, or whose weights are in other files.
    """
    if any(each.name != CPU for each in providers):
        raise InputError("an optimised file is for the CPU alone; leave other providers out")
    if has_external_data(onnx_path):
        raise ModelFormatError(
            f"{onnx_path} has its weights in other files; an optimised file is made only of a model "
            "in one file"
        )
    try:
        _write(onnx_path, library, options)
    except HugotError:
        raise
    except OSError as error:
        raise InputError(f"{onnx_path.parent} cannot be written to: {error}") from error
    try:
        written = load_optimized(onnx_path, library, options, providers)
    except UnfitError as error:
        raise ModelFormatError(f"{onnx_path} was changed by others meanwhile: {error}") from error
    if written is None:
        raise ModelFormatError(f"{sidecar_path(onnx_path)} was removed by others meanwhile")
    return written


def read_candidate(onnx_path: Path) -> Candidate | None:
    """What lies beside an ``.onnx`` file and was made from it; None where there is nothing.

    Why something that is there is left aside is told to the log, at level DEBUG.
    """
    try:
        return _read(onnx_path)
    except (UnfitError, OSError, ValueError, MemoryError) as error:
        log_ignored(onnx_path, error)
        return None


def find_optimized(
    candidate: Candidate, library: Library, options: SessionOptions, providers: Providers = ()
) -> OptimizedModel | None:
    """The optimised graph, where it fits and is whole; else None, and the log has the reason."""
    try:
        _check(candidate, library, options, providers)
    except UnfitError as error:
        log_ignored(candidate.onnx_path, error)
        return None
    return candidate.model


def load_optimized(
    onnx_path: Path,
    library: Library,
    options: SessionOptions,
    providers: Providers = (),
    *,
    verify: bool = False,
) -> OptimizedModel | None:
    """`read_candidate` and `find_optimized` in one, but raises UnfitError with the reason.

    The ``.onnx`` file is known by its size and time; with `verify`, by its hash as well.
    """
    candidate = _read(onnx_path)
    if candidate is None:
        return None
    _check(candidate, library, options, providers)
    if verify and candidate.sidecar["source"].get("sha256") != file_sha256(onnx_path):
        raise UnfitError(f"{onnx_path.name} has another content than the one it was made from")
    return candidate.model


def _read(onnx_path: Path) -> Candidate | None:
    sidecar = read_sidecar(onnx_path)
    if sidecar is None:
        return None
    compare_source(sidecar.get("source"), onnx_path)
    record = sidecar.get("optimized")
    if not isinstance(record, dict):
        raise UnfitError("its sidecar names no file")
    model = _open(onnx_path.parent, str(record.get("name")), record.get("size"))
    return Candidate(onnx_path, sidecar, model, cpu_features())


def _check(
    candidate: Candidate, library: Library, options: SessionOptions, providers: Providers
) -> None:
    """Raise UnfitError unless a candidate was made for just this, and is undamaged."""
    sidecar, model = candidate.sidecar, candidate.model
    compare(sidecar, circumstances(library, options, providers, candidate.cpu))
    if f"{checksum(model.buffer):016x}" != sidecar["optimized"].get("checksum"):
        raise UnfitError(f"{model.path.name} is damaged: its checksum is another")


def has_external_data(onnx_path: Path) -> bool:
    """Whether a tensor of an ``.onnx`` file has its data in another file."""
    if os.path.getsize(onnx_path) == 0:
        return False
    with open(onnx_path, "rb") as file, _map(file.fileno()) as data:
        return _EXTERNAL_DATA.search(data) is not None


def log_ignored(onnx_path: Path, reason: Exception) -> None:
    """Tell the log why the optimised graph of an ``.onnx`` file is not used."""
    import logging  # it costs milliseconds, which a start without anything to tell is spared

    logging.getLogger(__name__).debug("the optimised file of %s is not used: %s", onnx_path, reason)


def _open(folder: Path, name: str, size: Any) -> OptimizedModel:
    """Map a file, or read it where others could write to it or its folder."""
    if Path(name).name != name:
        raise UnfitError(f"its sidecar names {name!r}, which is not a file beside it")
    path = folder / name
    try:
        file = open(path, "rb")  # noqa: SIM115  (closed below, or by the error)
    except FileNotFoundError:
        raise UnfitError(f"{name} is not there") from None
    with file:
        status = os.fstat(file.fileno())
        if status.st_size != size or size == 0:
            raise UnfitError(f"{name} has {status.st_size} bytes, not {size}")
        if _only_ours(status) and _only_ours(os.stat(os.path.dirname(os.path.realpath(path)))):
            return OptimizedModel(path, _map(file.fileno()), True)
        return OptimizedModel(path, file.read(), False)


def _map(descriptor: int) -> mmap.mmap:
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


def _only_ours(status: os.stat_result) -> bool:
    """Whether nobody but this user and root can write to a file or folder."""
    if os.name == "nt":
        return True  # a mapped file cannot be cut off there
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & _GROUP_OR_OTHERS_WRITE


def _write(onnx_path: Path, library: Library, options: SessionOptions) -> None:
    from tempfile import TemporaryDirectory

    from hugot._ort.session import InferenceSession

    folder, sidecar = onnx_path.parent, sidecar_path(onnx_path)
    source = source_record(onnx_path)
    source["sha256"] = file_sha256(onnx_path)
    with TemporaryDirectory(prefix=f".{onnx_path.stem}-", dir=folder) as work:
        made = Path(work) / "optimized.ort"
        config = {**options.session_config, **_WRITE_CONFIG}
        # A warning says that the file fits this machine alone, which is what the sidecar sees to.
        severity = options.log_severity_level
        severity = _ERROR if severity == _WARNING else severity
        options_now = replace(options, session_config=config, log_severity_level=severity)
        InferenceSession(library, onnx_path, options_now, (), str(made))
        with open(made, "rb") as file, _map(file.fileno()) as data:
            size, digest = len(data), f"{checksum(data):016x}"
        name = f"{onnx_path.stem}.{digest}.ort"
        description = {
            "format": FORMAT,
            "source": source,
            "optimized": {"name": name, "size": size, "checksum": digest},
            **circumstances(library, options, (), cpu_features()),
        }
        named = Path(work) / "sidecar.json"
        named.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        previous = _named_file(onnx_path)
        os.replace(made, folder / name)
        os.replace(named, sidecar)
    _remove_others(onnx_path, previous)


def _named_file(onnx_path: Path) -> str | None:
    """Name of the file that the sidecar names now."""
    with suppress(UnfitError):
        record = (read_sidecar(onnx_path) or {}).get("optimized")
        return str(record.get("name")) if isinstance(record, dict) else None
    return None


def _remove_others(onnx_path: Path, previous: str | None) -> None:
    """Remove the file that was replaced, and those that an interrupted writer has left."""
    kept = _named_file(onnx_path)
    name = re.compile(re.escape(onnx_path.stem) + r"\.[0-9a-f]{16}\.ort")
    for path in onnx_path.parent.iterdir():
        if path.name == kept or not name.fullmatch(path.name):
            continue
        with suppress(OSError):  # gone already, or mapped by another process of Windows
            if path.name == previous or time.time() - path.stat().st_mtime > _SPARED:
                path.unlink()
