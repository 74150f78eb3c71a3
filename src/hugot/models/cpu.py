"""Features of the CPU that decide how ONNX Runtime optimises a graph."""

from __future__ import annotations

import os
import sys

# /proc/cpuinfo has a block for each CPU; the flags are within the first few kilobytes.
_FIRST_BLOCK = 16384
# Flags of vector units. Others are of no matter here, and updates of the kernel add some.
_VECTOR_FLAGS = ("amx", "asimd", "avx", "bf16", "f16c", "fma", "fp", "i8mm", "neon", "sse", "sve")


def cpu_features() -> list[str]:
    """Return the CPU's architecture, then its vector units, sorted.

    On Linux the vector units are those in ``/proc/cpuinfo``. On Windows the model of the CPU is all that
    is returned, and on macOS the architecture, for which ONNX Runtime has one memory layout there.
    """
    if sys.platform == "win32":
        return [os.environ.get("PROCESSOR_IDENTIFIER", "unknown")]
    architecture = os.uname().machine
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            text = file.read(_FIRST_BLOCK).decode(errors="replace")
    except OSError:
        return [architecture]
    return [architecture, *vector_flags(text)]


def vector_flags(cpuinfo: str) -> list[str]:
    """Return the flags of vector units of the first CPU in ``/proc/cpuinfo``, sorted."""
    for line in cpuinfo.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return sorted({flag for flag in flags.split() if flag.startswith(_VECTOR_FLAGS)})
    return []
