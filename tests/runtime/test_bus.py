"""Readers of the log: each has its own pace, and none loses an event."""

import anyio
import pytest

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.backoff import Backoff
from kyanite.errors import WorkspaceClosed
from kyanite.ports import Manner
from kyanite.runtime import delivery, listening
from kyanite.stores.memory import MemoryStore
from tests.runtime.faults import UNAVAILABLE, FaultyStore
from tests.runtime.places import in_memory, with_echo


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(delivery, "RETRY", Backoff(first_s=0.0001, most_s=0.001))
    monkeypatch.setattr(listening, "IN_ORDER", Manner(delays_s=(0.001,) * 9))


async def test_nobody_waits_for_the_end_of_a_job_in_a_closed_workspace():
    async with in_memory() as workspace:
        bus = workspace.host.engine.bus
    waiter = bus.expect_final(("default", "job"), 60)
    with pytest.raises(WorkspaceClosed):
        await waiter
    bus.forget_final(("default", "job"), waiter)


class SlowReads(MemoryStore):
    """A store that holds the answers to whoever reads the log back until they are let through."""

    def __init__(self):
        super().__init__()
        self.held, self.let_through = anyio.Event(), anyio.Event()

    async def events(self, after, limit, job=None):
        answer = await super().events(after, limit, job)
        if job is None and not answer:
            self.held.set()
            await self.let_through.wait()
        return answer


@pytest.mark.parametrize("name", [None, "named"])
async def test_what_was_committed_while_an_older_page_was_read_is_heard_before_the_end(name):
    store, heard = SlowReads(), []
    async with anyio.create_task_group() as group, with_echo(in_memory(store)) as workspace:

        @workspace.on_final(name=name)
        async def hear(event, details):
            heard.append(details.name)

        await store.held.wait()
        await (await workspace.submit("acme.echo", b"x", name="late")).wait()
        bus = workspace.host.engine.bus
        closed = anyio.Event()
        close = bus.close
        bus.close = lambda: (close(), closed.set())

        async def let_through():
            await closed.wait()
            store.let_through.set()

        group.start_soon(let_through)
    assert heard == ["late"]


async def test_one_that_hangs_slows_nobody_and_loses_nothing():
    store, blobs = MemoryStore(), MemoryBlobs()
    stuck, heard = [], []
    async with with_echo(in_memory(store, blobs, settings=hasty())) as workspace:

        @workspace.on_final(name="stuck")
        async def hang(event, details):
            stuck.append(event.job_id)
            await anyio.sleep_forever()

        for _ in range(200):
            await (await workspace.submit("acme.echo", b"x")).wait()
        assert len(stuck) == 1
    again = with_echo(in_memory(store, blobs))

    @again.on_final(name="stuck")
    async def hear(event, details):
        heard.append(event.job_id)

    async with again:
        pass
    assert len(set(heard)) == 200
    assert heard[0] == stuck[0]


def hasty():
    from tests.runtime.places import settings

    return settings(shutdown_grace_s=0.02)


async def test_a_log_that_can_not_be_read_for_a_while_is_read_later():
    store = FaultyStore()
    heard = []
    async with with_echo(in_memory(store)) as workspace:

        @workspace.on_final(name="patient")
        async def hear(event, details):
            heard.append(event.job_id)

        store.reads = [UNAVAILABLE] * 3
        job = await (await workspace.submit("acme.echo", b"x")).wait()
    assert heard == [job.id]


class SlowSettlements(MemoryStore):
    """A store that holds settlements back until they are let through."""

    def __init__(self):
        super().__init__()
        self.asked, self.let_through = anyio.Event(), anyio.Event()

    async def settle(self, settlement):
        self.asked.set()
        await self.let_through.wait()
        await super().settle(settlement)


async def test_no_job_is_stored_before_the_start_of_a_new_subscriber_is():
    """Else a crash in between would leave the job out."""
    store, submitted = SlowSettlements(), []
    async with with_echo(in_memory(store)) as workspace, anyio.create_task_group() as group:

        @workspace.on_final(name="new")
        async def hear(event, details):
            pass

        async def submit():
            submitted.append(await workspace.submit("acme.echo", b"x"))

        group.start_soon(submit)
        await store.asked.wait()
        await anyio.wait_all_tasks_blocked()
        assert await store.head() == 0
        store.let_through.set()
    assert len(submitted) == 1
    assert (await store.cursors())["default/new"].position == 3


async def test_the_store_is_asked_for_the_log_only_by_those_who_are_behind():
    class Counting(MemoryStore):
        reads = 0

        async def events(self, after, limit, job=None):
            self.reads += job is None
            return await super().events(after, limit, job)

    store, heard = Counting(), []
    async with with_echo(in_memory(store)) as workspace:
        for number in range(5):

            @workspace.on_final(name=f"hearer {number}")
            async def hear(event, details):
                heard.append(event.position)

        for _ in range(50):
            await (await workspace.submit("acme.echo", b"x")).wait()
    assert len(heard) == 250
    assert store.reads <= 10
