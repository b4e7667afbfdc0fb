"""The contracts between the runtime and what can be exchanged: stores, blobs, providers, subscribers, clocks.

Every method that awaits may fail, hang, succeed with the answer lost, or be cancelled; each docstring says which of
these its caller must be ready for. The published suites in `kyanite.testing` hold adapters to them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from msgspec import Struct

from kyanite.core.events import EPOCH, Event
from kyanite.core.findings import Finding
from kyanite.core.job import CostEstimate, JobDetails, Needs, Status, Target

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

# Time and identity --------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time. Durations use `monotonic`; the wall clock is for display and may jump either way."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...


class Entropy(Protocol):
    """Identity and chance. Injected, so that a run can be repeated exactly."""

    def job_id(self) -> str:
        """Return a fresh job id."""
        ...

    def event_id(self) -> str:
        """Return a fresh event id."""
        ...

    def random(self) -> float:
        """Return a number uniform in [0, 1)."""
        ...


# The job store ------------------------------------------------------------------------------------------------------


class Write(Struct, gc=False, frozen=True):
    """One job's change: the row as it will be, the version it was made from (0: it must not exist), and its events."""

    details: JobDetails
    expected_version: int
    events: tuple[Event, ...]


SortKey: TypeAlias = tuple[str | float, ...]
"""Where a job stands in an order; the last element is always its id."""


class JobQuery(Struct, frozen=True, kw_only=True):
    """Which jobs, in which order, from where on, and how many at most.

    `order` is one of `ORDERS`; jobs that are equal in it stand in the order of their creation, then of their ids.
    `after` is the `sort_key` of the last job of the page before.
    """

    workspace: str = "default"
    status: tuple[Status, ...] = ()
    target: tuple[str, ...] = ()
    provider_id: tuple[str, ...] = ()
    name_prefix: str = ""
    id_prefix: str = ""
    tag: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    order: str = "creation_time"
    descending: bool = False
    after: SortKey | None = None
    limit: int = 200


ORDERS = ("creation_time", "name", "status", "target", "provider_id", "rank")
COUNTS = ("status", "target", "provider_id", "name")


def microseconds(time: datetime) -> int:
    """Return whole microseconds since 1970 in UTC: how the stores sort and compare times, exactly."""
    delta = time - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def sort_key(details: JobDetails, order: str) -> SortKey:
    """Return where the job stands under this order, as a store compares it."""
    if order == "rank":
        return (details.rank, details.id)
    created = microseconds(details.creation_time)
    return (created, details.id) if order == "creation_time" else (getattr(details, order), created, details.id)


class Cursor(Struct, frozen=True):
    """How far a named subscriber has read the log, and when it was last attached."""

    name: str
    position: int
    seen_time: datetime


class JobStore(ABC):
    """Rows and their events, written together or not at all, in one global order. One process owns a store.

    Any method may raise `StoreUnavailable`; of a `commit` that did, the outcome is unknown until read back.
    `StorageFull` and `Conflict` mean for certain that nothing of that call was stored.
    """

    @abstractmethod
    async def open(self, *, read_only: bool = False, endpoint: str | None = None) -> None:
        """Take ownership and bring the schema up to date. Raises `StoreOwned`, `StoreCorrupt`."""

    @abstractmethod
    async def aclose(self) -> None:
        """Give ownership back. May be called twice."""

    @abstractmethod
    async def commit(self, writes: Sequence[Write]) -> list[int | None]:
        """Store all writes in one durable transaction; at most one write a job.

        Returns for each the position of its first event (its others follow without a gap), or `None` where the row
        was not at the expected version, existed already, or was purged; a refused write never hinders another.
        Positions are given in the order of the writes, without gaps, and are never used again.
        """

    @abstractmethod
    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Return the row as last committed, or `None`."""

    @abstractmethod
    async def page(self, query: JobQuery) -> list[JobDetails]:
        """Return the next `query.limit` rows; fewer mean that there are no more. Never stalls a commit."""

    @abstractmethod
    async def count(self, query: JobQuery, by: str | None = None) -> dict[str, int]:
        """Count jobs in the store, by one of `COUNTS`, or all under the empty string. Never stalls a commit."""

    @abstractmethod
    async def events(self, after: int, limit: int, job: tuple[str, str] | None = None) -> list[Event]:
        """Return events in order: the whole log's with `position > after`, or those of one (workspace, job id) with
        `version > after`; a purged job's too.
        """

    @abstractmethod
    async def head(self) -> int:
        """Return the position of the newest event; 0 for an empty log."""

    @abstractmethod
    async def cursors(self, save: Sequence[Cursor] = ()) -> dict[str, Cursor]:
        """Store these cursors, each under its name, and return all there are."""

    @abstractmethod
    async def purge(self, workspace: str, job_ids: Sequence[str]) -> list[JobDetails]:
        """Remove rows of ended jobs for good, and return them.

        A tombstone keeps each id refused for ever; the events stay in the log for subscribers that are behind. Jobs
        that have not ended, or whose blobs another retained job refers to, are left as they are.
        """

    @abstractmethod
    async def buried(self, workspace: str, job_ids: Sequence[str]) -> set[str]:
        """Return which of these ids belonged to jobs that were purged."""

    async def faults(self) -> list[str]:
        """Look the storage itself over, beneath what the other methods show, and say in words what is damaged there."""
        return []


# Blob storage -------------------------------------------------------------------------------------------------------

Content: TypeAlias = bytes | Path | AsyncIterable[bytes]
"""What can be written: bytes, a local file, or a stream of chunks."""


class Blob(Struct, gc=False, frozen=True, kw_only=True):
    """What is known of a stored object. `sha256` is of the stored bytes, in hexadecimal."""

    key: str
    size: int
    sha256: str
    created: datetime
    content_type: str = "application/octet-stream"
    content_encoding: str | None = None
    metadata: dict[str, str] = {}


class BlobStore(ABC):
    """Named, immutable objects. A key is `<workspace>/<container>/<name>`; see `kyanite.blobs.keys.safe_key`.

    Any method may raise `StoreUnavailable`; a `put` that did may have taken effect, and repeating it then raises
    `BlobExists` or returns, both of which the caller tells apart by the hash.
    """

    @abstractmethod
    async def open(self, *, read_only: bool = False) -> None:
        """Make the store ready; clear away what a crash left half-written."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of every handle. May be called twice."""

    @abstractmethod
    async def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Blob:
        """Write an object whole or not at all; durable when this returns.

        Create-only: `BlobExists` if the key is taken. Raises `StorageFull`, and `InvalidRequest` for an unsafe key.
        A stream is read once, chunk by chunk; an exception out of it leaves nothing behind.
        """

    @abstractmethod
    async def stat(self, key: str) -> Blob | None:
        """Return what is known of the object, or `None`."""

    @abstractmethod
    async def get(self, key: str) -> bytes:
        """Return the whole content, checked against its hash. Raises `BlobMissing`, `BlobCorrupt`."""

    @abstractmethod
    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield bytes `start` to `end` (exclusive) in chunks. Raises `BlobMissing`; a whole read also `BlobCorrupt`.

        The hash can only be compared at the end: act on the content after the last chunk has come.
        """

    @abstractmethod
    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are no error."""

    @abstractmethod
    async def page(self, prefix: str = "", after: str = "", limit: int = 500) -> list[Blob]:
        """Return the objects whose key starts with `prefix` and is greater than `after`, by key; fewer: no more."""

    def local_path(self, key: str) -> Path | None:
        """Return where the object's bytes lie as a plain file on this machine, if they do: then it need not be copied.

        The file must only be read, and its content checked against the hash.
        """
        del key
        return None


# Providers ----------------------------------------------------------------------------------------------------------


class Task(Protocol):
    """What a provider holds of the job it executes: its row, its input and output, and the wishes of the outside.

    Everything it awaits is durable when it returns. Only one coroutine may use a task at a time.
    """

    @property
    def details(self) -> JobDetails:
        """The row as it stands now."""

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody wants the job cancelled. A fact to act on, not an exception: see `Provider.run`."""

    @property
    def log(self) -> BoundLogger:
        """A logger with job id and target bound."""

    async def wait_cancel_requested(self) -> None:
        """Return once somebody wants the job cancelled."""

    async def read_input(self) -> bytes:
        """Return the whole input as it was stored, checked against its hash."""

    def stream_input(self) -> AsyncIterator[bytes]:
        """Yield the input in chunks; the hash is checked at the end."""

    def input_path(self) -> Path | None:
        """Return the input as a local file to read in place, if it is one; check `details.input_hash` while reading."""

    async def write_output(
        self,
        content: Content | str | Mapping[str, Any] | Sequence[Any],
        *,
        content_type: str | None = None,
        content_encoding: str | None = None,
    ) -> None:
        """Write the output of this execution, once: bytes, text, anything JSON-able, a file, or a stream."""

    async def intend(self, token: str) -> None:
        """Note durably, before submitting to a remote service, the token under which it can be found again.

        Raises `InvalidRequest` for more than 512 characters.
        """

    async def checkpoint(self, handle: Any) -> None:
        """Note durably where a later execution can go on; it finds the JSON-able handle in `details.handle`.

        Raises `InvalidRequest` for what is no JSON, or more than 64 KiB of it.
        """

    def progress(self, fraction: float | None = None, **values: Any) -> None:
        """Tell whoever watches how far the job is. Cheap, rate-limited, never stored.

        Raises `InvalidRequest` for values that are no JSON, or more than 4 KiB of it.
        """

    def note(self, *, cost_estimate: CostEstimate | None = None, **properties: Any) -> None:
        """Add what the job cost, or properties of the result, to the final row.

        Raises `InvalidRequest` for properties that are no JSON, or more than 64 KiB of it altogether.
        """


class Provider(ABC):
    """Executes jobs: one coroutine each. Targets say how many at once.

    The contract is `kyanite.testing.providers.ProviderContract`. `async with` surrounds the time in which the other
    methods may be called.
    """

    id: str

    @abstractmethod
    def targets(self) -> Sequence[Target]:
        """Return the targets this provider serves; asked once, after entering."""

    def accept(self, details: JobDetails) -> None:  # noqa: B027  # most providers accept everything
        """Look over the envelope at submit, quickly and without the input; raise `InvalidRequest` to refuse it.

        For what can never work whatever the input is; `inspect` is the place for the rest.
        """

    @abstractmethod
    async def run(self, task: Task) -> Status | None:
        """Execute the job, and return when its output is written.

        Returning `None` means that the provider did as asked: the job has succeeded, or, when a cancel was requested
        before, is cancelled with what was written kept as evidence. A provider whose remote service decides returns
        the final status that the service gave: `SUCCEEDED` even after a request to cancel, or `CANCELLED` without.

        Raises `RetryableError` for what may go better later, `ProviderError` for what will not; any other exception
        fails the job too. Cancellation of the coroutine means "stop driving", for shutdown, time-out or a grace time
        that is over: it must end promptly and decide nothing about the job.
        """

    async def inspect(self, task: Task) -> Needs:
        """Look at the input while the job waits, and return what the job will need.

        Called, with no slot held, for targets whose `inspects` is true; may be called again after a restart. Raises
        `ProviderError` to refuse the input: the job fails without ever executing.
        """
        return task.details.needs or Needs()

    async def diagnose(self) -> Sequence[Finding]:
        """Try out what the provider stands on, and say what was found; for `kyanite doctor`. Takes seconds at most.

        What is broken is a finding that failed, with advice, not an exception.
        """
        return ()

    async def __aenter__(self) -> Self:
        """Start what the provider needs."""
        return self

    async def __aexit__(  # noqa: B027  # nor need most be stopped
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""


# Subscribers --------------------------------------------------------------------------------------------------------

Subscriber: TypeAlias = Callable[[Event, JobDetails], Awaitable[None]]
"""Called with an event and the job's row as it stands at that moment. May raise: it is called again, after a pause,
with the same event. Called at least once an event; `(event.job_id, event.version)` tells a repetition."""
