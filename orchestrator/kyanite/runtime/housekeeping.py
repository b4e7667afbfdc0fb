"""Tidying: blobs of purged jobs, and inputs whose submit never came to a row."""

from __future__ import annotations

from datetime import timedelta

import anyio

from kyanite.core.job import JobDetails
from kyanite.errors import InfrastructureError
from kyanite.logs import logger
from kyanite.ports import BlobStore, Clock, JobStore

PAGE = 500
SWEEP_EVERY_S = 86_400.0
PAGE_PAUSE_S = 0.01
"""Between two pages of a sweep: it has all day, and others have not."""
CONTAINER = "job-"


async def delete_container(blobs: BlobStore, details: JobDetails) -> None:
    """Remove every blob of a job that was purged."""
    prefix = details.container + "/"
    while page := await blobs.page(prefix, limit=PAGE):
        await blobs.delete([blob.key for blob in page])


async def sweep_forever(blobs: BlobStore, store: JobStore, clock: Clock, age_s: float) -> None:
    """Sweep once a day, beginning a while after the start so as not to compete with it."""
    pause_s = 60.0
    while True:
        await anyio.sleep(pause_s)
        pause_s = SWEEP_EVERY_S
        try:
            removed = await sweep(blobs, store, clock, age_s)
            logger().debug("swept", removed=removed)
        except InfrastructureError as error:
            logger().warning("sweep given up until tomorrow", error=str(error))


async def sweep(blobs: BlobStore, store: JobStore, clock: Clock, age_s: float) -> int:
    """Remove job containers' blobs older than `age_s` that no row accounts for; return how many those were.

    They are inputs of submits that were cut short, and blobs of jobs that were purged when the blob store was out.
    """
    removed, after = 0, ""
    oldest_kept = clock.now() - timedelta(seconds=age_s)
    while page := await blobs.page("", after, PAGE):
        after = page[-1].key
        old = [blob.key for blob in page if blob.created < oldest_kept]
        containers = {tuple(key.split("/", 2)[:2]) for key in old}
        orphaned = {container for container in sorted(containers) if await _is_orphaned(store, *container)}
        orphans = [key for key in old if tuple(key.split("/", 2)[:2]) in orphaned]
        await blobs.delete(orphans)
        removed += len(orphans)
        await anyio.sleep(PAGE_PAUSE_S)
    return removed


async def _is_orphaned(store: JobStore, workspace: str, container: str) -> bool:
    if not container.startswith(CONTAINER):
        return False
    return await store.get(workspace, container.removeprefix(CONTAINER)) is None
