"""What one job's events wait for holds up no other's: a restart offers again what was under way, and nothing more."""

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import Submitted, Succeeded
from kyanite.ports import Manner, Subscription
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo

LATER = Manner(by_job=True, at_once=4, delays_s=(3_600.0,), jitter=0.0)
OTHERS = 20


async def test_events_behind_one_that_was_put_off_do_not_hold_the_cursor_back():
    store, blobs = MemoryStore(), MemoryBlobs()
    heard = []

    async def receive(event, row):
        if row.name == "unlucky":
            raise RuntimeError("not now")
        heard.append((event.job_id, event.version))

    def opened():
        workspace = with_echo(in_memory(store, blobs))
        workspace.subscribe(Subscription((Submitted, Succeeded), receive, workspace.name, "endpoint", manner=LATER))
        return workspace

    async with opened() as workspace:
        await (await workspace.submit("acme.echo", b"x", name="unlucky")).wait()
        for _ in range(OTHERS):
            await (await workspace.submit("acme.echo", b"x")).wait()
    assert len(heard) == 2 * OTHERS
    async with opened() as workspace:
        (standing,) = await workspace.deliveries.subscribers()
    assert standing.behind == 0
    assert len(heard) == 2 * OTHERS
