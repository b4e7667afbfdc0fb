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

from tests.bench import page
from tests.bench.http.idle import idle
from tests.bench.http.jobs import jobs, polls, submits
from tests.bench.http.transfers import transfers
from tests.bench.machine import cpu_model, sync_times_s
from tests.bench.scale import Scale
from tests.bench.table import Grid, aligned_rows, markdown_rows, percentile

PAGE = Path(__file__).resolve().parents[3] / "docs" / "performance.md"
COMMAND = "bench-http"
INTERRUPTED = 130

GROUPS: dict[str, Callable[[Scale], Grid]] = {
    "jobs": jobs,
    "submits": submits,
    "polls": polls,
    "transfers": transfers,
    "idle": idle,
}
"""By name; the docstring is the title."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    options = parsed(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="kyanite-bench-", dir=options.dir) as folder:
            measure(options, Scale(quick=options.quick, profile=False, root=Path(folder)))
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured before stands above", file=sys.stderr)
        return INTERRUPTED
    return 0


def measure(options: argparse.Namespace, scale: Scale) -> None:
    """Run one group after another; each is printed, and written if wanted, as soon as it is there."""
    if scale.quick:
        print("quick: this proves that the measurements run; the figures mean nothing\n")
    for name in options.names or GROUPS:
        start, where = time.perf_counter(), machine(scale)
        grid = GROUPS[name](scale)
        title = (GROUPS[name].__doc__ or name).partition("\n")[0].rstrip(".")
        print(aligned_rows(f"{name}: {title} ({time.perf_counter() - start:.0f} s)", grid.columns, grid.rows))
        print(*(f"  {note}" for note in [*grid.notes, where]), sep="\n", end="\n\n", flush=True)
        if options.write:
            notes = " ".join([*grid.notes, where])
            part = f"## Daemon, {name}\n\n{title}.\n\n{markdown_rows(grid.columns, grid.rows)}\n\n{notes}"
            written = page.renewed(PAGE.read_text(encoding="utf-8"), {name: part}, GROUPS, COMMAND)
            PAGE.write_text(written, encoding="utf-8")


def machine(scale: Scale) -> str:
    """Describe where, and with what, something is measured."""
    with scale.folder() as folder:
        sync_ms = percentile(sync_times_s(folder / "synced", scale.of(200, 20)), 50) * 1e3
    return (
        f"Machine: {cpu_model()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the start, "
        f"sync of the folder's disk {sync_ms:.2f} ms; {platform.system()}, Python {platform.python_version()}, "
        f"aiohttp {version('aiohttp')}, SQLite {sqlite3.sqlite_version}."
    )


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.http", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="GROUP", help=f"any of {', '.join(GROUPS)}; without one, all")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: only proves that it runs")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), help="where to write meanwhile")
    parser.add_argument("--write", action="store_true", help="write each group's table into docs/performance.md, too")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in GROUPS:
            parser.error(f"{name!r} is not one of {', '.join(GROUPS)}")
    if options.write and options.quick:
        parser.error("--write needs a full run: the page shows figures that mean something")
    return options


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this early ends the servers, too
    sys.exit(main())
