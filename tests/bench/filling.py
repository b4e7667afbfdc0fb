"""Stores with many jobs in them, filled by the store's own commits: every row and event as a real job leaves them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kyanite import Workspace
from kyanite.blobs.files import FileBlobs
from kyanite.blobs.keys import key_of
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import FINAL_EVENTS, Began, Event, Submitted
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import fold
from kyanite.errors import ProviderError
from kyanite.ports import Task, Write
from kyanite.runtime.job import Job
from kyanite.runtime.submission import rank
from kyanite.runtime.system import SystemEntropy
from kyanite.stores.memory import MemoryStore
from kyanite.stores.sqlite import SQLiteStore
from tests.bench.echo import HELD, IN_FLIGHT, TARGET, many, payload, with_echo

BATCH = 2_000
TAG, TAGGED_EVERY = "tagged", 1_000
LEVEL_S = 60.0
CYCLE = ("succeeded",) * 8 + ("failed", "cancelled")
"""How ended jobs ended, over and over."""

Story = tuple[Event, ...]


async def filled(folder: Path, *, ended: int, waiting: int, inputs: bool) -> float:
    """Fill the store of a workspace folder; return the seconds it took. `inputs` stores those of waiting jobs, too.

    Committed with `NORMAL`: nobody relies on a store that is thrown away, and what is in it is the same.
    """
    models, entropy = await real_stories(), SystemEntropy()
    store = SQLiteStore(folder / "jobs.sqlite", synchronous="NORMAL")
    start = time.perf_counter()
    await store.open()
    try:
        writes = copies(models, ended, waiting, entropy)
        while batch := list(islice(writes, BATCH)):
            if None in await store.commit(batch):
                message = "a copied job was refused"
                raise AssertionError(message)
            if inputs and not batch[-1].details.final:
                await _store_inputs(folder, [write.details for write in batch if not write.details.final])
    finally:
        await store.aclose()
    return time.perf_counter() - start


async def real_stories() -> dict[str, Story]:
    """Execute one job of each kind in memory, and return its events."""
    store = MemoryStore()
    workspace = with_echo(Workspace(store=store, blobs=MemoryBlobs()))

    @workspace.target("bench.failing")
    async def fail(task: Task) -> None:
        raise ProviderError("OutOfRange", "the first number is larger than this target takes", target="numbers[0]")

    @workspace.target("bench.patient")
    async def wait(task: Task) -> None:
        await task.wait_cancel_requested()

    async with workspace:
        jobs = {
            "succeeded": await workspace.submit(TARGET, payload(0)),
            "failed": await workspace.submit("bench.failing", payload(0)),
            "cancelled": await workspace.submit("bench.patient", payload(0)),
        }
        async for event in jobs["cancelled"].updates():
            if isinstance(event, Began):
                break
        await jobs["cancelled"].cancel("no longer wanted")
        return {name: await _ended_story(store, job) for name, job in jobs.items()}


async def _ended_story(store: MemoryStore, job: Job) -> Story:
    await job.wait()
    return tuple(await store.events(0, 100, (job.details.workspace, job.id)))


def copies(models: dict[str, Story], ended: int, waiting: int, entropy: SystemEntropy) -> Iterator[Write]:
    """Yield `ended` jobs, then `waiting` ones on the held target, a second apart, each a copy of a real story."""
    start = datetime.now(UTC) - timedelta(seconds=ended + waiting + 60)
    rows = {name: fold(story) for name, story in models.items()}
    for number in range(ended + waiting):
        name = CYCLE[number % len(CYCLE)] if number < ended else "succeeded"
        shift = start + timedelta(seconds=number) - rows[name].creation_time
        yield _copied(models[name], rows[name], number, shift, entropy, waits=number >= ended)


def _copied(  # the parts of a copy
    story: Story, row: JobDetails, number: int, shift: timedelta, entropy: SystemEntropy, *, waits: bool
) -> Write:
    job_id = entropy.job_id()
    first = story[0]
    assert isinstance(first, Submitted)
    born = replace(_moved(first.details, job_id, shift), name=f"bench {number % 5_000:04d} {number}")
    if number % TAGGED_EVERY == 0:
        born = replace(born, tags=(TAG,))
    if waits:
        born = replace(born, target=HELD)
    events = []
    for event in story[: 1 if waits else None]:
        changes: dict[str, Any] = {"job_id": job_id, "time": event.time + shift, "event_id": entropy.event_id()}
        if event is first:
            changes["details"] = born
        elif isinstance(event, FINAL_EVENTS) and event.output_data_uri is not None:
            changes["output_data_uri"] = _renamed(event.output_data_uri, row.id, job_id)
        events.append(replace(event, **changes))
    return Write(fold(events), 0, tuple(events))


def _moved(details: JobDetails, job_id: str, shift: timedelta) -> JobDetails:
    moved = replace(
        details,
        id=job_id,
        container_uri=_renamed(details.container_uri, details.id, job_id),
        input_data_uri=_renamed(details.input_data_uri, details.id, job_id),
        creation_time=details.creation_time + shift,
    )
    return replace(moved, rank=rank(moved, moved.priority, LEVEL_S))


def _renamed(uri: str, old: str, new: str) -> str:
    return uri.replace(old, new)


async def _store_inputs(folder: Path, jobs: list[JobDetails]) -> None:
    blobs = FileBlobs(folder / "blobs", synchronous="NORMAL")
    await blobs.open()
    try:

        async def one(number: int) -> None:
            await blobs.put(key_of(jobs[number].input_data_uri), payload(0))

        await many(len(jobs), IN_FLIGHT, one)
    finally:
        await blobs.aclose()
