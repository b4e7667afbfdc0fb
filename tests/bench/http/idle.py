"""The daemon as it is started from the command line: until it is ready, how large it is, and its end."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from tests.bench.http.processes import Child
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid

MIB = 1 << 20
READY_S_MAX = 1.0
RESIDENT_MIB_MAX = 150.0


def idle(scale: Scale) -> Grid:
    """`kyanite serve` with its own targets: its start, its memory, its end."""
    with scale.folder() as folder:
        first_s, _, _ = _served(folder, settle=not scale.quick)
        starts = [_served(folder, settle=not scale.quick) for _ in range(scale.of(10, 1))]
    ready_s, residents, stopped_s = ([start[part] for start in starts] for part in range(3))
    rows: list[tuple[Cell, ...]] = [
        ("first start until /readyz answers", first_s, "s", "none", "the data folder is made"),
        ("start until /readyz answers, least", min(ready_s), "s", READY_S_MAX, f"of {len(ready_s)}"),
        ("start until /readyz answers, median", median(ready_s), "s", READY_S_MAX, f"most {max(ready_s):.3f}"),
        ("resident memory, idle, most", max(residents) / MIB, "MiB", RESIDENT_MIB_MAX, "workers apart"),
        ("SIGTERM until the end, median", median(stopped_s), "s", "none", "exit status 0 each time"),
    ]
    return Grid(("figure", "value", "unit", "at most", "note"), rows, [])


def _served(folder: Path, *, settle: bool) -> tuple[float, int, float]:
    """Start it, ask whether it is ready, stop it; return both times in seconds, and its memory in between."""
    start = time.perf_counter()
    daemon = Child("-m", "kyanite", "serve", "--quiet", "--listen", "127.0.0.1:0", "--data-dir", str(folder))
    try:
        with urlopen(f"{daemon.address}/readyz") as answer:
            answer.read()
        ready_s = time.perf_counter() - start
        if settle:
            daemon.settle()
        return ready_s, daemon.resident_bytes(), daemon.stop()
    finally:
        daemon.kill()
