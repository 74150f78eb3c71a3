"""The optimised graph beside an ``.onnx`` file: written once, mapped into memory at every start.

ONNX Runtime spends most of a model's loading time on reading and optimising its graph. `optimize` writes
the result in ONNX Runtime's own format, ``model.<checksum>.ort``, and a sidecar ``model.ort.json`` that
records its source and its environment (`hugot.models.sidecar`). If both are still the same, the
optimised graph is used, otherwise the ``.onnx`` file.

A session reads its weights from the mapped file for as long as it lives. Therefore:

* The file is written under a temporary name and renamed, and never changed: its name holds its checksum,
  and renaming the sidecar is what replaces an old file by a new one.
* It is mapped only if nobody else can truncate it, which would end this process (SIGBUS), and is read
  into memory otherwise.
* Its checksum is computed at every start, since ONNX Runtime trusts what it reads: a damaged file may
  load, and then return nonsense or crash.
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
from hugot.models.graph import external_files
from hugot.models.sidecar import (
    FORMAT,
    IncompatibleError,
    compare_environment,
    compare_source,
    environment_fingerprint,
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

_WARNING, _ERROR = 2, 3  # severity levels of ONNX Runtime
_WRITE_CONFIG = {"session.save_model_format": "ORT"}
# Age in seconds from which a file that no sidecar names is removed: until then, a writer may be about to
# write its sidecar.
_STALE_AGE = 3600
_GROUP_OR_OTHERS_WRITE = 0o022


class OptimizedModel(NamedTuple):
    """An optimised graph in memory.

    Attributes:
        path: its file.
        buffer: its bytes, read-only.
        mapped: whether the bytes are the mapped file, not a copy.
    """

    path: Path
    buffer: Buffer
    mapped: bool


class OptimizedFile(NamedTuple):
    """An optimised graph that was made from the present ``.onnx`` file, not yet compared otherwise.

    It holds everything that is read from files, so that the rest can be done on a thread.

    Attributes:
        onnx_path: the ``.onnx`` file.
        sidecar: content of the sidecar.
        model: the graph that it names.
        cpu: features of the CPU.
    """

    onnx_path: Path
    sidecar: dict[str, Any]
    model: OptimizedModel
    cpu: list[str]


def optimize(
    onnx_path: Path, library: Library, options: SessionOptions, providers: Providers = ()
) -> OptimizedModel:
    """Write the optimised graph of an ``.onnx`` file and its sidecar; existing ones are replaced.

    Raises InputError for providers other than the CPU and for a folder that cannot be written to;
    ModelFormatError for a model that ONNX Runtime cannot load, and for one with external data.
    """
    if any(each.name != CPU for each in providers):
        raise InputError("an optimised file is for the CPU alone; leave other providers out")
    if external_files(onnx_path):
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
    except IncompatibleError as error:
        raise ModelFormatError(f"{onnx_path} was changed by others meanwhile: {error}") from error
    if written is None:
        raise ModelFormatError(f"{sidecar_path(onnx_path)} was removed by others meanwhile")
    return written


def read_optimized(onnx_path: Path) -> OptimizedFile | None:
    """Read the optimised graph beside an ``.onnx`` file, if there is one that was made from it.

    The reason for not using an existing one is logged at level DEBUG.
    """
    try:
        return _read(onnx_path)
    except (IncompatibleError, OSError, ValueError, MemoryError) as error:
        log_ignored(onnx_path, error)
        return None


def select_optimized(
    found: OptimizedFile, library: Library, options: SessionOptions, providers: Providers = ()
) -> OptimizedModel | None:
    """Return an optimised graph if it is compatible and undamaged; otherwise log the reason."""
    try:
        _check(found, library, options, providers)
    except IncompatibleError as error:
        log_ignored(found.onnx_path, error)
        return None
    return found.model


def load_optimized(
    onnx_path: Path,
    library: Library,
    options: SessionOptions,
    providers: Providers = (),
    *,
    verify: bool = False,
) -> OptimizedModel | None:
    """Read and check the optimised graph of an ``.onnx`` file; return None if it has none.

    The ``.onnx`` file is compared by size and time, and with `verify` by its hash as well. Raises
    IncompatibleError with the reason if the optimised graph cannot be used.
    """
    found = _read(onnx_path)
    if found is None:
        return None
    _check(found, library, options, providers)
    if verify and found.sidecar["source"].get("sha256") != file_sha256(onnx_path):
        raise IncompatibleError(
            f"{onnx_path.name} has another content than the one it was made from"
        )
    return found.model


def _read(onnx_path: Path) -> OptimizedFile | None:
    sidecar = read_sidecar(onnx_path)
    if sidecar is None:
        return None
    compare_source(sidecar.get("source"), onnx_path)
    record = sidecar.get("optimized")
    if not isinstance(record, dict):
        raise IncompatibleError("its sidecar names no file")
    model = _open(onnx_path.parent, str(record.get("name")), record.get("size"))
    return OptimizedFile(onnx_path, sidecar, model, cpu_features())


def _check(
    found: OptimizedFile, library: Library, options: SessionOptions, providers: Providers
) -> None:
    """Raise IncompatibleError unless a graph was made for this environment and is undamaged."""
    sidecar, model = found.sidecar, found.model
    now = environment_fingerprint(library, options, providers, found.cpu)
    compare_environment(sidecar, now)
    if f"{checksum(model.buffer):016x}" != sidecar["optimized"].get("checksum"):
        raise IncompatibleError(f"{model.path.name} is damaged: its checksum is another")


def log_ignored(onnx_path: Path, reason: Exception) -> None:
    """Log why the optimised graph of an ``.onnx`` file is not used."""
    import logging  # it takes milliseconds, which a start with nothing to log is spared

    logging.getLogger(__name__).debug("the optimised file of %s is not used: %s", onnx_path, reason)


def _open(folder: Path, name: str, size: Any) -> OptimizedModel:
    """Map a file, or read it if others could write to it or its folder."""
    if Path(name).name != name:
        raise IncompatibleError(f"its sidecar names {name!r}, which is not a file beside it")
    path = folder / name
    try:
        file = open(path, "rb")  # noqa: SIM115  (closed below, or by the error)
    except FileNotFoundError:
        raise IncompatibleError(f"{name} is not there") from None
    with file:
        status = os.fstat(file.fileno())
        if status.st_size != size or size == 0:
            raise IncompatibleError(f"{name} has {status.st_size} bytes, not {size}")
        if _only_ours(status) and _only_ours(os.stat(os.path.dirname(os.path.realpath(path)))):
            return OptimizedModel(path, _map(file.fileno()), True)
        return OptimizedModel(path, file.read(), False)


def _map(descriptor: int) -> mmap.mmap:
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


def _only_ours(status: os.stat_result) -> bool:
    """Whether nobody but this user and root can write to a file or folder."""
    if os.name == "nt":
        return True  # a mapped file cannot be truncated there
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
        # ONNX Runtime warns that the file is for this machine only, which the sidecar takes care of.
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
            **environment_fingerprint(library, options, (), cpu_features()),
        }
        named = Path(work) / "sidecar.json"
        named.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        previous = _named_file(onnx_path)
        os.replace(made, folder / name)
        os.replace(named, sidecar)
    _remove_others(onnx_path, previous)


def _named_file(onnx_path: Path) -> str | None:
    """Return the name of the file in the present sidecar."""
    with suppress(IncompatibleError):
        record = (read_sidecar(onnx_path) or {}).get("optimized")
        return str(record.get("name")) if isinstance(record, dict) else None
    return None


def _remove_others(onnx_path: Path, previous: str | None) -> None:
    """Remove the replaced file, and those that an interrupted writer has left."""
    kept = _named_file(onnx_path)
    name = re.compile(re.escape(onnx_path.stem) + r"\.[0-9a-f]{16}\.ort")
    for path in onnx_path.parent.iterdir():
        if path.name == kept or not name.fullmatch(path.name):
            continue
        with suppress(OSError):  # gone already, or mapped by another process of Windows
            if path.name == previous or time.time() - path.stat().st_mtime > _STALE_AGE:
                path.unlink()
