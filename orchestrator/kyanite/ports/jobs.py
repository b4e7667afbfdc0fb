"""Where rows, events and sessions are kept, and how they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from kyanite.core.events import EPOCH, Event
from kyanite.core.job import JobDetails, Status
from kyanite.core.letters import Attempt, Letter
from kyanite.core.session import Session, Tally


class Write(Struct, gc=False, frozen=True):
    """One job's change: the row as it will be, the version it was made from (0: it must not exist), and its events."""

    details: JobDetails
    expected_version: int
    events: tuple[Event, ...]


SortKey: TypeAlias = tuple[str | float, ...]
"""Where a job or a session stands in an order; the last element is always its id."""


class JobQuery(Struct, frozen=True, kw_only=True):
    """Which jobs, in which order, from where on, and how many at most.

    `order` is one of `ORDERS`; jobs that are equal in it stand in the order of their creation, then of their ids.
    `after` is the `sort_key` of the last job of the page before. `session_id` is empty for jobs outside any session.
    """

    workspace: str = "default"
    status: tuple[Status, ...] = ()
    target: tuple[str, ...] = ()
    provider_id: tuple[str, ...] = ()
    name_prefix: str = ""
    id_prefix: str = ""
    tag: str | None = None
    session_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    order: str = "creation_time"
    descending: bool = False
    after: SortKey | None = None
    limit: int = 200


class SessionQuery(Struct, frozen=True, kw_only=True):
    """Which sessions, by the time they were opened and then by id, from where on, and how many at most.

    `after` is the `sort_key` by `creation_time` of the last session of the page before.
    """

    workspace: str = "default"
    target: tuple[str, ...] = ()
    provider_id: tuple[str, ...] = ()
    name_prefix: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    descending: bool = False
    after: SortKey | None = None
    limit: int = 200


ORDERS = ("creation_time", "name", "status", "target", "provider_id", "rank")
COUNTS = ("status", "target", "provider_id", "name")


def microseconds(time: datetime) -> int:
    """Return whole microseconds since 1970 in UTC: how the stores sort and compare times, exactly."""
    delta = time - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def sort_key(details: JobDetails | Session, order: str) -> SortKey:
    """Return where the job stands under this order, or the session under `creation_time`, as a store compares it."""
    if order == "rank":
        return (getattr(details, order), details.id)
    created = microseconds(details.creation_time)
    return (created, details.id) if order == "creation_time" else (getattr(details, order), created, details.id)


class Cursor(Struct, frozen=True):
    """How far a named subscriber has read the log, and when it was last attached."""

    name: str
    position: int
    seen_time: datetime


class Settlement(Struct, frozen=True, kw_only=True):
    """What deliveries to subscribers have come to; stored in one transaction, in the order of these fields."""

    forgotten: tuple[str, ...] = ()
    """Subscribers of which nothing is kept."""
    cursors: tuple[Cursor, ...] = ()
    letters: tuple[Letter, ...] = ()
    """Each in place of its subscriber's one of the same position."""
    taken: tuple[tuple[str, int], ...] = ()
    """Subscribers and positions of letters that are none any more."""
    attempts: tuple[Attempt, ...] = ()


ATTEMPTS_KEPT = 1_000
"""How many attempts of a subscriber are kept: the newest."""


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
    async def workspaces(self) -> list[str]:
        """Return the workspaces that have jobs, by name. Never stalls a commit."""

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
    async def settle(self, settlement: Settlement) -> None:
        """Store what deliveries have come to, durably and all of it or nothing. May be repeated after a lost answer:
        only attempts are then logged twice. Raises `Conflict` if another process owns the store now.
        """

    @abstractmethod
    async def letters(
        self, subscriber: str, *, after: int = 0, limit: int = 1_000, dead: bool | None = None
    ) -> list[Letter]:
        """Return a subscriber's letters past a position, by position: all, the dead ones, or those that wait."""

    @abstractmethod
    async def tally_letters(self, workspace: str) -> dict[str, tuple[int, int]]:
        """Return how many letters wait and how many are dead, of each subscriber of the workspace that has some."""

    @abstractmethod
    async def attempts(
        self, subscriber: str, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, Attempt]]:
        """Return a subscriber's attempts, newest first, each with its number; with `before`, those of lower numbers."""

    @abstractmethod
    async def purge(self, workspace: str, job_ids: Sequence[str]) -> list[JobDetails]:
        """Remove rows of ended jobs for good, and return them.

        A tombstone keeps each id refused for ever; the events stay in the log for subscribers that are behind. Jobs
        that have not ended, or whose blobs another retained job refers to, are left as they are.
        """

    @abstractmethod
    async def buried(self, workspace: str, job_ids: Sequence[str]) -> set[str]:
        """Return which of these ids belonged to jobs that were purged."""

    @abstractmethod
    async def open_session(self, session: Session) -> Session:
        """Store a session, unless its workspace has one of this id; return the one that is stored."""

    @abstractmethod
    async def close_session(self, workspace: str, session_id: str, time: datetime) -> Session | None:
        """Note when a session was closed, if it was not before; return it as it is stored, or `None`."""

    @abstractmethod
    async def session(self, workspace: str, session_id: str) -> Session | None:
        """Return the session as it is stored, or `None`."""

    @abstractmethod
    async def page_sessions(self, query: SessionQuery) -> list[Session]:
        """Return the next `query.limit` sessions; fewer mean that there are no more. Never stalls a commit."""

    @abstractmethod
    async def tally_sessions(self, workspace: str, session_ids: Sequence[str]) -> dict[str, Tally]:
        """Return how the jobs of these sessions stand, by session id; a session without jobs is not among them.

        A job that was cancelled before it began ended at its `cancellation_time`. Never stalls a commit.
        """

    async def faults(self) -> list[str]:
        """Look the storage itself over, beneath what the other methods show, and say in words what is damaged there."""
        return []
