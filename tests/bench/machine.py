"""The machine that the figures come from, and what one sync of its disk costs."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from pathlib import Path

from tests.bench.scale import Scale
from tests.bench.table import Figure, percentile

APPENDED_BYTES = 4_096


def figures(scale: Scale) -> list[Figure]:
    """Describe processor, Python, SQLite and disk."""
    with scale.folder() as folder:
        syncs_ms = [taken_s * 1e3 for taken_s in sync_times_s(folder / "synced", scale.of(400, 50))]
    return [
        Figure("processor", cpu_model()),
        Figure("cores", len(os.sched_getaffinity(0)), note=f"load {os.getloadavg()[0]:.2f} at the start"),
        Figure("memory", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), "GiB"),
        Figure("system", f"{platform.system()} {platform.release()}"),
        Figure("Python", platform.python_version()),
        Figure("SQLite", sqlite3.sqlite_version),
        Figure("sync of the folder's disk, p50", percentile(syncs_ms, 50), "ms", "append of 4 KiB and fsync"),
        Figure("sync of the folder's disk, p99", percentile(syncs_ms, 99), "ms"),
    ]


def cpu_model() -> str:
    """Return the processor's name as the kernel tells it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def sync_times_s(path: Path, times: int) -> list[float]:
    """Return how long each append with its fsync takes, in seconds."""
    block, taken = os.urandom(APPENDED_BYTES), []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(times):
            start = time.perf_counter()
            os.write(descriptor, block)
            os.fsync(descriptor)
            taken.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
    return taken
