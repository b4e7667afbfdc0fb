"""A workspace whose process runs out of file descriptors: `python -m tests.resources.descriptors FOLDER`.

Prints what came of it as JSON.
"""

import errno
import json
import os
import resource
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import anyio

from kyanite import KyaniteError, Workspace
from kyanite.config import LimitSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.runtime.storage import blobs_of, store_of
from kyanite_providers.local import LocalProvider
from tests.providers.local.faketask import SA, ising
from tests.providers.local.processes import open_files

ROOM = 60
PATIENCE_S = 120  # kernels may have to be compiled first
LARGE = b"x" * 200_000
PROBLEM = ising((-9, 0), (-3, 1, 0), (5, 2, 0))
PARAMS = {"params": {"sweeps": 20, "restarts": 1, "seed": 7}}


@contextmanager
def exhausted(left=0):
    """Take every descriptor but so many."""
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
    for _ in range(left):
        os.close(held.pop())
    try:
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)


def opened(folder):
    """A workspace with a target that writes a large output, and the local ones."""
    settings = Settings(
        data_dir=str(folder),
        retry=Backoff(first_s=0.01, most_s=0.1),
        limits=LimitSettings(shutdown_grace_s=0.5, cores=2),
    )
    workspace = Workspace(
        store=store_of(settings), blobs=blobs_of(settings), settings=settings, providers=[LocalProvider(workers_max=1)]
    )
    workspace.gate = anyio.Event()

    @workspace.target("acme.large")
    async def large(task):
        await workspace.gate.wait()
        return LARGE

    return workspace


async def asked(told, what, coroutine):
    """Await it, and note how it went; only our own errors may come of it."""
    with anyio.fail_after(PATIENCE_S):
        try:
            result = await coroutine
        except KyaniteError as error:
            told[f"{what}: {type(error).__name__}"] += 1
            return None
    told[f"{what}: done"] += 1
    return result


async def at_submit(workspace, folder, told):
    """Submit with nothing left: small, large, from a file."""
    (folder / "input").write_bytes(LARGE)
    jobs = []
    with exhausted():
        for content in (b"x", LARGE, folder / "input"):
            jobs.append(await asked(told, "submit", workspace.submit("acme.large", content)))
    workspace.gate.set()
    return [job for job in jobs if job is not None]


async def while_executing(workspace, told):
    """Let a job write a large output while nothing is left."""
    workspace.gate = anyio.Event()
    job = await workspace.submit("acme.large", b"x")
    async for event in job.updates():
        if type(event).__name__ == "Began":
            break
    with exhausted():
        workspace.gate.set()
        with anyio.move_on_after(0.3):
            await asked(told, "wait", job.wait())
    return job


async def at_the_start_of_a_worker(workspace, left, told):
    """Submit a problem when a worker would have to be started, with a few descriptors left."""
    with exhausted(left):
        job = await asked(told, "submit", workspace.submit(SA, PROBLEM, input_params=PARAMS))
        if job is not None:
            with anyio.move_on_after(1):
                await asked(told, "wait", job.wait())
    return [] if job is None else [job]


async def main(folder):
    """Run out at each place, and afterwards see that all works again, with as many descriptors as before."""
    told, ends = Counter(), Counter()
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + ROOM, open_files() + ROOM))
    before = open_files()
    with exhausted():
        try:
            async with opened(folder / "jobs"):
                told["open: done"] += 1
        except (KyaniteError, OSError) as error:
            told[f"open: {type(error).__name__}"] += 1
            if isinstance(error, OSError) and error.errno != errno.EMFILE:
                raise
    assert open_files() == before, "opening in vain leaves something open"
    async with opened(folder / "jobs") as workspace:
        jobs = [job for left in range(8) for job in await at_the_start_of_a_worker(workspace, left, told)]
        jobs += await at_submit(workspace, folder, told)
        jobs.append(await while_executing(workspace, told))
        for job in jobs:
            with anyio.fail_after(PATIENCE_S):
                await job.wait()
            error = job.details.error_data
            ends[f"{error.code}: {error.message[:60]}" if error else job.details.status.value] += 1
        solved = await (await workspace.submit(SA, PROBLEM, input_params=PARAMS)).get_results(PATIENCE_S)
        workspace.gate.set()
        large = await (await workspace.submit("acme.large", LARGE)).get_results(PATIENCE_S)
        again = solved["cost"] == -17.0 and large == LARGE
    print(json.dumps({"told": told, "ends": ends, "again": again, "left_open": open_files() - before}))  # noqa: T201


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
