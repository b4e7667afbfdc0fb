"""What everything stands on: programs and their versions, memory and cores, disks."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kyanite.config import LimitSettings, Settings
from kyanite.core.findings import Finding, size

SQLITE_LEAST = (3, 35, 0)
"""The first that knows RETURNING, which the store uses."""
FREE_FAILED_BYTES = 64 << 20
FREE_WARNING_BYTES = 1 << 30
INODES_WARNING = 10_000
NETWORKS = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "fuse.s3fs", "ceph", "glusterfs", "lustre")
"""File systems on which locks or syncs may not mean what a store needs."""
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
MOUNTS = Path("/proc/self/mounts")


def versions() -> Finding:
    """Say which versions this is, and whether SQLite is new enough."""
    names = ("kyanite", "numba", "numpy")
    packages = ", ".join(f"{name} {_version(name)}" for name in names)
    text = f"{packages}; Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < SQLITE_LEAST:
        least = ".".join(map(str, SQLITE_LEAST))
        return Finding("versions", "failed", text, f"use a Python with SQLite {least} or later")
    return Finding("versions", "ok", text)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def machine(limits: LimitSettings) -> Finding:
    """Say what jobs may occupy, and whether this process may have as much."""
    jobs = limits.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory_bytes = memory_limit()
    text = f"jobs may occupy {jobs.cores:g} of {cores} cores and {size(jobs.memory_bytes)} of {size(memory_bytes)}"
    if jobs.memory_bytes > memory_bytes:
        advice = f"set limits.memory_bytes to {memory_bytes} at most: else jobs are killed where memory ends"
        return Finding("machine", "warning", text, advice)
    if jobs.cores > cores:
        return Finding("machine", "warning", text, f"set limits.cores to {cores} at most")
    return Finding("machine", "ok", text)


def memory_limit() -> int:
    """Return how much memory this process may have: the machine's, or its container's share."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        share = CGROUP_MEMORY.read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(share)) if share.isdecimal() else physical


def working_folders(settings: Settings) -> dict[str, Path]:
    """Return where files lie that only pass through: what they are, and in which folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    options = settings.providers.get("local", {})
    return {
        "cache": Path(str(options.get("cache_dir") or Path(home) / "kyanite")).expanduser(),
        "temporary files": Path(str(options.get("scratch_dir") or tempfile.gettempdir())).expanduser(),
    }


def disks(places: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield a finding for each disk on which one of these folders lies, or would."""
    by_disk: dict[int, list[tuple[str, Path]]] = {}
    for name, place in places.items():
        there = existing(place)
        by_disk.setdefault(there.stat().st_dev, []).append((name, there))
    for named in by_disk.values():
        yield _disk([name for name, _ in named], named[0][1])


def _disk(names: list[str], folder: Path) -> Finding:
    disk, kind = os.statvfs(folder), _kind(folder)
    free_bytes = disk.f_bavail * disk.f_frsize
    text = f"{size(free_bytes)} free of {size(disk.f_blocks * disk.f_frsize)} for {', '.join(names)}"
    if free_bytes < FREE_FAILED_BYTES:
        return Finding("disk", "failed", text, "free some space: submits are refused, and results can not be written")
    if free_bytes < FREE_WARNING_BYTES:
        return Finding("disk", "warning", text, "free some space before it ends")
    if disk.f_files and disk.f_favail < INODES_WARNING:
        return Finding("disk", "warning", f"{text}, but for {disk.f_favail} files only", "remove files")
    if kind.startswith(NETWORKS) and {"store", "blobs"} & set(names):
        advice = "move data_dir to a disk of this machine: over a network, locks and syncs may not hold"
        return Finding("disk", "warning", f"{text}, over a network ({kind})", advice)
    return Finding("disk", "ok", text)


def _kind(folder: Path) -> str:
    """Return the type of the file system, empty if it can not be told."""
    try:
        mounts = [line.split()[1:3] for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    path = folder.resolve()
    above = [(point, kind) for point, kind in mounts if path.is_relative_to(point.replace("\\040", " "))]
    return max(above, key=lambda mount: len(mount[0]), default=("", ""))[1]


def existing(place: Path) -> Path:
    """Return the folder, or the nearest one above it that is there and can be looked at."""
    return next(folder for folder in (place, *place.absolute().parents) if is_there(folder))


def is_there(path: Path) -> bool:
    """Tell whether something is there, as far as this user may know."""
    try:
        path.stat()
    except OSError:
        return False
    return True
