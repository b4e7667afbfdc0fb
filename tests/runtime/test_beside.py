"""Several workspaces on one engine: nothing of one is seen in another, and the machine is shared by turns."""

import anyio
import anyio.lowlevel
import pytest

from kyanite import Status
from kyanite.core.events import Event, Submitted
from kyanite.errors import IdConflict, InvalidRequest, JobNotFound, QueueFull, SessionNotFound, WorkspaceClosed
from kyanite.ports import Cursor, JobQuery
from kyanite.runtime.subscriptions import cursor_name
from tests.runtime.places import in_memory, settings, with_echo


async def names(workspace, **filters):
    return [job.details.name async for job in workspace.list_jobs(**filters)]


async def test_jobs_of_one_are_unknown_in_the_other():
    async with with_echo(in_memory()) as first:
        other = await first.beside("other")
        mine = await first.submit("acme.echo", "mine", job_id="same", name="mine", tags=["t"])
        theirs = await other.submit("acme.echo", "theirs", job_id="same", name="theirs", tags=["t"])
        assert await mine.get_results() == b"mine"
        assert await theirs.get_results() == b"theirs"
        assert (await names(first), await names(other, tag="t")) == (["mine"], ["theirs"])
        assert (await first.count_jobs(), await other.count_jobs()) == (1, 1)
        only = await other.submit("acme.echo", "x")
        with pytest.raises(JobNotFound):
            await first.get_job(only.id)
        with pytest.raises(JobNotFound):
            await first.cancel_job(only.id)
        with pytest.raises(JobNotFound):
            await first.delete_job(only.id)
        with pytest.raises(IdConflict):
            await other.submit("acme.echo", "something else", job_id="same")
        with pytest.raises(InvalidRequest, match="input_data_uri"):
            await first.submit("acme.echo", input_data_uri=theirs.details.input_data_uri)
        with pytest.raises(InvalidRequest, match="uri"):
            await first.download(theirs.details.input_data_uri)


async def test_sessions_of_one_are_unknown_in_the_other():
    async with with_echo(in_memory()) as first:
        other = await first.beside("other")
        session = await other.open_session("acme.echo")
        assert [details async for details in first.list_sessions()] == []
        with pytest.raises(SessionNotFound):
            await first.get_session(session.id)
        with pytest.raises(SessionNotFound):
            await first.submit("acme.echo", "x", session_id=session.id)


async def test_events_of_one_are_not_heard_in_the_other():
    heard = {"default": [], "other": []}
    async with with_echo(in_memory()) as first:
        other = await first.beside("other")
        for workspace in (first, other):

            @workspace.on(Submitted, name="same")
            async def hear(event, details, into=heard[workspace.name]):
                into.append(details.name)

        for workspace in (first, other):
            await (await workspace.submit("acme.echo", "x", name=workspace.name)).wait()
        events = [event async for event in other.events()]
        assert {event.workspace for event in events} == {"other"}
        with anyio.fail_after(5):
            while not all(heard.values()):
                await anyio.lowlevel.checkpoint()
        store = first.host.storage.store
    assert heard == {"default": ["default"], "other": ["other"]}
    assert set(await store.cursors()) == {cursor_name("default", "same"), cursor_name("other", "same")}


async def test_a_cursor_of_an_earlier_release_goes_on():
    """It was kept under the subscriber's name alone."""
    workspace = in_memory()
    store = workspace.host.storage.store
    async with with_echo(workspace) as opened:
        await (await opened.submit("acme.echo", "x", name="before")).wait()
        end = await store.head()
    await store.cursors([Cursor("old", end, workspace.now())])
    heard = []
    again = with_echo(in_memory(store, workspace.host.storage.blobs))

    @again.on(Event, name="old", from_start=True)
    async def hear(event, details):
        heard.append((event.position, details.name))

    async with again:
        await (await again.submit("acme.echo", "x", name="after")).wait()
    assert {name for _, name in heard} == {"after"}
    assert min(position for position, _ in heard) == end + 1


async def test_slots_of_a_target_are_shared_and_taken_in_turns():
    began, most, going = [], [], anyio.Semaphore(0)
    async with in_memory() as first:

        @first.target("acme.few", slots=2)
        async def few(task):
            began.append(task.details.workspace)
            most.append(len(began) - len(ended))
            await going.acquire()
            ended.append(task.details.id)
            return "done"

        ended = []
        other = await first.beside("other")
        jobs = [await workspace.submit("acme.few", "x") for workspace in (first, other) for _ in range(4)]
        for _ in jobs:
            going.release()
        for job in jobs:
            assert (await job.wait(5)).details.status is Status.SUCCEEDED
    assert max(most) == 2
    # The first two had begun before the others came; from then on the workspaces took turns.
    assert began[:2] == ["default", "default"]
    assert set(began[2:4]) == {"default", "other"}
    assert sorted(began) == ["default"] * 4 + ["other"] * 4


async def test_a_target_that_comes_later_serves_all():
    async with in_memory() as first:
        other = await first.beside("other")
        with_echo(first)
        assert [target.id for target in other.targets()] == [target.id for target in first.targets()]
        assert await (await other.submit("acme.echo", "x")).get_results() == b"x"

        @other.target("acme.late")
        async def late(task):
            return "late"

        assert await (await first.submit("acme.late", "x")).get_results() == "late"


async def test_what_waits_goes_on_after_a_restart():
    ground = in_memory(drive=False)
    storage = ground.host.storage
    async with with_echo(ground) as first:
        other = await first.beside("other")
        waiting = await other.submit("acme.echo", "x")
        assert await first.host.engine.storage.store.workspaces() == ["other"]
        assert first.host.engine.census.waiting == 1
    async with with_echo(in_memory(storage.store, storage.blobs)) as again:
        assert again.host.engine.census.waiting == 0
        assert await again.host.engine.storage.store.workspaces() == ["other"]
        other = await again.beside("other")
        assert (await (await other.get_job(waiting.id)).wait(5)).details.status is Status.SUCCEEDED
        assert again.host.engine.census.waiting == 0
        query = JobQuery(workspace="other", status=(Status.SUCCEEDED,))
        assert await storage.store.count(query) == {"": 1}


async def test_the_bound_on_waiting_jobs_is_one_for_all():
    async with with_echo(in_memory(settings=settings(waiting_max=2), drive=False)) as first:
        other = await first.beside("other")
        await first.submit("acme.echo", "x")
        await other.submit("acme.echo", "x")
        with pytest.raises(QueueFull):
            await other.submit("acme.echo", "x")


async def test_it_is_open_as_long_as_the_first():
    async with with_echo(in_memory()) as first:
        other = await first.beside("other")
        assert (await first.beside("other")).name == "other"
        assert first.host.engine.workspaces == ["default", "other"]
    with pytest.raises(WorkspaceClosed):
        await other.submit("acme.echo", "x")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", ".a", "x" * 129, None])
async def test_what_can_be_no_name(name):
    async with in_memory() as first:
        with pytest.raises(InvalidRequest, match="workspace"):
            await first.beside(name)
