"""Subscriptions: coroutines that are called with events, each at the pace of its own cursor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import anyio

from kyanite.errors import InvalidRequest, StorageFull, StoreCorrupt
from kyanite.logs import logger
from kyanite.ports import Clock, Entropy, Subscription
from kyanite.runtime.delivery import Delivery
from kyanite.runtime.ledger import Ledger
from kyanite.runtime.shelf import Readable, Shelf

HALT_S = 5.0
"""How long what is under way has to come to an end when a subscription is taken back."""
LOOK_S = 0.5
"""How often who waits for deliveries to begin looks whether that is possible at all."""

Named: TypeAlias = tuple[str, str]
"""A workspace, and the name of a subscriber in it."""

OUTLETS = ("webhook/", "hook/")
"""How the names begin of subscriptions that the configuration or an operator made."""


def cursor_name(workspace: str, name: str) -> str:
    """Return the name under which the store keeps how far a workspace's subscriber has read."""
    return f"{workspace}/{name}"


def checked_name(name: str) -> str:
    """Return a name that a subscriber may choose. Raises `InvalidRequest` for none, and for those that outlets have."""
    if not name:
        raise InvalidRequest("name", "is empty")
    if name.startswith(OUTLETS):
        raise InvalidRequest("name", f"may not begin with {' or '.join(OUTLETS)}, as those of webhooks and hooks do")
    return name


class Subscriptions:
    """Runs subscriptions over one log, of this process or of a daemon."""

    def __init__(self, log: Readable, shelf: Shelf, clock: Clock, entropy: Entropy) -> None:
        """Deliver from this log. `ledger` has to run meanwhile."""
        self.ledger = Ledger(shelf, entropy)
        self._log = log
        self._shelf = shelf
        self._clock = clock
        self._entropy = entropy
        self.counts: dict[Named, Counter[str]] = {}
        """What came of offers to named subscribers since the start; see `Delivery.counts`."""
        self._deliveries: dict[Delivery, tuple[anyio.CancelScope, anyio.Event]] = {}
        self._named: dict[Named, list[Delivery]] = {}
        self._ended: set[str] = set()
        """Cursors of deliveries that were under way here before."""
        self._beginning: dict[anyio.Event, None] = {}
        self._announced: dict[anyio.Event, tuple[str, str | None]] = {}
        """Which of those have not had their first step."""
        self._closed = False

    def expected(self, subscription: Subscription) -> anyio.Event:
        """Announce a delivery, and return what `deliver` says that it has begun by."""
        begun = anyio.Event()
        self._beginning[begun] = None
        self._announced[begun] = subscription.workspace, subscription.name
        return begun

    async def begun(self) -> None:
        """Return when the deliveries that were announced have begun: from there on, a crash makes them miss nothing.

        Raises `StorageFull` if where one of them begins can not be stored: nor could what it is to hear of.
        """
        while self._beginning:
            with anyio.move_on_after(LOOK_S):
                await next(iter(self._beginning)).wait()
            if self._beginning and self.ledger.full is not None:
                raise StorageFull(str(self.ledger.full))

    async def deliver(self, subscription: Subscription, now: int, begun: anyio.Event | None = None) -> None:
        """Deliver until the log is closed and its end is reached, or until `halt`.

        `now` is the position at which a subscription that is new begins; `begun` is what `expected` gave.
        """
        if begun is not None and self._announced.pop(begun, None) is None:  # halted before it came to this
            self._has_begun(begun)
            return
        name = None if subscription.name is None else cursor_name(subscription.workspace, subscription.name)
        delivery = Delivery(subscription, name, self._log, self._shelf, self.ledger, self._clock)
        with self._registered(delivery) as scope:
            try:
                with scope:
                    if name in self._ended:
                        await self.ledger.flush()  # what that one came to is in the store then
                    await delivery.begin(self._entropy, now)
                    self._has_begun(begun)
                    await delivery.run()
            except StoreCorrupt as error:
                logger().error("no deliveries to a subscriber", subscriber=name, error=str(error))
            finally:
                self._has_begun(begun)
                if name is not None:
                    self._ended.add(name)

    @contextmanager
    def _registered(self, delivery: Delivery) -> Iterator[anyio.CancelScope]:
        """Have a delivery found, closed and halted; what is yielded cancels it."""
        asked = delivery.subscription
        scope, over = self._deliveries[delivery] = anyio.CancelScope(), anyio.Event()
        named: list[Delivery] = []
        if asked.name is not None:
            named = self._named.setdefault((asked.workspace, asked.name), named)
            named.append(delivery)
            delivery.counts = self.counts.setdefault((asked.workspace, asked.name), delivery.counts)
        if self._closed:
            delivery.close()
        try:
            yield scope
        finally:
            del self._deliveries[delivery]
            if asked.name is not None:
                named.remove(delivery)
                if not named:
                    del self._named[asked.workspace, asked.name]
            over.set()

    def _has_begun(self, begun: anyio.Event | None) -> None:
        if begun is not None:
            self._beginning.pop(begun, None)
            begun.set()

    async def serve(self, subscription: Subscription, now: int) -> None:
        """Deliver to this subscription alone, and store how that goes."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.ledger.run)
            await self.deliver(subscription, now)
            await self.ledger.flush()
            self.ledger.close()

    def close(self) -> None:
        """Have every delivery come to its end."""
        self._closed = True
        for delivery in self._deliveries:
            delivery.close()

    def running(self, workspace: str, name: str) -> Delivery | None:
        """Return the delivery to a subscriber, if it is under way here."""
        return next(iter(self._named.get((workspace, name), ())), None)

    async def halt(self, workspace: str, name: str) -> None:
        """End the delivery to a subscriber; what is kept of it stays, and is stored when this returns."""
        for begun in [begun for begun, named in self._announced.items() if named == (workspace, name)]:
            del self._announced[begun]
        delivery = self.running(workspace, name)
        if delivery is None:
            return
        scope, over = self._deliveries[delivery]
        delivery.halt()
        with anyio.move_on_after(HALT_S):
            await over.wait()
        scope.cancel()
        await over.wait()
        await self.ledger.flush()
