"""Subscriptions: coroutines that are called with events, each at the pace of its own cursor."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

import anyio

from kyanite.errors import InvalidRequest
from kyanite.ports import Clock, Entropy, Subscription
from kyanite.runtime.delivery import Delivery, Readable, Shelf
from kyanite.runtime.ledger import Ledger

HALT_S = 5.0
"""How long what is under way has to come to an end when a subscription is taken back."""


Named: TypeAlias = tuple[str, str]
"""A workspace, and the name of a subscriber in it."""

OUTLETS = ("webhook/", "hook/")
"""How the names begin of subscriptions that the configuration or an operator made."""


def cursor_name(workspace: str, name: str) -> str:
    """Return the name under which the store keeps how far a workspace's subscriber has read."""
    return f"{workspace}/{name}"


def checked_name(name: str) -> str:
    """Return a name that a subscriber may choose. Raises `InvalidRequest` for one of those that outlets have."""
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
        self._beginning: dict[anyio.Event, None] = {}
        self._closed = False

    def expected(self) -> anyio.Event:
        """Announce a delivery, and return what `deliver` says that it has begun by."""
        begun = anyio.Event()
        self._beginning[begun] = None
        return begun

    async def begun(self) -> None:
        """Return when the deliveries that were announced have begun: from there on, a crash makes them miss nothing."""
        while self._beginning:
            await next(iter(self._beginning)).wait()

    async def deliver(self, subscription: Subscription, now: int, begun: anyio.Event | None = None) -> None:
        """Deliver until the log is closed and its end is reached, or until `halt`.

        `now` is the position at which a subscription that is new begins; `begun` is what `expected` gave.
        """
        name = None if subscription.name is None else cursor_name(subscription.workspace, subscription.name)
        delivery = Delivery(subscription, name, self._log, self._shelf, self.ledger, self._clock)
        if subscription.name is not None:
            delivery.counts = self.counts.setdefault((subscription.workspace, subscription.name), delivery.counts)
        scope, over = self._deliveries[delivery] = anyio.CancelScope(), anyio.Event()
        if self._closed:
            delivery.close()
        try:
            with scope:
                await delivery.begin(self._entropy, now)
                self._has_begun(begun)
                await delivery.run()
        finally:
            self._has_begun(begun)
            del self._deliveries[delivery]
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
        for delivery in self._deliveries:
            if (delivery.subscription.workspace, delivery.subscription.name) == (workspace, name):
                return delivery
        return None

    async def halt(self, workspace: str, name: str) -> None:
        """End the delivery to a subscriber; what is kept of it stays, and is stored when this returns."""
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
