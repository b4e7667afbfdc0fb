"""Readers of the log: each has its own pace, and none loses an event."""

import asyncio

import anyio
import pytest

from kyanite import Cancelled, Failed, Status, Submitted, Succeeded
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.backoff import Backoff
from kyanite.errors import InvalidRequest, WorkspaceClosed
from kyanite.runtime import subscriptions
from kyanite.stores.memory import MemoryStore
from tests.runtime.faults import UNAVAILABLE, FaultyStore
from tests.runtime.places import in_memory, with_echo


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(subscriptions, "RETRY", Backoff(first_s=0.0001, most_s=0.001))


async def test_events_have_their_address_and_can_be_resumed():
    async with with_echo(in_memory()) as workspace:
        jobs = [await (await workspace.submit("acme.echo", b"x")).wait() for _ in range(3)]
        log = [event async for event in workspace.events()]
        assert [event.position for event in log] == list(range(1, 10))
        assert [(event.job_id, event.version) for event in log[:3]] == [
            (jobs[0].id, 1),
            (jobs[0].id, 2),
            (jobs[0].id, 3),
        ]
        assert all(event.time.tzinfo is not None for event in log)
        assert [event async for event in workspace.events(after=7)] == log[7:]


async def test_following_sees_everything_as_it_comes():
    async with with_echo(in_memory()) as workspace:
        seen = []

        async def follow():
            async for event in workspace.events(follow=True):
                seen.append(event.position)
                if event.position == 90:
                    return

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            for _ in range(30):
                await (await workspace.submit("acme.echo", b"x")).wait()
        assert seen == list(range(1, 91))


async def test_following_ends_when_the_workspace_closes():
    seen = []
    async with anyio.create_task_group() as group, with_echo(in_memory()) as workspace:

        async def follow():
            async for event in workspace.events(follow=True):
                seen.append(event.position)

        group.start_soon(follow)
        await (await workspace.submit("acme.echo", b"x")).wait()
    assert seen == [1, 2, 3]


async def test_nobody_waits_for_the_end_of_a_job_in_a_closed_workspace():
    async with in_memory() as workspace:
        bus = workspace._running.engine.bus
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
        bus = workspace._running.engine.bus
        closed = anyio.Event()
        close = bus.close
        bus.close = lambda: (close(), closed.set())

        async def let_through():
            await closed.wait()
            store.let_through.set()

        group.start_soon(let_through)
    assert heard == ["late"]


async def test_subscribers_hear_the_types_they_asked_for():
    heard = []
    async with with_echo(in_memory()) as workspace:

        @workspace.on(Submitted)
        async def submitted(event, details):
            heard.append(("submitted", type(event), details.id))

        @workspace.on_final()
        async def ended(event, details):
            heard.append(("ended", type(event), details.status))

        job = await (await workspace.submit("acme.echo", b"x")).wait()
    assert sorted(heard, key=str) == sorted(
        [("submitted", Submitted, job.id), ("ended", Succeeded, Status.SUCCEEDED)], key=str
    )


async def test_a_named_subscriber_goes_on_where_it_was():
    store, blobs = MemoryStore(), MemoryBlobs()
    heard = []

    async def billing(event, details):
        heard.append((event.job_id, event.version))

    async with with_echo(in_memory(store, blobs)) as first:
        first.on_final(name="billing")(billing)
        before = await (await first.submit("acme.echo", b"x")).wait()
    async with with_echo(in_memory(store, blobs)) as without:
        missed = await (await without.submit("acme.echo", b"x")).wait()
    second = with_echo(in_memory(store, blobs))
    second.on_final(name="billing")(billing)
    async with second:
        after = await (await second.submit("acme.echo", b"x")).wait()
    assert heard == [(job.id, 3) for job in (before, missed, after)]


async def test_a_new_subscriber_starts_now_unless_from_start():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with with_echo(in_memory(store, blobs)) as workspace:
        old = await (await workspace.submit("acme.echo", b"x")).wait()
        heard = {"now": [], "start": [], "anonymous": []}
        for name, options in (("now", {}), ("start", {"from_start": True})):

            async def hear(event, details, name=name):
                heard[name].append(event.job_id)

            workspace.on_final(name=name, **options)(hear)

        @workspace.on_final()
        async def anonymous(event, details):
            heard["anonymous"].append(event.job_id)

        new = await (await workspace.submit("acme.echo", b"x")).wait()
    assert heard == {"now": [new.id], "start": [old.id, new.id], "anonymous": [new.id]}


async def test_one_that_raises_is_called_again_with_the_same_event():
    calls = []
    async with with_echo(in_memory()) as workspace:

        @workspace.on_final(name="flaky")
        async def flaky(event, details):
            calls.append((event.job_id, event.version))
            if len(calls) % 3 == 1:
                raise OSError("not now")
            if len(calls) % 3 == 2:
                raise asyncio.CancelledError

        ids = [(await workspace.submit("acme.echo", b"x")).id for _ in range(4)]
        for job_id in ids:
            await (await workspace.get_job(job_id)).wait()
        order = [event.job_id async for event in workspace.events() if isinstance(event, Succeeded)]
    assert calls == [(job_id, 3) for job_id in order for _ in range(3)]


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


async def test_a_subscriber_is_given_the_row_of_a_deleted_job_too():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with with_echo(in_memory(store, blobs)) as workspace:
        job = await (await workspace.submit("acme.echo", b"x", name="gone")).wait()
        await workspace.delete_job(job)
        heard = []

        @workspace.on(Succeeded, Failed, Cancelled, name="late", from_start=True)
        async def hear(event, details):
            heard.append((details.name, details.status))

    assert heard == [("gone", Status.SUCCEEDED)]


async def test_a_name_is_subscribed_once():
    async with in_memory() as workspace:
        workspace.on_final(name="billing")(None)
        with pytest.raises(InvalidRequest, match="subscribed already"):
            workspace.on(Failed, name="billing")(None)
