"""Attachments in a store: swept, and read only. As users see them: `tests.faces`."""

import pytest

from kyanite.errors import ReadOnly
from kyanite.runtime.housekeeping import sweep
from tests.runtime.places import in_memory, with_echo


async def echoed(workspace):
    return await (await workspace.submit("acme.echo", "content")).wait(10)


async def test_they_are_not_swept_while_their_job_is_there():
    workspace = with_echo(in_memory())
    async with workspace:
        job = await echoed(workspace)
        await job.upload_attachment("notes.txt", "read me")
        storage = workspace.host.storage
        assert await sweep(workspace.blobs, storage.store, storage.clock, -1.0) == 0
        assert await job.download_attachment("notes.txt") == b"read me"


async def test_they_need_a_workspace_to_write_to():
    workspace = with_echo(in_memory())
    async with workspace:
        job = await echoed(workspace)
    storage = workspace.host.storage
    async with in_memory(storage.store, storage.blobs, read_only=True) as reader:
        with pytest.raises(ReadOnly):
            await (await reader.get_job(job.id)).upload_attachment("x", b"1")
