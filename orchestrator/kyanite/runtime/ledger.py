"""What deliveries have come to, stored for all subscribers together and a moment later: who waits for nobody.

Between two rounds lies a pause, so that busy subscribers do not take the store from the journal. What had been taken
within the last pause before a crash is offered a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Protocol

import anyio

from kyanite.core.backoff import Backoff, delay_s
from kyanite.errors import Conflict, KyaniteError, StorageFull
from kyanite.logs import logger
from kyanite.ports import ATTEMPTS_KEPT, Entropy, Settlement

PAUSE_S = 0.05
SETTLED_S = 2.0
"""How long what has been told is waited for by who only wants to look at what is stored."""
RETRY = Backoff(first_s=0.1, factor=2.0, most_s=5.0)


class Keeper(Protocol):
    """Where settlements are stored, such as a `JobStore`."""

    async def settle(self, settlement: Settlement) -> None:
        """Store what deliveries have come to, in one transaction. Raises `StoreUnavailable`, `Conflict`."""


Collect = Callable[[], Settlement]
"""Returns what a delivery has to store since it was asked the last time."""


class Ledger:
    """Collects from deliveries that have something to store. Everything reaches the store in the order it was told."""

    def __init__(self, keeper: Keeper, entropy: Entropy) -> None:
        """Store there."""
        self.full: StorageFull | None = None
        """Why nothing can be stored, as long as there is no space."""
        self._keeper = keeper
        self._entropy = entropy
        self._told: dict[Collect, None] = {}
        self._unsaved: Settlement | None = None
        self._news = anyio.Event()
        self._ended = anyio.Event()
        self._turn = anyio.Lock()

    def tell(self, collect: Collect) -> None:
        """Have a delivery asked soon."""
        self._told[collect] = None
        self._news.set()

    async def run(self) -> None:
        """Store round after round until `close`, and then what is left."""
        while not self._ended.is_set():
            await self._news.wait()
            await self.flush()
            with anyio.move_on_after(PAUSE_S):
                await self._ended.wait()

    def close(self) -> None:
        """Let `run` end: what has been told is stored or can not be, and nothing more will be told."""
        self._ended.set()
        self._news.set()

    async def flush(self) -> None:
        """Store what was told so far, however long that takes."""
        async with self._turn:
            if self._unsaved is not None:  # whoever stored it was cancelled
                await self._save(self._unsaved)
            if self._told:
                await self._save(self._collected())

    async def settled(self) -> None:
        """Store what was told so far, if that can be done within a moment."""
        with anyio.move_on_after(SETTLED_S):
            await self.flush()

    async def _save(self, settlement: Settlement) -> None:
        self._unsaved = settlement
        failures = 0
        while True:
            try:
                await self._keeper.settle(settlement)
            except Conflict as error:
                # The store is another process's, which offers again what is not in it.
                logger().warning("deliveries not stored", error=str(error))
                break
            except KyaniteError as error:
                self.full = error if isinstance(error, StorageFull) else None
                failures += 1
                logger().warning("deliveries not stored yet", error=str(error), failures=failures)
                if self._ended.is_set():
                    break  # what is not stored is offered again at the next start
                with anyio.move_on_after(delay_s(failures, RETRY, self._entropy.random())):
                    await self._ended.wait()
            else:
                break
        self._unsaved = self.full = None

    def _collected(self) -> Settlement:
        told, self._told = self._told, {}
        self._news = anyio.Event()
        return joined(collect() for collect in told)


def joined(settlements: Iterable[Settlement]) -> Settlement:
    """Return several settlements as one."""
    found = list(settlements)
    return Settlement(
        cursors=tuple(chain.from_iterable(each.cursors for each in found)),
        letters=tuple(chain.from_iterable(each.letters for each in found)),
        taken=tuple(chain.from_iterable(each.taken for each in found)),
        attempts=tuple(chain.from_iterable(each.attempts[-ATTEMPTS_KEPT:] for each in found)),
    )
