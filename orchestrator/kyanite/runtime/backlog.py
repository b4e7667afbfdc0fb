"""Reading up in the log, for live readers that the stretches in memory do not reach back to.

They come in crowds, as after a restart, and most want the same: so pages begin at multiples of their length, are read
one at a time, and a few are kept for whoever comes next. That leaves the store's other readers to everybody else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import anyio

from kyanite.core.events import FINAL_EVENTS, Event
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import fold
from kyanite.errors import JobNotFound
from kyanite.ports import Entropy, JobStore
from kyanite.runtime.execution import patiently
from kyanite.runtime.journal import Journal
from kyanite.runtime.records import STORY_MAX, Address
from kyanite.runtime.stretch import Entry

PAGE = 128
PAGES_KEPT = 4
STORY_PAGE = 512


class Page(NamedTuple):
    """Events in order, and the position up to which they are all there are."""

    entries: Sequence[Entry[Event]]
    upto: int


class Backlog:
    """The log as the store has it. Waits while the store is out."""

    def __init__(self, store: JobStore, journal: Journal, entropy: Entropy) -> None:
        """Read from this store; the journal has the newest rows of jobs that are about to change."""
        self._store = store
        self._journal = journal
        self._entropy = entropy
        self._pages: OrderedDict[int, Page] = OrderedDict()
        self._turn = anyio.Lock()

    async def page(self, workspace: str, after: int) -> Page:
        """Return a workspace's next events past a position; none, and `after` itself, where the log ends."""
        start = after - after % PAGE
        page = self._kept(start, after)
        if page is None:
            async with self._turn:
                page = self._kept(start, after) or await self._read(start)
        entries = [
            entry for entry in page.entries if entry.event.position > after and entry.event.workspace == workspace
        ]
        return Page(entries, max(after, page.upto))

    async def story(self, address: Address, version: int, upto: int) -> Page:
        """Return one job's next events past a version, with positions of at most `upto`, which must have been
        announced.
        """
        events = await self._events(version, STORY_PAGE, address)
        if len(events) == STORY_PAGE:
            upto = min(upto, events[-1].position)
        return Page([Entry(event) for event in events if event.position <= upto], upto)

    async def ended_at(self, address: Address) -> int | None:
        """Return the position of a job's final event, if it has ended; of a purged one, too. Raises `JobNotFound`."""
        row = await self._row(address)
        if row is not None and not row.final:
            return None
        story = await self._events(0, STORY_MAX, address)
        if not story:
            raise JobNotFound(address[1])
        ends = [event.position for event in story if isinstance(event, FINAL_EVENTS)]
        return ends[0] if ends else None  # without an end, it was submitted just now, after its row was looked for

    async def head(self) -> int:
        """Return the position of the newest event in the log."""
        return await patiently(self._entropy, self._store.head)

    async def label(self, entries: Iterable[Entry[Event]]) -> None:
        """Look up what is not known of these events' jobs; of a purged one, what its events say."""
        async with self._turn:
            rows: dict[Address, JobDetails] = {}
            for entry in entries:
                if entry.target is None:
                    address = (entry.event.workspace, entry.event.job_id)
                    if address not in rows:
                        rows[address] = await self._row(address) or fold(await self._events(0, STORY_MAX, address))
                    entry.target, entry.tags = rows[address].target, rows[address].tags

    def forget(self) -> None:
        """Keep no page: nobody is there."""
        self._pages.clear()

    def _kept(self, start: int, after: int) -> Page | None:
        """Return a page that is at hand and has more; the newest page grows."""
        page = self._pages.get(start)
        if page is None or page.upto <= after:
            return None
        self._pages.move_to_end(start)
        return page

    async def _read(self, start: int) -> Page:
        events = await self._events(start, PAGE)
        upto = start + PAGE
        if len(events) < PAGE:
            upto = min(events[-1].position, upto) if events else start
        page = self._pages[start] = Page([Entry(event) for event in events if event.position <= upto], upto)
        self._pages.move_to_end(start)
        if len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)
        return page

    async def _events(self, after: int, limit: int, address: Address | None = None) -> list[Event]:
        return await patiently(self._entropy, self._store.events, after, limit, address)

    async def _row(self, address: Address) -> JobDetails | None:
        row = self._journal.settled(address)
        return row or await patiently(self._entropy, self._store.get, *address)
