"""The running parts of a workspace and their lifetime: what starts after what, and how all of it stops.

Stopping goes the way work flows: no new jobs are taken, executions get a grace time and are then let go of, the journal
stores what is left, subscribers read the log to its end, and only then do providers, store and blobs close.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio
import anyio.abc

from kyanite.blobs.transfer import Transfer
from kyanite.config import Settings
from kyanite.ports import BlobStore, Clock, Entropy, JobStore, Provider, Subscription
from kyanite.runtime.bus import Bus
from kyanite.runtime.callbacks import Callbacks
from kyanite.runtime.census import Census
from kyanite.runtime.dispatcher import Capacity, Dispatcher
from kyanite.runtime.execution import Limits, Surroundings
from kyanite.runtime.feed import Feed
from kyanite.runtime.housekeeping import sweep_forever
from kyanite.runtime.journal import Journal
from kyanite.runtime.quotas import Quotas
from kyanite.runtime.subscriptions import Subscriptions


@dataclass(frozen=True)
class Storage:
    """What a workspace stands on."""

    store: JobStore
    blobs: BlobStore
    clock: Clock
    entropy: Entropy


class Engine:
    """Journal, bus and dispatcher of an open workspace. `running` makes one and takes it down again."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        driving: anyio.abc.TaskGroup,
        listening: anyio.abc.TaskGroup,
        callbacks: Callbacks,
        *,
        drives: bool,
    ) -> None:
        """Put the parts together."""
        self.settings = settings
        self.drives = drives
        """Whether jobs are executed here; else they are only submitted, changed and looked at."""
        self.quotas = Quotas(settings, storage.blobs, storage.clock, driving)
        self.storage = storage = replace(storage, blobs=self.quotas.bounded)
        store, blobs, clock, entropy = storage.store, storage.blobs, storage.clock, storage.entropy
        self.transfer = Transfer(blobs)
        self.bus = Bus(store)
        self.journal = Journal(store, clock, entropy)
        limits = settings.limits
        patience = Limits(limits.cancel_grace_s, settings.retry, limits.restarts_max, limits.progress_interval_s)
        around = Surroundings(self.journal, self.quotas.counted, self.bus, clock, entropy, patience, callbacks)
        capacity = Capacity(limits.machine(), settings.queue.window)
        self.dispatcher = Dispatcher(around, store, capacity, driving)
        callbacks.driven = self.dispatcher.driven
        self.census = Census()
        self.workspaces: list[str] = []
        """The workspaces that are served, in the order in which they were opened."""
        self._providers: list[Provider] = []
        self._opening = anyio.Lock()
        self._driving = driving
        self._listening = listening
        self.subscriptions = Subscriptions(self.bus, store, clock, entropy)
        self.feed = Feed(self.journal, self.bus, store, entropy, beat_s=settings.server.heartbeat_s)
        self.journal.listeners += [
            self.dispatcher.recorded,
            self.census.recorded,
            self.quotas.recorded,
            self.bus.announce,
        ]

    async def start(self, providers: Sequence[Provider], committing: anyio.abc.TaskGroup, *, read_only: bool) -> None:
        """Begin to record, and to drive; a read-only engine only looks, at a log that grows elsewhere."""
        settings, storage = self.settings, self.storage
        committing.start_soon(self.journal.run)
        committing.start_soon(self.subscriptions.ledger.run)
        self.bus.position = await storage.store.head()
        self.bus.polls = read_only
        if read_only:
            return
        if self.drives:
            self._providers += providers
            self._driving.start_soon(
                sweep_forever, storage.blobs, storage.store, storage.clock, settings.limits.orphan_age_s
            )
        await self.serve(settings.workspace)

    async def serve(self, workspace: str) -> None:
        """Take in jobs of one more workspace, and drive those that it has; nothing happens if it is served already."""
        async with self._opening:
            if workspace in self.workspaces:
                return
            await self.census.take_in(self.storage.store, workspace)
            self.quotas.begin(workspace, self.census.unended(workspace))
            self.workspaces.append(workspace)
            for provider in self._providers:
                self._attach(workspace, provider)

    def attach(self, provider: Provider) -> None:
        """Serve a provider's targets in every workspace. Raises `InvalidRequest` if one of them is served already."""
        if self.drives:
            for workspace in self.workspaces:
                self._attach(workspace, provider)
            self._providers.append(provider)

    def _attach(self, workspace: str, provider: Provider) -> None:
        for target in provider.targets():
            self.dispatcher.attach(workspace, target, provider)

    async def accompany(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        """Do something beside all else, until the engine stops driving; return once it says that it has started."""
        await self._driving.start(work, *arguments)

    def listen(self, subscription: Subscription) -> None:
        """Deliver to a subscriber from now on."""
        begun = self.subscriptions.expected(subscription)
        self._listening.start_soon(self.subscriptions.deliver, subscription, self.bus.position, begun)


@asynccontextmanager
async def running(
    settings: Settings,
    storage: Storage,
    providers: Sequence[Provider],
    callbacks: Callbacks,
    *,
    read_only: bool,
    drive: bool,
    endpoint: str | None = None,
) -> AsyncIterator[Engine]:
    """Open everything, yield the engine, and take everything down in order.

    Leave it without an exception, whatever happened inside: the task groups would wrap it into a group.
    """
    async with AsyncExitStack() as stack:
        await storage.store.open(read_only=read_only, endpoint=endpoint)
        stack.push_async_callback(_shielded, storage.store.aclose)
        await storage.blobs.open(read_only=read_only)
        stack.push_async_callback(_shielded, storage.blobs.aclose)
        if not read_only:
            for provider in providers:
                await provider.__aenter__()
                stack.push_async_callback(_shielded, partial(provider.__aexit__, None, None, None))
        async with anyio.create_task_group() as committing:
            try:
                async with anyio.create_task_group() as listening:
                    try:
                        async with anyio.create_task_group() as driving:
                            engine = Engine(
                                settings, storage, driving, listening, callbacks, drives=drive and not read_only
                            )
                            await engine.start(providers, committing, read_only=read_only)
                            try:
                                yield engine
                            finally:
                                with anyio.CancelScope(shield=True):
                                    await engine.dispatcher.stop(settings.limits.shutdown_grace_s)
                                driving.cancel_scope.cancel()
                    finally:
                        # Also when a cancellation from outside goes through here: nothing else ends the journal.
                        with anyio.CancelScope(shield=True):
                            await engine.journal.close()
                        engine.bus.close()
                        engine.feed.close()
                        engine.subscriptions.close()
                        listening.cancel_scope.deadline = anyio.current_time() + settings.limits.shutdown_grace_s
            finally:
                with anyio.move_on_after(settings.limits.shutdown_grace_s, shield=True):
                    await engine.subscriptions.ledger.flush()
                engine.subscriptions.ledger.close()


async def _shielded(action: Callable[[], Awaitable[object]]) -> None:
    with anyio.CancelScope(shield=True):
        await action()
