"""One life of the process under test: what belongs to it, and how it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kyanite.errors import BlobCorrupt, StorageFull, StoreUnavailable
from kyanite.testing.simulation.loop import NumberedTask
from kyanite.testing.simulation.plan import HANG_S, JUMPS_S, SLOW_S

if TYPE_CHECKING:
    from kyanite.runtime.workspace import Workspace
    from kyanite.testing.simulation.world import World

T = TypeVar("T")
LIFE: ContextVar[Life | None] = ContextVar("simulated_life", default=None)
"""The life that the current code belongs to."""

DIED = {"kill-before", "kill-after"}


def now(call: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits, such as a method of the stores in memory."""
    try:
        call.send(None)
    except StopIteration as result:
        return cast("T", result.value)
    raise RuntimeError("it waits")


class Killed(BaseException):
    """The process is dead: nothing that it still tries has an effect."""


class Life:
    """From the start of a process to its end, by itself or by `kill -9`."""

    def __init__(self, world: World, number: int) -> None:
        """Be born, with the store not yet opened."""
        self.world = world
        self.number = number
        self.alive = True
        self.robbed = False
        """Whether another process has taken the store over."""
        self.opened = False
        self.workspace: Workspace | None = None
        self.leave = world.loop.create_future()
        """Done once the process is to stop in good order."""
        self.callers: dict[asyncio.Task[object], None] = {}
        """Tasks from outside that are amid a call."""
        self.over = world.loop.create_future()
        """Done once the process is dead, or wants to be left alone to end."""

    def kill(self) -> None:
        """End the process at this instant: no timer fires any more, and no step has an effect."""
        if not self.alive:
            return
        self.alive = False
        self.world.deaths += 1
        for timer in self.world.loop.timers():
            if timer._context.get(LIFE) is self:  # type: ignore[attr-defined]  # noqa: SLF001
                timer.cancel()
        for task in self.tasks():
            if task is not asyncio.current_task():
                task.interrupt()
        for caller in self.callers:
            if caller is not asyncio.current_task():
                caller.cancel()
        if not self.over.done():
            self.over.set_result(None)

    def stop(self) -> None:
        """Ask the process to stop in good order."""
        if not self.leave.done():
            self.leave.set_result(None)

    def tasks(self) -> list[NumberedTask]:
        """Return the tasks of this life that have not ended."""
        return [task for task in self.world.loop.tasks() if task.life is self]

    def check(self) -> None:
        """Raise `Killed` if the process is dead."""
        if not self.alive:
            raise Killed

    async def perform(self, place: str, effect: Callable[[], T], *, changes: bool = True) -> T:
        """Do one step of a port: wait a little, take effect, wait a little, answer; or go wrong as the plan says."""
        self.check()
        world = self.world
        fault = world.dice.at(place)
        if fault is None:
            chance = world.draw()
            if chance < 0.4:
                await world.pause(chance * 2.5)
                self.check()
            result = effect()
            if 0.3 < chance < 0.7:
                await world.pause((chance - 0.3) * 2.5)
                self.check()
            return result
        return await self._fail(place, fault, effect, changes=changes)

    async def _fail(self, place: str, fault: str, effect: Callable[[], T], *, changes: bool) -> T:
        where = f"{place} at step {self.world.dice.step}"
        if fault in DIED:
            if fault == "kill-after":
                effect()
            self.kill()
            raise Killed
        await self.suffer(fault)
        if fault == "full":
            raise StorageFull(where)
        if fault == "lost" and changes:
            effect()
        if fault == "stray-cancel":
            raise asyncio.CancelledError
        if fault == "torn" and place == "blobs.read":
            raise BlobCorrupt(where)
        if fault in {"error", "lost", "hang", "torn"}:
            await self.world.pause(self.world.draw())
            self.check()
            raise StoreUnavailable(where)
        result = effect()
        await self.world.pause(self.world.draw())
        self.check()
        return result

    async def suffer(self, fault: str) -> None:
        """Go through the part of a fault that is the same everywhere: time passes, or the world around changes."""
        world = self.world
        if fault in {"slow", "hang"}:
            await asyncio.sleep(HANG_S if fault == "hang" else world.dice.measure(SLOW_S))
        elif fault == "clock":
            world.clock.jump(JUMPS_S[int(world.dice.measure(len(JUMPS_S)))])
        elif fault == "takeover":
            world.take_over(self)
        elif fault == "visit":
            world.visit()
        elif fault == "restart":
            self.stop()
        self.check()
