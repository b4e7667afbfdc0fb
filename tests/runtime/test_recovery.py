"""What a restart does: nothing acknowledged is lost, nothing ends twice, nothing half-written is seen."""

from datetime import UTC, datetime

import anyio

from kyanite import OnInterrupt, Status
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import Began, CancelRequested, Checkpointed, RetryScheduled, Suspended
from kyanite.core.job import ErrorData
from kyanite.stores.memory import MemoryStore
from kyanite.testing.stores import a_job, write
from tests.runtime.places import executing, in_memory, settings, with_echo


def names(story):
    return [type(event).__name__ for event in story]


async def left_behind(*events, **fields):
    """A store with one job, its input stored, in which these events happened before the process was killed."""
    store, blobs = MemoryStore(), MemoryBlobs()
    await blobs.open()
    blob = await blobs.put("default/job-job00001/inputData", b"x")
    born = a_job(1, input_hash=blob.sha256, input_size=1, **fields)
    await store.commit([write(None, *events, birth=born)])
    return store, blobs


async def reopened(store, blobs, **options):
    """Open it with the echo target; return the job ended, and its story."""
    async with with_echo(in_memory(store, blobs), **options) as workspace:
        job = await (await workspace.get_job("job00001")).wait(20)
        return job.details, names(await job.story())


async def test_a_job_that_waited_runs():
    details, story = await reopened(*await left_behind())
    assert story == ["Submitted", "Began", "Succeeded"]
    assert details.interruptions == 0


async def test_a_job_that_was_executing_runs_again_under_another_output_name():
    store, blobs = await left_behind(Began(attempt=1))
    await blobs.put("default/job-job00001/outputData", b"written, but its event was not")
    details, story = await reopened(store, blobs)
    assert story == ["Submitted", "Began", "Resumed", "Began", "Succeeded"]
    assert (details.interruptions, details.attempt) == (1, 2)
    assert details.output_data_uri.endswith("/outputData-2")


async def test_a_job_that_was_let_go_in_good_order_was_not_interrupted():
    details, story = await reopened(*await left_behind(Began(attempt=1), Suspended()))
    assert story == ["Submitted", "Began", "Suspended", "Began", "Succeeded"]
    assert details.interruptions == 0


async def test_a_job_between_attempts_keeps_its_pause():
    pause = RetryScheduled(error=ErrorData("Busy", "later"), not_before=datetime(2026, 1, 1, tzinfo=UTC))
    details, story = await reopened(*await left_behind(Began(attempt=1), pause))
    assert story == ["Submitted", "Began", "RetryScheduled", "Began", "Succeeded"]
    assert (details.failures, details.interruptions) == (1, 0)


async def test_a_pause_that_a_clock_jump_made_endless_is_bounded():
    pause = RetryScheduled(error=ErrorData("Busy", "later"), not_before=datetime(2036, 1, 1, tzinfo=UTC))
    _, story = await reopened(*await left_behind(Began(attempt=1), pause))
    assert story[-1] == "Succeeded"


async def test_a_job_that_keeps_taking_the_process_down_is_given_up():
    store, blobs = await left_behind(Began(attempt=4), interruptions=3)
    details, story = await reopened(store, blobs)
    assert story == ["Submitted", "Began", "Failed"]
    assert details.error_data.code == "Interrupted"
    assert "4 times" in details.error_data.message


async def test_a_target_whose_jobs_can_not_run_twice_fails_them():
    details, story = await reopened(*await left_behind(Began(attempt=1)), on_interrupt=OnInterrupt.FAIL)
    assert story == ["Submitted", "Began", "Failed"]
    assert details.error_data.code == "Interrupted"


async def test_a_cancel_that_was_requested_before_the_crash_is_granted():
    details, story = await reopened(*await left_behind(Began(attempt=1), CancelRequested()))
    assert story == ["Submitted", "Began", "CancelRequested", "Cancelled"]
    assert details.status is Status.CANCELLED


async def test_a_remote_job_goes_on_from_its_handle_even_to_be_cancelled():
    store, blobs = await left_behind(
        Began(attempt=1), Checkpointed(handle={"id": 7}), CancelRequested(), target="acme.remote"
    )
    async with in_memory(store, blobs) as workspace:

        @workspace.target("acme.remote", remote=True)
        async def remote(task):
            assert task.details.handle == {"id": 7}
            await task.wait_cancel_requested()
            await task.write_output(b"done before")
            return Status.SUCCEEDED

        job = await (await workspace.get_job("job00001")).wait(20)
        assert job.details.status is Status.SUCCEEDED
        assert names(await job.story())[-3:] == ["Resumed", "Began", "Succeeded"]


async def test_leaving_lets_go_of_what_executes_and_never_cancels_it():
    store, blobs = MemoryStore(), MemoryBlobs()
    stopped = []
    async with in_memory(store, blobs, settings=settings(shutdown_grace_s=0.01)) as workspace:

        @workspace.target("acme.echo")
        async def endless(task):
            try:
                await anyio.sleep_forever()
            finally:
                stopped.append(task.details.status)

        job = await workspace.submit("acme.echo", b"x", job_id="job00001")
        await executing(job)
    assert stopped == [Status.EXECUTING]
    _, story = await reopened(store, blobs)
    assert story == ["Submitted", "Began", "Suspended", "Began", "Succeeded"]


async def test_leaving_while_a_job_is_just_beginning_is_no_interruption_either():
    class Slow(MemoryStore):
        begun = None

        async def commit(self, writes):
            if self.begun is not None and isinstance(writes[0].events[0], Began):
                self.begun.set()
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.05)
            return await super().commit(writes)

    store, blobs = Slow(), MemoryBlobs()
    store.begun = anyio.Event()
    async with with_echo(in_memory(store, blobs, settings=settings(shutdown_grace_s=0.01))) as workspace:
        await workspace.submit("acme.echo", b"x", job_id="job00001")
        await store.begun.wait()
    row = await store.get("default", "job00001")
    assert not row.driving
    details, story = await reopened(store, blobs)
    assert (details.status, details.interruptions) == (Status.SUCCEEDED, 0)
    assert "Resumed" not in story


async def test_leaving_gives_what_executes_its_grace_time():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with in_memory(store, blobs) as workspace:
        leaving = anyio.Event()

        @workspace.target("acme.echo")
        async def slow(task):
            await leaving.wait()
            return b"x"

        await executing(await workspace.submit("acme.echo", b"x", job_id="job00001"))
        waiting = await workspace.submit("acme.echo", b"x", job_id="job00002")
        await executing(waiting)
        leaving.set()
    assert (await store.get("default", "job00001")).status is Status.SUCCEEDED
