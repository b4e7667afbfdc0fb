"""Subscribers: who is called with which events."""

import asyncio

import anyio
import pytest

from kyanite import Cancelled, Failed, Status, Submitted, Succeeded
from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import InvalidRequest
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo


async def test_subscribers_hear_the_types_they_asked_for(face):
    heard = []
    async with face(with_echo(in_memory())) as workspace:

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


async def test_without_types_they_hear_all(face):
    heard = []
    async with face(with_echo(in_memory())) as workspace:

        @workspace.on()
        async def hear(event, details):
            heard.append((type(event).__name__, event.position, details.id))

        job = await (await workspace.submit("acme.echo", b"x")).wait()
    assert heard == [("Submitted", 1, job.id), ("Began", 2, job.id), ("Succeeded", 3, job.id)]


async def test_a_named_subscriber_goes_on_where_it_was(face):
    store, blobs = MemoryStore(), MemoryBlobs()
    heard = []

    async def billing(event, details):
        heard.append((event.job_id, event.version))

    async with face(with_echo(in_memory(store, blobs))) as first:
        first.on_final(name="billing")(billing)
        before = await (await first.submit("acme.echo", b"x")).wait()
    async with face(with_echo(in_memory(store, blobs))) as without:
        missed = await (await without.submit("acme.echo", b"x")).wait()
    registered = lambda workspace: workspace.on_final(name="billing")(billing)
    async with face(with_echo(in_memory(store, blobs)), registered) as second:
        after = await (await second.submit("acme.echo", b"x")).wait()
    assert heard == [(job.id, 3) for job in (before, missed, after)]


async def test_a_new_subscriber_starts_now_unless_from_start(face):
    store, blobs = MemoryStore(), MemoryBlobs()
    async with face(with_echo(in_memory(store, blobs))) as workspace:
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


async def test_one_that_raises_is_called_again_with_the_same_event(face):
    calls = []
    async with face(with_echo(in_memory())) as workspace:

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


async def test_a_subscriber_is_given_the_row_of_a_deleted_job_too(face):
    store, blobs = MemoryStore(), MemoryBlobs()
    async with face(with_echo(in_memory(store, blobs))) as workspace:
        job = await (await workspace.submit("acme.echo", b"x", name="gone")).wait()
        await workspace.delete_job(job)
        heard = []

        @workspace.on(Succeeded, Failed, Cancelled, name="late", from_start=True)
        async def hear(event, details):
            heard.append((details.name, details.status))

    assert heard == [("gone", Status.SUCCEEDED)]


async def test_a_name_is_subscribed_once(face):
    async with face(in_memory()) as workspace:
        workspace.on_final(name="billing")(None)
        with pytest.raises(InvalidRequest, match="subscribed already"):
            workspace.on(Failed, name="billing")(None)


async def test_many_events_are_heard_in_order_and_names_with_anything_in_them(face):
    store, blobs = MemoryStore(), MemoryBlobs()
    heard = []
    async with face(with_echo(in_memory(store, blobs))) as workspace:

        @workspace.on(name="a name/with é & more?#%")
        async def hear(event, details):
            heard.append(event.position)

        async with anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(workspace.submit, "acme.echo", b"x")
        async for job in workspace.list_jobs():
            await job.wait(20)
    assert heard == list(range(1, 181))
    async with face(with_echo(in_memory(store, blobs))) as workspace:
        workspace.on(name="a name/with é & more?#%")(hear)
        await (await workspace.submit("acme.echo", b"x")).wait()
    assert heard == list(range(1, 184))
