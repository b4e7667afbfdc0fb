"""Targets for every kind of ending a job can have; what they write follows from what they read."""

import hashlib

import anyio
from msgspec.structs import replace

from kyanite import Workspace
from kyanite.blobs.files import FileBlobs
from kyanite.config import LimitSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.errors import ProviderError, RetryableError
from kyanite.stores.sqlite import SQLiteStore

ECHO, FAIL, RETRY, SLOW, REMOTE = "acme.echo", "acme.fail", "acme.retry", "acme.slow", "acme.remote"
GROWTH = 6_000
SLOW_STEPS = 10
SETTINGS = Settings(
    limits=LimitSettings(cores=4, memory_bytes=1 << 30, restarts_max=1_000_000, cancel_grace_s=5.0),
    retry=Backoff(first_s=0.001, most_s=0.01),
)
"""Restarts without end: a job that was interrupted often is meant to go on, not to be given up."""


def output_of(content):
    """What the targets make of an input: of an odd length something large, else something small."""
    digest = hashlib.sha256(content).digest()
    return digest * (GROWTH if len(content) % 2 else 1)


def workspace_in(folder, *, connect=None, settings=SETTINGS, around=lambda _name, function: function, **options):
    """A workspace on files with these targets, and without the providers that are installed.

    `around` may wrap each target's coroutine, given its name.
    """
    chosen = {} if connect is None else {"connect": connect}
    return serving(
        Workspace(
            store=SQLiteStore(folder / "jobs.sqlite", **chosen),
            blobs=FileBlobs(folder / "blobs", **chosen),
            settings=replace(settings, data_dir=str(folder)),
            **options,
        ),
        around,
    )


def serving(workspace, around):
    for name, function in PROVIDERS.items():
        options = {"remote": True} if name == REMOTE else {}
        workspace.target(name, slots=16, **options)(around(name, function))
    return workspace


async def _echo(task):
    await task.write_output(output_of(await task.read_input()))


async def _fail(task):
    await task.write_output(output_of(await task.read_input()))
    raise ProviderError("Refused", "as it was asked to")


async def _retry(task):
    content = await task.read_input()
    if task.details.failures < 1:
        raise RetryableError("Busy", "the first time always")
    await task.write_output(output_of(content))


async def _slow(task):
    content = await task.read_input()
    for step in range(SLOW_STEPS):
        task.progress(step / SLOW_STEPS, step=step)
        with anyio.move_on_after(0.01):
            await task.wait_cancel_requested()
        if task.cancel_requested:
            return
    await task.write_output(output_of(content))


async def _remote(task):
    if task.details.handle is None:
        await task.intend("token")
        await task.checkpoint({"id": 7})
    await task.write_output(output_of(await task.read_input()))


PROVIDERS = {ECHO: _echo, FAIL: _fail, RETRY: _retry, SLOW: _slow, REMOTE: _remote}
