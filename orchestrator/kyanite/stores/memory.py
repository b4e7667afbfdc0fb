"""A job store in memory: the reference for what the port means, and the store of tests and simulations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec.structs import asdict, replace

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Attempt, Letter
from kyanite.core.session import Session, Tally
from kyanite.ports import (
    ATTEMPTS_KEPT,
    COUNTS,
    ORDERS,
    Cursor,
    JobQuery,
    JobStore,
    SessionQuery,
    Settlement,
    Write,
    sort_key,
)

Address = tuple[str, str]
R = TypeVar("R", JobDetails, Session)


class MemoryStore(JobStore):
    """Rows, events and cursors in dictionaries. Closing keeps them, so that the same object can be opened again."""

    def __init__(self) -> None:
        """Make an empty store."""
        self._rows: dict[Address, JobDetails] = {}
        self._stories: dict[Address, list[Event]] = {}
        self._buried: set[Address] = set()
        self._log: list[Event] = []
        self._cursors: dict[str, Cursor] = {}
        self._sessions: dict[Address, Session] = {}
        self._letters: dict[str, dict[int, Letter]] = {}
        self._attempts: dict[str, list[tuple[int, Attempt]]] = {}

    async def open(self, *, read_only: bool = False, endpoint: str | None = None) -> None:
        """Do nothing: there is nothing to own."""

    async def aclose(self) -> None:
        """Do nothing: what was stored stays."""

    async def commit(self, writes: Sequence[Write]) -> list[int | None]:
        """Apply the writes at once; nothing else runs meanwhile."""
        return [self._apply(write) for write in writes]

    def _apply(self, write: Write) -> int | None:
        address = (write.details.workspace, write.details.id)
        row = self._rows.get(address)
        if (row.version if row else 0) != write.expected_version or address in self._buried:
            return None
        first = len(self._log) + 1
        events = [replace(event, position=first + offset) for offset, event in enumerate(write.events)]
        self._rows[address] = write.details
        self._log += events
        self._stories.setdefault(address, []).extend(events)
        return first

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Return the row, or `None`."""
        return self._rows.get((workspace, job_id))

    async def page(self, query: JobQuery) -> list[JobDetails]:
        """Filter and sort all rows anew for each page."""
        if query.order not in ORDERS:
            raise ValueError(f"order {query.order!r} is not one of {', '.join(ORDERS)}")
        return _in_order(self._matching(query), query)

    async def count(self, query: JobQuery, by: str | None = None) -> dict[str, int]:
        """Count matching rows."""
        if by is None:
            return {"": sum(1 for _ in self._matching(query))}
        if by not in COUNTS:
            raise ValueError(f"by={by!r} is not one of {', '.join(COUNTS)}")
        return dict(Counter(str(getattr(row, by)) for row in self._matching(query)))

    async def workspaces(self) -> list[str]:
        """Look at every row."""
        return sorted({workspace for workspace, _ in self._rows})

    def _matching(self, query: JobQuery) -> Iterable[JobDetails]:
        return (
            row
            for row in self._rows.values()
            if _is_among(row, query)
            and (not query.status or row.status in query.status)
            and row.id.startswith(query.id_prefix)
            and (query.tag is None or query.tag in row.tags)
            and (query.session_id is None or query.session_id == (row.session_id or ""))
        )

    async def events(self, after: int, limit: int, job: Address | None = None) -> list[Event]:
        """Return a slice of the log, or of one job's story, by version."""
        return (self._log if job is None else self._stories.get(job, []))[after : after + limit]

    async def head(self) -> int:
        """Return the newest position."""
        return len(self._log)

    async def cursors(self, save: Sequence[Cursor] = ()) -> dict[str, Cursor]:
        """Store and return cursors."""
        self._cursors.update({cursor.name: cursor for cursor in save})
        return dict(self._cursors)

    async def settle(self, settlement: Settlement) -> None:
        """Apply all of it at once."""
        for name in settlement.forgotten:
            for kept in (self._cursors, self._letters, self._attempts):
                kept.pop(name, None)
        self._cursors.update({cursor.name: cursor for cursor in settlement.cursors})
        for letter in settlement.letters:
            self._letters.setdefault(letter.subscriber, {})[letter.position] = letter
        for subscriber, position in settlement.taken:
            self._letters.get(subscriber, {}).pop(position, None)
        for attempt in settlement.attempts:
            log = self._attempts.setdefault(attempt.subscriber, [])
            log.append((log[-1][0] + 1 if log else 1, attempt))
            del log[:-ATTEMPTS_KEPT]

    async def letters(
        self, subscriber: str, *, after: int = 0, limit: int = 1_000, dead: bool | None = None
    ) -> list[Letter]:
        """Sort all of the subscriber's anew for each page."""
        kept = self._letters.get(subscriber, {})
        found = (kept[position] for position in sorted(kept) if position > after)
        return [letter for letter in found if dead is None or letter.dead == dead][:limit]

    async def tally_letters(self, workspace: str) -> dict[str, tuple[int, int]]:
        """Look at all letters."""
        dead = {
            name: sum(letter.dead for letter in kept.values())
            for name, kept in self._letters.items()
            if kept and name.startswith(f"{workspace}/")
        }
        return {name: (len(self._letters[name]) - count, count) for name, count in dead.items()}

    async def attempts(
        self, subscriber: str, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, Attempt]]:
        """Go through the subscriber's log backwards."""
        log = reversed(self._attempts.get(subscriber, []))
        return [entry for entry in log if before is None or entry[0] < before][:limit]

    async def purge(self, workspace: str, job_ids: Sequence[str]) -> list[JobDetails]:
        """Remove ended rows that no other row leans on."""
        gone = []
        for job_id in job_ids:
            row = self._rows.get((workspace, job_id))
            if row is None or not row.final or self._leaned_on(row):
                continue
            del self._rows[workspace, job_id]
            self._buried.add((workspace, job_id))
            gone.append(row)
        return gone

    async def buried(self, workspace: str, job_ids: Sequence[str]) -> set[str]:
        """Look among the tombstones."""
        return {job_id for job_id in job_ids if (workspace, job_id) in self._buried}

    async def open_session(self, session: Session) -> Session:
        """Store it, or return the one there is."""
        return self._sessions.setdefault((session.workspace, session.id), session)

    async def close_session(self, workspace: str, session_id: str, time: datetime) -> Session | None:
        """Note the time of the first call."""
        session = self._sessions.get((workspace, session_id))
        if session is not None and session.closed_time is None:
            session = self._sessions[workspace, session_id] = replace(session, closed_time=time)
        return session

    async def session(self, workspace: str, session_id: str) -> Session | None:
        """Return the session, or `None`."""
        return self._sessions.get((workspace, session_id))

    async def page_sessions(self, query: SessionQuery) -> list[Session]:
        """Filter and sort all sessions anew for each page."""
        there = (session for session in self._sessions.values() if _is_among(session, query))
        return _in_order(there, JobQuery(**asdict(query)))

    async def tally_sessions(self, workspace: str, session_ids: Sequence[str]) -> dict[str, Tally]:
        """Look at all rows."""
        found: dict[str, list[JobDetails]] = {}
        for row in self._rows.values():
            if row.workspace == workspace and row.session_id is not None and row.session_id in session_ids:
                found.setdefault(row.session_id, []).append(row)
        return {session_id: _tally(rows) for session_id, rows in found.items()}

    def _leaned_on(self, row: JobDetails) -> bool:
        prefix = row.container_uri + "/"
        return any((other.foreign_input or "").startswith(prefix) for other in self._rows.values())


def _is_among(row: JobDetails | Session, query: JobQuery | SessionQuery) -> bool:
    """Apply the filters that jobs and sessions share."""
    return (
        row.workspace == query.workspace
        and (not query.target or row.target in query.target)
        and (not query.provider_id or row.provider_id in query.provider_id)
        and row.name.startswith(query.name_prefix)
        and (query.created_after is None or row.creation_time >= query.created_after)
        and (query.created_before is None or row.creation_time <= query.created_before)
    )


def _in_order(rows: Iterable[R], query: JobQuery) -> list[R]:
    keyed = [(sort_key(row, query.order), row) for row in rows]
    keyed.sort(key=lambda pair: pair[0], reverse=query.descending)
    if query.after is not None:
        after = query.after
        keyed = [pair for pair in keyed if (pair[0] < after if query.descending else pair[0] > after)]
    return [row for _, row in keyed[: query.limit]]


def _tally(rows: Sequence[JobDetails]) -> Tally:
    begins = [row.begin_execution_time for row in rows]
    ends = [row.end_execution_time or row.cancellation_time for row in rows]
    return Tally(
        dict(Counter(str(row.status) for row in rows)),
        min((begin for begin in begins if begin is not None), default=None),
        max((end for end in ends if end is not None), default=None),
    )
