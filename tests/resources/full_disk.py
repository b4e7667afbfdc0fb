"""A workspace on a small disk that runs full: `python -m tests.resources.full_disk FOLDER`, the mount point of a tmpfs.

Prints what came of it as JSON.
"""

import errno
import json
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import anyio

from kyanite import KyaniteError, Status, Workspace
from kyanite.config import LimitSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.runtime.audit import Audit
from kyanite.runtime.storage import blobs_of, store_of
from tests.reliability import counts

TURNS = counts(quick=2, ci=5, soak=100)
SMALL, LARGE = b"x" * 100, b"x" * 200_000
PIECE_BYTES = 4096
RECOVERY_S = 20
JOBS_KEPT = 3


def fill(path):
    """Take all the space there is."""
    with path.open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            if filler.write(bytes(PIECE_BYTES)) < PIECE_BYTES:
                break


def is_full(folder):
    """Whether not even a page can be written."""
    try:
        with (folder / "probe").open("wb", buffering=0) as probe:
            return probe.write(bytes(PIECE_BYTES)) < PIECE_BYTES
    except OSError as error:
        return error.errno == errno.ENOSPC
    finally:
        (folder / "probe").unlink(missing_ok=True)


def opened(folder):
    """The workspace, with targets that end at once, that wait to be let go, and that write much."""
    settings = Settings(
        data_dir=str(folder / "kyanite"),
        retry=Backoff(first_s=0.01, most_s=0.1),
        limits=LimitSettings(shutdown_grace_s=0.5),
    )
    workspace = Workspace(store=store_of(settings), blobs=blobs_of(settings), settings=settings)
    workspace.gate = anyio.Event()

    @workspace.target("acme.echo")
    async def echo(task):
        return await task.read_input()

    @workspace.target("acme.late")
    async def late(task):
        await workspace.gate.wait()
        return SMALL

    @workspace.target("acme.large")
    async def large(task):
        await workspace.gate.wait()
        return LARGE

    return workspace


async def turn(workspace, folder, told, acknowledged):
    """Let the disk run full while jobs execute, and make space again."""
    workspace.gate, before = anyio.Event(), len(acknowledged)
    running = [
        await workspace.submit(target, b"x") for target in ("acme.late", "acme.large", "acme.late", "acme.large")
    ]
    acknowledged.extend(running)
    for job in running:
        async for event in job.updates():
            if type(event).__name__ == "Began":
                break
    fill(folder / "filler")
    for content in (SMALL, LARGE) * 10:
        # What was freed meanwhile, such as a journal that was moved, is taken as well.
        fill(folder / "filler")
        try:
            acknowledged.append(await workspace.submit("acme.echo", content))
        except KyaniteError as error:
            told["refusals"][type(error).__name__] += 1
        else:
            told["accepted_while_full"] += 1
    told["full"] += is_full(folder)
    workspace.gate.set()
    with anyio.move_on_after(0.5):
        for job in running:
            await job.wait()
    (folder / "filler").unlink()
    with anyio.fail_after(RECOVERY_S):
        acknowledged.append(await submitted_at_last(workspace))
        for job in acknowledged:
            await job.wait()
    told["recovered"] += 1
    told["acknowledged"] += len(acknowledged) - before


async def make_room(workspace, told, acknowledged):
    """Look after the jobs of earlier turns and delete them: the disk holds those of a few."""
    while len(acknowledged) > JOBS_KEPT:
        job = await workspace.get_job(acknowledged.pop(0).id)
        if job.details.status is Status.SUCCEEDED:
            await job.read_results()
        told["ends"][end_of(job.details)] += 1
        await workspace.delete_job(job)


def end_of(details):
    """How a job has ended, in a word."""
    return details.error_data.code if details.error_data else details.status.value


async def submitted_at_last(workspace):
    """Submit as soon as that works; the first try may still meet the full disk."""
    while True:
        try:
            return await workspace.submit("acme.echo", SMALL)
        except KyaniteError:
            await anyio.sleep(0.02)


async def main(folder):
    """Do it several times without a restart, then look after a restart whether all that was acknowledged is there."""
    told = {
        "refusals": Counter(),
        "accepted_while_full": 0,
        "acknowledged": 1,
        "recovered": 0,
        "full": 0,
        "ends": Counter(),
    }
    acknowledged = []
    async with opened(folder) as workspace:
        acknowledged.append(await workspace.submit("acme.echo", b"before"))
        for _ in range(TURNS):
            await turn(workspace, folder, told, acknowledged)
            await make_room(workspace, told, acknowledged)
    async with opened(folder) as workspace:
        for job in acknowledged:
            details = (await workspace.get_job(job.id)).details
            told["ends"][end_of(details)] += 1
            if details.status is Status.SUCCEEDED:
                await (await workspace.get_job(job.id)).read_results()
        settings, breaches = workspace.settings, []
    store, blobs = store_of(settings), blobs_of(settings)
    await store.open(read_only=True)
    await blobs.open(read_only=True)
    async for breach in Audit(store, blobs, workspaces=["default"], read_blobs=True).breaches():
        breaches.append(str(breach))
    await store.aclose()
    await blobs.aclose()
    print(json.dumps({**told, "breaches": breaches}))  # noqa: T201


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
