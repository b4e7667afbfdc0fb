"""The log, followed; and jobs, watched."""

import anyio
import pytest

from kyanite import Progressed, Status
from kyanite.errors import JobNotFound
from tests.faces.places import acme
from tests.runtime.places import in_memory, settings, with_echo


async def test_events_have_their_address_and_can_be_resumed(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        jobs = [await (await workspace.submit("acme.echo", b"x")).wait() for _ in range(3)]
        log = [event async for event in workspace.events()]
        assert [event.position for event in log] == list(range(1, 10))
        assert [(event.job_id, event.version) for event in log[:3]] == [
            (jobs[0].id, 1),
            (jobs[0].id, 2),
            (jobs[0].id, 3),
        ]
        assert all(event.time.tzinfo is not None for event in log)
        assert [event async for event in workspace.events(after=7)] == log[7:]
        assert [event async for event in workspace.events(after=9)] == []
        assert [event async for event in workspace.events(after=1_000)] == []
        assert log == [event async for event in ground.events()]


async def test_an_empty_log_ends_at_once(face):
    async with face(with_echo(in_memory())) as workspace:
        assert [event async for event in workspace.events()] == []


async def test_the_events_of_other_workspaces_are_none_of_ours(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        beside = await ground.beside("other")
        await (await workspace.submit("acme.echo", b"x")).wait()
        await (await beside.submit("acme.echo", b"x")).wait()
        assert [event.position async for event in workspace.events()] == [1, 2, 3]
        assert [event.position async for event in workspace.events(after=3)] == []


async def test_following_sees_everything_as_it_comes(face):
    async with face(with_echo(in_memory())) as workspace:
        seen = []

        async def follow():
            async for event in workspace.events(follow=True):
                seen.append(event.position)
                if event.position == 90:
                    return

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            for _ in range(30):
                await (await workspace.submit("acme.echo", b"x")).wait()
        assert seen == list(range(1, 91))


async def test_following_ends_when_the_workspace_closes(face):
    seen = []
    async with anyio.create_task_group() as group, face(with_echo(in_memory())) as workspace:

        async def follow():
            async for event in workspace.events(follow=True):
                seen.append(event.position)

        group.start_soon(follow)
        await (await workspace.submit("acme.echo", b"x")).wait()
    assert seen == [1, 2, 3]


async def test_a_job_is_watched_from_its_first_event_to_its_last(face):
    ground = in_memory(settings=settings(progress_interval_s=0.0))
    go = anyio.Event()

    @ground.target("acme.busy")
    async def busy(task):
        while not go.is_set():  # whoever comes late to watch sees what is told from then on
            task.progress(0.25, sweep=1)
            with anyio.move_on_after(0.01):
                await go.wait()
        task.progress(0.75, sweep=2)

    async with face(ground) as workspace:
        job = await workspace.submit("acme.busy", b"x")
        seen = []
        async for update in job.updates():
            if isinstance(update, Progressed):
                seen.append((update.fraction, update.values))
                assert job.progress == update
                go.set()
            else:
                seen.append(type(update).__name__)
        assert seen[:2] == ["Submitted", "Began"]
        assert (0.25, {"sweep": 1}) in seen
        assert seen[-1] == "Failed"  # it wrote no output
        assert job.progress is None
        late = [update async for update in job.updates()]
        assert late == list(await job.story())


async def test_several_watch_and_leave_as_they_like(face):
    ground = acme()
    async with face(ground) as workspace:
        job = await workspace.submit("acme.held", 1)
        ends = []

        async def watch(count):
            async for update in job.updates():
                count -= 1
                if not count:
                    break
                ends.append(type(update).__name__)

        async with anyio.create_task_group() as group:
            for count in (1, 2, 100, 100):
                group.start_soon(watch, count)
            ground.held.set()
        assert sorted(ends) == ["Began"] * 2 + ["Submitted"] * 3 + ["Succeeded"] * 2


async def test_many_wait_at_once(face):
    ground = acme()
    async with face(ground) as workspace:
        jobs = [await workspace.submit("acme.echo" if number % 2 else "acme.held", number) for number in range(20)]
        ended = []

        async def wait(job):
            ended.append((await job.wait(20)).details.status)

        async with anyio.create_task_group() as group:
            for job in [*jobs, *jobs]:
                group.start_soon(wait, job)
            ground.held.set()
        assert ended == [Status.SUCCEEDED] * 40


async def test_a_job_that_is_deleted_is_not_waited_for(face):
    ground = acme()
    async with face(ground) as workspace:
        job = await workspace.submit("acme.echo", 1)
        held = await workspace.get_job(job.id)
        await job.wait(10)
        await workspace.delete_job(job)
        if not held.details.final:
            with pytest.raises(JobNotFound):
                await held.wait(10)
        with pytest.raises(JobNotFound):
            await held.refresh()
