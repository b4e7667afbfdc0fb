"""The events of a workspace of a daemon, for whoever follows them and for subscribers."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import anyio.abc

from kyanite.client.connection import Connection, Query, path
from kyanite.client.frames import Frame
from kyanite.client.jobs import Jobs
from kyanite.client.streams import bursts, events_in, place_of
from kyanite.client.subscriber_log import Delivery, SubscriberLog
from kyanite.core.backoff import Backoff, delay_s
from kyanite.core.events import Event
from kyanite.errors import KyaniteError
from kyanite.logs import logger
from kyanite.ports import Subscription

EVENTS = path("events")
WITHOUT_PROGRESS = ("progress", "false")
TO_THE_END = ("follow", "false")
AGAIN = Backoff(first_s=0.5, factor=2.0, most_s=60.0)


class Log:
    """What happens in a workspace of a daemon."""

    def __init__(
        self, connection: Connection, jobs: Jobs, workspace: str, group: anyio.abc.TaskGroup, delivery: Delivery
    ) -> None:
        """Read through this connection; subscribers are called in this group."""
        self._connection = connection
        self._jobs = jobs
        self._workspace = workspace
        self._group = group
        self._delivery = delivery
        self._closed = False
        self._waiting: list[anyio.CancelScope] = []
        self._readers = 0
        self._left = anyio.Event()

    async def follow(self, after: int, *, forever: bool) -> AsyncGenerator[Event]:
        """Yield the workspace's events past a position: to the end, or on and on until this is closed."""
        async with aclosing(self.pages(after, forever=forever)) as pages:
            async for page in pages:
                for event in page:
                    yield event

    async def pages(self, after: int, query: Query = (), *, forever: bool = True) -> AsyncGenerator[list[Event]]:
        """Yield the events that `follow` does and that the query means, those together that came together."""
        asked = [*query, WITHOUT_PROGRESS]
        self._readers += 1
        try:
            if forever:
                async with aclosing(bursts(self._connection, EVENTS, asked, after)) as source:
                    while (burst := await self._next(source)) is not None:
                        page = events_in(burst)
                        yield page
                        after = page[-1].position if page else after
            # Also when this was closed: what had happened by then is heard.
            async with aclosing(bursts(self._connection, EVENTS, [*asked, TO_THE_END], after)) as source:
                async for burst in source:
                    yield events_in(burst)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._readers -= 1
        self._left.set()

    async def _next(self, source: AsyncGenerator[list[Frame]]) -> list[Frame] | None:
        """Return what a stream tells next; `None` once this is closed."""
        if self._closed:
            return None
        with anyio.CancelScope() as scope:
            self._waiting.append(scope)
            try:
                return await anext(source)
            finally:
                self._waiting.remove(scope)
        return None

    def listen(self, subscription: Subscription) -> None:
        """Deliver to a subscriber from now on: what is changed here right after waits until this has begun."""
        begun = anyio.Event()
        self._connection.beginning.append(begun)
        self._readers += 1
        own = dataclasses.replace(subscription, workspace=self._workspace)
        self._group.start_soon(self._deliver, own, begun)

    async def _deliver(self, subscription: Subscription, begun: anyio.Event) -> None:
        around = self._connection.around
        own_log = SubscriberLog(self._connection, self._jobs, self.pages, subscription)
        try:
            now = await self._present(begun)
            await self._delivery(own_log, own_log, around.clock, around.entropy).serve(subscription, now)
        finally:
            self._leave()

    async def _present(self, begun: anyio.Event) -> int:
        """Return the position of the newest event, as soon as the daemon says it."""
        failures = 0
        while True:
            try:
                async with aclosing(bursts(self._connection, EVENTS, [WITHOUT_PROGRESS], None)) as source:
                    first = await anext(source)
                    return place_of(first[0]) or 0
            except KyaniteError as error:
                failures += 1
                logger().warning("no events to deliver yet", error=str(error), failures=failures)
            finally:  # a daemon that does not answer holds nobody up for longer than their own requests would
                if begun in self._connection.beginning:
                    self._connection.beginning.remove(begun)
                begun.set()
            await anyio.sleep(delay_s(failures, AGAIN, self._connection.around.entropy.random()))

    async def close(self) -> None:
        """Have readers and subscribers go on to the log's end, and return when all have left."""
        self._closed = True
        for scope in self._waiting:
            scope.cancel()
        while self._readers:
            self._left = anyio.Event()
            await self._left.wait()
