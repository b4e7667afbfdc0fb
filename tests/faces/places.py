"""A workspace as its users hold it: opened in this process, or reached through a daemon.

The ground that both stand on is a `Workspace` that is not open yet: targets are registered with it.
"""

from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

import anyio

from kyanite import ProviderError, Workspace
from kyanite.http.application import application
from kyanite.http.daemon import _answering, bound
from kyanite.http.gateway import signer_in
from kyanite.http.keys import Keys
from kyanite.http.service import Service, State
from tests.runtime.places import in_memory, settings, with_echo


@asynccontextmanager
async def embedded(ground, before=None):
    """The ground itself. `before` is called with the workspace that is about to be entered."""
    if before is not None:
        before(ground)
    async with ground:
        yield ground


@asynccontextmanager
async def connected(ground, before=None):
    """A daemon on the ground, and a connection to it."""
    async with ground, serving(ground) as address:
        workspace = Workspace.connect(address)
        if before is not None:
            before(workspace)
        async with workspace:
            yield workspace


@asynccontextmanager
async def serving(ground, listen="127.0.0.1:0"):
    """Serve an open workspace; yields the address."""
    with TemporaryDirectory() as folder:
        keys = Keys(folder, ground.name)
        service = Service(ground, ground.settings, signer_in(keys.folder), State())
        listener = bound(listen)
        address = "http://{}:{}".format(*listener.getsockname())
        async with _answering(application(service, keys), listener, None):
            yield address


def acme(ground=None):
    """A ground with an echo, a target that waits for `held`, one that fails, and one of another provider."""
    ground = with_echo(in_memory(settings=settings(shutdown_grace_s=0.05)) if ground is None else ground)
    ground.held = anyio.Event()

    @ground.target("acme.held", slots=1)
    async def held(task):
        await ground.held.wait()
        return await task.read_input()

    @ground.target("acme.fail")
    async def fail(task):
        raise ProviderError("Wrong", "it went wrong")

    @ground.target("acme.never")
    async def never(task):
        await task.wait_cancel_requested()

    @ground.target("other.echo")
    async def other(task):
        return await task.read_input()

    return ground


async def listed(source):
    """The ids of jobs or sessions."""
    return [item.id async for item in source]
