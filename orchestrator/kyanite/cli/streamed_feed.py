"""The log of a daemon, as `kyanite events` reads it from the stream that the daemon has for whoever watches it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec

from kyanite.cli.feed import BY_STATUS, Asked, Feed
from kyanite.client.connection import path
from kyanite.client.jobs import details_in
from kyanite.client.listing import Page, items
from kyanite.client.log import EVENTS, TO_THE_END, WITHOUT_PROGRESS
from kyanite.client.streams import bursts, events_in, place_of
from kyanite.core.events import AnyEvent, Event
from kyanite.errors import JobNotFound

if TYPE_CHECKING:
    from kyanite import JobDetails
    from kyanite.client.connection import Connection

TELLING = ("Submitted", "Amended")
"""The types of events that tell what a job is called."""
_story: Final = msgspec.json.Decoder(Page[AnyEvent])


class Streamed(Feed):
    """Has the daemon filter what is to come. What was is filtered here, by labels that the log itself tells: the daemon
    would look at the row of every job in it.
    """

    def __init__(self, connection: Connection, asked: Asked, *, names: bool = False) -> None:
        """Read it through this connection."""
        super().__init__(asked, names=names)
        self._connection = connection

    async def head(self) -> int:
        """Ask where a stream begins that is of what is to come."""
        async with aclosing(bursts(self._connection, EVENTS, [TO_THE_END], None)) as source:
            return place_of((await anext(source))[0]) or 0

    async def pages(self, after: int, *, follow: bool) -> AsyncGenerator[list[Event]]:
        """Read the stream, over as many connections as it takes."""
        by_label = self.asked.by_label and not follow
        learns = self.names or by_label
        query = self._query(learns=learns, by_label=by_label)
        asked = [*query, WITHOUT_PROGRESS, *([] if follow else [TO_THE_END])]
        async with aclosing(bursts(self._connection, EVENTS, asked, after)) as source:
            async for burst in source:
                events = events_in(burst)
                if learns:
                    for event in events:
                        self.note(event)
                    events = [event for event in events if self.asked.may_take(event)]
                if by_label:
                    events = [event for event in events if await self.takes(event)]
                if events:
                    yield events

    def _query(self, *, learns: bool, by_label: bool) -> list[tuple[str, str]]:
        asked = self.asked._asdict()
        if learns and (self.asked.types or self.asked.status):
            # With what tells of labels, jobs need not be asked one by one for theirs.
            asked["types"] = sorted({*(self.asked.types or BY_STATUS.values()), *TELLING})
            del asked["status"]
        if by_label:
            del asked["target"], asked["tag"]
        return [("type" if name == "types" else name, text) for name in asked for text in asked[name]]

    async def story(self, job_id: str) -> Sequence[Event]:
        """Ask the daemon, page by page."""
        return [event async for event in items(self._connection, path("jobs", job_id, "story"), [], _story)]

    async def row(self, job_id: str) -> JobDetails | None:
        """Ask the daemon."""
        try:
            return details_in((await self._connection.ask("GET", path("jobs", job_id))).body)
        except JobNotFound:
            return None
