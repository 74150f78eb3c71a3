"""CPUs that this process may use: its affinity, and the quota of its cgroup."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_SELF_CGROUP = Path("/proc/self/cgroup")


def available_cpus() -> int:
    """Number of CPUs that this process really has, at least 1.

    The smaller of the CPUs in its affinity mask and the CPU quota of its cgroup (v2 ``cpu.max``, v1
    ``cpu.cfs_quota_us``), rounded up. ONNX Runtime itself looks at neither.
    """
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = cgroup_quota()
    return max(1, min(count, math.ceil(quota))) if quota is not None else max(1, count)


def cgroup_quota(root: Path = _CGROUP_ROOT, membership: Path = _SELF_CGROUP) -> float | None:
    """CPUs granted by this process's cgroup and those above it, or None where there is no limit."""
    try:
        lines = membership.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if controllers == "":
            base, read = root, _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = root / "cpu", _quota_v1
        else:
            continue
        folder = base / path.lstrip("/")
        # A quota anywhere above holds as well; inside a container the path may not exist.
        for each in (folder, *folder.parents):
            if (quota := read(each)) is not None:
                quotas.append(quota)
            if each == base:
                break
    return min(quotas, default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
