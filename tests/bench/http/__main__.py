"""Runs the groups that are named, or all of them, prints their tables, and writes them into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.bench import groups
from tests.bench.http.idle import idle
from tests.bench.http.jobs import jobs, polls, submits
from tests.bench.http.native import native
from tests.bench.http.stalled import stalled
from tests.bench.http.streams import storm, streams
from tests.bench.http.transfers import transfers
from tests.bench.machine import cpu_model, sync_times_s
from tests.bench.scale import Scale
from tests.bench.table import Grid, percentile

COMMAND = "bench-http"

GROUPS: dict[str, Callable[[Scale], Grid]] = {
    "jobs": jobs,
    "submits": submits,
    "polls": polls,
    "native": native,
    "transfers": transfers,
    "idle": idle,
    "streams": streams,
    "storm": storm,
    "stalled": stalled,
}
"""By name; the docstring is the title."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    options = groups.parsed(arguments, "python -m tests.bench.http", __doc__, GROUPS)
    try:
        with tempfile.TemporaryDirectory(prefix="kyanite-bench-", dir=options.dir) as folder:
            measure(options, Scale(quick=options.quick, profile=False, root=Path(folder)))
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured before stands above", file=sys.stderr)
        return groups.INTERRUPTED
    return 0


def measure(options: argparse.Namespace, scale: Scale) -> None:
    """Run one group after another; each is printed, and written if wanted, as soon as it is there."""
    if scale.quick:
        print("quick: this proves that the measurements run; the figures mean nothing\n")
    for name in options.names or GROUPS:
        start, where = time.perf_counter(), machine(scale)
        grid = GROUPS[name](scale)
        title, notes = groups.title_of(name, GROUPS[name]), [*grid.notes, where]
        groups.show(f"{name}: {title} ({time.perf_counter() - start:.0f} s)", grid, notes)
        if options.write:
            groups.write(COMMAND, GROUPS, name, f"Daemon, {name}\n\n{title}.", grid, notes)


def machine(scale: Scale) -> str:
    """Describe where, and with what, something is measured."""
    with scale.folder() as folder:
        sync_ms = percentile(sync_times_s(folder / "synced", scale.of(200, 20)), 50) * 1e3
    return (
        f"Machine: {cpu_model()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the start, "
        f"sync of the folder's disk {sync_ms:.2f} ms; {platform.system()}, Python {platform.python_version()}, "
        f"aiohttp {version('aiohttp')}, SQLite {sqlite3.sqlite_version}."
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this early ends the servers, too
    sys.exit(main())
