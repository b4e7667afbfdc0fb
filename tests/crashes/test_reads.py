"""What one reader has shown, no other takes back."""

import anyio

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import Began
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo


class LateAnswer(MemoryStore):
    """Has stored the beginning of a job for a while before it says so."""

    def __init__(self):
        super().__init__()
        self.stored = anyio.Event()
        self.answered = anyio.Event()

    async def commit(self, writes):
        outcome = await super().commit(writes)
        if any(isinstance(event, Began) for write in writes for event in write.events):
            self.stored.set()
            await self.answered.wait()
        return outcome


async def test_a_job_is_not_older_by_its_id_than_it_was_in_the_list():
    store = LateAnswer()
    async with with_echo(in_memory(store, MemoryBlobs())) as workspace:
        job = await workspace.submit("acme.echo", b"x")
        with anyio.fail_after(5):
            await store.stored.wait()
        (listed,) = [row.details async for row in workspace.list_jobs()]
        fetched = (await workspace.get_job(job.id)).details
        store.answered.set()
        await job.wait()
    assert fetched == listed
    assert listed.version == 2
