"""Receivers of events that fail often and for long, such as other people's servers."""

from __future__ import annotations

import asyncio
from collections import Counter

from kyanite.core.events import FINAL_EVENTS, Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Letter
from kyanite.errors import Undelivered
from kyanite.ports import Manner, Subscription
from kyanite.testing.simulation.life import LIFE, Killed, now
from kyanite.testing.simulation.world import World

DAYS_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
LOOK_S = 600.0
END_S = 60 * 86_400.0


class Receiver:
    """Wants the final events, and does not take a part of them: it fails before it has heard one, or after."""

    def __init__(
        self, world: World, name: str, *, failing: float = 0.3, delays_s: tuple[float, ...] = DAYS_S, at_once: int = 16
    ) -> None:
        """Fail in this share of all attempts, in the calm as well."""
        self.heard: list[Event] = []
        """What it has heard, repetitions too, in this order."""
        self.offers: Counter[int] = Counter()
        self.dead: list[Letter] = []
        self.failing = failing
        self._world = world
        self._name = name
        self._manner = Manner(delays_s=delays_s, at_once=at_once, by_job=True, logs=True)

    def subscription(self, workspace: str) -> Subscription:
        """Return what has it called with the final events of this workspace, from the first one on."""
        return Subscription(FINAL_EVENTS, self.receive, workspace, self._name, from_start=True, manner=self._manner)

    async def receive(self, event: Event, row: JobDetails) -> None:
        """Hear an event, or fail."""
        life = LIFE.get()
        if life is None:
            raise Killed
        world = self._world
        world.witness.shown(row, self._name)
        if event.position > world.witness.position:
            world.fail(f"{self._name} was called with an event that is not stored")
        self.offers[event.position] += 1
        await life.perform("subscriber", lambda: None, changes=False)
        chance = world.draw()
        if chance < self.failing / 2:
            await asyncio.sleep(chance * 100.0)
            life.check()
            raise Undelivered("503", status=503, retry_after_s=60.0 if chance < self.failing / 8 else None)
        self.heard.append(event)
        if chance < self.failing:
            raise Undelivered("the answer was lost")

    async def settled(self) -> None:
        """Wait until it has heard every final event or given it up, and check that it did so as it was told to."""
        world = self._world
        log = now(world.store.events(0, world.witness.position))
        due = {event.position for event in log if isinstance(event, FINAL_EVENTS)}
        deadline_s = world.loop.time() + END_S
        while (missing := due - self._over()) and world.loop.time() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        if missing:
            world.fail(f"{self._name} did not hear of {sorted(missing)[:20]}, which are no dead letters")
        for letter in self.dead:
            if letter.attempts != len(self._manner.delays_s) + 1 or self.offers[letter.position] < letter.attempts:
                world.fail(f"{self._name} gave up {letter}, of which it was told {self.offers[letter.position]} times")

    def _over(self) -> set[int]:
        """Return the positions that nobody will offer again, unless the process dies."""
        world = self._world
        name = next((name for name in now(world.store.cursors()) if name.endswith(f"/{self._name}")), "")
        letters = now(world.store.letters(name, limit=1_000_000))
        self.dead = [letter for letter in letters if letter.dead]
        waiting = {letter.position for letter in letters if not letter.dead}
        return ({event.position for event in self.heard} | {letter.position for letter in self.dead}) - waiting
