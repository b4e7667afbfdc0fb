"""All rows of a workspace in the order of their creation, read in pages ahead of whoever asks for them by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from kyanite.core.events import Submitted
from kyanite.core.job import JobDetails
from kyanite.ports import JobQuery, JobStore, sort_key
from kyanite.runtime.audit.log import only_unreadable

PAGE = 1_024
ROWS_MAX = 8 * PAGE
"""How many rows are kept that nobody has asked for yet."""
FILED_BY = ("status", "target", "provider_id")


class Listing:
    """The rows of one workspace, each given out once: to who takes it, or, if nobody does, in the end."""

    def __init__(self, store: JobStore, workspace: str) -> None:
        """Read nothing yet."""
        self.fault = ""
        """Why the list breaks off, if it does: behind a row that can not be read, none can be listed."""
        self._store = store
        self.workspace = workspace
        self._query = JobQuery(workspace=workspace, limit=PAGE)
        self._rows: dict[str, JobDetails] = {}
        self._last: JobDetails | None = None
        self._left: int | None = None
        self._filed: dict[str, Counter[str]] = {column: Counter() for column in FILED_BY}

    def take(self, job_id: str) -> JobDetails | None:
        """Give out a row, if it is at hand; it may have changed since it was read."""
        return self._rows.pop(job_id, None)

    async def reach(self, births: Sequence[Submitted]) -> list[JobDetails]:
        """Read on until the newest of these jobs is passed, but no more than as many jobs take; return the rows that
        nobody has taken for too long.
        """
        if births:
            newest = max(birth.details.creation_time for birth in births)
            for _ in range(len(births) // PAGE + 2):
                if self._last is not None and self._last.creation_time > newest:
                    break
                if not await self._read():
                    break
        surplus = list(self._rows)[: max(0, len(self._rows) - ROWS_MAX)]
        return [self._rows.pop(job_id) for job_id in surplus]

    async def rest(self) -> list[JobDetails]:
        """Return the next rows that nobody has taken; none at the end."""
        while not self._rows and await self._read():
            continue
        rows, self._rows = list(self._rows.values()), {}
        return rows

    async def misfiled(self) -> list[tuple[JobDetails, str]]:
        """Return the rows that are found under what they are not, with what that is; asked when all is read.

        Statuses decide who executes: each row is looked up under its own. Of the others, where the numbers differ.
        """
        found = []
        for column in FILED_BY:
            counts = await self._store.count(JobQuery(workspace=self.workspace), column)
            for value, count in counts.items():
                if column == "status" or count != self._filed[column][value]:
                    rows = await self._under(column, value, count // PAGE + 2)
                    found += [(row, f"is listed under the {column} {value}") for row in rows]
        return found

    async def _under(self, column: str, value: str, pages_max: int) -> list[JobDetails]:
        """Return rows that are listed under this value, and have another: each row is read in one moment."""
        query = replace(JobQuery(workspace=self.workspace, limit=PAGE), **{column: (value,)})
        found: list[JobDetails] = []
        for _ in range(pages_max):
            page = await self._page(query)
            if not page:
                break
            found += [row for row in page if str(getattr(row, column)) != value]
            query = replace(query, after=sort_key(page[-1], query.order))
        return found

    async def _read(self) -> bool:
        """Take up the next page; tell whether there was one. It ends after as many rows as there were at first."""
        if self._left is None:
            self._left = (await self._store.count(JobQuery(workspace=self.workspace))).get("", 0)
        page = await self._page(self._query) if self._left > 0 else []
        self._left -= len(page)
        if not page:
            return False
        self._query = replace(self._query, after=sort_key(page[-1], self._query.order))
        self._last = page[-1]
        for row in page:
            self._rows[row.id] = row
            for column, counter in self._filed.items():
                counter[getattr(row, column)] += 1
        return True

    async def _page(self, query: JobQuery) -> list[JobDetails]:
        if self.fault:
            return []
        try:
            return await self._store.page(query)
        except Exception as error:  # noqa: BLE001  # whatever a damaged body makes the store raise
            only_unreadable(error)
            self.fault = str(error)
            return []
