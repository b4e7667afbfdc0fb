"""A delivery in virtual time, over a store whose moods a test decides on."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import anyio

from kyanite.core.events import Event
from kyanite.core.letters import Letter
from kyanite.errors import Undelivered
from kyanite.ports import Manner, Subscription
from kyanite.runtime.deliveries import Deliveries
from kyanite.runtime.subscriptions import Subscriptions
from kyanite.stores.memory import MemoryStore
from kyanite.testing.clocks import FakeEntropy
from kyanite.testing.simulation import SimulationLoop, run
from tests.runtime.live import START, LiveLog, born

DAY_S = 86_400.0
ORDERLY = Manner(jitter=0.0)
BY_JOB = Manner(delays_s=(10.0, 100.0), jitter=0.0, at_once=16, by_job=True, logs=True)
NAME = "default/billing"


class VirtualClock:
    """Wall time that goes with the loop's, and can be set."""

    def __init__(self):
        self.ahead_s = 0.0

    def now(self):
        return START + timedelta(seconds=asyncio.get_running_loop().time() + self.ahead_s)

    def monotonic(self):
        return asyncio.get_running_loop().time()


class Moody(MemoryStore):
    """Raises `errors[method]` instead of answering, as long as there is one."""

    def __init__(self):
        super().__init__()
        self.errors = {}
        self.settled = []

    def _look(self, method):
        if error := self.errors.get(method):
            raise error

    async def events(self, after, limit, job=None):
        self._look("log" if job is None else "story")
        return await super().events(after, limit, job)

    async def get(self, workspace, job_id):
        self._look("get")
        return await super().get(workspace, job_id)

    async def letters(self, subscriber, **options):
        self._look("letters")
        return await super().letters(subscriber, **options)

    async def cursors(self, save=()):
        self._look("cursors")
        return await super().cursors(save)

    async def settle(self, settlement):
        self._look("settle")
        self.settled.append(settlement)
        await super().settle(settlement)


class Place:
    """A log, and subscriptions over it."""

    def __init__(self, store=None):
        self.log = LiveLog(store or Moody())
        self.store, self.bus = self.log.store, self.log.bus
        self.bus.position = len(self.store._log)
        self.clock = VirtualClock()
        self.subscriptions = Subscriptions(self.bus, self.store, self.clock, FakeEntropy())
        self.group = None
        engine = SimpleNamespace(
            storage=SimpleNamespace(store=self.store, clock=self.clock), bus=self.bus, subscriptions=self.subscriptions
        )
        self.deliveries = Deliveries(engine, "default", read_only=False)

    @asynccontextmanager
    async def opened(self, grace_s=5.0):
        """Open as an engine does, and close within the grace time."""
        async with anyio.create_task_group() as committing:
            committing.start_soon(self.subscriptions.ledger.run)
            async with anyio.create_task_group() as self.group:
                yield self
                self.bus.close()
                self.subscriptions.close()
                self.group.cancel_scope.deadline = anyio.current_time() + grace_s
            with anyio.move_on_after(grace_s):
                await self.subscriptions.ledger.flush()
            self.subscriptions.ledger.close()

    def listen(self, subscriber, *, types=(Event,), name="billing", manner=BY_JOB, **options):
        subscription = Subscription(types, subscriber, "default", name, manner=manner, **options)
        self.group.start_soon(
            self.subscriptions.deliver, subscription, self.bus.position, self.subscriptions.expected(subscription)
        )

    async def job(self, job_id, *events):
        await self.log.record("default", job_id, born("default", job_id), *events)

    async def letters(self, **options):
        await self.subscriptions.ledger.flush()
        return await self.store.letters(NAME, **options)

    async def position(self):
        await self.subscriptions.ledger.flush()
        return (await self.store.cursors())[NAME].position

    @property
    def delivery(self):
        return self.subscriptions.running("default", "billing")


class BusyLoop(SimulationLoop):
    """One on which time passes while code runs: from `at_s` on, the so-manyth look at the clock finds a second gone."""

    def __init__(self, at_s, looks):
        super().__init__(1)
        self._at_s, self._looks = at_s, looks

    def time(self):
        if self._now >= self._at_s:
            self._looks -= 1
            self._now += self._looks == 0
        return self._now


def virtually(scenario, seed=1, loop=None):
    """Run a scenario with a fresh place, and nothing left behind."""

    async def main():
        place = Place()
        await scenario(place)

    loop = loop or SimulationLoop(seed)
    run(loop, main())
    assert loop.faults == []


class Endpoint:
    """Notes when it was called with what; `answers` says what it raises, the last for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    async def __call__(self, event, row):
        self.calls.append((asyncio.get_running_loop().time(), event.position))
        answer = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]) if self.answers else None
        if answer is not None:
            raise answer

    @property
    def times(self):
        return [time for time, _ in self.calls]

    @property
    def positions(self):
        return [position for _, position in self.calls]


DOWN = Undelivered("503", status=503)


def letter_at(position, **fields):
    shown = {"job_id": f"job {position - 1}", "version": 1, "attempts": 0, "first_time": START, "due_time": START}
    return Letter(subscriber=NAME, position=position, workspace="default", **{**shown, **fields})
