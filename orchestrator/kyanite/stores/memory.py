"""A job store in memory: the reference for what the port means, and the store of tests and simulations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.ports import COUNTS, ORDERS, Cursor, JobQuery, JobStore, Write, sort_key

Address = tuple[str, str]


class MemoryStore(JobStore):
    """Rows, events and cursors in dictionaries. Closing keeps them, so that the same object can be opened again."""

    def __init__(self) -> None:
        """Make an empty store."""
        self._rows: dict[Address, JobDetails] = {}
        self._stories: dict[Address, list[Event]] = {}
        self._buried: set[Address] = set()
        self._log: list[Event] = []
        self._cursors: dict[str, Cursor] = {}

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
        keyed = [(sort_key(row, query.order), row) for row in self._matching(query)]
        keyed.sort(key=lambda pair: pair[0], reverse=query.descending)
        if query.after is not None:
            after = query.after
            keyed = [pair for pair in keyed if (pair[0] < after if query.descending else pair[0] > after)]
        return [row for _, row in keyed[: query.limit]]

    async def count(self, query: JobQuery, by: str | None = None) -> dict[str, int]:
        """Count matching rows."""
        if by is None:
            return {"": sum(1 for _ in self._matching(query))}
        if by not in COUNTS:
            raise ValueError(f"by={by!r} is not one of {', '.join(COUNTS)}")
        return dict(Counter(str(getattr(row, by)) for row in self._matching(query)))

    def _matching(self, query: JobQuery) -> Iterable[JobDetails]:
        return (
            row
            for row in self._rows.values()
            if row.workspace == query.workspace
            and (not query.status or row.status in query.status)
            and (not query.target or row.target in query.target)
            and (not query.provider_id or row.provider_id in query.provider_id)
            and row.name.startswith(query.name_prefix)
            and row.id.startswith(query.id_prefix)
            and (query.tag is None or query.tag in row.tags)
            and (query.created_after is None or row.creation_time >= query.created_after)
            and (query.created_before is None or row.creation_time <= query.created_before)
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

    def _leaned_on(self, row: JobDetails) -> bool:
        prefix = row.container_uri + "/"
        return any((other.foreign_input or "").startswith(prefix) for other in self._rows.values())
