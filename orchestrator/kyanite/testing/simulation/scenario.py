"""What is simulated: providers, what clients do, and what must hold besides what always must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kyanite.config import LimitSettings, QueueSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.core.events import FINAL_EVENTS, Event
from kyanite.core.job import JobDetails, Status
from kyanite.ports import Provider, Subscriber
from kyanite.runtime.workspace import Workspace
from kyanite.testing.simulation.client import Client
from kyanite.testing.simulation.life import Life
from kyanite.testing.simulation.providers import FaultyProvider, Occupied
from kyanite.testing.simulation.receivers import Receiver
from kyanite.testing.simulation.storage import SimulatedBlobs, SimulatedStore
from kyanite.testing.simulation.world import World

SETTINGS = Settings(
    limits=LimitSettings(cores=4, memory_bytes=1 << 30, cancel_grace_s=5.0, shutdown_grace_s=5.0),
    queue=QueueSettings(window=8),
    retry=Backoff(first_s=0.1, most_s=2.0),
)


async def lifecycle(client: Client, submission: Mapping[str, Any]) -> None:
    """Take one job through its life: most clients wait for the end, some cancel, amend, look, delete or repeat."""
    draw = client.world.draw
    job_id = await client.submit(**submission)
    choice = draw()
    if choice < 0.25:
        if draw() < 0.5:
            await asyncio.sleep(draw() * 0.2)
        await client.cancel(job_id)
    elif choice < 0.35:
        await client.amend(job_id, priority=int(draw() * 5), tags=["amended"])
    elif choice < 0.4:
        await client.look(job_id)
    if choice < 0.9:
        await client.wait(job_id)
        if draw() < 0.1:
            await client.delete(job_id)
        if draw() < 0.1:
            await client.repeat(job_id)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of run. `clients` work side by side until each has had its share of `jobs` lifecycles.

    `providers` is called for each life of the process. `submissions` are keyword arguments of `Workspace.submit` (no
    `job_id`), drawn from at random. `check` is given the row and the output of each job that succeeded, and raises
    `AssertionError` if they do not belong together; `at_rest` the last workspace, when every job has ended.
    """

    providers: Callable[[], Sequence[Provider]]
    submissions: Sequence[Mapping[str, Any]]
    jobs: int = 100
    clients: int = 8
    settings: Settings = SETTINGS
    lifecycle: Callable[[Client, Mapping[str, Any]], Awaitable[None]] = lifecycle
    check: Callable[[JobDetails, bytes], None] | None = None
    at_rest: Callable[[Workspace], None] | None = None
    subscribers: Mapping[str, tuple[type[Event], ...]] | None = None
    """The named subscribers and what they want to hear; unless given, one for everything and one for the ends."""
    receivers: Sequence[Receiver] = ()
    """Subscribers that fail, and are waited for until they have heard everything or it was given up."""

    def listeners(self) -> Mapping[str, tuple[type[Event], ...]]:
        """Return the named subscribers."""
        return {"everything": (Event,), "ends": FINAL_EVENTS} if self.subscribers is None else self.subscribers

    def workspace(self, world: World, life: Life) -> Workspace:
        """Return the workspace of one process."""
        providers = self.providers()
        occupied = Occupied(self.settings.limits.machine(), world.fail)
        workspace = Workspace(
            store=SimulatedStore(world, life),
            blobs=SimulatedBlobs(world, life),
            providers=[FaultyProvider(world, provider, life, occupied) for provider in providers],
            settings=self.settings,
            clock=world.clock,
            entropy=world.entropy,
        )
        for name, types in self.listeners().items():
            workspace.on(*types, name=name, from_start=True)(_hearing(world, name))
        for receiver in self.receivers:
            workspace.subscribe(receiver.subscription(workspace.name))
        return workspace

    async def run_client(self, client: Client, jobs: int) -> None:
        """Have one client take its share of jobs through their lives."""
        for _ in range(jobs):
            submission = self.submissions[int(client.world.draw() * len(self.submissions))]
            await self.lifecycle(client, submission)

    async def settle(self, client: Client) -> None:
        """Wait for the end of every job of one client, and look at its output."""
        for job_id in client.jobs:
            if job_id in client.deleted:
                continue
            row = await client.wait(job_id)
            content = await client.results(job_id)
            if self.check is not None and row.status is Status.SUCCEEDED and content is not None:
                self.check(row, content)


def _hearing(world: World, name: str) -> Subscriber:
    async def hear(event: Event, details: JobDetails) -> None:
        await world.hear(name, event, details)

    return hear
