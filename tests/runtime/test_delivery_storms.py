"""A delivery to which all kinds of things happen: nothing is lost, and a job's events come in their order."""

import asyncio
from contextlib import suppress

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from kyanite.errors import InvalidRequest, StoreUnavailable, Undelivered
from kyanite.ports import Manner
from kyanite.testing.clocks import FakeEntropy
from tests.runtime.delivering import BY_JOB, DAY_S, ORDERLY, Place, virtually
from tests.runtime.live import began, renamed

MANNERS = [ORDERLY, BY_JOB, Manner(delays_s=(1.0,), at_once=3, by_job=True)]
METHODS = ("settle", "log", "get", "story", "letters", "cursors")


class Storm:
    """What happens to a delivery, step by step, as chance has it."""

    def __init__(self, place: Place, manner, seed):
        self.place, self.manner = place, manner
        self.chance = FakeEntropy(seed).random
        self.heard, self.offered = [], []
        self.jobs = 0

    async def endpoint(self, event, row):
        assert row.version >= event.version
        self.offered.append(event)
        if self.chance() < 0.4:
            await asyncio.sleep(self.chance() * 3.0)
        if self.chance() < 0.4:
            raise Undelivered("no", retry_after_s=20.0 if self.chance() < 0.2 else None)
        self.heard.append(event)

    async def listen(self):
        if self.place.delivery is None:
            self.place.listen(self.endpoint, manner=self.manner)

    async def job(self, count=1):
        for _ in range(count):
            self.jobs += 1
            await self.place.job(f"job {self.jobs}", began())

    async def fall_behind(self):
        await self.job(30)

    async def rename(self):
        if self.place.log._rows:
            await self.place.log.record(*list(self.place.log._rows)[-1], renamed())

    async def halt(self):
        with anyio.move_on_after(20.0):
            await self.place.subscriptions.halt("default", "billing")

    async def replay(self):
        positions = [event.position for event, _ in self.place.log.committed if self.chance() < 0.3]
        with suppress(StoreUnavailable, InvalidRequest):  # where nobody delivers, not all events are known
            await self.place.deliveries.replay("billing", positions=positions, dead=self.chance() < 0.5)

    async def away(self):
        for method in METHODS:
            if self.chance() < 0.5:
                self.place.store.errors[method] = StoreUnavailable("away")

    async def back(self):
        self.place.store.errors.clear()

    async def wait(self):
        await anyio.sleep(self.chance() * 60.0)

    async def calm(self):
        """Let everything come to its end."""
        await self.back()
        for _ in range(2):  # one that was halted has to come to its end first
            await self.listen()
            await anyio.sleep(2 * DAY_S)


STEPS = (Storm.job, Storm.fall_behind, Storm.rename, Storm.listen, Storm.away, Storm.back, Storm.wait, Storm.halt)


def stormy(seed, manner, script):
    """Run a script, and check that every event was heard or is a dead letter."""
    storms = []

    async def scenario(place):
        storm = Storm(place, manner, seed)
        storms.append(storm)
        async with place.opened():
            await storm.listen()
            await place.subscriptions.begun()
            for step in script:
                await anyio.sleep(storm.chance() * 0.2)
                await step(storm)
            await storm.calm()
            letters = await place.letters(limit=10_000)
            everything = set(range(1, len(place.log.committed) + 1))
            assert [letter for letter in letters if not letter.dead] == []
            assert {event.position for event in storm.heard} | {letter.position for letter in letters} == everything
            assert await place.position() == len(everything)

    virtually(scenario, seed)
    return storms[0]


@settings(max_examples=40)
@given(st.integers(0, 1_000_000), st.sampled_from(MANNERS), st.lists(st.sampled_from(STEPS), min_size=5))
def test_nothing_is_lost_and_all_comes_in_order(seed, manner, script):
    first_offers = {}
    for event in stormy(seed, manner, script).offered:
        first_offers.setdefault(event.job_id if manner.by_job else None, {}).setdefault(event.position)
    assert all(list(positions) == sorted(positions) for positions in first_offers.values())


@settings(max_examples=40)
@given(
    st.integers(0, 1_000_000), st.sampled_from(MANNERS), st.lists(st.sampled_from((*STEPS, Storm.replay)), min_size=5)
)
def test_replays_among_all_that_lose_nothing(seed, manner, script):
    assert stormy(seed, manner, script).jobs >= 0
