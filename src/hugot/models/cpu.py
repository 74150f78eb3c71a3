"""What the CPU can do, as far as it decides how a graph is optimised."""

from __future__ import annotations

import os
import sys

# /proc/cpuinfo has a block for each CPU; the flags stand within the first few kilobytes.
_FIRST_BLOCK = 16384
# Flags that tell of vector units. The kernel adds others, on its own account, with its updates.
_VECTOR_FLAGS = ("amx", "asimd", "avx", "bf16", "f16c", "fma", "fp", "i8mm", "neon", "sse", "sve")


def cpu_features() -> list[str]:
    """Name of the CPU's kind, then what it is capable of, sorted.

    On Linux the vector units that ``/proc/cpuinfo`` lists; on Windows the model of the CPU, on macOS
    its kind alone, since one kind has one layout of blocks in ONNX Runtime there.
    """
    if sys.platform == "win32":
        return [os.environ.get("PROCESSOR_IDENTIFIER", "unknown")]
    kind = os.uname().machine
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            text = file.read(_FIRST_BLOCK).decode(errors="replace")
    except OSError:
        return [kind]
    return [kind, *vector_flags(text)]


def vector_flags(cpuinfo: str) -> list[str]:
    """The flags of the first CPU in ``/proc/cpuinfo`` that tell of vector units, sorted."""
    for line in cpuinfo.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return sorted({flag for flag in flags.split() if flag.startswith(_VECTOR_FLAGS)})
    return []
