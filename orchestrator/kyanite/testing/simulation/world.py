"""The world around the process under test: what outlasts it, what goes wrong, and who starts it again."""

from __future__ import annotations

import asyncio
import random
import traceback
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.errors import Conflict, InfrastructureError, KyaniteError
from kyanite.stores.memory import MemoryStore
from kyanite.testing.clocks import FakeClock, FakeEntropy
from kyanite.testing.simulation.life import LIFE, Killed, Life, now
from kyanite.testing.simulation.loop import NumberedTask, SimulationLoop
from kyanite.testing.simulation.plan import Dice, Plan
from kyanite.testing.simulation.witness import Witness

if TYPE_CHECKING:
    from kyanite.testing.simulation.scenario import Scenario

T = TypeVar("T")
QUICK, PAUSE_S = 0.85, 0.08
"""The share of pauses in which no time passes, and what scales the length of the others."""
ZOMBIE_S = 120.0
"""How long a process that was robbed of its store goes on at most."""


class SimulatedClock(FakeClock):
    """The loop's time; the wall clock can be set."""

    def __init__(self, loop: SimulationLoop) -> None:
        """Read this loop's time."""
        super().__init__()
        self._loop = loop

    def now(self) -> Any:
        """Return the wall time."""
        return self._now + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._loop.time()


class World:
    """One run: `store`, `blobs`, `clock` and `entropy` are there all the time, processes come and go.

    A scenario's own services use `draw` for chance, `loop.time()` for time, and `step` for what can go wrong with them.
    """

    scenario: Scenario

    def __init__(self, loop: SimulationLoop, plan: Plan) -> None:
        """Begin with nothing stored."""
        self.loop = loop
        loop.owner = LIFE
        self.dice = Dice(plan)
        self.draw = random.Random(plan.seed + 2).random
        self.clock = SimulatedClock(loop)
        self.entropy = FakeEntropy(plan.seed)
        self.store = MemoryStore()
        self.blobs = MemoryBlobs(now=self.clock.now)
        now(self.blobs.open())
        self.violations: list[str] = []
        self.witness = Witness(self.blobs, self.fail)
        self.owner: Life | None = None
        self.lives = 0
        self.deaths = 0
        self.heard: dict[str, list[int]] = {}
        self.finished = False
        self.context = copy_context()
        """That of the world, which belongs to no process."""
        self._serving: Life | None = None
        self._awaiting: list[asyncio.Future[None]] = []
        self._zombies: list[tuple[Life, NumberedTask]] = []

    def fail(self, message: str) -> None:
        """Note that something is wrong, and end the run."""
        self.violations.append(message)
        self.loop.stop()

    async def pause(self, chance: float) -> None:
        """Let others go first, or let a little time pass, as chance has it."""
        await (_others_first() if chance < QUICK else asyncio.sleep(PAUSE_S * (chance - QUICK)))

    async def step(self, place: str, effect: Callable[[], T]) -> T:
        """Do one step of a fake of a scenario's own, which can go wrong like any; `place` is one of `STRIKES`."""
        life = LIFE.get()
        return effect() if life is None else await life.perform(place, effect)

    # Processes ------------------------------------------------------------------------------------------------------

    async def supervise(self) -> None:
        """Start a process, and another one when it ends, until `finished`."""
        while not self.finished:
            self.lives += 1
            life = Life(self, self.lives)
            main = self.spawn(self._live(life), life)
            await life.over
            if self._serving is life:
                self._serving = None
            if life.robbed:
                self._zombies.append((life, main))
                self.loop.call_later(ZOMBIE_S, life.kill)
            else:
                await self.bury(life, main)
            if not life.opened:
                await asyncio.sleep(1.0)

    def check_done(self, task: asyncio.Task[None]) -> None:
        """End the run if a part of the world itself has failed."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fail(f"{error!r}\n{_innermost(error)}")

    def spawn(self, call: Coroutine[Any, Any, None], life: Life) -> NumberedTask:
        """Start a task of this life."""
        context = copy_context()
        context.run(LIFE.set, life)
        return self.loop.create_task(call, context=context)

    async def _live(self, life: Life) -> None:
        try:
            async with self.scenario.workspace(self, life) as workspace:
                life.workspace = workspace
                life.opened = True
                self._serves(life)
                await life.leave
                life.workspace = None
        finally:
            life.workspace = None
            if not life.over.done():
                life.over.set_result(None)

    def _serves(self, life: Life) -> None:
        if self.owner is life:
            self._serving = life
            for waiter in self._awaiting:
                if not waiter.done():
                    waiter.set_result(None)
            self._awaiting = []

    async def serving(self) -> Life:
        """Return the process that serves, as soon as there is one."""
        while self._serving is None or self._serving.workspace is None:
            waiter = self.loop.create_future()
            self._awaiting.append(waiter)
            await waiter
        return self._serving

    async def bury(self, life: Life, main: NumberedTask) -> None:
        """See a process that is over to its end, and look at what it died of."""
        if life.alive:
            await asyncio.wait((main,))
            for _ in range(20):
                # Generators that were dropped are closed by tasks of their own.
                await asyncio.sleep(0)
            self._look_over(life, main)
            life.kill()
        for _ in range(1_000):
            left = life.tasks()
            if not left:
                break
            for task in left:
                task.interrupt()
            await asyncio.sleep(0)
        else:
            self.fail(f"these could not be ended:\n{self.loop.pending()}")
        if not main.cancelled():
            main.exception()

    def _look_over(self, life: Life, main: NumberedTask) -> None:
        """Check how a process has ended that was not killed."""
        error = None if main.cancelled() else main.exception()
        if error is None:
            if life.tasks():
                self.fail(f"left running when the workspace had closed:\n{self.loop.pending()}")
            return
        robbed = life.robbed and any(isinstance(leaf, Conflict) for leaf in _leaves(error))
        if not robbed and (life.opened or not isinstance(error, InfrastructureError)):
            self.fail(f"the process ended by itself: {error!r}\n{_innermost(error)}")

    def take_over(self, life: Life) -> None:
        """Let another process own the store: `life` goes on, and does not know."""
        if self.owner is life and not life.over.done():
            self.owner = None
            life.robbed = True
            life.over.set_result(None)

    def visit(self) -> None:
        """Let a second process try to open the store: it is refused, and the first must not notice."""
        visitor = Life(self, 0)
        self.spawn(self._visit(visitor, self.owner), visitor)

    async def _visit(self, visitor: Life, owner: Life | None) -> None:
        try:
            async with self.scenario.workspace(self, visitor):
                if owner is not None and owner.alive and not owner.leave.done() and not owner.robbed:
                    self.fail("a second process opened an owned store")
        except (KyaniteError, Killed):
            return

    async def end_zombies(self) -> None:
        """Kill processes that were robbed of their store, and bury them."""
        zombies, self._zombies = self._zombies, []
        for life, main in zombies:
            if not main.done():
                life.kill()
            await self.bury(life, main)

    # Subscribers ----------------------------------------------------------------------------------------------------

    async def hear(self, name: str, event: Event, row: JobDetails) -> None:
        """Be the subscriber of this name."""
        life = LIFE.get()
        if life is None:
            raise Killed
        self.witness.shown(row, name)
        if row.version < event.version:
            self.fail(f"{name} was called with {type(event).__name__} {event.version} and an older row")
        await life.perform("subscriber", lambda: self.heard.setdefault(name, []).append(event.position))


@types.coroutine
def _others_first() -> Generator[None, None, None]:
    """Do what `asyncio.sleep(0)` does, without its detour."""
    yield


def _leaves(error: BaseException) -> list[BaseException]:
    """Return an error, or those that a group is made of."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _innermost(error: BaseException) -> str:
    """Return where an error, or each of a group, was raised, as lines."""
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    own = "".join(traceback.format_tb(error.__traceback__)[-5:])
    return own + "".join(_innermost(part) for part in parts)
