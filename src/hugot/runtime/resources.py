"""CPUs that this process may use: its affinity, and the quota of its control group."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SELF = Path("/proc/self")
# How the kernel writes what would break up a line of mountinfo; the backslash comes last.
_ESCAPED = ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\043", "#"), (r"\134", "\\"))


def available_cpus() -> int:
    """Return the number of CPUs that this process can use, at least 1.

    The smaller of the CPUs in its affinity mask, which a cpuset narrows as well, and the CPU quota of
    its control group, rounded up: with a quota of 1.5, two threads get the CPU time of 1.5 CPUs, and
    one thread that of 1. ONNX Runtime itself considers neither.
    """
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = cgroup_quota()
    return max(1, min(count, math.ceil(quota))) if quota is not None else max(1, count)


def cgroup_quota(proc: Path = _SELF) -> float | None:
    """Return the CPU quota of this process's control group and of those above it; None without a limit.

    The quota is read from ``cpu.max`` in version 2, and from ``cpu.cfs_quota_us`` and
    ``cpu.cfs_period_us`` in version 1. The mount points are read from ``/proc/self/mountinfo``.
    """
    try:
        groups = _groups((proc / "cgroup").read_text(errors="surrogateescape"))
        mounts = list(_mounts((proc / "mountinfo").read_text(errors="surrogateescape")))
    except OSError:
        return None
    quotas = []
    for version, root, point in mounts:
        if version not in groups:
            continue
        folder = point / _below(root, groups[version])
        # The quotas of all groups above apply as well.
        for each in (folder, *folder.parents):
            if (quota := _QUOTAS[version](each)) is not None:
                quotas.append(quota)
            if each == point:
                break
    return min(quotas, default=None)


def _groups(text: str) -> dict[int, str]:
    """Return the process's group in each version, from lines like ``4:cpu,cpuacct:/path``."""
    groups = {}
    for line in text.splitlines():
        controllers, colon, path = line.partition(":")[2].partition(":")
        if not colon:
            continue
        if controllers == "":
            groups[2] = path
        elif "cpu" in controllers.split(","):
            groups[1] = path
    return groups


def _mounts(text: str) -> Iterator[tuple[int, str, Path]]:
    """Yield the mounts of control groups that limit CPU time, from ``mountinfo``; see proc(5).

    Yields the version, the group at the mount point (in a container often not the root group), and the
    mount point.
    """
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield 2, _unescaped(fields[3]), Path(_unescaped(fields[4]))
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield 1, _unescaped(fields[3]), Path(_unescaped(fields[4]))


def _unescaped(text: str) -> str:
    for written, meant in _ESCAPED:
        text = text.replace(written, meant)
    return text


def _below(root: str, group: str) -> str:
    """Return the path of a group relative to the mount point of the group `root`."""
    parts = group.split("/")
    if ".." in parts:
        return ""  # outside of the mounted hierarchy
    top = root.rstrip("/")
    if top and (group == top or group.startswith(top + "/")):
        group = group[len(top) :]
    return group.lstrip("/")


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


_QUOTAS = {1: _quota_v1, 2: _quota_v2}
