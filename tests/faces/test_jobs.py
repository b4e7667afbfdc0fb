"""Jobs as they are looked at, changed, cancelled and removed."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from kyanite import JobCancelled, JobFailed, Status
from kyanite.errors import IdConflict, InvalidRequest, JobNotFound, PreconditionFailed
from kyanite.ports import ORDERS, sort_key
from kyanite.results import Results
from tests.faces.places import acme, listed
from tests.runtime.places import executing, in_memory, with_echo


async def test_waiting_has_its_own_time_limit(face):
    async with face(acme()) as workspace:
        job = await workspace.submit("acme.never", b"x")
        with pytest.raises(TimeoutError):
            await job.get_results(timeout_s=0.01)
        with pytest.raises(TimeoutError):
            await job.wait(0.01)
        with pytest.raises(TimeoutError):
            await job.wait(0)
        assert (await job.cancel()).details.status is Status.CANCELLED
        with pytest.raises(JobCancelled, match="CancelRequested"):
            await job.get_results()


async def test_one_that_has_ended_is_not_waited_for(face):
    async with face(with_echo(in_memory())) as workspace:
        job = await workspace.submit("acme.echo", b"x")
        before = await workspace.get_job(job.id)
        await job.wait(10)
        assert (await before.wait(0)).details == job.details


async def test_a_failed_job_tells_its_story(face):
    ground = in_memory()

    @ground.target("acme.broken")
    async def broken(task):
        raise ValueError("no such luck")

    async with face(ground) as workspace:
        job = await workspace.submit("acme.broken", b"x", name="mine")
        with pytest.raises(JobFailed) as failed:
            await job.get_results()
        assert isinstance(failed.value, RuntimeError)
        assert failed.value.details.error_data.code == "ProviderFault"
        assert "'mine'" in str(failed.value)
        assert "ValueError: no such luck" in str(failed.value)
        assert "Began: execution 1" in str(failed.value)
        with pytest.raises(LookupError, match="no output"):
            await job.read_results()
        with pytest.raises(LookupError, match="no output"):
            await job.download("nowhere")


async def test_cancelling_tells_how_it_ended(face):
    async with face(acme()) as workspace:
        job = await workspace.submit("acme.never", b"x")
        await executing(job)
        cancelled = await workspace.cancel_job(job.id, "no longer needed")
        assert cancelled.details.status is Status.CANCELLED
        assert "no longer needed" in str(await job.story())
        ended = await (await workspace.submit("acme.echo", b"x")).wait(10)
        assert (await ended.cancel()).details.status is Status.SUCCEEDED
        with pytest.raises(JobNotFound):
            await workspace.cancel_job("nobody")


async def test_a_deleted_jobs_id_stays_refused_and_its_story_readable(face):
    async with face(with_echo(in_memory())) as workspace:
        job = await (await workspace.submit("acme.echo", b"x", job_id="gone")).wait()
        assert await workspace.delete_job(job)
        with pytest.raises(JobNotFound):
            await job.refresh()
        with pytest.raises(JobNotFound):
            await workspace.delete_job(job)
        with pytest.raises(IdConflict, match="deleted"):
            await workspace.submit("acme.echo", b"x", job_id="gone")
        assert len(await job.story()) == 3
        assert [type(update).__name__ async for update in job.updates()] == ["Submitted", "Began", "Succeeded"]


async def test_one_that_has_not_ended_stays(face):
    async with face(acme()) as workspace:
        job = await workspace.submit("acme.never", b"x")
        assert not await workspace.delete_job(job)
        await job.cancel()
        assert await workspace.delete_job(job)


@pytest.mark.parametrize("job_id", ["nobody", "", "a/b", "..", "../jobs", "a b?c#d", "x" * 200, "\ud800", "☃", None])
async def test_there_is_no_job_of_another_id(face, job_id):
    async with face(with_echo(in_memory())) as workspace:
        with pytest.raises(JobNotFound):
            await workspace.get_job(job_id)


async def test_listing_filters_and_pages(face):
    async with face(with_echo(in_memory())) as workspace:
        for number in range(25):
            await workspace.submit("acme.echo", b"x", name=f"job {number:02}", tags=["odd"] if number % 2 else [])
        async for job in workspace.list_jobs():
            await job.wait()
        names = [job.details.name async for job in workspace.list_jobs(page_size=4, order="name", descending=True)]
        assert names == [f"job {number:02}" for number in reversed(range(25))]
        assert [job.details.name async for job in workspace.list_jobs(limit=2, order="name")] == ["job 00", "job 01"]
        assert len([job async for job in workspace.list_jobs(tag="odd", status=["succeeded", "Failed"])]) == 12
        assert [job async for job in workspace.list_jobs(limit=0)] == []
        assert await workspace.count_jobs() == 25
        assert await workspace.count_jobs(status="SUCCEEDED", name_prefix="job 1") == 10
        assert await workspace.count_jobs(by="status") == {"Succeeded": 25}
        assert (await workspace.get_job(job.id)).details.name == job.details.name
        for wrong in ({"status": "Queued"}, {"order": "size"}, {"created_after": "today"}, {"target": [3]}):
            with pytest.raises(InvalidRequest, match=next(iter(wrong))):
                assert [job async for job in workspace.list_jobs(**wrong)]
        with pytest.raises(InvalidRequest, match="by"):
            await workspace.count_jobs(by="size")
        with pytest.raises(TypeError, match="colour"):
            assert [job async for job in workspace.list_jobs(colour="red")]


async def test_every_filter_means_the_same(face):
    ground = acme()
    async with face(ground) as workspace:
        session = await workspace.open_session("acme.echo")
        jobs = [
            await workspace.submit("acme.echo", 1, job_id="a-1", name="één", tags=["red", "a,b"]),
            await workspace.submit("acme.fail", 1, job_id="a-2", name="two"),
            await workspace.submit("other.echo", 1, job_id="b-1", name="three & four"),
            await workspace.submit("acme.never", 1, job_id="b-2", name="five", session_id=session.id),
        ]
        for job in jobs[:3]:
            await job.wait(10)
        await executing(jobs[3])
        middle = jobs[2].details.creation_time
        zoned = middle.astimezone(UTC).replace(tzinfo=None)
        for filters, expected in (
            ({}, {"a-1", "a-2", "b-1", "b-2"}),
            ({"status": Status.EXECUTING}, {"b-2"}),
            ({"status": [Status.SUCCEEDED, "failed"]}, {"a-1", "a-2", "b-1"}),
            ({"status": []}, {"a-1", "a-2", "b-1", "b-2"}),
            ({"target": "acme.fail"}, {"a-2"}),
            ({"target": ("acme.fail", "acme.echo")}, {"a-1", "a-2"}),
            ({"provider": "other"}, {"b-1"}),
            ({"provider": ["other", "nobody"]}, {"b-1"}),
            ({"name_prefix": "t"}, {"a-2", "b-1"}),
            ({"name_prefix": "é"}, {"a-1"}),
            ({"name_prefix": "three & f"}, {"b-1"}),
            ({"name_prefix": ""}, {"a-1", "a-2", "b-1", "b-2"}),
            ({"id_prefix": "a-"}, {"a-1", "a-2"}),
            ({"tag": "red"}, {"a-1"}),
            ({"tag": "a,b"}, {"a-1"}),
            ({"tag": "a"}, set()),
            ({"session_id": session.id}, {"b-2"}),
            ({"session_id": ""}, {"a-1", "a-2", "b-1"}),
            ({"created_after": middle}, {"b-1", "b-2"}),
            ({"created_before": zoned}, {"a-1", "a-2", "b-1"}),
            ({"created_after": middle + timedelta(days=1)}, set()),
            ({"status": None, "tag": None, "created_after": None}, {"a-1", "a-2", "b-1", "b-2"}),
        ):
            assert set(await listed(workspace.list_jobs(**filters))) == expected, filters
            assert await workspace.count_jobs(**filters) == len(expected), filters
        assert await workspace.count_jobs("target", id_prefix="a-") == {"acme.echo": 1, "acme.fail": 1}
        assert await workspace.count_jobs("provider_id") == {"acme": 3, "other": 1}
        assert await workspace.count_jobs("name", tag="red") == {"één": 1}
        assert await workspace.count_jobs("status", tag="nobody's") == {}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ORDERS)
async def test_jobs_are_listed_from_behind_any_of_them(face, order, descending):
    ground = acme()
    async with face(ground) as workspace:
        for number in range(5):
            job = await workspace.submit(
                "acme.fail" if number % 3 else "other.echo", number, name=f"n, {number % 2}", priority=number % 2
            )
            await job.wait(10)
        jobs = [job async for job in workspace.list_jobs(order=order, descending=descending)]
        assert [job.id for job in jobs] == await listed(ground.list_jobs(order=order, descending=descending))
        for at, job in enumerate(jobs):
            after = list(sort_key(job.details, order))  # as it comes back by way of JSON
            for page_size in (2, 200):
                rest = workspace.list_jobs(order=order, descending=descending, after=after, page_size=page_size)
                assert await listed(rest) == [other.id for other in jobs[at + 1 :]]


@pytest.mark.parametrize(
    ("order", "after"),
    [
        ("creation_time", "text"),
        ("creation_time", (1,)),
        ("creation_time", (1, "a", "b")),
        ("creation_time", (1.5, "a")),
        ("creation_time", (True, "a")),
        ("creation_time", (1 << 63, "a")),
        ("creation_time", (1, "\ud800")),
        ("creation_time", {"a": 1}),
        ("rank", (float("nan"), "a")),
        ("rank", (float("inf"), "a")),
        ("rank", ("1", "a")),
        ("name", (1, "a")),
        ("name", ("n", "1", "a")),
        ("name", ("n", 1, None)),
    ],
)
async def test_a_place_that_is_none_is_refused(face, order, after):
    async with face(acme()) as workspace:
        with pytest.raises(InvalidRequest, match="after") as refused:
            await listed(workspace.list_jobs(order=order, after=after))
        assert refused.value.field == "after"
        if order == "creation_time":
            with pytest.raises(InvalidRequest, match="after"):
                await listed(workspace.list_sessions(after=after))


async def test_labels_change_at_any_time_and_priority_while_waiting(face):
    ground = acme()
    async with face(ground) as workspace:
        job = await (await workspace.submit("acme.echo", b"x")).wait()
        await job.amend(name="new", tags=["a", "a"], metadata={"k": 1})
        assert (job.details.name, job.details.tags, job.details.metadata) == ("new", ("a",), {"k": 1})
        await job.amend(tags=[], metadata={})
        assert (job.details.name, job.details.tags, job.details.metadata) == ("new", (), {})
        assert job.details.status is Status.SUCCEEDED
        with pytest.raises(InvalidRequest, match="priority can only be changed while the job waits"):
            await job.amend(priority=3)
        for wrong in ({"name": ""}, {"tags": "a"}, {"metadata": [1]}):
            with pytest.raises(InvalidRequest) as refused:
                await job.amend(**wrong)
            assert [refused.value.field] == list(wrong)
        await executing(await workspace.submit("acme.held", b"x"))
        waiting = await workspace.submit("acme.held", b"x")
        assert (await waiting.amend(priority=7)).details.priority == 7
        assert waiting.details.name == "acme.held"
        assert waiting.details == (await ground.get_job(waiting.id)).details
        ground.held.set()


async def test_a_change_can_be_made_to_depend_on_what_was_seen(face):
    async with face(acme()) as workspace:
        job = await workspace.submit("acme.never", b"x")
        await executing(job)
        seen = (await job.refresh()).details.version
        await job.amend(name="one", if_version=seen)
        for change in (job.amend(name="two", if_version=seen), job.cancel(if_version=seen)):
            with pytest.raises(PreconditionFailed, match=str(seen + 1)):
                await change
        await job.refresh()
        assert (job.details.name, job.details.version, job.details.status) == ("one", seen + 1, Status.EXECUTING)
        assert (await job.cancel(if_version=seen + 1)).details.status is Status.CANCELLED


async def test_solutions_are_a_mapping_that_notebooks_show_as_a_table(face):
    found = {"solutions": [{"configuration": {"0": 1}, "cost": -2.0}]}
    async with face(with_echo(in_memory())) as workspace:
        job = await workspace.submit("acme.echo", found, name="<b>spins</b>")
        results = await job.get_results(10)
        assert isinstance(results, Results)
        assert results == found
        assert json.dumps(results) == json.dumps(found)
        assert "best cost -2.0" in results._repr_html_()
        assert "&lt;b&gt;spins&lt;/b&gt;" in job._repr_html_()


async def test_whose_target_nobody_serves_is_said(face):
    async with face(acme()) as workspace:
        job = await workspace.submit("acme.never", b"x")
        assert not job.target_missing
        assert not job.inspects
        assert re.fullmatch(r"<Job 'acme\.never' \S+ on acme\.never: \w+>", repr(job))


async def test_the_time_is_the_workspaces_own(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        apart = abs(workspace.now() - ground.now())
        assert apart < timedelta(seconds=5)
        assert workspace.now().utcoffset() == timedelta(0)
        assert workspace.now() > datetime(2026, 1, 1, tzinfo=UTC)
