"""A daemon that is killed again and again while it delivers to webhooks that fail often, and what these hear."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any, NamedTuple

from kyanite import Workspace
from kyanite.config.settings import FINAL_TYPES, EventType
from kyanite.http.daemon import bound
from kyanite.outlets.webhooks.payload import message_id
from kyanite.runtime.audit import Audit
from tests.bench.hooks.daemon_process import LOG, settings
from tests.bench.hooks.lives import DELAYS_S, Submitter, lived
from tests.bench.hooks.place import Hooks, receiving
from tests.bench.scale import Scale
from tests.bench.table import Grid

ENDPOINTS: dict[str, tuple[EventType, ...]] = {"ends": FINAL_TYPES, "all": ("Submitted", "Began", *FINAL_TYPES)}
"""What each of the two endpoints is to hear."""


class Outcome(NamedTuple):
    """What a run has come to."""

    jobs: int
    kills: int
    events: int
    """What all endpoints together were to hear."""
    lost: int
    """Of it, what was not heard."""
    strange: int
    """What was heard, and has not happened."""
    disordered: int
    """What was heard for the first time after a later event of its job."""
    refused: int
    """Attempts that failed before the event was heard."""
    asked: int
    """Attempts that failed after it was heard: each asks for a repetition."""
    repeated: int
    """Events heard that had been heard before."""
    kept: int
    """Letters that are left."""
    breaches: list[str]
    """What is wrong with the store."""
    wall_s: float

    @property
    def doubled(self) -> int:
        """Repetitions that no endpoint has asked for: what the kills cost."""
        return self.repeated - self.asked

    @property
    def sound(self) -> bool:
        """Whether all was heard, in order, and nothing is left."""
        return not (self.lost or self.strange or self.disordered or self.kept or self.breaches)


def kills(scale: Scale) -> Grid:
    """Kill -9 while endpoints fail 30 % of the time."""
    with scale.folder() as folder:
        found = run(folder, scale.of(10_000, 60), scale.of(20, 2))
    if not found.sound:
        raise RuntimeError(found)
    columns = (
        *("jobs", "kills", "events to hear", "lost", "out of order", "refused", "refused when heard"),
        *("heard again", "of these by the kills", "s in all"),
    )
    row = (
        *(found.jobs, found.kills, found.events, found.lost, found.disordered, found.refused, found.asked),
        *(found.repeated, found.doubled, found.wall_s),
    )
    note = (
        "Jobs come over HTTP from another process, which repeats what was not answered. One endpoint hears the end of "
        "each job, the other every event; each fails with 30 % of the attempts, half before it has heard and half "
        "after, and with SIGKILL the daemon ends at random moments, some of them while it opens. In the end, what was "
        "heard is compared with the log, no letter is left, and the store is sound."
    )
    return Grid(columns, [row], [note])


def run(folder: Path, jobs: int, kills: int, seed: int = 0) -> Outcome:
    """Have so many jobs run while the daemon is killed so often, and return what was heard."""
    start, chance = time.perf_counter(), random.Random(seed)
    with bound("127.0.0.1:0") as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with receiving() as receivers:
        hooks = Hooks(folder)
        for name, on in ENDPOINTS.items():
            hooks.add(name, f"{receivers.url}/flaky/{name}", on)
        submitter = Submitter(address, jobs)
        shares = sorted(chance.uniform(0.02, 0.98) * jobs for _ in range(kills))
        asyncio.run(lived(folder, address, submitter, shares, chance))
        told = {name: receivers.control.ask("heard", f"/flaky/{name}") for name in ENDPOINTS}
    return asyncio.run(_compared(folder, kills, jobs, told, start))


async def _compared(folder: Path, kills: int, jobs: int, told: dict[str, Any], start: float) -> Outcome:
    """Compare what was heard with the log."""
    async with Workspace.open(settings(folder, "127.0.0.1:0", DELAYS_S), read_only=True) as workspace:
        log = [event async for event in workspace.events()]
        due = {
            name: {message_id(event) for event in log if type(event).__name__ in on} for name, on in ENDPOINTS.items()
        }
        store = workspace.host.storage.store
        kept = [letter for name in ENDPOINTS async for letter in workspace.deliveries.letters(f"webhook/{name}")]
        breaches = [str(breach) async for breach in Audit(store, workspace.host.storage.blobs).breaches()]
    ends = sum(type(event).__name__ in FINAL_TYPES for event in log)
    if ends != jobs:
        breaches.append(f"{ends:,} ends of {jobs:,} jobs")
    if b"Traceback" in (folder / LOG).read_bytes():
        breaches.append("a traceback is in the daemon's log")
    heard = {name: set(told[name]["messages"]) for name in ENDPOINTS}
    counts = {
        count: sum(told[name][count] for name in ENDPOINTS) for count in ("disordered", "refused", "asked", "repeated")
    }
    return Outcome(
        jobs=jobs,
        kills=kills,
        events=sum(map(len, due.values())),
        lost=sum(len(due[name] - heard[name]) for name in ENDPOINTS),
        strange=sum(len(heard[name] - due[name]) for name in ENDPOINTS),
        kept=len(kept),
        breaches=breaches,
        wall_s=time.perf_counter() - start,
        **counts,
    )
