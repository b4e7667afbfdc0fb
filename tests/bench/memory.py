"""Many jobs: what waiting ones cost in memory, how a crowded store reopens, and what asking it costs the rest."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.filling import filled
from tests.bench.scale import Scale
from tests.bench.table import Figure, percentile

MIB = 1 << 20


def figures(scale: Scale) -> list[Figure]:
    """Fill stores, and measure in processes of their own."""
    return [*_submitting(scale), *_waiting(scale), *_crowded(scale)]


def _submitting(scale: Scale) -> list[Figure]:
    jobs = scale.of(100_000, 1_500)
    with scale.folder() as folder:
        found = _process("waiting_process", folder, jobs)
    return [
        Figure("process before opening", found["before"] / MIB, "MiB", "Python, kyanite and its providers imported"),
        Figure("workspace open, 512 jobs waiting", found["opened"] / MIB, "MiB", "connections and threads in use"),
        Figure(f"after submitting {jobs:,}", found["after"] / MIB, "MiB", f"peak {found['peak'] / MIB:,.0f} MiB"),
        Figure(
            "  growth a job", (found["after"] - found["opened"]) / jobs, "B", "the caches of SQLite and blobs included"
        ),
        Figure("  of the second half", (found["after"] - found["half"]) / (jobs - jobs // 2), "B", "caches full"),
        Figure("  submits", jobs / found["submitting_s"], "jobs/s", "512 in flight"),
    ]


def _waiting(scale: Scale) -> list[Figure]:
    result = []
    for jobs in (scale.of(100_000, 2_000), scale.of(1_000_000, 12_000)):
        with scale.folder() as folder:
            asyncio.run(filled(folder, ended=0, waiting=jobs, inputs=False))
            found = _process("waiting_process", folder, 0)
        if found["waiting"] < jobs - 1:
            message = f"{found['waiting']} of {jobs} jobs wait"
            raise AssertionError(message)
        note = f"reopened; peak {found['peak'] / MIB:,.0f} MiB"
        result.append(Figure(f"{jobs:,} waiting", found["after"] / MIB, "MiB", note))
        growth = (found["after"] - found["before"]) / MIB
        result.append(Figure("  more than before opening", growth, "MiB", "of it the window of queue.window jobs"))
    return result


def _crowded(scale: Scale) -> list[Figure]:
    ended, waiting = scale.of(1_000_000, 3_000), scale.of(10_000, 200)
    with scale.folder() as folder:
        filling_s = asyncio.run(filled(folder, ended=ended, waiting=waiting, inputs=True))
        store = folder / "jobs.sqlite"
        size = store.stat().st_size
        _forget_cached(store)
        cold = _process("crowded_process", folder, 0)
        warm = _process("crowded_process", folder, 0)
        found = _process("crowded_process", folder, 0.02 if scale.quick else 2)
    note = f"{ended:,} ended and {waiting:,} waiting jobs, {size / MIB:,.0f} MiB"
    return [
        Figure("filling the store", (ended + waiting) / filling_s, "jobs/s", f"{note}; {filling_s:.0f} s"),
        Figure("reopened, ready", warm["ready_s"] * 1e3, "ms", "file in the system's cache"),
        Figure("reopened, first job executing", warm["executing_s"] * 1e3, "ms"),
        Figure("reopened cold, ready", cold["ready_s"] * 1e3, "ms", "file not in the system's cache"),
        Figure("reopened cold, first job executing", cold["executing_s"] * 1e3, "ms"),
        Figure("process after all questions", found["resident"] / MIB, "MiB"),
        _submits("submit while idle", found["idle"], "input and row durable"),
        *[figure for name, answer in found["questions"].items() for figure in _question(name, answer)],
    ]


def _question(name: str, answer: dict[str, Any]) -> list[Figure]:
    taken, rows = answer["taken"], answer["rows"]
    kind = "rows" if name.startswith("list") else "groups or jobs"
    note = f"{rows:,} {kind}; the first {taken[0] * 1e3:,.1f}, max {max(taken) * 1e3:,.1f} ms of {len(taken):,}"
    result = [Figure(name, median(taken) * 1e3, "ms", note)]
    if name.startswith("list_jobs(limit"):
        result.append(Figure("  paging", rows / median(taken), "jobs/s"))
    return [*result, _submits("  submit meanwhile", answer["submits"])]


def _submits(name: str, taken_s: list[float], note: str = "") -> Figure:
    taken_ms = [taken * 1e3 for taken in taken_s]
    if not taken_ms:
        return Figure(f"{name}, p99", "none", "", "too short a time for one submit")
    more = f"p50 {percentile(taken_ms, 50):,.1f}, max {max(taken_ms):,.1f} ms of {len(taken_ms):,} submits"
    return Figure(f"{name}, p99", percentile(taken_ms, 99), "ms", f"{more}; {note}" if note else more)


def _process(module: str, folder: Path, argument: float) -> dict[str, Any]:
    """Run a module in a process of its own; return what it printed last."""
    command = [sys.executable, "-m", f"tests.bench.{module}", str(folder), str(argument)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(told.splitlines()[-1]))


def _forget_cached(path: Path) -> None:
    """Have the system drop its cached pages of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
