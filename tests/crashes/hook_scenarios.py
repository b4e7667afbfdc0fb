"""What webhooks go through, a scenario for each: run once to count its steps, and once for every step to die there.

Each can be repeated until it is done, by whoever finds what a death has left.
"""

from contextlib import suppress
from functools import partial

import anyio

from kyanite.outlets.webhooks.definition import KeptSecret, Webhook, WebhookNotFound
from kyanite.outlets.webhooks.secret import generate
from tests.crashes.targets import ECHO

NAME = "receiver"
CURSOR = f"default/webhook/{NAME}"
PATIENCE_S = 20
LOOK_S = 0.003


class Place:
    """An open workspace, its webhooks, and the receiver's side of it."""

    def __init__(self, workspace, webhooks, url, door):
        self.workspace = workspace
        self.webhooks = webhooks
        self.register = webhooks.register
        self.url = url
        self.door = door
        """A file: once it is there, the receiver takes what it is sent."""

    async def run(self, *jobs):
        for job in jobs:
            await (await self.workspace.submit(ECHO, b"some", job_id=job)).wait(PATIENCE_S)

    def added(self):
        """The webhook, if it is there."""
        with suppress(WebhookNotFound):
            return self.register.get("default", NAME)
        return None

    async def change(self, **changes):
        await self.webhooks.changed(partial(self.register.change, "default", NAME, **changes))

    async def until(self, condition):
        """Return once the webhook stands so; see `standing`."""
        with anyio.fail_after(PATIENCE_S):
            while not condition(*await self.standing()):  # noqa: ASYNC110  # what is stored wakes nobody
                await anyio.sleep(LOOK_S)

    async def standing(self):
        """How far behind the log the webhook's cursor in the store is, and how many letters wait and are dead."""
        store = self.workspace.host.storage.store
        cursor = (await store.cursors()).get(CURSOR)
        behind = await store.head() - (0 if cursor is None else cursor.position)
        return behind, *(await store.tally_letters("default")).get(CURSOR, (0, 0))

    async def settled(self):
        """Return once everything was taken."""
        await self.until(lambda behind, waiting, dead: behind == waiting == dead == 0)


def webhook(url, on=("Succeeded", "Failed", "Cancelled")):
    secrets = (KeptSecret(generate("v1").text),)
    return Webhook(name=NAME, workspace="default", url=url, secrets=secrets, on=on)


async def well(place):
    """Everything is taken at once."""
    await place.run("job-0", "job-1")
    await place.settled()


async def stubborn(place):
    """Everything is refused, then heard and refused, and taken in the end."""
    await place.run("job-0")
    await place.settled()


async def closed(place):
    """Letters die, and are replayed."""
    if not place.door.exists():
        await place.run("job-0", "job-1")
        await place.until(lambda behind, waiting, dead: behind == waiting == 0 and dead == 2)
        place.door.touch()
    await place.run("job-0", "job-1")
    await place.workspace.deliveries.replay(f"webhook/{NAME}", dead=True)
    await place.settled()


async def gone(place):
    """The receiver wants no more, and is asked again later."""
    await place.run("job-0")
    if not place.door.exists():
        with anyio.fail_after(PATIENCE_S):
            while place.added().state == "active":  # noqa: ASYNC110  # as above
                await anyio.sleep(LOOK_S)
        place.door.touch()
    await place.change(state="active")
    await place.settled()


async def paused(place):
    """Events wait while the webhook is paused."""
    await place.run("job-0")
    await place.change(state="paused")
    await place.run("job-1")
    await place.change(state="active")
    await place.settled()


async def added(place):
    """A webhook is added, and gets another secret; every event from then on is for it."""
    if place.added() is None:
        await place.webhooks.changed(partial(place.register.add, webhook(f"{place.url}")))
    await place.run("job-0")
    await place.settled()
    now = place.workspace.host.storage.clock.now()
    await place.webhooks.changed(partial(place.register.rotate, "default", NAME, generate("v1").text, now))
    await place.run("job-1")
    await place.settled()


async def removed(place):
    """A webhook that has a dead letter is removed, and nothing of it is left in the store."""
    if place.added() is not None:
        await place.run("job-0")
        await place.until(lambda behind, waiting, dead: behind == waiting == 0 and dead == 1)
        await place.webhooks.changed(partial(place.register.remove, "default", NAME))
    store = place.workspace.host.storage.store
    with anyio.fail_after(PATIENCE_S):
        while CURSOR in await store.cursors() or place.register.removed():  # noqa: ASYNC110  # as above
            await anyio.sleep(LOOK_S)


async def taken_up(place):
    """What another life has left amid its work is gone on with; see `LEFT`."""
    place.door.touch()
    await place.run("job-0", "job-1")
    await place.settled()


async def left(place):
    """End in the middle of it: a letter waits, and another event was never offered."""
    await place.run("job-0", "job-1")
    await place.until(lambda behind, waiting, dead: waiting > 0)


SCENARIOS = {
    function.__name__: function for function in (well, stubborn, closed, gone, paused, added, removed, taken_up)
}
MODES = {"closed": "closed", "gone": "gone", "stubborn": "stubborn", "removed": "closed", "taken_up": "closed"}
"""How the receiver is at first, unless it is well."""
ON = {"stubborn": ("Submitted", "Succeeded")}
"""What the webhook is for, unless it is the ends of jobs."""
LEFT = {"taken_up": left}
"""How a life went that ended before the scenario begins."""
