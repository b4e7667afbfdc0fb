"""Quotas at work: what a workspace's bounds refuse, what they never refuse, and that others do not feel them."""

import anyio
import pytest
from msgspec.structs import replace

from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import QuotaSettings, WorkspaceSettings
from kyanite.errors import QuotaExceeded
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import executing, in_memory, settings, with_echo


def bounded(store=None, blobs=None, **bounds):
    return in_memory(store, blobs, settings=replace(settings(shutdown_grace_s=0.0), quota=QuotaSettings(**bounds)))


def with_gate(workspace):
    """Give the workspace a target whose jobs go on until the gate is opened."""
    gate = anyio.Event()

    @workspace.target("acme.gate", slots=64)
    async def wait(task):
        await gate.wait()
        return b"x" * 100

    return gate


async def test_open_jobs_are_bounded_over_restarts_and_others_go_on():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with bounded(store, blobs, open_jobs_max=3) as workspace:
        with_gate(workspace)
        first = await workspace.submit("acme.gate", b"1", job_id="first")
        await executing(first)
        await workspace.submit("acme.gate", b"2")
    async with bounded(store, blobs, open_jobs_max=3) as workspace:
        gate = with_gate(workspace)
        third = await workspace.submit("acme.gate", b"3")
        with pytest.raises(QuotaExceeded, match=r"3 jobs of 'default' are open; quota.open_jobs_max is 3"):
            await workspace.submit("acme.gate", b"4", job_id="fourth")
        assert await workspace.count_jobs() == 3
        assert await blobs.stat("default/job-fourth/inputData") is None
        # What was taken once is answered again, and another workspace has bounds of its own.
        again = await workspace.submit("acme.gate", b"1", job_id="first")
        assert again.id == "first"
        other = await workspace.beside("other")
        await other.submit("acme.gate", b"1", job_id="first")
        gate.set()
        await third.wait(10)
        await again.wait(10)
        await workspace.submit("acme.gate", b"4")


async def test_many_submits_at_once_pass_no_bound():
    async with bounded(open_jobs_max=5) as workspace:
        with_gate(workspace)
        refused = []

        async def submit():
            try:
                await workspace.submit("acme.gate", b"x")
            except QuotaExceeded as error:
                refused.append(error)

        async with anyio.create_task_group() as clients:
            for _ in range(50):
                clients.start_soon(submit)
        assert (len(refused), await workspace.count_jobs()) == (45, 5)


async def test_submits_are_paced():
    async with with_echo(bounded(submits_per_s=0.001)) as workspace:
        for _ in range(10):
            await workspace.submit("acme.echo", b"x")
        with pytest.raises(QuotaExceeded, match="submits too often") as told:
            await workspace.submit("acme.echo", b"x")
        assert told.value.retry_after_s == pytest.approx(1000, rel=0.01)


async def test_bytes_are_bounded_at_every_way_in_and_outputs_are_not():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with bounded(store, blobs, stored_bytes_max=50) as workspace:
        gate = with_gate(workspace)
        job = await workspace.submit("acme.gate", b"x" * 20, job_id="only")
        await workspace.upload(b"x" * 20, name="shared")
        for way in (
            lambda: workspace.submit("acme.gate", b"x" * 20, job_id="none"),
            lambda: workspace.upload(b"x" * 20),
            lambda: job.upload_attachment("note", b"x" * 20),
        ):
            with pytest.raises(QuotaExceeded, match="stored_bytes_max is 50"):
                await way()
        assert await workspace.count_jobs() == 1
        gate.set()
        assert len(await job.get_results(10)) == 100
        assert (await workspace.submit("acme.gate", b"x" * 20, job_id="only")).id == "only"
        assert await workspace.upload(b"x" * 20, name="shared") == "kyanite:///default/uploads/shared"
        with pytest.raises(QuotaExceeded):
            await workspace.upload(b"")
        other = await workspace.beside("other")
        await other.upload(b"x" * 50)
        await workspace.delete_job(job)
        await workspace.upload(b"x" * 30)
    async with bounded(store, blobs, stored_bytes_max=50) as workspace:
        with pytest.raises(QuotaExceeded, match="'default' stores 50 bytes"):
            await workspace.upload(b"x")


async def test_a_workspace_has_its_own_bounds():
    chosen = replace(settings(), workspaces={"team": WorkspaceSettings(open_jobs_max=1)})
    async with in_memory(settings=chosen) as workspace:
        gate = with_gate(workspace)
        team = await workspace.beside("team")
        job = await team.submit("acme.gate", b"1")
        for _ in range(3):
            await workspace.submit("acme.gate", b"1")
        with pytest.raises(QuotaExceeded):
            await team.submit("acme.gate", b"2")
        gate.set()
        await job.wait(10)
        await team.submit("acme.gate", b"2")
