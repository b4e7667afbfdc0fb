"""How long one no-op job takes from submit to its final state, with nothing else in flight, and where that goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from kyanite import Workspace
from kyanite.blobs.files import FileBlobs
from kyanite.ports import Blob, Task, Write
from kyanite.stores.sqlite import SQLiteStore
from tests.bench.echo import TARGET, payload, settings
from tests.bench.scale import Scale
from tests.bench.table import Figure, percentile

WARM_UP = 50
PARTS = {
    "envelope": "checks before the input is stored",
    "blob: input": "BlobStore.put",
    "store: Submitted": "JobStore.commit",
    "queue": "announced, decided, Began asked for",
    "store: Began": "JobStore.commit",
    "provider": "its coroutine, less writing the output",
    "blob: output": "BlobStore.put",
    "store: Succeeded": "JobStore.commit",
    "runtime": "hops through journal and runner, waking the waiter",
}

Marks = list[tuple[str, float]]
"""What happened when, in the order it happened: `perf_counter` seconds."""


class TimedStore(SQLiteStore):
    """The store, noting when each commit begins and ends."""

    marks: Marks

    async def commit(self, writes: Sequence[Write]) -> list[int | None]:
        name = f"store: {type(writes[0].events[0]).__name__}"
        self.marks.append((f"{name} begins", time.perf_counter()))
        try:
            return await super().commit(writes)
        finally:
            self.marks.append((f"{name} ends", time.perf_counter()))


class TimedBlobs(FileBlobs):
    """The blob store, noting when each put begins and ends."""

    marks: Marks

    async def put(self, key: str, *content: Any, **labels: Any) -> Blob:
        name = "blob: input" if key.endswith("/inputData") else "blob: output"
        self.marks.append((f"{name} begins", time.perf_counter()))
        try:
            return await super().put(key, *content, **labels)
        finally:
            self.marks.append((f"{name} ends", time.perf_counter()))


def figures(scale: Scale) -> list[Figure]:
    """Measure one after another, and split each."""
    with scale.folder() as folder:
        splits = asyncio.run(one_by_one(folder, scale.of(2_000, 100)))
    totals = [sum(split.values()) * 1e3 for split in splits]
    result = [
        Figure("submit to final, p50", percentile(totals, 50), "ms", f"{len(totals):,} jobs, one in flight, FULL"),
        Figure("submit to final, p99", percentile(totals, 99), "ms"),
        Figure("submit to final, mean", fmean(totals), "ms"),
    ]
    for part, note in PARTS.items():
        taken = [split[part] * 1e3 for split in splits]
        share = f"{100 * fmean(taken) / fmean(totals):.1f} % of the mean; {note}"
        result.append(Figure(f"  {part}, p50", percentile(taken, 50), "ms", share))
        result.append(Figure(f"  {part}, p99", percentile(taken, 99), "ms"))
    return result


async def one_by_one(folder: Path, jobs: int) -> list[dict[str, float]]:
    """Return for each job the seconds of each part; they add up to the whole."""
    store, blobs = TimedStore(folder / "jobs.sqlite"), TimedBlobs(folder / "blobs")
    marks: Marks = []
    store.marks = blobs.marks = marks
    workspace = Workspace(store=store, blobs=blobs, settings=settings(folder))

    @workspace.target(TARGET)
    async def echo(task: Task) -> None:
        marks.append(("provider begins", time.perf_counter()))
        await task.write_output(await task.read_input())
        marks.append(("provider ends", time.perf_counter()))

    splits = []
    async with workspace:
        for number in range(WARM_UP + jobs):
            marks.clear()
            marks.append(("submit", time.perf_counter()))
            job = await workspace.submit(TARGET, payload(number))
            await job.wait()
            marks.append(("final", time.perf_counter()))
            if number >= WARM_UP:
                splits.append(split(dict(marks)))
    return splits


def split(at: dict[str, float]) -> dict[str, float]:
    """Return the seconds of each part of one job."""
    parts = {
        name: at[f"{name} ends"] - at[f"{name} begins"]
        for name in PARTS
        if name.startswith(("store", "blob")) or name == "provider"
    }
    parts["provider"] -= parts["blob: output"]
    parts["envelope"] = at["blob: input begins"] - at["submit"]
    parts["queue"] = at["store: Began begins"] - at["store: Submitted ends"]
    parts["runtime"] = at["final"] - at["submit"] - sum(parts.values())
    return parts
