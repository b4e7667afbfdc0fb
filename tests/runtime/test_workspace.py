import hashlib

import anyio
import msgspec
import pytest

from kyanite import JobCancelled, JobDetails, JobFailed, Provider, Status, Target, Workspace
from kyanite.errors import (
    Conflict,
    IdConflict,
    InvalidRequest,
    JobNotFound,
    QueueFull,
    ReadOnly,
    StoreOwned,
    StoreUnavailable,
    UnknownTarget,
    WorkspaceClosed,
)
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import executing, in_memory, settings, with_echo

MODEL = [
    "id",
    "name",
    "provider_id",
    "target",
    "container_uri",
    "input_data_uri",
    "input_data_format",
    "input_params",
    "output_data_uri",
    "output_data_format",
    "metadata",
    "tags",
    "priority",
    "status",
    "creation_time",
    "begin_execution_time",
    "end_execution_time",
    "cancellation_time",
    "cost_estimate",
    "error_data",
    "additional_properties",
]


async def test_a_job_goes_from_submit_to_result():
    async with with_echo(in_memory()) as workspace:
        job = await workspace.submit(
            "acme.echo",
            {"x": [1, 2.5]},
            name="first",
            input_params={"params": {"a": 1}},
            tags=["t"],
            metadata={"m": 1},
            priority=2,
            input_data_format="json",
        )
        assert job.details.status is Status.WAITING
        assert await job.get_results() == {"x": [1, 2.5]}
        details = job.details
        assert details.status is Status.SUCCEEDED
        assert (details.name, details.tags, details.metadata, details.priority) == ("first", ("t",), {"m": 1}, 2)
        assert details.input_params == {"params": {"a": 1}}
        assert details.creation_time <= details.begin_execution_time <= details.end_execution_time
        assert details.input_hash == hashlib.sha256(b'{"x":[1,2.5]}').hexdigest() == details.output_hash
        assert details.output_data_uri == f"kyanite:///default/job-{job.id}/outputData"
        story = await job.story()
        assert [type(event).__name__ for event in story] == ["Submitted", "Began", "Succeeded"]
        assert len(str(story).splitlines()) == 3
        assert "Succeeded" in repr(job)


def test_details_have_every_field_of_the_model():
    assert [field.name for field in msgspec.structs.fields(JobDetails)][: len(MODEL)] == MODEL


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"\x00a"), b"\x00a"),
        ("text ☃", "text ☃".encode()),
        ([1, None, "x"], [1, None, "x"]),
        (b"", b""),
    ],
)
async def test_any_input_comes_through(content, expected):
    async with with_echo(in_memory()) as workspace:
        assert await (await workspace.submit("acme.echo", content)).get_results() == expected


async def test_files_and_streams_come_through(tmp_path):
    content = b"%" + bytes(300_000)
    (tmp_path / "input").write_bytes(content)
    async with with_echo(Workspace.open(data_dir=tmp_path / "data")) as workspace:
        for given in (tmp_path / "input", stream(content[:7], content[7:])):
            job = await workspace.submit("acme.echo", given)
            assert await job.get_results() == content
            assert (job.details.input_size, job.details.output_size) == (len(content), len(content))
            assert (await job.download(tmp_path / "output")).read_bytes() == content
        with pytest.raises(InvalidRequest, match="input can not be read"):
            await workspace.submit("acme.echo", tmp_path / "missing")


async def test_what_a_coroutine_returns_is_the_output():
    async with in_memory() as workspace:

        @workspace.target("acme.answer")
        async def answer(task):
            return {"answer": 42}

        @workspace.target("acme.words")
        async def words(task):
            return "42"

        assert await (await workspace.submit("acme.answer", b"")).get_results() == {"answer": 42}
        assert await (await workspace.submit("acme.words", b"")).get_results() == "42"
        assert [target.id for target in workspace.targets()] == ["acme.answer", "acme.words"]


async def test_the_same_submit_twice_is_one_job():
    async with with_echo(in_memory()) as workspace:
        first = await workspace.submit("acme.echo", b"x", job_id="mine", name="first")
        second = await workspace.submit("acme.echo", b"x", job_id="mine", name="second")
        assert second.details.name == "first"
        for other in (
            {"input": b"y"},
            {"input": b"x", "input_params": {"a": 1}},
            {"input": b"x", "input_data_format": "f"},
        ):
            with pytest.raises(IdConflict):
                await workspace.submit("acme.echo", job_id="mine", **other)
        assert await first.get_results() == b"x"
        assert await workspace.count_jobs() == 1


async def test_simultaneous_submits_of_one_id_are_one_job():
    async with with_echo(in_memory()) as workspace:
        ids = []

        async def submit():
            ids.append((await workspace.submit("acme.echo", b"x", job_id="mine")).id)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(submit)
        assert ids == ["mine"] * 20
        assert await workspace.count_jobs() == 1


async def test_an_input_left_by_a_submit_that_was_cut_short_is_no_obstacle():
    async with with_echo(in_memory()) as workspace:
        await workspace._storage.blobs.put("default/job-mine/inputData", b"half-way")
        job = await workspace.submit("acme.echo", b"x", job_id="mine")
        assert await job.get_results() == b"x"


async def test_an_input_can_be_used_again_and_then_stays():
    async with with_echo(in_memory()) as workspace:
        first = await workspace.submit("acme.echo", b"shared")
        second = await workspace.submit("acme.echo", input_data_uri=first.details.input_data_uri)
        assert await second.get_results() == b"shared"
        await first.wait()
        assert not await workspace.delete_job(first)
        assert await workspace.delete_job(second)
        assert await workspace.delete_job(first.id)
        assert await workspace._storage.blobs.page() == []
        for uri in ("kyanite:///default/job-x/inputData", "kyanite:///other/a/b", "https://example.org/x", "../etc"):
            with pytest.raises(InvalidRequest, match="input_data_uri"):
                await workspace.submit("acme.echo", input_data_uri=uri)
        with pytest.raises(InvalidRequest, match="input_data_uri"):
            await workspace.submit("acme.echo", b"x", input_data_uri=uri)
        with pytest.raises(InvalidRequest, match="input is missing"):
            await workspace.submit("acme.echo")


async def test_a_deleted_jobs_id_stays_refused_and_its_story_readable():
    async with with_echo(in_memory()) as workspace:
        job = await (await workspace.submit("acme.echo", b"x", job_id="gone")).wait()
        assert await workspace.delete_job(job)
        with pytest.raises(JobNotFound):
            await job.refresh()
        with pytest.raises(IdConflict, match="deleted"):
            await workspace.submit("acme.echo", b"x", job_id="gone")
        assert len(await job.story()) == 3


async def test_refused_submits_leave_nothing():
    async with with_echo(in_memory(settings=settings(waiting_max=0))) as workspace:
        with pytest.raises(UnknownTarget, match=r"did you mean 'acme\.echo'"):
            await workspace.submit("acme.ehco", b"x")
        with pytest.raises(UnknownTarget, match=r"there are: acme\.echo"):
            await workspace.submit("10,000 spins", b"x")
        with pytest.raises(QueueFull, match="waiting_max"):
            await workspace.submit("acme.echo", b"x")
        assert await workspace.count_jobs() == 0
        assert await workspace._storage.blobs.page() == []
    async with with_echo(in_memory(settings=settings(input_max_bytes=10))) as workspace:
        for content in (b"x" * 11, stream(b"x" * 6, b"x" * 6), "x" * 11):
            with pytest.raises(InvalidRequest, match="at most 10 are allowed"):
                await workspace.submit("acme.echo", content)
        assert await (await workspace.submit("acme.echo", b"x" * 10)).get_results() == b"x" * 10


async def test_room_is_counted_as_jobs_come_and_go():
    async with in_memory(settings=settings(waiting_max=3)) as workspace:
        go = anyio.Event()

        @workspace.target("acme.gate", slots=1)
        async def gate(task):
            await go.wait()
            return b"x"

        first = await workspace.submit("acme.gate", b"x")
        await executing(first)
        jobs = [await workspace.submit("acme.gate", b"x") for _ in range(3)]
        with pytest.raises(QueueFull):
            await workspace.submit("acme.gate", b"x")
        await jobs[1].cancel()
        jobs.append(await workspace.submit("acme.gate", b"x"))
        with pytest.raises(QueueFull):
            await workspace.submit("acme.gate", b"x")
        go.set()
        for job in jobs:
            await job.wait()
        await workspace.submit("acme.gate", b"x")


async def test_waiting_has_its_own_time_limit():
    async with in_memory() as workspace:

        @workspace.target("acme.never")
        async def never(task):
            await task.wait_cancel_requested()

        job = await workspace.submit("acme.never", b"x")
        with pytest.raises(TimeoutError):
            await job.get_results(timeout_s=0.01)
        with pytest.raises(TimeoutError):
            await job.wait(0.01)
        assert (await job.cancel()).details.status is Status.CANCELLED
        with pytest.raises(JobCancelled, match="CancelRequested"):
            await job.get_results()


async def test_a_failed_job_tells_its_story():
    async with in_memory() as workspace:

        @workspace.target("acme.broken")
        async def broken(task):
            raise ValueError("no such luck")

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


async def test_listing_filters_and_pages():
    async with with_echo(in_memory()) as workspace:
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
        with pytest.raises(JobNotFound):
            await workspace.get_job("nobody")
        for wrong in ({"status": "Queued"}, {"order": "size"}, {"created_after": "today"}, {"target": [3]}):
            with pytest.raises(InvalidRequest, match=next(iter(wrong))):
                assert [job async for job in workspace.list_jobs(**wrong)]
        with pytest.raises(InvalidRequest, match="by"):
            await workspace.count_jobs(by="size")


async def test_labels_change_at_any_time_and_priority_while_waiting():
    async with with_echo(in_memory()) as workspace:
        job = await (await workspace.submit("acme.echo", b"x")).wait()
        await job.amend(name="new", tags=["a", "a"], metadata={"k": 1})
        assert (job.details.name, job.details.tags, job.details.metadata) == ("new", ("a",), {"k": 1})
        assert job.details.status is Status.SUCCEEDED
        with pytest.raises(InvalidRequest, match="priority can only be changed while the job waits"):
            await job.amend(priority=3)
        with pytest.raises(InvalidRequest, match="name"):
            await job.amend(name="")


async def test_a_closed_workspace_says_so():
    workspace = with_echo(in_memory())
    with pytest.raises(WorkspaceClosed):
        await workspace.submit("acme.echo", b"x")
    async with workspace:
        job = await workspace.submit("acme.echo", b"x")
    with pytest.raises(WorkspaceClosed):
        await workspace.get_job(job.id)


async def test_an_exception_inside_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        async with with_echo(in_memory()) as workspace:
            await workspace.submit("acme.echo", b"x")
            raise ZeroDivisionError


async def test_a_store_that_fails_says_so_plainly():
    class Unreadable(MemoryStore):
        async def head(self):
            raise StoreUnavailable("not today")

    with pytest.raises(StoreUnavailable, match="not today"):
        async with in_memory(Unreadable()):
            pass

    class Stolen(MemoryStore):
        async def commit(self, writes):
            raise Conflict("another process owns this store now")

    with pytest.raises(Conflict):
        async with with_echo(in_memory(Stolen())) as workspace:
            with pytest.raises(Conflict):
                await workspace.submit("acme.echo", b"x")
            await anyio.sleep_forever()


async def test_cancellation_from_outside_closes_in_order():
    with anyio.CancelScope() as scope:
        async with with_echo(in_memory()) as workspace:
            job = await workspace.submit("acme.echo", b"x")
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    async with with_echo(in_memory(workspace._storage.store, workspace._storage.blobs)) as again:
        assert await (await again.get_job(job.id)).get_results() == b"x"


async def test_a_target_is_registered_once():
    async with with_echo(in_memory()) as workspace:
        with pytest.raises(InvalidRequest, match="registered already"):
            with_echo(workspace)


async def test_files_on_disk_have_one_owner_and_any_number_of_readers(tmp_path):
    async with with_echo(Workspace.open(data_dir=tmp_path)) as owner:
        job = await owner.submit("acme.echo", b"x")
        with pytest.raises(StoreOwned):
            async with Workspace.open(data_dir=tmp_path):
                pass
        async with Workspace.open(data_dir=tmp_path, read_only=True) as reader:
            seen = await (await reader.get_job(job.id)).wait(30)
            assert await seen.get_results() == b"x"
            assert await reader.count_jobs(status="succeeded") == 1
            assert len([event async for event in reader.events()]) == 3
            for refused in (
                reader.submit("acme.echo", b"x"),
                seen.cancel(),
                reader.delete_job(seen),
                seen.amend(name="n"),
            ):
                with pytest.raises(ReadOnly):
                    await refused
            with pytest.raises(ReadOnly):
                reader.on_final(name="billing")(None)


async def test_reading_where_nothing_is_creates_nothing(tmp_path):
    with pytest.raises(Exception, match="does not exist"):
        async with Workspace.open(data_dir=tmp_path / "nothing", read_only=True):
            pass
    assert not (tmp_path / "nothing").exists()


async def test_providers_get_ready_when_told_to():
    class Prepared(Provider):
        id = "acme"
        began = 0

        def targets(self):
            return [Target(id="acme.slow", provider_id="acme")]

        async def run(self, task):
            await task.write_output(b"")

        async def prepare(self):
            self.began += 1

    provider = Prepared()
    async with in_memory(providers=[provider]) as workspace:
        assert provider.began == 0
        await workspace.prepare()
        assert provider.began == 1
    with pytest.raises(WorkspaceClosed):
        await workspace.prepare()
