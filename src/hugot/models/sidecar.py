"""The sidecar of an optimised graph: the source and the environment that it was made for.

A JSON object beside the graph:

    format      1
    source      name, size, mtime_ns and sha256 of the .onnx file
    optimized   name, size and checksum of the optimised graph
    runtime     version and build of the ONNX Runtime that wrote it
    options     the session's options that change the graph
    cpu         architecture and vector units of the CPU
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from hugot._ort.providers import CPU

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hugot._ort.library import Library
    from hugot._ort.providers import Provider
    from hugot._ort.settings import SessionOptions

FORMAT = 1
_SECOND = 10**9
# Entries of the session configuration that do not change the optimised graph.
_RUN_ONLY = ("memory.", "session.force_spinning_stop", "session.inter_op.", "session.intra_op.")


class IncompatibleError(Exception):
    """An optimised graph cannot be used here; the text is the reason."""


def sidecar_path(onnx_path: Path) -> Path:
    """Return the path of an ``.onnx`` file's sidecar: ``model.ort.json`` beside ``model.onnx``."""
    return onnx_path.with_name(f"{onnx_path.stem}.ort.json")


def read_sidecar(onnx_path: Path) -> dict[str, Any] | None:
    """Return the content of the sidecar, or None without one; raises IncompatibleError for damage."""
    try:
        value = json.loads(sidecar_path(onnx_path).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise IncompatibleError(f"its sidecar cannot be read: {error}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise IncompatibleError(f"its sidecar is not of format {FORMAT}")
    return value


def environment_fingerprint(
    library: Library,
    options: SessionOptions,
    providers: Sequence[Provider],
    cpu: list[str],
) -> dict[str, Any]:
    """Return all that must be the same when an optimised graph is written and when it is used."""
    config = {
        key: value for key, value in options.session_config.items() if not key.startswith(_RUN_ONLY)
    }
    # Left out if they are not set, so that files written before these options existed stay usable.
    given = {
        name: value
        for name, value in (
            ("free_dimensions", dict(options.free_dimensions)),
            ("free_dimension_denotations", dict(options.free_dimension_denotations)),
            ("custom_op_libraries", sorted(options.custom_op_libraries)),
        )
        if value
    }
    return {
        "runtime": {"version": library.version, "build": library.build_info},
        "options": {
            "graph_optimization_level": options.graph_optimization_level,
            "providers": sorted({CPU, *(each.name for each in providers)}),
            "session_config": config,
            **given,
        },
        "cpu": cpu,
    }


def compare_environment(recorded: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise IncompatibleError for the first part of the environment that differs."""
    for part, value in now.items():
        if recorded.get(part) != value:
            raise IncompatibleError(
                f"it was made for another {part}: {_short(recorded.get(part))}, not {_short(value)}"
            )


def source_record(onnx_path: Path) -> dict[str, Any]:
    """Return what identifies an ``.onnx`` file without reading it: name, size and modification time."""
    status = os.stat(onnx_path)
    return {"name": onnx_path.name, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def compare_source(recorded: Any, onnx_path: Path) -> None:
    """Raise IncompatibleError if the ``.onnx`` file is not the one of the record."""
    now = source_record(onnx_path)
    if not isinstance(recorded, dict) or recorded.get("size") != now["size"]:
        raise IncompatibleError(f"{onnx_path.name} has another size than the one it was made from")
    was, is_now = recorded.get("mtime_ns"), now["mtime_ns"]
    # Archives and layers of container images keep times in whole seconds.
    if was != is_now and not (isinstance(was, int) and was - was % _SECOND == is_now):
        raise IncompatibleError(
            f"{onnx_path.name} was written at another time than the one it was made from"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"
