"""The run: faults while clients work, then calm, in which everything must come to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kyanite.core.job import Status
from kyanite.testing.simulation.client import END_S, Client
from kyanite.testing.simulation.life import LIFE, Life, now
from kyanite.testing.simulation.loop import NumberedTask, SimulationLoop, run
from kyanite.testing.simulation.plan import HANG_S, Fault, Plan, weather
from kyanite.testing.simulation.scenario import Scenario
from kyanite.testing.simulation.witness import Violation
from kyanite.testing.simulation.world import World

REST_S = 2 * HANG_S
"""Virtual seconds after the last end, in which whoever still waits for an answer has it, and stops."""


class SimulationFailed(Violation):
    """A run broke a promise. `plan` repeats it: `simulate(scenario, plan=Plan.read("..."))`."""

    def __init__(self, plan: Plan, struck: Plan, reasons: str) -> None:
        """Say what was wrong, and how to see it again."""
        self.plan = plan
        self.struck = struck
        """The same run with its faults listed one by one, fit to be cut down."""
        super().__init__(f"{reasons}\nsimulate(scenario, plan=Plan.read({str(plan)!r}))")


@dataclass(frozen=True)
class Report:
    """What a run has been through."""

    lifecycles: int
    callbacks: int
    steps: int
    lives: int
    faults: tuple[Fault, ...]
    places: tuple[str, ...]
    """Where each step was, from the first, if that was asked for."""
    seconds: float
    trace: int
    """Equal for two runs that did the same in the same order."""


def simulate(
    scenario: Callable[[World], Scenario], *, seed: int = 0, plan: Plan | None = None, places: bool = False
) -> Report:
    """Run a scenario against the unchanged runtime, in virtual time, on store and blobs in memory that fail by plan.

    `scenario` is called with the world of the run, so that runs share nothing. Without a `plan`, ordinary bad luck of
    this seed strikes. The same plan gives the same run, on one version of Python and of the code. With `places` the
    report says where each step was.

    Raises `SimulationFailed` when a promise is broken: a job lost, changed after its end or ended twice, a row that its
    events do not make, an output missing, slots exceeded, a subscriber left out, something that never ends. The message
    is a line that repeats the run.
    """
    plan = weather(seed) if plan is None else plan
    loop = SimulationLoop(plan.seed)
    world = World(loop, plan)
    if places:
        world.dice.record()
    with _silence():
        try:
            world.scenario = scenario(world)
            run(loop, _story(world))
        except Exception as error:
            reasons = world.violations[:1] or [f"{type(error).__name__}: {error}"]
            raise SimulationFailed(plan, world.dice.as_list(), reasons[0]) from error
    if world.violations or loop.faults:
        reason = world.violations[0] if world.violations else f"nobody caught {_told(loop)}"
        raise SimulationFailed(plan, world.dice.as_list(), reason)
    return Report(
        lifecycles=len(world.witness.finals),
        callbacks=loop.callbacks,
        steps=world.dice.step,
        lives=world.lives,
        faults=tuple(world.dice.struck),
        places=tuple(world.dice.places or ()),
        seconds=loop.time(),
        trace=loop.trace,
    )


async def _story(world: World) -> None:
    """Let clients work and faults strike; then let calm come, everything end, and check what is left."""
    scenario, loop = world.scenario, world.loop
    clients = [Client(world, number) for number in range(1, scenario.clients + 1)]
    supervisor = loop.create_task(world.supervise())
    supervisor.add_done_callback(world.check_done)
    working = []
    for client in clients:
        share = scenario.jobs // len(clients) + (client.number <= scenario.jobs % len(clients))
        working.append(loop.create_task(scenario.run_client(client, share)))
    await _all(working)
    world.dice.stop()
    await world.end_zombies()
    await _all([loop.create_task(scenario.settle(client)) for client in clients])
    await _heard(world)
    for receiver in scenario.receivers:
        await receiver.settled()
    life = await _rested(world, clients[0])
    world.finished = True
    life.stop()
    await supervisor
    await world.end_zombies()
    _check_end(world)


async def _all(tasks: list[NumberedTask]) -> None:
    for task in tasks:
        await task


async def _rested(world: World, client: Client) -> Life:
    """Look at the workspace when every job has ended; return its life."""
    await asyncio.sleep(REST_S)
    waiting = await client.again(lambda workspace: workspace.count_jobs(status=Status.WAITING))
    if waiting:
        world.fail(f"{waiting} jobs wait, and all have ended")
    life = await world.serving()
    if world.scenario.at_rest is not None and life.workspace is not None:
        world.scenario.at_rest(life.workspace)
    return life


def _check_end(world: World) -> None:
    world.witness.stored(world.store)
    left = [task for task in world.loop.tasks() if task is not asyncio.current_task()]
    timers = [timer for timer in world.loop.timers() if timer._context.get(LIFE) is not None]  # type: ignore[attr-defined]  # noqa: SLF001
    if left or timers:
        world.fail(f"left over when all had closed: {timers}\n{world.loop.pending()}")


async def _heard(world: World) -> None:
    """Wait until every subscriber has heard every event that it wants, in order."""
    log = now(world.store.events(0, world.witness.position))
    deadline_s = world.loop.time() + END_S
    for name, types in world.scenario.listeners().items():
        due = [event.position for event in log if isinstance(event, types)]
        while len(set(world.heard.get(name, ()))) < len(due) and world.loop.time() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(60.0)
        if list(dict.fromkeys(world.heard.get(name, ()))) != due:
            missing = sorted(set(due) - set(world.heard.get(name, ())))
            world.fail(f"subscriber {name} did not hear every event in order; missing are {missing[:20]}")


def _told(loop: SimulationLoop) -> str:
    context = loop.faults[0]
    return f"{context.get('exception')!r}: {context.get('message')}"


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the library's log lines out of it: thousands of faults are nobody's news."""
    log = logging.getLogger("kyanite")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
