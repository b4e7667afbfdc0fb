"""Groups that measure a daemon, one after another, and where and with what that was."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from tests.bench import groups
from tests.bench.machine import cpu_model, sync_times_s
from tests.bench.scale import Scale
from tests.bench.table import Grid, percentile


def run(options: argparse.Namespace, command: str, kind: str, every: Mapping[str, Callable[[Scale], Grid]]) -> int:
    """Measure the groups of a target of make, whose headings begin with a kind; return the exit status."""
    try:
        with tempfile.TemporaryDirectory(prefix="kyanite-bench-", dir=options.dir) as folder:
            measure(options, command, kind, every, Scale(quick=options.quick, profile=False, root=Path(folder)))
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured before stands above", file=sys.stderr)
        return groups.INTERRUPTED
    return 0


def measure(
    options: argparse.Namespace, command: str, kind: str, every: Mapping[str, Callable[[Scale], Grid]], scale: Scale
) -> None:
    """Run one group after another; each is printed, and written if wanted, as soon as it is there."""
    if scale.quick:
        print("quick: this proves that the measurements run; the figures mean nothing\n")
    for name in options.names or every:
        start, where = time.perf_counter(), machine(scale)
        grid = every[name](scale)
        title, notes = groups.title_of(name, every[name]), [*grid.notes, where]
        groups.show(f"{name}: {title} ({time.perf_counter() - start:.0f} s)", grid, notes)
        if options.write:
            groups.write(command, every, name, f"{kind}, {name}\n\n{title}.", grid, notes)


def machine(scale: Scale) -> str:
    """Describe where, and with what, something is measured."""
    with scale.folder() as folder:
        sync_ms = percentile(sync_times_s(folder / "synced", scale.of(200, 20)), 50) * 1e3
    return (
        f"Machine: {cpu_model()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the start, "
        f"sync of the folder's disk {sync_ms:.2f} ms; {platform.system()}, Python {platform.python_version()}, "
        f"aiohttp {version('aiohttp')}, SQLite {sqlite3.sqlite_version}."
    )
