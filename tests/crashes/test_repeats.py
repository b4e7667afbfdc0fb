"""Who was cut short asks for the same again, and must find the job on its way."""

import anyio
import anyio.lowlevel

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.job import Status
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo


class Crossing(MemoryStore):
    """Refuses a repeated submit just when the restart has found the job among those that wait."""

    def __init__(self):
        super().__init__()
        self.asked = anyio.Event()
        self.taken_up = None

    async def page(self, query):
        rows = await super().page(query)
        if rows and self.taken_up is not None and not rows[0].final:
            await self.asked.wait()
        return rows

    async def commit(self, writes):
        if self.taken_up is not None and writes[0].expected_version == 0:
            self.asked.set()
            while not self.taken_up():  # to the very turn of the loop
                await anyio.lowlevel.checkpoint()
        return await super().commit(writes)


async def test_a_repeated_submit_that_crosses_the_restart_does_not_stop_the_job():
    store, blobs = Crossing(), MemoryBlobs()
    async with with_echo(in_memory(store, blobs, drive=False)) as workspace:
        before = await workspace.submit("acme.echo", b"x", job_id="job00001")
    async with in_memory(store, blobs) as workspace:
        journal = workspace.host.engine.journal
        store.taken_up = lambda: journal.holds(("default", "job00001"))
        with_echo(workspace)
        repeated = await workspace.submit("acme.echo", b"x", job_id="job00001")
        assert repeated.details.creation_time == before.details.creation_time
        assert (await repeated.wait(5)).details.status is Status.SUCCEEDED
