"""A daemon's log as the delivery to one subscriber reads it: in the form of the log and the store of this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Protocol, TypeAlias

import msgspec
from msgspec import Struct

from kyanite.client.answers import read
from kyanite.client.connection import Connection, path
from kyanite.client.deliveries import letters_page
from kyanite.client.jobs import Jobs
from kyanite.client.listing import items
from kyanite.client.problems import CURSOR_NOT_FOUND, Refused
from kyanite.client.uploads import Upload
from kyanite.core.events import EPOCH, Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Attempt, Letter
from kyanite.errors import JobNotFound, KyaniteError, StoreUnavailable
from kyanite.ports import ATTEMPTS_KEPT, Clock, Cursor, Entropy, Settlement, Subscription


class Deliverer(Protocol):
    """Calls subscribers with events."""

    async def serve(self, subscription: Subscription, now: int) -> None:
        """Deliver until nothing more will come; a subscription that is new begins at position `now`."""


class Progress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a subscriber is; see `Settlement`."""

    position: int
    letters: tuple[Letter, ...] = ()
    taken: tuple[int, ...] = ()
    attempts: tuple[Attempt, ...] = ()


NOT_FOUND = "NotFound"
PART = 200
"""How many letters and attempts are sent at once: whatever is in them, a daemon takes so long a body."""
TAKEN_PART = 10_000

_position = msgspec.json.Decoder(Progress)


class SubscriberLog:
    """The log for one subscriber. Whatever hinders a request is, to its delivery, a store that does not answer."""

    def __init__(
        self,
        connection: Connection,
        jobs: Jobs,
        pages: Callable[..., AsyncGenerator[list[Event]]],
        subscription: Subscription,
    ) -> None:
        """Read the log by `pages`, which is `Log.pages`."""
        self.position = 0
        """The newest position that was heard of: whoever is there has caught up."""
        self._connection = connection
        self._jobs = jobs
        self._pages = pages
        self._workspace = subscription.workspace
        self._name = subscription.name or ""
        self._own = f"{self._workspace}/{self._name}"
        self._stored = 0
        """The position that the daemon has, as far as is known."""
        kinds = subscription.types
        self._query = [] if Event in kinds else [("type", kind.__name__) for kind in kinds]

    async def follow(self, after: int) -> AsyncGenerator[Event]:
        """Yield the events for the subscriber past a position, until the connection is closed."""
        with _as_of_a_store():
            async with aclosing(self._pages(after, self._query)) as pages:
                async for page in pages:
                    self.position = page[-1].position if page else self.position
                    for event in page:
                        yield event

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Return the job's row, unless it was purged."""
        del workspace  # a connection has one
        with _as_of_a_store():
            try:
                return await self._jobs.fetch(job_id)
            except JobNotFound:
                return None

    async def events(self, after: int, limit: int, job: tuple[str, str]) -> Sequence[Event]:
        """Return all events of a job, which are fewer than any limit."""
        del after, limit
        with _as_of_a_store():
            return await self._jobs.story(job[1])

    def row(self, address: tuple[str, str]) -> JobDetails | None:
        """Return nothing: no row is at hand that may not have changed at the daemon."""
        del address
        return None

    async def cursors(self) -> dict[str, Cursor]:
        """Return how far the subscriber has read, under the name that its workspace gives it."""
        with _as_of_a_store():
            try:
                answer = await self._connection.ask("GET", path("cursors", self._name))
            except Refused as refused:
                if refused.code != CURSOR_NOT_FOUND:
                    raise
                return {}
            self._stored = read(answer.body, _position).position
        return {self._own: Cursor(self._own, self._stored, EPOCH)}

    async def letters(self, subscriber: str, *, after: int = 0) -> list[Letter]:
        """Return what the subscriber has not taken: all of it, and then nothing more."""
        del subscriber  # it is this one
        if after:
            return []
        with _as_of_a_store():
            query = [("subscriber", self._name)]
            try:
                return [letter async for letter in items(self._connection, path("letters"), query, letters_page)]
            except Refused as refused:
                if refused.code != NOT_FOUND:
                    raise
                return []  # an older daemon keeps none

    async def settle(self, settlement: Settlement) -> None:
        """Have the daemon keep how far the subscriber has read, and what it has not taken.

        That is one request, or as many as the daemon's bounds make of it: the position goes on with the last one.
        """
        letters, taken, attempts = settlement.letters, settlement.taken, settlement.attempts[-ATTEMPTS_KEPT:]
        with _as_of_a_store():
            for cursor in settlement.cursors:
                while True:
                    last = max(len(letters), len(attempts)) <= PART and len(taken) <= TAKEN_PART
                    await self._put(
                        Progress(
                            position=cursor.position if last else self._stored,
                            letters=letters[:PART],
                            taken=tuple(position for _, position in taken[:TAKEN_PART]),
                            attempts=attempts[:PART],
                        )
                    )
                    if last:
                        break
                    letters, taken, attempts = letters[PART:], taken[TAKEN_PART:], attempts[PART:]
                self._stored = cursor.position

    async def _put(self, progress: Progress) -> None:
        body = Upload(msgspec.json.encode(progress), "application/json")
        await self._connection.ask("PUT", path("cursors", self._name), body=body)


Delivery: TypeAlias = Callable[[SubscriberLog, SubscriberLog, Clock, Entropy], Deliverer]
"""Makes a deliverer of what it reads the log from, where it finds rows and keeps cursors, time and chance."""


@contextmanager
def _as_of_a_store() -> Iterator[None]:
    try:
        yield
    except KyaniteError as error:
        raise StoreUnavailable(str(error)) from error
