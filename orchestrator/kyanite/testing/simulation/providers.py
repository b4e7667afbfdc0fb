"""Providers as a run sees them: any provider with the faults of the plan around it, and one like a local solver."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import anyio

from kyanite.core.job import JobDetails, Needs, Status, Target
from kyanite.errors import ProviderError, RetryableError
from kyanite.ports import Provider, Task
from kyanite.testing.simulation.life import Life
from kyanite.testing.simulation.plan import SLOW_S
from kyanite.testing.simulation.world import World

RAISED: Mapping[str, Callable[[str], BaseException]] = {
    "refuse": lambda where: ProviderError("Refused", where),
    "retry": lambda where: RetryableError("Busy", where),
    "crash": ZeroDivisionError,
    "stray-cancel": asyncio.CancelledError,
}


class Occupied:
    """What the executions of one process hold: slots, and of the machine."""

    def __init__(self, whole: Needs, fail: Callable[[str], None]) -> None:
        """Tell `fail` when it is more than there is."""
        self._whole = whole
        self._fail = fail
        self._slots: Counter[str] = Counter()
        self._cores = 0.0

    @contextmanager
    def by(self, details: JobDetails, target: Target) -> Iterator[None]:
        """Hold what this job does."""
        cores = (details.needs or target.needs).cores
        self._slots[target.id] += 1
        self._cores += cores
        if self._slots[target.id] > target.slots:
            self._fail(f"{self._slots[target.id]} executions of {target.id}, which has {target.slots} slots")
        if self._cores > self._whole.cores:
            self._fail(f"executions hold {self._cores:g} cores; there are {self._whole.cores:g}")
        try:
            yield
        finally:
            self._slots[target.id] -= 1
            self._cores -= cores


class FaultyProvider(Provider):
    """Lets another provider work, and goes wrong before or after as the plan says."""

    def __init__(self, world: World, inner: Provider, life: Life, occupied: Occupied) -> None:
        """Stand before `inner` in this life."""
        self.id = inner.id
        self._world = world
        self._inner = inner
        self._life = life
        self._occupied = occupied
        self._targets = {target.id: target for target in inner.targets()}

    def targets(self) -> Sequence[Target]:
        return self._inner.targets()

    def accept(self, details: JobDetails) -> None:
        self._inner.accept(details)

    async def inspect(self, task: Task) -> Needs:
        """Have the input inspected."""
        await self._go_wrong("provider.inspect", task)
        return await self._inner.inspect(task)

    async def run(self, task: Task) -> Status | None:
        """Count who executes, and have the job done."""
        self._world.witness.shown(task.details, "the provider")
        with self._occupied.by(task.details, self._targets[task.details.target]):
            await self._go_wrong("provider.begin", task)
            status = await self._inner.run(task)
            await self._go_wrong("provider.end", task)
            return status

    async def _go_wrong(self, place: str, task: Task) -> None:
        self._life.check()
        fault = self._world.dice.at(place)
        if fault is None:
            return
        where = f"{place} at step {self._world.dice.step}"
        if fault.startswith("kill"):
            self._life.kill()
        await self._life.suffer(fault)
        raised = RAISED.get(fault)
        if raised is not None:
            raise raised(where)
        if fault == "twice":
            await task.write_output(b"again")
        elif fault == "nonsense":
            task.progress(float("nan"), best=float("inf"), sweep=-1)
        elif fault == "deaf":
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(self._world.dice.measure(SLOW_S))
        elif fault == "await-cancel":
            with anyio.move_on_after(self._world.dice.measure(10 * SLOW_S)):
                await task.wait_cancel_requested()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)


class LocalProvider(Provider):
    """Works a little and returns the input reversed, whole or chunk by chunk, like a solver on this machine."""

    id = "local"

    def __init__(self, world: World) -> None:
        """Serve `local.plain`, two slots; `local.inspected`, with needs of its own; and `local.streamed`."""
        self._world = world

    def targets(self) -> Sequence[Target]:
        return (
            Target(id="local.plain", provider_id=self.id, slots=2, needs=Needs(cores=1.0)),
            Target(id="local.inspected", provider_id=self.id, slots=8, inspects=True),
            Target(id="local.streamed", provider_id=self.id, slots=8),
        )

    async def inspect(self, task: Task) -> Needs:
        """Take the length of the input for what it needs; three bytes are refused."""
        content = await task.read_input()
        if len(content) == 3:
            raise ProviderError("BadInput", "three bytes", target="input")
        return Needs(cores=1.0 + len(content) % 3)

    async def run(self, task: Task) -> Status | None:
        if task.details.target == "local.streamed":
            content = b"".join([chunk async for chunk in task.stream_input()])
        else:
            content = await task.read_input()
        task.progress(0.5)
        await asyncio.sleep(self._world.draw() * (5.0 if content.startswith(b"long") else 0.05))
        if content.startswith(b"bad"):
            raise ProviderError("BadInput", "it is bad", target="input")
        if content.startswith(b"busy") and task.details.failures < 2:
            raise RetryableError("Busy", "not yet")
        task.note(length=len(content))
        await task.write_output(content[::-1])
        return None
