"""A workspace that is opened without driving: it takes and changes jobs, and executes none."""

import anyio
import pytest

from kyanite import Began, CancelRequested, Status, Submitted
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.lifecycle import apply
from kyanite.errors import UnknownTarget
from kyanite.ports import Write
from kyanite.stores.memory import MemoryStore
from kyanite.testing.stores import a_job, write
from tests.runtime.places import in_memory, with_echo


async def test_jobs_are_taken_in_and_none_is_executed():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with with_echo(in_memory(store, blobs, drive=False)) as workspace:
        with pytest.raises(UnknownTarget):
            await workspace.submit("acme.ehco", b"x")
        first = await workspace.submit("acme.echo", b"x", priority=1)
        await first.amend(name="renamed")
        second = await workspace.submit("acme.echo", b"y")
        assert not first.target_missing
        assert (await workspace.cancel_job(second)).details.status is Status.CANCELLED
        with pytest.raises(TimeoutError):
            await first.wait(0.01)
        assert [type(event) for event in await first.story()][-1] is not Began
    async with with_echo(in_memory(store, blobs)) as workspace:
        again = await workspace.get_job(first.id)
        assert await again.get_results(10) == b"x"
        assert again.details.name == "renamed"


async def test_a_target_added_while_it_is_open_is_not_driven_either():
    async with in_memory(drive=False) as workspace:
        with_echo(workspace)
        job = await workspace.submit("acme.echo", b"x")
        await anyio.lowlevel.checkpoint()
        assert (await job.refresh()).details.status is Status.WAITING


async def left_behind(store):
    """A job that was executing when its process died: its row says that it is being driven."""
    birth = a_job(1)
    await store.open()
    await store.commit([write(None, birth=birth)])
    row = await store.get("default", birth.id)
    event = write(row, Began(attempt=1)).events[0]
    await store.commit([Write(apply(row, event), row.version, (event,))])
    return birth.id


async def test_what_a_crash_left_is_neither_resumed_nor_in_the_way_of_a_cancel():
    store = MemoryStore()
    job_id = await left_behind(store)
    async with with_echo(in_memory(store, drive=False)) as workspace:
        job = await workspace.get_job(job_id)
        assert job.details.driving
        await job.cancel("enough")
        assert job.details.status is Status.CANCELLED
        assert [type(event) for event in await job.story()][:3] == [Submitted, Began, CancelRequested]
