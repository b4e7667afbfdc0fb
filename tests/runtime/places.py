"""Workspaces for the tests of the runtime: everything in memory, unless a test wants files."""

from msgspec.structs import replace

from kyanite import Workspace
from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import LimitSettings, QueueSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.stores.memory import MemoryStore

SETTINGS = Settings(
    limits=LimitSettings(cores=4, memory_bytes=1 << 30, cancel_grace_s=5.0, shutdown_grace_s=5.0),
    retry=Backoff(first_s=0.001, most_s=0.01),
)


def settings(*, window=None, waiting_max=None, **limits):
    """The tests' settings with other limits, or another queue."""
    queue = {name: value for name, value in (("window", window), ("waiting_max", waiting_max)) if value is not None}
    return replace(SETTINGS, limits=replace(SETTINGS.limits, **limits), queue=replace(QueueSettings(), **queue))


def in_memory(store=None, blobs=None, settings=SETTINGS, **options):
    """A workspace in memory; hand the same store and blobs to a second one to reopen it."""
    return Workspace(store=store or MemoryStore(), blobs=blobs or MemoryBlobs(), settings=settings, **options)


def with_echo(workspace, **options):
    """Give the workspace a target that returns its input."""

    @workspace.target("acme.echo", **options)
    async def echo(task):
        await task.write_output(await task.read_input())

    return workspace


async def executing(job):
    """Return once the job executes."""
    async for event in job.updates():
        if type(event).__name__ == "Began":
            return
