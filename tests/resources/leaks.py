"""Many jobs in one process: `python -X dev -m tests.resources.leaks FOLDER COUNT [SECONDS]`.

They are spread over so many seconds. Prints as JSON what the process held after a warm-up, and in the end.
"""

import asyncio
import gc
import json
import sqlite3
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import anyio

from kyanite import ProviderError, RetryableError, Workspace
from kyanite.blobs.files import FileBlobs
from kyanite.config import LimitSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.stores.sqlite import SQLiteStore
from tests.providers.local.processes import open_files

BATCH = 50
SLOTS = 4
THREADS = 6
SQLITE_BYTES = 1 << 20
SAMPLES = 20
WARM_PART = 0.5
LARGE = b"x" * 70_000


def resident_bytes():
    """What the process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def held():
    """What the process holds when nothing is going on."""
    gc.collect()
    return {
        "resident_bytes": resident_bytes(),
        "open_files": open_files(),
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        "timers": len(asyncio.get_running_loop()._scheduled),
    }


def opened(folder):
    """A workspace with a target for every way that a job ends."""
    settings = Settings(
        data_dir=str(folder),
        retry=Backoff(first_s=0.001, most_s=0.01),
        limits=LimitSettings(cancel_grace_s=5.0, shutdown_grace_s=1.0),
    )
    with closing(sqlite3.connect(":memory:")) as connection:
        # Caches are bounded, but take tens of thousands of jobs to be full: here they are full at once.
        connection.execute(f"PRAGMA soft_heap_limit = {SQLITE_BYTES}")
    blobs = FileBlobs(folder / "blobs", recent_bytes_max=0)
    workspace = Workspace(store=SQLiteStore(folder / "jobs.sqlite"), blobs=blobs, settings=settings)

    @workspace.target("acme.echo", slots=SLOTS)
    async def echo(task):
        task.progress(0.5, step=1)
        return await task.read_input()

    @workspace.target("acme.fail", slots=SLOTS)
    async def fail(task):
        if task.details.attempt == 1:
            raise RetryableError("Busy", "once more")
        raise ProviderError("Broken", "it can not be done")

    @workspace.target("acme.fault", slots=SLOTS)
    async def fault(task):
        raise ZeroDivisionError

    @workspace.target("acme.late", slots=SLOTS)
    async def late(task):
        await task.wait_cancel_requested()

    return workspace


async def one(workspace, number, ends):
    """Let a job live, in one of the ways that there are."""
    kind = number % 10
    if kind == 0:
        job = await workspace.submit("acme.late", b"x", timeout_s=60)
        await job.cancel("no need")
    elif kind == 1:
        job = await workspace.submit("acme.late", b"x", timeout_s=0.01)
    elif kind in {2, 3}:
        job = await workspace.submit("acme.fail", b"x", attempts_max=2)
    elif kind == 4:
        job = await workspace.submit("acme.fault", b"x")
    else:
        job = await workspace.submit("acme.echo", LARGE if kind == 5 else b"x" * 100, tags=[str(number)])
    await job.wait(60)
    if kind == 6:
        async for _ in job.updates():
            await job.story()
    if number % 100 == 7:
        await workspace.delete_job(job)
    ends[job.details.status.value] += 1


async def batch(workspace, first, count, ends):
    """Let so many jobs live at once."""
    async with anyio.create_task_group() as jobs:
        for number in range(first, first + count):
            jobs.start_soon(one, workspace, number, ends)


async def fill_threads():
    """Have all threads start that may: else one that is first needed late looks like a leak."""
    loop, together = asyncio.get_running_loop(), threading.Barrier(THREADS)
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    waiting = [loop.run_in_executor(None, together.wait) for _ in range(THREADS)]
    for wait in waiting:
        await wait


async def main(folder, count, seconds):
    """Warm up, sample, and compare."""
    ends, samples, heard = Counter(), [], Counter()
    await fill_threads()
    began_s = time.monotonic()
    async with opened(folder) as workspace:

        @workspace.on_final(name="counting")
        async def hear(event, details):
            heard[type(event).__name__] += 1

        done = 0
        while done < count:
            await batch(workspace, done, min(BATCH, count - done), ends)
            done += min(BATCH, count - done)
            if (
                done >= WARM_PART * count
                and len(samples) < SAMPLES * (done - WARM_PART * count) / (count * (1 - WARM_PART)) + 1
            ):
                samples.append({**held(), "jobs": done})
            await anyio.sleep(max(0.0, began_s + seconds * done / count - time.monotonic()))
        with anyio.fail_after(30):
            while heard.total() < count:  # noqa: ASYNC110  # a subscriber is told a little later
                await anyio.sleep(0.01)
        samples.append({**held(), "jobs": done})
    left = [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    print(json.dumps({"ends": ends, "samples": samples, "tasks_left": left, "threads_left": threading.active_count()}))  # noqa: T201


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
