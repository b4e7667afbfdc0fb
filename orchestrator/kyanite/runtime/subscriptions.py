"""Subscribers: coroutines that are called with events, each at the pace of its own cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import anyio

from kyanite.core.backoff import Backoff, delay_s
from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import fold
from kyanite.errors import StoreUnavailable
from kyanite.logs import logger
from kyanite.ports import Clock, Cursor, Entropy, Subscription
from kyanite.runtime.execution import patiently
from kyanite.runtime.records import Address
from kyanite.runtime.system import being_cancelled

RETRY = Backoff(first_s=0.1, factor=2.0, most_s=60.0)
SAVE_EVERY = 64
"""Events between two saves of a busy cursor: what may be delivered a second time after a crash."""
STORY_MAX = 1_000_000


def cursor_name(workspace: str, name: str) -> str:
    """Return the name under which the store keeps how far a workspace's subscriber has read."""
    return f"{workspace}/{name}"


class Readable(Protocol):
    """A log to read, such as a `Bus`."""

    @property
    def position(self) -> int:
        """The newest position known."""

    def follow(self, after: int) -> AsyncIterator[Event]:
        """Yield the events past a position until there will be no more. Raises `StoreUnavailable`."""


class Shelf(Protocol):
    """Where cursors and rows are, such as a `JobStore`. Everything raises `StoreUnavailable`."""

    async def cursors(self, save: Sequence[Cursor] = ()) -> dict[str, Cursor]:
        """Store these cursors, and return what there are."""

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Return a job's row, or `None`."""

    async def events(self, after: int, limit: int, job: Address) -> Sequence[Event]:
        """Return the events of a job with `version > after`."""


class Subscriptions:
    """Runs subscriptions over one log, of this process or of a daemon."""

    def __init__(self, bus: Readable, store: Shelf, clock: Clock, entropy: Entropy) -> None:
        """Deliver from this log."""
        self._bus = bus
        self._store = store
        self._clock = clock
        self._entropy = entropy

    async def deliver(self, subscription: Subscription, now: int) -> None:
        """Deliver events one after another until the bus closes and the log's end is reached.

        `now` is the position at which a subscription that is new begins.
        """
        position = await patiently(self._entropy, self._begin, subscription, now)
        failures = 0
        while True:
            try:
                async for event in self._bus.follow(position):
                    await self._handle(subscription, event)
                    position, failures = event.position, 0
            except StoreUnavailable as error:
                failures += 1
                logger().warning("log not readable", subscriber=subscription.name, error=str(error), failures=failures)
                await anyio.sleep(delay_s(failures, RETRY, self._entropy.random()))
            else:
                return

    async def _handle(self, subscription: Subscription, event: Event) -> None:
        if isinstance(event, subscription.types) and event.workspace == subscription.workspace:
            await self._call(subscription, event)
        if subscription.name and (event.position % SAVE_EVERY == 0 or event.position >= self._bus.position):
            await self._save(subscription, event.position)

    async def _begin(self, subscription: Subscription, now: int) -> int:
        if subscription.name is None:
            return 0 if subscription.from_start else now
        cursors = await self._store.cursors()
        # An earlier release kept them under the name alone.
        known = cursors.get(cursor_name(subscription.workspace, subscription.name)) or cursors.get(subscription.name)
        start = 0 if subscription.from_start else now
        position = known.position if known is not None else start
        await self._save(subscription, position)
        return position

    async def _save(self, subscription: Subscription, position: int) -> None:
        name = cursor_name(subscription.workspace, subscription.name or "")
        try:
            await self._store.cursors([Cursor(name, position, self._clock.now())])
        except StoreUnavailable as error:
            # What was delivered since the last save is delivered again, which a subscriber must expect anyway.
            logger().warning("cursor not saved", subscriber=subscription.name, position=position, error=str(error))

    async def _call(self, subscription: Subscription, event: Event) -> None:
        """Call until it succeeds: the cursor stays where it is meanwhile, and only this subscriber waits."""
        failures = 0
        while True:
            try:
                await subscription.subscriber(event, await self._row(event))
            except (Exception, asyncio.CancelledError) as error:  # whatever a subscriber raises is its own, and told
                if isinstance(error, asyncio.CancelledError) and being_cancelled():
                    raise
                failures += 1
                pause_s = delay_s(failures, RETRY, self._entropy.random())
                logger().warning(
                    "subscriber failed",
                    subscriber=subscription.name,
                    job_id=event.job_id,
                    version=event.version,
                    error=repr(error),
                    failures=failures,
                    again_in_s=round(pause_s, 3),
                )
                await anyio.sleep(pause_s)
            else:
                return

    async def _row(self, event: Event) -> JobDetails:
        """Return the job's row; of a purged job, what its events say."""
        details = await self._store.get(event.workspace, event.job_id)
        return details or fold(await self._store.events(0, STORY_MAX, (event.workspace, event.job_id)))
