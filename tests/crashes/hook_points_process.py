"""Runs what webhooks go through up to one of its steps, dies there, has it gone on with, and says what is wrong then.

`python -m tests.crashes.hook_points_process FOLDER RECEIVER [PLANT...]`, where `RECEIVER` is the URL of a
`receiver_process` of the same folder, and faults may be planted into the lives that end early. Everything is imported
once; each run is a fork. Questions come as lines of JSON, and so do the answers.
"""

import gc
import json
import os
import shutil
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import anyio
from msgspec.structs import replace

from kyanite.config import DeliverySettings
from kyanite.outlets.webhooks import outlet
from kyanite.outlets.webhooks.definition import Webhook
from kyanite.outlets.webhooks.payload import message_id
from kyanite.outlets.webhooks.register import FILE, Register
from kyanite.outlets.webhooks.sender import Sender
from kyanite.runtime.audit import Audit
from kyanite.stores.sqlite import SQLiteStore
from tests.crashes.hook_plants import PLANTS
from tests.crashes.hook_scenarios import CURSOR, LEFT, MODES, NAME, ON, SCENARIOS, Place, webhook
from tests.crashes.points_process import ATTEMPTS, DATA, Points, answered, forked
from tests.crashes.receiver_process import heard
from tests.crashes.steps import Step, WatchedConnection, watched
from tests.crashes.targets import SETTINGS, workspace_in

DELIVERY = DeliverySettings(plain_http=True, allow=("127.0.0.1",), delays_s=(0.02,), timeout_s=5.0)
DELAYS_S = {"stubborn": (0.12, 0.12, 0.12), "taken_up": (0.5, 0.5, 0.5)}
"""Longer than the ledger's pause, so that letters are stored between two attempts."""
LOOKED_AT = ("data/jobs.sqlite", f"data/{FILE}", "data/webhooks.lock")


class HookPoints(Points):
    """The steps of deliveries: what is stored of them and of the webhooks, the calls, and the reading of the log."""

    def _name(self, step):
        if step.name == "call":
            return f"call {step.path}"
        name = super()._name(step)
        if name is None:
            return None
        draft = name.partition(f"data/.{FILE}.")
        if draft[1]:
            return f"{draft[0]}draft"  # a random name follows
        return name if name.split()[1] in LOOKED_AT else None


@contextmanager
def calls_watched(points):
    """Show posts and the reading of log, letters and cursors, at their begin and at their end."""
    real = {(kind, name): getattr(kind, name) for kind, name in _CALLS}

    def shown(title, call):
        async def around(*arguments, **options):
            points(Step("call", f"{title} begin"), int)
            try:
                return await call(*arguments, **options)
            finally:
                points(Step("call", f"{title} end"), int)

        return around

    for (kind, name), call in real.items():
        setattr(kind, name, shown(name, call))
    try:
        yield
    finally:
        for (kind, name), call in real.items():
            setattr(kind, name, call)


_CALLS = ((Sender, "post"), (SQLiteStore, "events"), (SQLiteStore, "letters"), (SQLiteStore, "settle"))


class Runs:
    """Lives of a scenario, one after another, in a folder of their own."""

    def __init__(self, root, receiver):
        self.root = root
        self.receiver = receiver

    def url(self, scenario, folder):
        return f"{self.receiver}/{MODES.get(scenario, 'well')}/{folder.name}"

    @asynccontextmanager
    async def opened(self, folder, scenario, **options):
        delivery = replace(DELIVERY, delays_s=DELAYS_S.get(scenario, DELIVERY.delays_s))
        settings = replace(SETTINGS, data_dir=str(folder / DATA), delivery=delivery)
        workspace = workspace_in(folder / DATA, settings=settings, **options)
        webhooks = outlet.webhooks_of(workspace.host)
        async with workspace:
            door = self.root / f"open-{folder.name}"
            yield Place(workspace, webhooks, self.url(scenario, folder), door)

    def prepare(self, folder, scenario):
        """Make the folder in which a life begins: the webhook has heard of one job, unless it is to be added."""
        (folder / DATA).mkdir(parents=True)

        async def first():
            async with self.opened(folder, "well") as place:
                if scenario != "added":
                    await place.webhooks.changed(lambda: place.register.add(webhook(place.url, ON.get(scenario, ENDS))))
                await place.run("job-before")
                if scenario != "added":
                    await place.settled()

        if forked(lambda: anyio.run(first)):
            raise RuntimeError(f"{scenario} can not begin")

    def turn(self, folder, scenario):
        """Have the webhook lead to where this run's receiver is, and begin as the scenario does."""
        register = Register(folder / DATA, DELIVERY)
        if scenario != "added":
            register.change("default", NAME, url=self.url(scenario, folder))
        if scenario in LEFT:

            async def begin():
                async with self.opened(folder, scenario) as place:
                    await LEFT[scenario](place)
                    signal.raise_signal(signal.SIGKILL)

            if forked(lambda: anyio.run(begin)) != -signal.SIGKILL:
                raise RuntimeError(f"{scenario} begins with a death that did not come about")

    async def live(self, folder, scenario, points):
        """One life, all of whose steps are watched, from opening to closing."""
        with watched(points), calls_watched(points):
            async with self.opened(folder, scenario, connect=lambda path: WatchedConnection(points, path)) as place:
                await SCENARIOS[scenario](place)

    async def examine(self, folder, scenario):
        """Go on with what is left to its end, and return what is wrong."""
        wrong = []
        async with self.opened(folder, scenario) as place:
            await SCENARIOS[scenario](place)
        async with self.opened(folder, scenario, drive=False) as place:
            store, blobs = place.workspace.host.storage.store, place.workspace.host.storage.blobs
            log = [event async for event in place.workspace.events()]
            wrong += [str(breach) async for breach in Audit(store, blobs).breaches()]
            wrong += await self.kept(place, scenario)
        return wrong + self.compared(folder, scenario, log)

    async def kept(self, place, scenario):
        """What is stored of the webhook is how it should be."""
        store, there = place.workspace.host.storage.store, place.added()
        if scenario == "removed":
            rests = [*await store.letters(CURSOR), *await store.attempts(CURSOR)]
            return ["something is left of what was removed"] * bool(rests or there or CURSOR in await store.cursors())
        wrong = []
        if not isinstance(there, Webhook) or there.state != "active":
            wrong.append(f"the webhook is {there}")
        if any(await place.standing()):
            wrong.append(f"left behind, waiting, dead: {await place.standing()}")
        taken = Counter(attempt.position for _, attempt in await store.attempts(CURSOR, limit=1_000) if attempt.taken)
        if not taken:
            wrong.append("the log of deliveries is empty")
        return wrong

    def compared(self, folder, scenario, log):
        """What was heard is what has happened, in order, and only what was under way was heard once more."""
        ids = {message_id(event): event for event in log}
        told = [*heard(self.root, folder.name)]
        strange = [each for each in told if each not in ids]
        wrong = [f"heard, and did not happen: {strange}"] if strange else []
        wanted = () if scenario == "removed" else ON.get(scenario, ENDS)
        due = {each for each, event in ids.items() if event.job_id != BEFORE and type(event).__name__ in wanted}
        missing = due - set(told)
        if missing:
            wrong.append(f"not heard: {sorted(f'{ids[each].job_id} {type(ids[each]).__name__}' for each in missing)}")
        ordinary = 2 if scenario == "stubborn" else 1
        wrong += [f"{each} was heard {times} times" for each, times in Counter(told).items() if times > ordinary + 1]
        newest = Counter()
        for event in (ids[each] for each in dict.fromkeys(told) if each in ids):
            if newest[event.job_id] > event.version:
                wrong.append(f"{event.job_id} was heard of in another order")
            newest[event.job_id] = event.version
        return wrong

    # Questions --------------------------------------------------------------------------------------------------------

    def steps_of(self, template, folder, scenario):
        """Run a scenario to its end; return its steps, without those of an ordinary opening."""
        self.begin(template, folder, scenario)

        async def run():
            points = HookPoints(folder)
            await self.live(folder, scenario, points)
            return points.taken

        return answered(run)

    def wrong_after(self, template, folders, scenario, point):
        """Die at a point; return what is wrong afterwards, and whether the point was reached.

        Commits may be shared, so that it is not reached at every attempt.
        """
        status, folder = 0, next(folders)
        for _ in range(ATTEMPTS):
            if status == 0:
                shutil.rmtree(folder, ignore_errors=True)
                folder = next(folders)
                self.begin(template, folder, scenario)
                status = forked(lambda at=folder: self.die(at, scenario, point))
        wrong = answered(lambda: self.examine(folder, scenario))
        shutil.rmtree(folder)
        if status not in {0, -signal.SIGKILL}:
            wrong = [f"the life ended with {status}", *(wrong or [])]
        return {"reached": status == -signal.SIGKILL, "wrong": ["it could not be examined"] if wrong is None else wrong}

    def begin(self, template, folder, scenario):
        shutil.copytree(template, folder)
        self.turn(folder, scenario)

    def die(self, folder, scenario, point):
        for plant in sys.argv[3:]:
            PLANTS[plant]()
        anyio.run(self.live, folder, scenario, HookPoints(folder, tuple(point)))


BEFORE = "job-before"
ENDS = ("Succeeded", "Failed", "Cancelled")


def main():
    runs = Runs(Path(sys.argv[1]), sys.argv[2])
    warm = runs.root / f"warm-{os.getpid()}"
    runs.prepare(warm, "well")
    anyio.run(runs.live, warm, "well", HookPoints(warm))
    gc.collect()
    gc.freeze()  # a fork then copies less
    folders = (runs.root / f"run-{os.getpid()}-{number}" for number in count())
    for line in sys.stdin:
        scenario, point = json.loads(line)
        template = runs.root / f"template-{scenario}"
        if point is None:
            runs.prepare(template, scenario)
            answer = runs.steps_of(template, next(folders), scenario)
        else:
            answer = runs.wrong_after(template, folders, scenario, point)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
