"""What can be asked of the jobs of a daemon."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from msgspec import Struct

from kyanite.blobs.keys import key_of
from kyanite.blobs.transfer import copy_to
from kyanite.client import blobs
from kyanite.client.answers import read
from kyanite.client.connection import Answer, Connection, path
from kyanite.client.endings import Endings
from kyanite.client.listing import JOB_FILTERS, Page, items, query_of
from kyanite.client.problems import Refused
from kyanite.client.streams import bursts, updates_in
from kyanite.client.targets import Targets
from kyanite.client.uploads import Upload, json_body
from kyanite.content import content_of
from kyanite.core.events import FINAL_EVENTS, AnyEvent, Event, Progressed
from kyanite.core.job import JobDetails
from kyanite.core.story import Story
from kyanite.errors import InvalidRequest, JobNotFound, PreconditionFailed
from kyanite.ports import Blob

CANCEL_ANSWER_S: Final = 3_600.0
"""How long the answer to a cancel may take: the daemon waits for the job's end, and only it knows for how long."""
LOOK_S: Final = 1.0
"""How long looking whether a job has ended may take where there is less time to wait for its end."""
WATCHED_MAX: Final = 1_000
"""Jobs whose newest progress is kept."""
STAYS: Final = frozenset({"JobNotEnded", "JobInUse"})
"""Why a daemon does not remove a job."""


class _Count(Struct):
    count: int = 0
    counts: dict[str, int] | None = None


class Jobs:
    """The jobs of a workspace, one at a time; see `kyanite.ports.JobsFace`."""

    def __init__(
        self, connection: Connection, workspace: str, endings: Endings, targets: Targets, skew: timedelta
    ) -> None:
        """Ask through this connection. The daemon's clock is `skew` ahead of this program's."""
        self._connection = connection
        self._workspace = workspace
        self._endings = endings
        self._targets = targets
        self._skew = skew
        self._newest: dict[str, Progressed] = {}

    async def fetch(self, job_id: str) -> JobDetails:
        """Return a job's newest row. Raises `JobNotFound`."""
        return details_in((await self._connection.ask("GET", job_path(job_id))).body)

    async def final(self, job_id: str, timeout_s: float | None = None) -> JobDetails:
        """Return a job's row once it has ended. Raises `JobNotFound`, and `TimeoutError` after `timeout_s`."""
        clock = self._connection.around.clock
        deadline = None if timeout_s is None else clock.monotonic() + timeout_s
        look_s = None if timeout_s is None else max(timeout_s, LOOK_S)
        while True:
            with self._endings.expected(job_id) as ended:
                with anyio.fail_after(look_s):
                    # Looked at after the waiter is in place, so that an end in between is not missed.
                    await self._endings.listening()
                    row = await self.fetch(job_id)
                if row.final:
                    return row
                with anyio.fail_after(None if deadline is None else max(0.0, deadline - clock.monotonic())):
                    await ended

    async def story(self, job_id: str) -> Story:
        """Return every event of a job. Raises `JobNotFound`."""
        where = job_path(job_id, "story")
        return Story([event async for event in items(self._connection, where, [], _events)])

    def serves(self, target_id: str) -> bool:
        """Tell whether somebody serves the target, as far as is known."""
        return self._targets.get(target_id) is not None

    def inspects(self, target_id: str) -> bool:
        """Tell whether the target inspects jobs before they execute, as far as is known."""
        target = self._targets.get(target_id)
        return target is not None and target.inspects

    def now(self) -> datetime:
        """Return the time that the daemon goes by."""
        return self._connection.around.clock.now() + self._skew

    def newest_progress(self, job_id: str) -> Progressed | None:
        """Return the newest progress that `updates` has told of, of a job that has not ended."""
        return self._newest.get(job_id)

    async def updates(self, job_id: str) -> AsyncGenerator[Event | Progressed]:
        """Yield a job's events, from the first to the last, and its progress in between."""
        async with aclosing(bursts(self._connection, job_path(job_id, "events"), (), None)) as source:
            async for burst in source:
                for update in updates_in(burst):
                    self._note(update)
                    yield update
                    if isinstance(update, FINAL_EVENTS):
                        return

    async def read_blob(self, key: str, sha256: str | None = None) -> tuple[bytes, str]:
        """Return a blob's content and content type. Raises `BlobMissing`, `BlobCorrupt`."""
        return await blobs.whole(self._connection, self._workspace, key, sha256)

    async def read_uri(self, uri: str) -> bytes:
        """Return the content of one of the workspace's blobs. Raises `InvalidRequest`, `BlobMissing`, `BlobCorrupt`."""
        key = key_of(uri)
        if not key.startswith(f"{self._workspace}/"):
            raise InvalidRequest("uri", f"names no blob of this workspace: {uri}")
        return (await self.read_blob(key))[0]

    async def download(self, key: str, path: Path, sha256: str | None = None) -> None:
        """Write a blob to a local file, whole or not at all. Raises `BlobMissing`, `BlobCorrupt`."""
        async with aclosing(blobs.chunks(self._connection, self._workspace, key, sha256)) as chunks:
            await copy_to(chunks, path)

    async def attach(self, job_id: str, name: str, content: Any, content_type: str | None) -> Blob:
        """Store something beside a job."""
        raw, natural_type = content_of(content, "content")
        where = job_path(job_id, "attachments", name_path(name))
        answer = await self._connection.ask("PUT", where, body=Upload(raw, content_type or natural_type))
        return read(answer.body, _blob)

    async def attachments(self, details: JobDetails) -> list[Blob]:
        """Return what was stored beside a job."""
        where = job_path(details.id, "attachments")
        return [blob async for blob in items(self._connection, where, [], _blobs)]

    async def request_cancel(self, job_id: str, reason: str = "", *, if_version: int | None = None) -> JobDetails:
        """Record the wish to cancel a job; return its row when it has ended, or when the grace time is over."""
        answer = await self._connection.ask(
            "POST",
            job_path(job_id, "cancel"),
            body=json_body({"reason": reason}),
            headers=_match(if_version),
            answer_s=CANCEL_ANSWER_S,
            done=PreconditionFailed,
        )
        return await self._changed(job_id, answer, lambda row: row.cancel_requested or row.final)

    async def amend(self, job_id: str, *, if_version: int | None = None, **changes: Any) -> JobDetails:
        """Record other labels, or another priority."""
        sent = {name: value for name, value in changes.items() if value is not None}
        answer = await self._connection.ask(
            "PATCH", job_path(job_id), body=json_body(sent), headers=_match(if_version), done=PreconditionFailed
        )
        encoded = {name: msgspec.json.encode(value) for name, value in sent.items()}
        return await self._changed(
            job_id,
            answer,
            lambda row: all(msgspec.json.encode(getattr(row, name)) == value for name, value in encoded.items()),
        )

    async def _changed(self, job_id: str, answer: Answer, is_so: Callable[[JobDetails], bool]) -> JobDetails:
        """Return the row of an answer; where there is none, as to a repeated request, the row if it is as asked."""
        if answer.body:
            return details_in(answer.body)
        row = await self.fetch(job_id)
        if not is_so(row):
            raise PreconditionFailed(f"it is at version {row.version}")
        return row

    async def delete(self, job_id: str) -> bool:
        """Purge an ended job and its blobs; tell whether it is gone. Raises `JobNotFound`."""
        try:
            await self._connection.ask("DELETE", job_path(job_id), done=JobNotFound)
        except Refused as refused:
            if refused.code in STAYS:
                return False
            raise
        return True

    async def matching(self, limit: int | None, page_size: int, filters: dict[str, Any]) -> AsyncIterator[JobDetails]:
        """Yield rows, fetched page by page as the caller goes on."""
        query = query_of(filters, JOB_FILTERS)
        rows = items(self._connection, path("jobs"), query, _rows, size=page_size, limit=limit)
        async for details in rows:
            yield details

    async def count(self, by: str | None, filters: dict[str, Any]) -> Any:
        """Count rows, all or by the values of a column."""
        query = query_of(filters, JOB_FILTERS)
        asked = query if by is None else [*query, ("by", str(by))]
        found = read((await self._connection.ask("GET", path("counts"), asked)).body, _count)
        return found.count if by is None else found.counts or {}

    def _note(self, update: Event | Progressed) -> None:
        if isinstance(update, Progressed):
            self._newest.pop(update.job_id, None)
            self._newest[update.job_id] = update
            if len(self._newest) > WATCHED_MAX:
                del self._newest[next(iter(self._newest))]
        elif isinstance(update, FINAL_EVENTS):
            self._newest.pop(update.job_id, None)


def job_path(job_id: object, *parts: str) -> str:
    """Return the path of a job, or of what belongs to it. Raises `JobNotFound` for what is no id."""
    try:
        where = path("jobs", job_id)
    except ValueError as error:
        raise JobNotFound(str(job_id)) from error
    return "/".join((where, *parts))


def name_path(name: object) -> str:
    """Return the end of a path that is a blob's name. Raises `InvalidRequest`."""
    if not isinstance(name, str) or not name:
        raise InvalidRequest("name", "must be text that is not empty")
    try:
        return path(name).removeprefix(path())
    except ValueError as error:
        raise InvalidRequest("name", "must not contain half a surrogate pair") from error


def _match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def details_in(body: bytes) -> JobDetails:
    """Return the row that an answer consists of. Raises `InfrastructureError`."""
    return read(body, _details)


_details = msgspec.json.Decoder(JobDetails)
_rows = msgspec.json.Decoder(Page[JobDetails])
_blob = msgspec.json.Decoder(Blob)
_blobs = msgspec.json.Decoder(Page[Blob])
_count = msgspec.json.Decoder(_Count)
_events: msgspec.json.Decoder[Page[Event]] = msgspec.json.Decoder(Page[AnyEvent])
