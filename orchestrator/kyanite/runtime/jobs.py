"""What can be asked of one job by its id: its row, its story, its end, its output, and the changes allowed to users."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio

from kyanite.blobs.keys import key_of
from kyanite.core.events import Event, Progressed
from kyanite.core.job import JobDetails
from kyanite.core.story import Story
from kyanite.errors import BlobCorrupt, BlobMissing, InvalidRequest, JobNotFound, PreconditionFailed, ReadOnly
from kyanite.ports import COUNTS, Blob
from kyanite.runtime import attachments
from kyanite.runtime.bus import POLL_S
from kyanite.runtime.engine import Engine
from kyanite.runtime.housekeeping import delete_container
from kyanite.runtime.pages import pages
from kyanite.runtime.queries import job_query
from kyanite.runtime.records import STORY_MAX
from kyanite.runtime.recovery import cancel
from kyanite.runtime.registry import Registry
from kyanite.runtime.submission import Inputs, amendment
from kyanite.runtime.updates import updates

CANCEL_MARGIN_S = 1.0
"""What a cancel waits beyond the grace time, in which the end is being recorded."""


class Jobs:
    """The jobs of an open workspace, one at a time."""

    def __init__(self, engine: Engine, registry: Registry, workspace: str, *, read_only: bool) -> None:
        """Ask this engine for those of one workspace."""
        self._engine = engine
        self._settings = engine.settings
        self._registry = registry
        self._read_only = read_only
        self._workspace = workspace

    async def fetch(self, job_id: str) -> JobDetails:
        """Return a job's newest row. Raises `JobNotFound`."""
        engine = self._engine
        row = engine.journal.settled((self._workspace, job_id)) or await engine.storage.store.get(
            self._workspace, job_id
        )
        if row is None:
            raise JobNotFound(str(job_id))
        return row

    async def final(self, job_id: str, timeout_s: float | None = None) -> JobDetails:
        """Return a job's row once it has ended. Raises `JobNotFound`, and `TimeoutError` after `timeout_s`."""
        address, bus = (self._workspace, job_id), self._engine.bus
        if bus.polls:
            with anyio.fail_after(timeout_s):
                while not (row := await self.fetch(job_id)).final:  # noqa: ASYNC110  # it ends in another process
                    await anyio.sleep(POLL_S)
                return row
        ended = bus.expect_final(address, timeout_s)
        try:
            # Looked at after the waiter is in place, so that an end in between is not missed.
            row = await self.fetch(job_id)
            return row if row.final else await ended
        finally:
            bus.forget_final(address, ended)

    async def story(self, job_id: str) -> Story:
        """Return every event of a job, a deleted one's too. Raises `JobNotFound`."""
        events = await self._engine.storage.store.events(0, STORY_MAX, (self._workspace, job_id))
        if not events:
            raise JobNotFound(str(job_id))
        return Story(events)

    def serves(self, target_id: str) -> bool:
        """Tell whether somebody serves the target, as far as is known here."""
        return self._read_only or self._registry.get(target_id) is not None

    def inspects(self, target_id: str) -> bool:
        """Tell whether the target inspects jobs before they execute, as far as is known here."""
        target = self._registry.get(target_id)
        return target is not None and target.inspects

    def now(self) -> datetime:
        """Return the time that the workspace goes by."""
        return self._engine.storage.clock.now()

    def newest_progress(self, job_id: str) -> Progressed | None:
        """Return the newest progress of a job that executes here."""
        return self._engine.bus.newest((self._workspace, job_id))

    def updates(self, job_id: str) -> AsyncIterator[Event | Progressed]:
        """Yield a job's events, from the first to the last, and its progress in between."""
        engine = self._engine
        return updates(engine.bus, engine.storage.store, (self._workspace, job_id))

    async def read_blob(self, key: str, sha256: str | None = None) -> tuple[bytes, str]:
        """Return a blob's content and content type. Raises `BlobMissing`, `BlobCorrupt`."""
        blob = await self._checked_blob(key, sha256)
        return await self._engine.storage.blobs.get(key), blob.content_type

    async def read_uri(self, uri: str) -> bytes:
        """Return the content of one of the workspace's blobs; see `Workspace.download`."""
        key = key_of(uri)
        if not key.startswith(f"{self._workspace}/"):
            raise InvalidRequest("uri", f"names no blob of this workspace: {uri}")
        return await self._engine.storage.blobs.get(key)

    async def download(self, key: str, path: Path, sha256: str | None = None) -> None:
        """Write a blob to a local file. Raises `BlobMissing`, `BlobCorrupt`."""
        await self._checked_blob(key, sha256)
        await self._engine.transfer.fetch_to(key, path)

    async def attach(self, job_id: str, name: str, content: Any, content_type: str | None) -> Blob:
        """Store something beside a job; see `Job.upload_attachment`."""
        engine = self._writable()
        key = attachments.key_to_write(await self.fetch(job_id), name)
        inputs = Inputs(engine.transfer, engine.storage, self._settings.limits.input_max_bytes)
        return await inputs.upload(key, content, content_type)

    async def attachments(self, details: JobDetails) -> list[Blob]:
        """Return what was stored beside a job."""
        return await attachments.attachments(self._engine.storage.blobs, details)

    async def _checked_blob(self, key: str, sha256: str | None) -> Blob:
        blob = await self._engine.storage.blobs.stat(key)
        if blob is None:
            raise BlobMissing(key)
        if sha256 is not None and blob.sha256 != sha256:
            raise BlobCorrupt(f"{key} is not what the job's row says it is")
        return blob

    async def request_cancel(self, job_id: str, reason: str = "", *, if_version: int | None = None) -> JobDetails:
        """Record the wish to cancel a job; return its row when it has ended, or when the grace time is over."""
        engine = self._writable()
        row = await self.fetch(job_id)
        target = self._registry.get(row.target)
        row = await engine.journal.record(
            (self._workspace, job_id),
            lambda now: tuple(cancel(_expected(now, if_version), target, reason, drives=engine.drives)),
        )
        if row.final or not engine.drives:
            return row
        try:
            return await self.final(job_id, self._settings.limits.cancel_grace_s + CANCEL_MARGIN_S)
        except TimeoutError:
            return await self.fetch(job_id)

    async def amend(self, job_id: str, *, if_version: int | None = None, **changes: Any) -> JobDetails:
        """Record other labels, or another priority; see `Job.amend`."""
        engine = self._writable()
        level_s = self._settings.queue.age_per_level_s
        return await engine.journal.record(
            (self._workspace, job_id), lambda row: (amendment(_expected(row, if_version), level_s, **changes),)
        )

    async def delete(self, job_id: str) -> bool:
        """Purge an ended job and its blobs; tell whether it is gone. Raises `JobNotFound`."""
        engine = self._writable()
        await self.fetch(job_id)
        gone = await engine.storage.store.purge(self._workspace, [job_id])
        for details in gone:
            await delete_container(engine.storage.blobs, details)
        return bool(gone)

    async def matching(self, limit: int | None, page_size: int, filters: dict[str, Any]) -> AsyncIterator[JobDetails]:
        """Yield rows page by page; see `Workspace.list_jobs`."""
        query = job_query(self._workspace, limit=page_size, **filters)
        async for page in pages(self._engine.storage.store.page, query, query.order, limit):
            for details in page:
                yield details

    async def count(self, by: str | None, filters: dict[str, Any]) -> Any:
        """Count rows in the store; see `Workspace.count_jobs`."""
        if by is not None and by not in COUNTS:
            raise InvalidRequest("by", f"is {by!r}, not one of {', '.join(COUNTS)}")
        counts = await self._engine.storage.store.count(job_query(self._workspace, **filters), by)
        return counts if by is not None else counts.get("", 0)

    def _writable(self) -> Engine:
        if self._read_only:
            raise ReadOnly
        return self._engine


def _expected(row: JobDetails, version: int | None) -> JobDetails:
    """Return the row if it is of this version, or of any where none is asked for."""
    if version not in {None, row.version}:
        raise PreconditionFailed(f"{row.id} is at version {row.version}, not {version}")
    return row
