"""The whole store, side by side: its log, and its rows in the order of their creation, both in large pages.

Jobs stand in nearly the same order in both, so that most are at hand in both at once and cost no read of their own. A
job that is not, or that does not seem right, is read by itself: row, events, and the row again, until nothing has come
in between. So a job that changes meanwhile, in this process or another, is never reported for that.

The books find what this passes over: every event in the log must have been examined with its job, or belong to a purged
one. They are kept in many accounts, and only the jobs of accounts that do not balance are looked at again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from msgspec import Struct

from kyanite.core.events import FINAL_EVENTS, Event, Submitted
from kyanite.core.job import JobDetails
from kyanite.ports import BlobStore, JobStore
from kyanite.runtime.audit.each import each
from kyanite.runtime.audit.examination import Breach, Kind, examine
from kyanite.runtime.audit.listing import Listing
from kyanite.runtime.audit.log import only_unreadable, pages
from kyanite.runtime.audit.references import References, references
from kyanite.runtime.records import Address

EVENTS_OPEN_MAX = 16_384
"""How many events are kept at hand of jobs whose end has not come in the log so far."""
STORY_PAGE = 1_024
BREACHES_MAX = 10_000
ACCOUNTS = 4_096
READERS = 8

Stories = dict[Address, list[Event]]


class Tally(Struct):
    """How far an audit is, and what it has counted."""

    jobs: int = 0
    events: int = 0
    events_total: int = 0
    purged: int = 0
    blobs: int = 0
    breaches: int = 0


class Audit:
    """One examination of a store that is open, be it read-only; `blobs` are left alone if there are none.

    `workspaces` names those to look for besides the ones that the log shows. With `read_blobs`, the content of every
    blob is read and its hash compared; else its record.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobStore | None = None,
        *,
        workspaces: Iterable[str] = ("default",),
        read_blobs: bool = False,
    ) -> None:
        """Examine nothing yet."""
        self.tally = Tally()
        self._store = store
        self._references = References(blobs, read=read_blobs) if blobs is not None else None
        self._listings = {name: Listing(store, name) for name in workspaces}
        self._accounts = [0] * ACCOUNTS
        self._found: list[Breach] = []
        self._reported: set[Address] = set()
        self._open: Stories = {}
        self._events_open = 0

    async def breaches(self) -> AsyncGenerator[Breach]:
        """Yield what does not hold, as it is found, at most `BREACHES_MAX`. Raises `StoreUnavailable`."""
        async with aclosing(self._steps()) as steps:
            async for _ in steps:
                found, self._found = self._found, []
                for breach in found[: BREACHES_MAX - self.tally.breaches]:
                    self.tally.breaches += 1
                    yield breach
                if self.tally.breaches >= BREACHES_MAX:
                    return

    async def _steps(self) -> AsyncGenerator[None]:
        """Do the work; each step leaves what it has found."""
        self.tally.events_total = head = await self._store.head()
        async for page in pages(self._store, head, missing=self._missing, unreadable=self._unreadable):
            await self._settle(self._ended(page) | self._oldest(EVENTS_OPEN_MAX))
            yield
        await self._settle(self._oldest(0))
        yield
        for listing in list(self._listings.values()):
            while rows := await listing.rest():
                await each(READERS, rows, self._examine_row)
                yield
            await self._end(listing)
            yield
        async for _ in self._unbalanced(head):
            yield
        await self._look_beyond()
        yield
        for text in await self._store.faults():
            self._report("storage-damaged", text)
        yield

    # The log ----------------------------------------------------------------------------------------------------------

    def _ended(self, page: list[Event]) -> Stories:
        """Sort a page's events to their jobs, and take out those that end in it."""
        ended: dict[Address, None] = {}
        for event in page:
            address = (event.workspace, event.job_id)
            self._accounts[_account(address)] += 1
            self._open.setdefault(address, []).append(event)
            if isinstance(event, FINAL_EVENTS):
                ended[address] = None
        self._events_open += len(page)
        self.tally.events += len(page)
        return {address: self._close(address) for address in ended}

    def _oldest(self, events_max: int) -> Stories:
        """Take out the jobs that have been open longest, until no more than so many events are left."""
        taken: Stories = {}
        while self._events_open > events_max:
            address = next(iter(self._open))
            taken[address] = self._close(address)
        return taken

    def _close(self, address: Address) -> list[Event]:
        story = self._open.pop(address)
        self._events_open -= len(story)
        return story

    async def _unbalanced(self, head: int) -> AsyncGenerator[None]:
        """Read the log again for jobs of accounts that do not balance, and examine each alone."""
        suspect = {account for account, balance in enumerate(self._accounts) if balance}
        if not suspect:
            return
        jobs, purged, blobs = self.tally.jobs, self.tally.purged, self.tally.blobs
        async for page in pages(self._store, head, missing=_known, unreadable=_known):
            addresses = dict.fromkeys((event.workspace, event.job_id) for event in page)
            again = [job for job in addresses if _account(job) in suspect and job not in self._reported]
            await each(READERS, again, self._examine_alone)
            yield
        self.tally.jobs, self.tally.purged, self.tally.blobs = jobs, purged, blobs

    async def _look_beyond(self) -> None:
        """Report a log that goes on past the counter that positions come from: what is next would be refused."""
        head = await self._store.head()
        try:
            beyond = await self._store.events(head, 1)
        except Exception as error:  # noqa: BLE001  # whatever a damaged body makes the store raise
            only_unreadable(error)
            self._report("unreadable", f"an event can not be read: {error}", position=head + 1)
            return
        # Read again: the log may just have grown.
        if beyond and beyond[0].position > await self._store.head():
            self._report("log-broken", "the log goes on past the last position given out", position=beyond[0].position)

    # Jobs -------------------------------------------------------------------------------------------------------------

    async def _settle(self, stories: Stories) -> None:
        """Examine jobs with what is at hand of them; read those alone for which that does not do."""
        await self._list(stories)
        sound: list[JobDetails] = []
        doubtful: dict[Address, JobDetails | None] = {}
        rowless: Stories = {}
        for address, story in stories.items():
            # Of a job that was settled before, only late events are here: they were examined then, with all others.
            row = self._listings[address[0]].take(address[1]) if story[0].version == 1 else None
            if row is None:
                rowless[address] = story
            elif row.version == story[-1].version and not any(examine(row, story)):
                sound.append(row)
                self._accounts[_account(address)] -= len(story)
            else:
                doubtful[address] = row
        self.tally.jobs += len(sound)
        doubtful |= dict.fromkeys(await self._retained(rowless))
        await each(READERS, list(doubtful), lambda address: self._examine_alone(address, doubtful[address]))
        await self._examine_blobs(sound)

    async def _list(self, stories: Stories) -> None:
        """Have the rows of these jobs at hand, as far as they stand in the order of the log."""
        births: dict[str, list[Submitted]] = {}
        for (workspace, _), story in stories.items():
            born = births.setdefault(workspace, [])
            if isinstance(story[0], Submitted):
                born.append(story[0])
        for workspace, born in births.items():
            listing = self._listings.setdefault(workspace, Listing(self._store, workspace))
            await each(READERS, await listing.reach(born), self._examine_row)

    async def _retained(self, stories: Stories) -> list[Address]:
        """Count purged jobs, and leave them out, and those that were settled before."""
        by_workspace: dict[str, list[str]] = {}
        for workspace, job_id in stories:
            by_workspace.setdefault(workspace, []).append(job_id)
        for workspace, job_ids in by_workspace.items():
            # A damaged tombstone may give back an id that was not asked for.
            for job_id in (await self._store.buried(workspace, job_ids)).intersection(job_ids):
                story = stories.pop((workspace, job_id))
                self._accounts[_account((workspace, job_id))] -= len(story)
                self.tally.purged += story[0].version == 1
        return [address for address, story in stories.items() if story[0].version == 1]

    async def _examine_row(self, row: JobDetails) -> None:
        """Look at a row that the log has not led to: its log must be there, or be too new to have been read."""
        address = (row.workspace, row.id)
        try:
            first = await self._store.events(0, 1, address)
        except Exception as error:  # noqa: BLE001  # whatever a damaged body makes the store raise
            only_unreadable(error)
            first = []
        if not first or (first[0].version != 1 and first[0].position <= self.tally.events_total):
            await self._examine_alone(address, row)

    async def _examine_alone(self, address: Address, row: JobDetails | None = None) -> None:
        """Examine a job by its own row and events, both of one moment."""
        try:
            row = row or await self._store.get(*address)
            while True:
                story = await self._story(address)
                if row is not None and row.version == len(story) and not any(examine(row, story)):
                    break
                before, row = row, await self._store.get(*address)
                if row == before:
                    break
        except Exception as error:  # noqa: BLE001  # whatever a damaged body makes the store raise
            only_unreadable(error)
            self._report("unreadable", f"the row or an event can not be read: {error}", address)
            return
        self._accounts[_account(address)] -= sum(event.position <= self.tally.events_total for event in story)
        if row is not None:
            self.tally.jobs += 1
            for kind, text in examine(row, story):
                self._report(kind, text, address)
            await self._examine_blobs([row])
        elif address[1] in await self._store.buried(address[0], [address[1]]):
            self.tally.purged += 1
        else:
            self._report("row-missing", "the log has events of a job with neither row nor tombstone", address)

    async def _story(self, address: Address) -> list[Event]:
        story: list[Event] = []
        while page := await self._store.events(len(story), STORY_PAGE, address):
            story += page
            if len(page) < STORY_PAGE:
                break
        return story

    async def _examine_blobs(self, rows: list[JobDetails]) -> None:
        if self._references is None:
            return
        named = [reference for row in rows for reference in references(row)]
        self.tally.blobs += len(named)
        for row, (kind, text) in await self._references.faults(named):
            # A job that was purged since has taken its blobs along.
            if await self._store.get(row.workspace, row.id) is not None:
                self._report(kind, text, (row.workspace, row.id))

    async def _end(self, listing: Listing) -> None:
        """Report what a list as a whole shows."""
        for row, text in await listing.misfiled():
            self._report("row-misfiled", text, (row.workspace, row.id))
        if listing.fault:
            text = f"the list of jobs breaks off at a row that can not be read: {listing.fault}"
            self._report("unreadable", text, (listing.workspace, ""))

    # What is found ----------------------------------------------------------------------------------------------------

    def _missing(self, text: str, position: int) -> None:
        self._report("position-missing", text, position=position)

    def _unreadable(self, text: str, position: int) -> None:
        self._report("unreadable", text, position=position)

    def _report(self, kind: Kind, text: str, address: Address = ("", ""), position: int = 0) -> None:
        workspace, job_id = address
        self._found.append(Breach(kind=kind, text=text, workspace=workspace, job_id=job_id, position=position))
        self._reported.add(address)


def _account(address: Address) -> int:
    return hash(address) % ACCOUNTS


def _known(text: str, position: int) -> None:
    """Take what was reported at the first reading."""
