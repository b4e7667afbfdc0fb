"""What each workspace of an engine may have, and what of it is in use.

Whatever brings more work or more bytes asks here first, and is refused with `QuotaExceeded` where a bound would be
passed. Nothing here reads the store: a count begins with what the engine finds when it takes a workspace in, and then
goes by the journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio.abc
from msgspec import Struct

from kyanite.config import QuotaSettings, Settings
from kyanite.core.bucket import FULL, spend
from kyanite.errors import QuotaExceeded
from kyanite.ports import BlobStore, Clock
from kyanite.runtime.counted_blobs import CountedBlobs
from kyanite.runtime.records import Change
from kyanite.runtime.stored_bytes import StoredBytes

RETRY_AFTER_S = 5.0
"""For what comes free as jobs end and readers leave: nobody knows when."""


class Usage(Struct, frozen=True, kw_only=True):
    """What a workspace may have and what it has. `stored_bytes` is `None` while they are not counted.

    They are counted where they have a bound, from a while after the workspace is first used. 0 bytes or 0 submits a
    second mean no bound.
    """

    workspace: str
    open_jobs: int
    open_jobs_max: int
    stored_bytes: int | None
    stored_bytes_max: int
    submits_per_s: float
    event_streams: int
    event_streams_max: int


class Quota:
    """What one workspace may have. Its checks decide at once, and hold for what is under way as well."""

    def __init__(self, workspace: str, bounds: QuotaSettings, stored: StoredBytes, clock: Clock) -> None:
        """Begin with nothing in use."""
        self.workspace = workspace
        self.bounds = bounds
        self.open_jobs = 0
        """Jobs that wait or execute."""
        self.event_streams = 0
        self.stored = stored
        self._clock = clock
        self._coming: dict[str, int] = {}
        self._full_at = FULL

    def admit(self, job_id: str) -> None:
        """Keep a place for a job that is about to be submitted, until it is recorded or `leave` is called.

        Raises `QuotaExceeded` where so many jobs are open, or so many were submitted lately; then no place is kept.
        """
        bounds = self.bounds
        if self.open_jobs + len(self._coming) >= bounds.open_jobs_max and job_id not in self._coming:
            most = f"quota.open_jobs_max is {bounds.open_jobs_max:,}"
            raise QuotaExceeded(f"{self.open_jobs:,} jobs of {self.workspace!r} are open; {most}", RETRY_AFTER_S)
        if bounds.submits_per_s:
            self._full_at, wait_s = spend(self._full_at, self._clock.monotonic(), bounds.submits_per_s)
            if wait_s:
                most = f"quota.submits_per_s is {bounds.submits_per_s:g}"
                raise QuotaExceeded(f"{self.workspace!r} submits too often; {most}", wait_s)
        self._coming[job_id] = self._coming.get(job_id, 0) + 1

    def leave(self, job_id: str) -> None:
        """Give up a place that `admit` has kept, if it was not taken."""
        left = self._coming.pop(job_id, 0) - 1
        if left > 0:
            self._coming[job_id] = left

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count as a reader of events as long as the block lasts. Raises `QuotaExceeded` if there are too many."""
        if self.event_streams >= self.bounds.event_streams_max:
            most = f"quota.event_streams_max is {self.bounds.event_streams_max:,}"
            message = f"{self.event_streams:,} read events of {self.workspace!r}; {most}"
            raise QuotaExceeded(message, RETRY_AFTER_S)
        self.event_streams += 1
        try:
            yield
        finally:
            self.event_streams -= 1

    def replace(self, bounds: QuotaSettings) -> None:
        """Go by other bounds from now on; what is in use already may be more than they allow."""
        if bounds.submits_per_s != self.bounds.submits_per_s:
            self._full_at = FULL
        self.bounds = bounds

    def usage(self) -> Usage:
        """Return bounds and use."""
        bounds = self.bounds
        return Usage(
            workspace=self.workspace,
            open_jobs=self.open_jobs,
            open_jobs_max=bounds.open_jobs_max,
            stored_bytes=self.stored.total if self.stored.counted else None,
            stored_bytes_max=bounds.stored_bytes_max,
            submits_per_s=bounds.submits_per_s,
            event_streams=self.event_streams,
            event_streams_max=bounds.event_streams_max,
        )

    def born(self, job_id: str) -> None:
        """Count a job that is recorded now, in the place that was kept for it."""
        self._coming.pop(job_id, None)
        self.open_jobs += 1


class Quotas:
    """The quotas of every workspace that an engine serves.

    `bounded` and `counted` are the engine's blobs: both count what is written and deleted, and `bounded` refuses what
    would pass a bound. `counted` is for executions, whose outputs are always taken.
    """

    def __init__(self, settings: Settings, blobs: BlobStore, clock: Clock, tasks: anyio.abc.TaskGroup) -> None:
        """Begin with no workspace. Bytes are counted in `tasks`."""
        self._settings = settings
        self._blobs = blobs
        self._clock = clock
        self._tasks = tasks
        self._quotas: dict[str, Quota] = {}
        self._bound: dict[str, StoredBytes] = {}
        self.bounded = CountedBlobs(blobs, self._bound, refuses=True)
        self.counted = CountedBlobs(blobs, self._bound, refuses=False)

    def begin(self, workspace: str, open_jobs: int) -> None:
        """Take in a workspace that has so many open jobs, before anything of it is recorded or written here."""
        quota = self.of(workspace)
        quota.open_jobs = open_jobs

    def of(self, workspace: str) -> Quota:
        """Return the quota of a workspace."""
        quota = self._quotas.get(workspace)
        if quota is None:
            bounds = self._settings.quota_of(workspace)
            quota = Quota(workspace, bounds, StoredBytes(self._blobs, workspace), self._clock)
            self._quotas[workspace] = quota
            self._bind(quota)
        return quota

    def replace(self, settings: Settings) -> None:
        """Go by the quotas of other settings from now on, in every workspace."""
        self._settings = settings
        for quota in self._quotas.values():
            quota.replace(settings.quota_of(quota.workspace))
            self._bind(quota)

    def recorded(self, change: Change) -> None:
        """Count a committed change; the journal's listener."""
        before, after = change.before, change.after
        if before is None:
            quota = self._quotas.get(after.workspace)
            if quota is not None:
                quota.born(after.id)
        elif after.final and not before.final:
            quota = self._quotas.get(after.workspace)
            if quota is not None:
                quota.open_jobs -= 1

    def _bind(self, quota: Quota) -> None:
        """Count the bytes of a workspace as long as they have a bound."""
        stored, bytes_max = quota.stored, quota.bounds.stored_bytes_max
        stored.bytes_max = bytes_max
        if not bytes_max:
            if self._bound.pop(quota.workspace, None) is not None:
                stored.stop()
        elif quota.workspace not in self._bound:
            self._bound[quota.workspace] = stored
            self._tasks.start_soon(stored.count)
