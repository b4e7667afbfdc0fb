"""What stands behind a workspace that users hold: the engine of this process, or a daemon elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from kyanite.core.events import Event, Progressed
from kyanite.core.job import JobDetails, Target
from kyanite.core.letters import Attempt, Letter, Standing
from kyanite.core.session import SessionDetails
from kyanite.core.story import Story
from kyanite.ports.blobs import Blob
from kyanite.ports.subscribers import Subscription


class Request(Struct, frozen=True, kw_only=True):
    """What `Workspace.submit` was called with, beside target and input."""

    input_data_uri: str | None = None
    input_data_format: str | None = None
    output_data_format: str | None = None
    input_params: Any = None
    name: str | None = None
    job_id: str | None = None
    priority: int = 0
    tags: Any = ()
    metadata: Any = None
    timeout_s: float | None = None
    attempts_max: int = 1
    provider_id: str | None = None
    session_id: str | None = None


class JobsFace(Protocol):
    """The jobs of a workspace, one at a time; `Job` and `Workspace` say what each method means to users."""

    async def fetch(self, job_id: str) -> JobDetails:
        """Return a job's newest row. Raises `JobNotFound`."""

    async def final(self, job_id: str, timeout_s: float | None = None) -> JobDetails:
        """Return a job's row once it has ended. Raises `JobNotFound`, and `TimeoutError` after `timeout_s`."""

    async def story(self, job_id: str) -> Story:
        """Return every event of a job. Raises `JobNotFound`."""

    def serves(self, target_id: str) -> bool:
        """Tell whether somebody serves the target, as far as is known."""

    def inspects(self, target_id: str) -> bool:
        """Tell whether the target inspects jobs before they execute, as far as is known."""

    def now(self) -> datetime:
        """Return the time that the workspace goes by."""

    def newest_progress(self, job_id: str) -> Progressed | None:
        """Return the newest progress of a job that is known here."""

    def updates(self, job_id: str) -> AsyncIterator[Event | Progressed]:
        """Yield a job's events, from the first to the last, and its progress in between."""

    async def read_blob(self, key: str, sha256: str | None = None) -> tuple[bytes, str]:
        """Return a blob's content and content type. Raises `BlobMissing`, `BlobCorrupt`."""

    async def read_uri(self, uri: str) -> bytes:
        """Return the content of one of the workspace's blobs. Raises `InvalidRequest`, `BlobMissing`, `BlobCorrupt`."""

    async def download(self, key: str, path: Path, sha256: str | None = None) -> None:
        """Write a blob to a local file, whole or not at all. Raises `BlobMissing`, `BlobCorrupt`."""

    async def attach(self, job_id: str, name: str, content: Any, content_type: str | None) -> Blob:
        """Store something beside a job."""

    async def attachments(self, details: JobDetails) -> list[Blob]:
        """Return what was stored beside a job."""

    async def request_cancel(self, job_id: str, reason: str = "", *, if_version: int | None = None) -> JobDetails:
        """Record the wish to cancel a job; return its row when it has ended, or when the grace time is over.

        Raises `PreconditionFailed` if the row is of another version than that one.
        """

    async def amend(self, job_id: str, *, if_version: int | None = None, **changes: Any) -> JobDetails:
        """Record other labels, or another priority. Raises `PreconditionFailed` as `request_cancel` does."""

    async def delete(self, job_id: str) -> bool:
        """Purge an ended job and its blobs; tell whether it is gone. Raises `JobNotFound`."""

    def matching(self, limit: int | None, page_size: int, filters: dict[str, Any]) -> AsyncIterator[JobDetails]:
        """Yield rows, fetched page by page as the caller goes on."""

    async def count(self, by: str | None, filters: dict[str, Any]) -> Any:
        """Count rows, all or by the values of a column."""


class SubmissionFace(Protocol):
    """Takes jobs in."""

    async def submit(self, target_id: str, content: Any, request: Request) -> JobDetails:
        """Store a job and its input durably."""

    async def upload(self, content: Any, container: str, name: str | None, content_type: str | None) -> str:
        """Store content for jobs to come, and return its URI."""


class SessionsFace(Protocol):
    """The sessions of a workspace."""

    async def open(  # one parameter a field of the model
        self,
        target_id: str | None,
        *,
        session_id: str | None,
        name: str | None,
        provider_id: str | None,
        job_failure_policy: str,
        priority: int,
        tags: Any,
    ) -> SessionDetails:
        """Store a session, unless there is one of this id."""

    async def close(self, session_id: str) -> SessionDetails:
        """Note that a session takes no more jobs. Raises `SessionNotFound`."""

    async def fetch(self, session_id: str) -> SessionDetails:
        """Return how a session stands. Raises `SessionNotFound`."""

    def matching(self, limit: int | None, filters: dict[str, Any]) -> AsyncIterator[SessionDetails]:
        """Yield sessions, fetched page by page as the caller goes on."""


class LogFace(Protocol):
    """The events of a workspace."""

    def follow(self, after: int, *, forever: bool) -> AsyncGenerator[Event]:
        """Yield the workspace's events past a position: to the end, or on and on."""

    def listen(self, subscription: Subscription) -> None:
        """Deliver to a subscriber from now on."""


class DeliveriesFace(Protocol):
    """The named subscribers of a workspace."""

    async def subscribers(self) -> list[Standing]:
        """Return how each stands, by name."""

    def letters(self, name: str, *, dead: bool | None = None) -> AsyncIterator[Letter]:
        """Yield what a subscriber has not taken, by position: all, the dead letters, or those that wait."""

    def attempts(self, name: str) -> AsyncIterator[Attempt]:
        """Yield the newest attempts to deliver to a subscriber, newest first."""

    async def replay(
        self,
        name: str,
        *,
        positions: Sequence[int] = (),
        dead: bool = False,
        after: int | None = None,
        until: int | None = None,
    ) -> int:
        """Offer events to a subscriber anew, and return how many: at once if it is delivered to, or when it will be.

        They are those at `positions`, with `dead` all dead letters, and those of the log past `after` up to `until`,
        for which the subscriber has to be delivered to. At most 10,000 a call. Raises `InvalidRequest`, `ReadOnly`.
        """


class TargetsFace(Protocol):
    """Where jobs can go."""

    def targets(self) -> list[Target]:
        """Return all targets, by id."""


@dataclass(frozen=True)
class Faces:
    """All of what stands behind an open workspace of this name."""

    name: str
    jobs: JobsFace
    submission: SubmissionFace
    sessions: SessionsFace
    log: LogFace
    deliveries: DeliveriesFace
    targets: TargetsFace
