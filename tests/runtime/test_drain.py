"""A workspace that is asked to come to rest: what executes may end, and nothing else begins."""

import anyio

from kyanite import Status
from kyanite.blobs.memory import MemoryBlobs
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory


async def test_what_executes_ends_and_what_waits_stays():
    store, blobs = MemoryStore(), MemoryBlobs()
    began, go_on = anyio.Event(), anyio.Event()

    def with_slow(workspace):
        @workspace.target("acme.slow", slots=1)
        async def slow(task):
            began.set()
            await go_on.wait()
            return task.details.name

        return workspace

    async with with_slow(in_memory(store, blobs)) as workspace:
        first = await workspace.submit("acme.slow", b"", name="first")
        await began.wait()
        second = await workspace.submit("acme.slow", b"", name="second")
        assert not await workspace.drain(0.01)
        third = await workspace.submit("acme.slow", b"", name="third")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_let, go_on)
            assert await workspace.drain(10)
        assert (await first.refresh()).details.status is Status.SUCCEEDED
        assert await first.get_results() == "first"
        for waiting in (second, third):
            assert (await waiting.refresh()).details.status is Status.WAITING
        assert (await second.cancel()).details.status is Status.CANCELLED
    async with with_slow(in_memory(store, blobs)) as workspace:
        assert await (await workspace.get_job(third.id)).get_results(10) == "third"


async def test_at_rest_already():
    async with in_memory() as workspace:
        assert await workspace.drain(0)


async def _let(event):
    event.set()
