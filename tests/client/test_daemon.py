"""Clients of a real daemon: its keys, its certificate, its workspaces, and its restarts."""

from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from kyanite import Provider, Status, Submitted, Succeeded, Target, Workspace
from kyanite.core.backoff import Backoff
from kyanite.errors import AccessDenied, JobNotFound, NotHere, Unreachable, WorkspaceClosed
from kyanite.http.daemon import serving
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.ports import Manner
from kyanite.runtime import delivery, listening
from tests.client.fake import fake, json, refused
from tests.http.places import settings
from tests.runtime.places import executing


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(delivery, "RETRY", Backoff(first_s=0.0001, most_s=0.001))
    monkeypatch.setattr(listening, "IN_ORDER", Manner(delays_s=(0.001,) * 9))


class Acme(Provider):
    """An echo, and a target that waits until it may go on."""

    id = "acme"

    def __init__(self):
        self.go = anyio.Event()

    def targets(self):
        return [Target(id=name, provider_id=self.id) for name in ("acme.echo", "acme.held")]

    async def run(self, task):
        if task.details.target == "acme.held":
            await self.go.wait()
        await task.write_output(await task.read_input())


class Restarting:
    """A daemon that can be stopped and started again, at the same address and on the same folder.

    Each of its lives is a task of this group.
    """

    def __init__(self, group, folder, **options):
        self.group, self.folder, self.options = group, folder, options
        self.listen = "127.0.0.1:0"
        self.acme = Acme()

    async def start(self):
        self._end, self._ended = anyio.Event(), anyio.Event()
        self.address = await self.group.start(self._live)
        self.listen = self.address.partition("//")[2]

    async def stop(self):
        self._end.set()
        await self._ended.wait()

    async def _live(self, task_status):
        chosen = settings(self.folder, listen=self.listen, **self.options)
        async with serving(chosen, providers=[self.acme]) as running:
            task_status.started(running.address)
            await self._end.wait()
        self._ended.set()


@asynccontextmanager
async def daemon(folder, **options):
    """A daemon that runs."""
    async with anyio.create_task_group() as group:
        made = Restarting(group, folder, **options)
        await made.start()
        yield made
        await made.stop()


async def test_all_goes_on_over_restarts_and_nothing_is_lost_or_doubled(tmp_path):
    followed, heard, waited = [], [], []
    async with daemon(tmp_path) as served, Workspace.connect(served.address) as workspace:

        @workspace.on(Submitted, Succeeded, name="billing")
        async def hear(event, details):
            heard.append((event.job_id, type(event), event.version))

        async def follow():
            async for event in workspace.events(follow=True):
                followed.append(event.position)
                if event.job_id == "end" and isinstance(event, Succeeded):
                    return

        async def wait(job):
            waited.append((await job.wait(50)).details.status)

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            job = await workspace.submit("acme.held", b"x", job_id="held")
            await executing(job)
            group.start_soon(wait, job)
            watched = []

            async def watch():
                watched.extend([type(update).__name__ async for update in job.updates()])

            group.start_soon(watch)
            for number in range(3):
                await workspace.submit("acme.echo", b"x", job_id=f"echo-{number}")
                await served.stop()
                async with anyio.create_task_group() as submitting:
                    submitting.start_soon(workspace.submit, "acme.echo", b"y" * 100_000)
                    await anyio.lowlevel.checkpoint()
                    await served.start()
            served.acme.go.set()
            await job.wait(50)
            await (await workspace.submit("acme.echo", b"x", job_id="end")).wait(50)
        async for other in workspace.list_jobs():
            await other.wait(50)
        log = [event async for event in workspace.events()]
    assert waited == [Status.SUCCEEDED]
    assert watched == [type(event).__name__ for event in log if event.job_id == "held"]
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    assert followed == list(range(1, len(followed) + 1))  # to the end of `end`, behind which another may have ended
    wanted = [(event.job_id, type(event), event.version) for event in log if isinstance(event, Submitted | Succeeded)]
    assert heard == wanted
    assert len({job_id for job_id, _, _ in heard}) == 8


async def test_a_key_opens_what_it_is_for(tmp_path):
    keys = Keys(tmp_path, "default")
    texts = {scope: keys.create(scope.name, scope)[1] for scope in (Scope.READ, Scope.SUBMIT, Scope.ADMIN)}
    async with daemon(tmp_path, keys_required=True) as served:
        for wrong in (None, "kya_no_key", "x"):
            with pytest.raises(AccessDenied):
                async with Workspace.connect(served.address, api_key=wrong):
                    pass
        async with Workspace.connect(served.address, api_key=texts[Scope.SUBMIT]) as submitter:
            job = await (await submitter.submit("acme.echo", b"x")).wait(10)
            with pytest.raises(AccessDenied, match="admin"):
                await submitter.delete_job(job)
        async with Workspace.connect(served.address, api_key=texts[Scope.READ]) as reader:
            assert await (await reader.get_job(job.id)).get_results() == b"x"
            for refusal in (reader.submit("acme.echo", b"x"), reader.upload(b"x"), reader.cancel_job(job.id)):
                with pytest.raises(AccessDenied, match="submit"):
                    await refusal
        async with Workspace.connect(served.address, api_key=texts[Scope.ADMIN]) as admin:
            assert await admin.delete_job(job.id)


async def test_the_key_and_the_address_may_stand_in_the_environment(tmp_path, monkeypatch):
    _, text = Keys(tmp_path, "default").create("mine", Scope.SUBMIT)
    async with daemon(tmp_path, keys_required=True) as served:
        monkeypatch.setenv("KYANITE_ENDPOINT", served.address)
        monkeypatch.setenv("KYANITE_API_KEY", text)
        async with Workspace.connect() as workspace:
            assert workspace.endpoint == served.address
            assert await workspace.count_jobs() == 0


async def test_a_workspace_is_chosen_by_name_and_sees_its_own(tmp_path):
    async with (
        daemon(tmp_path) as served,
        Workspace.connect(served.address) as first,
        Workspace.connect(served.address, workspace="team") as team,
    ):
        assert (first.name, team.name) == ("default", "team")
        job = await team.submit("acme.echo", b"x")
        assert job.details.workspace == "team"
        assert await job.get_results(10) == b"x"
        with pytest.raises(JobNotFound):
            await first.get_job(job.id)
        assert [event async for event in first.events()] == []
        assert len([event async for event in team.events()]) == 3


async def test_a_certificate_that_was_made_here_is_trusted_when_it_is_named(tmp_path):
    pytest.importorskip("cryptography")
    async with serving(settings(tmp_path), providers=[Acme()], dev_tls=True) as running:
        async with Workspace.connect(running.address, authority=running.authority) as workspace:
            assert await (await workspace.submit("acme.echo", b"x" * 200_000)).get_results(10) == b"x" * 200_000
        with pytest.raises(Unreachable, match="not who it says"):
            async with Workspace.connect(running.address):
                pass


async def test_what_only_the_daemons_own_process_can_do_is_not_done_here(tmp_path):
    async with daemon(tmp_path) as served, Workspace.connect(served.address) as workspace:
        for here in (
            lambda: workspace.blobs,
            lambda: workspace.target("acme.mine"),
        ):
            with pytest.raises(NotHere):
                here()
        for here in (workspace.prepare(), workspace.drain(1), workspace.beside("other")):
            with pytest.raises(NotHere):
                await here


async def test_a_workspace_that_is_not_entered_or_was_left_says_so(tmp_path):
    async with daemon(tmp_path) as served:
        workspace = Workspace.connect(served.address)
        with pytest.raises(WorkspaceClosed):
            await workspace.submit("acme.echo", b"x")
        async with workspace:
            job = await workspace.submit("acme.echo", b"x")
        with pytest.raises(WorkspaceClosed):
            await workspace.get_job(job.id)
        with pytest.raises(WorkspaceClosed):
            await job.refresh()
        with pytest.raises(WorkspaceClosed):
            await job.wait(1)
        async with workspace:  # again
            assert await (await workspace.get_job(job.id)).get_results(10) == b"x"


async def test_waiting_ends_with_the_connection(tmp_path):
    async with daemon(tmp_path) as served, anyio.create_task_group() as group:
        told = []

        async def wait(job, begun):
            begun.set()
            with pytest.raises(WorkspaceClosed):
                await job.wait(50)
            told.append(job.id)

        async with Workspace.connect(served.address) as workspace:
            job = await workspace.submit("acme.held", b"x")
            begun = anyio.Event()
            group.start_soon(wait, job, begun)
            await begun.wait()
        with anyio.fail_after(10):
            while not told:
                await anyio.lowlevel.checkpoint()
        served.acme.go.set()
    assert told == [job.id]


async def test_an_exception_inside_comes_out_as_it_is(tmp_path):
    async with daemon(tmp_path) as served:
        with pytest.raises(ZeroDivisionError):
            async with Workspace.connect(served.address) as workspace:
                await workspace.submit("acme.echo", b"x")
                raise ZeroDivisionError


async def test_cancellation_from_outside_closes_in_order(tmp_path):
    async with daemon(tmp_path) as served:
        with anyio.CancelScope() as scope:
            async with Workspace.connect(served.address) as workspace:

                @workspace.on_final()
                async def hear(event, details):
                    await anyio.sleep_forever()

                await (await workspace.submit("acme.echo", b"x")).wait(10)
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught


async def test_what_is_no_daemon_or_is_not_there_is_told():
    async with fake() as other:
        other.on("GET", "/v1", json({"hello": "world"}))
        with pytest.raises(Exception, match="no Kyanite daemon"):
            async with Workspace.connect(other.address):
                pass
        other.on("GET", "/v1", refused(404, "NotFound", "there is nothing at this path"))
        with pytest.raises(Exception, match="nothing at this path"):
            async with Workspace.connect(other.address):
                pass
        await other.stop()
        with pytest.raises(Unreachable, match=other.address):
            async with Workspace.connect(other.address, patience_s=0.05):
                pass
