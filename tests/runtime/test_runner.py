"""How executions end: by the provider's word, by its errors, by the clock, by somebody's wish."""

import asyncio

import anyio
import pytest

from kyanite import CostEstimate, JobFailed, Needs, ProviderError, RetryableError, Status, Target
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import FINAL_EVENTS
from kyanite.errors import BlobExists, InvalidRequest, StorageFull, StoreUnavailable
from kyanite.ports import Provider
from tests.runtime.places import executing, in_memory, settings, with_echo


def names(story):
    return [type(event).__name__ for event in story]


async def run(behaviour, *, cancel=False, limits=None, **options):
    """Submit one job to a target that behaves so; return it ended, and its story."""
    async with in_memory(settings=limits or settings()) as workspace:
        workspace.target("acme.test")(behaviour)
        job = await workspace.submit("acme.test", b"in", **options)
        if cancel:
            await executing(job)
            await job.cancel("enough")
        with anyio.fail_after(20):
            await job.wait()
        output = await job.read_results() if job.details.output_data_uri else None
        return job.details, await job.story(), output


async def test_a_retryable_error_is_tried_again_and_the_begin_time_is_kept():
    seen = []

    async def flaky(task):
        seen.append((task.details.attempt, task.details.failures, task.details.begin_execution_time))
        if len(seen) < 3:
            raise RetryableError("Busy", "try later")
        await task.write_output(b"done")

    details, story, output = await run(flaky, attempts_max=3)
    assert names(story) == ["Submitted", "Began", "RetryScheduled", "Began", "RetryScheduled", "Began", "Succeeded"]
    assert [attempt[:2] for attempt in seen] == [(1, 0), (2, 1), (3, 2)]
    assert len({attempt[2] for attempt in seen}) == 1
    assert (details.failures, details.attempt, output) == (2, 3, b"done")
    assert details.output_data_uri.endswith("/outputData-3")


async def test_attempts_run_out():
    async def busy(task):
        raise RetryableError("Busy", "try later", target="queue", details=["a", "b"])

    details, story, _ = await run(busy, attempts_max=2)
    assert names(story) == ["Submitted", "Began", "RetryScheduled", "Began", "Failed"]
    error = details.error_data
    assert (error.code, error.message, error.target, error.details) == ("Busy", "try later", "queue", ("a", "b"))


@pytest.mark.parametrize(
    ("error", "code", "field"),
    [
        (ProviderError("Bad", "input", target="terms[3].c"), "Bad", "terms[3].c"),
        (InvalidRequest("params.sweeps", "must be positive"), "InvalidRequest", "params.sweeps"),
        (StorageFull("the disk"), "StorageFull", None),
        (KeyError("oops"), "ProviderFault", None),
        (ExceptionGroup("several", [ValueError("a"), ValueError("b")]), "ProviderFault", None),
        (TimeoutError(), "ProviderFault", None),
    ],
)
async def test_an_error_ends_its_job_and_nothing_else(error, code, field):
    async with with_echo(in_memory()) as workspace:

        @workspace.target("acme.broken")
        async def broken(task):
            raise error

        job = await (await workspace.submit("acme.broken", b"x", attempts_max=5)).wait()
        assert job.details.status is Status.FAILED
        assert (job.details.error_data.code, job.details.error_data.target) == (code, field)
        assert await (await workspace.submit("acme.echo", b"on we go")).get_results() == b"on we go"


async def test_a_cancellation_from_inside_is_a_fault_and_the_slot_goes_on():
    async def confused(task):
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with in_memory() as workspace:
        workspace.target("acme.test", slots=1)(confused)
        for _ in range(3):
            job = await (await workspace.submit("acme.test", b"x")).wait(20)
            assert (job.details.status, job.details.error_data.code) == (Status.FAILED, "ProviderFault")


async def test_returning_without_an_output_is_a_failure():
    async def nothing(task):
        return None

    details, _, _ = await run(nothing)
    assert details.error_data.code == "OutputMissing"


async def test_an_output_is_written_once():
    async def twice(task):
        await task.write_output(b"first")
        await task.write_output(b"second")

    details, _, output = await run(twice)
    assert (details.status, details.error_data.code, output) == (Status.FAILED, "OutputWrittenTwice", b"first")


async def test_the_time_limit_of_an_attempt():
    stopped = []

    async def slow(task):
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(task.details.id)

    details, story, _ = await run(slow, timeout_s=0.02, attempts_max=3)
    assert names(story) == ["Submitted", "Began", "Failed"]
    assert (details.error_data.code, details.error_data.target) == ("TimedOut", "timeout_s")
    assert stopped == [details.id]


async def test_a_coroutine_that_will_not_stop_can_not_keep_its_job():
    release = anyio.Event()

    async def stubborn(task):
        with anyio.CancelScope(shield=True):
            await release.wait()
        await task.write_output(b"too late")

    async with in_memory() as workspace:
        workspace.target("acme.test")(stubborn)
        job = await workspace.submit("acme.test", b"x", timeout_s=0.02)
        await job.wait(20)
        assert job.details.error_data.code == "TimedOut"
        release.set()
    assert names(await story_of(workspace, job)) == ["Submitted", "Began", "Failed"]


async def story_of(workspace, job):
    return await workspace.host.storage.store.events(0, 100, ("default", job.id))


async def test_a_provider_that_honours_a_cancel_leaves_its_best_as_evidence():
    async def obliging(task):
        await task.wait_cancel_requested()
        assert task.cancel_requested
        await task.write_output(b"best so far")

    details, story, output = await run(obliging, cancel=True)
    assert names(story) == ["Submitted", "Began", "CancelRequested", "Cancelled"]
    assert (details.status, output, story[2].reason) == (Status.CANCELLED, b"best so far", "enough")
    assert details.cancellation_time is not None


async def test_raising_after_a_cancel_is_cancelled_too():
    async def raising(task):
        await task.wait_cancel_requested()
        raise RetryableError("Interrupted", "by you")

    details, story, _ = await run(raising, cancel=True, attempts_max=5)
    assert (details.status, names(story)[-1]) == (Status.CANCELLED, "Cancelled")


async def test_a_provider_that_ignores_a_cancel_is_stopped_after_the_grace_time():
    async def deaf(task):
        await anyio.sleep_forever()

    details, story, _ = await run(deaf, cancel=True, limits=settings(cancel_grace_s=0.02))
    assert names(story) == ["Submitted", "Began", "CancelRequested", "Cancelled"]
    assert details.error_data is None


async def test_the_services_final_answer_wins_over_a_cancel():
    async def remote(task):
        await task.wait_cancel_requested()
        await task.write_output(b"it was done already")
        return Status.SUCCEEDED

    details, story, output = await run(remote, cancel=True)
    assert (details.status, output) == (Status.SUCCEEDED, b"it was done already")
    assert names(story) == ["Submitted", "Began", "CancelRequested", "Succeeded"]


async def test_a_service_may_cancel_by_itself():
    async def remote(task):
        return Status.CANCELLED

    details, _, _ = await run(remote)
    assert details.status is Status.CANCELLED


async def test_run_may_not_return_a_status_that_is_raised():
    async def wrong(task):
        return Status.FAILED

    details, _, _ = await run(wrong)
    assert "a failure is raised" in details.error_data.message


async def test_cancelling_a_waiting_job_is_immediate_and_it_never_runs():
    ran = []
    async with in_memory() as workspace:
        go = anyio.Event()

        @workspace.target("acme.gate", slots=1)
        async def gate(task):
            ran.append(task.details.id)
            await go.wait()
            return b"x"

        first = await workspace.submit("acme.gate", b"x")
        await executing(first)
        second = await workspace.submit("acme.gate", b"x")
        await workspace.cancel_job(second)
        assert second.details.status is Status.CANCELLED
        assert names(await second.story()) == ["Submitted", "CancelRequested", "Cancelled"]
        go.set()
        await first.wait()
        await workspace.cancel_job(first.id)
        assert (await first.refresh()).details.status is Status.SUCCEEDED
        assert ran == [first.id]


async def test_cancelling_between_attempts_is_immediate():
    async with in_memory() as workspace:

        @workspace.target("acme.busy")
        async def busy(task):
            raise RetryableError("Busy", "try later")

        job = await workspace.submit("acme.busy", b"x", attempts_max=100)
        async for event in job.updates():
            if type(event).__name__ == "RetryScheduled":
                break
        await job.cancel()
        assert job.details.status is Status.CANCELLED


async def test_every_canceller_is_told_the_same_end():
    async with in_memory() as workspace:

        @workspace.target("acme.race")
        async def race(task):
            await anyio.lowlevel.checkpoint()
            return b"x"

        for _ in range(50):
            job = await workspace.submit("acme.race", b"x")
            told = []

            async def cancel(job=job, told=told):
                told.append((await workspace.cancel_job(job.id)).details.status)

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(cancel)
            await job.wait()
            assert set(told) == {job.details.status}
            assert sum(isinstance(event, FINAL_EVENTS) for event in await job.story()) == 1


async def test_cost_and_properties_reach_the_row():
    async def billed(task):
        task.note(cost_estimate=CostEstimate("EUR", 2.5), device="left")
        await task.write_output(b"x")

    details, _, _ = await run(billed)
    assert details.cost_estimate.estimated_total == 2.5
    assert details.additional_properties == {"device": "left"}


async def test_checkpoints_are_durable_and_visible():
    async def careful(task):
        await task.intend("token-1")
        await task.checkpoint({"remote": 7})
        assert (task.details.intent, task.details.handle) == ("token-1", {"remote": 7})
        return b"x"

    _, story, _ = await run(careful)
    assert names(story) == ["Submitted", "Began", "Intended", "Checkpointed", "Succeeded"]


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (lambda task: task.intend("x" * 513), "token"),
        (lambda task: task.checkpoint({"remote": "x" * 65_536}), "handle"),
        (lambda task: task.checkpoint({"remote": {1, object()}}), "handle"),
        (lambda task: task.checkpoint({"remote": float("nan")}), "handle"),
        (lambda task: task.note(device="x" * 65_536), "properties"),
        (lambda task: [task.note(**{f"part{at}": "x" * 10_000}) for at in range(7)], "properties"),
        (lambda task: task.progress(0.5, best="x" * 4_096), "progress"),
        (lambda task: task.progress(0.5, best_cost=float("inf")), "progress"),
    ],
)
async def test_what_a_provider_tells_is_bounded(told, field):
    async def talkative(task):
        with pytest.raises(InvalidRequest) as refused:
            await (told(task) or anyio.lowlevel.checkpoint())
        assert refused.value.field.partition(".")[0] == field
        return b"x"

    details, story, _ = await run(talkative)
    assert names(story) == ["Submitted", "Began", "Succeeded"]
    assert len(details.additional_properties.get("part0", "")) <= 10_000


async def test_progress_is_shown_and_never_stored():
    async with in_memory(settings=settings(progress_interval_s=0.0)) as workspace:
        shown, seen = anyio.Event(), []

        @workspace.target("acme.slow")
        async def slow(task):
            for step in range(3):
                task.progress(step / 2, best_cost=-float(step))
                await anyio.lowlevel.checkpoint()
            await shown.wait()
            return b"x"

        job = await workspace.submit("acme.slow", b"x")
        async for update in job.updates():
            seen.append(update)
            if type(update).__name__ == "Progressed" and update.fraction == 1.0:
                assert job.progress == update
                shown.set()
        assert seen[-1].version == 3
        assert update is seen[-1]
        assert [p.values for p in seen if type(p).__name__ == "Progressed"][-1] == {"best_cost": -2.0}
        assert job.progress is None
        assert names(await job.story()) == ["Submitted", "Began", "Succeeded"]


async def test_progress_is_rate_limited():
    async with in_memory(settings=settings(progress_interval_s=3_600.0)) as workspace:
        told = []

        @workspace.target("acme.chatty")
        async def chatty(task):
            for step in range(1_000):
                task.progress(step / 1_000)
            return b"x"

        bus = workspace.host.engine.bus
        original = bus.progressed
        bus.progressed = lambda progress: (told.append(progress), original(progress))
        await (await workspace.submit("acme.chatty", b"x")).wait()
        assert len(told) == 1


class Lossy(MemoryBlobs):
    """Blobs whose answers get lost: every second put raises, having stored or not."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    async def put(self, key, content, **options):
        self.calls += 1
        if key.endswith("outputData") and self.calls % 2:
            if self.calls % 4 == 1:
                await super().put(key, content, **options)
            raise StoreUnavailable("lost")
        return await super().put(key, content, **options)


async def test_a_blob_store_that_is_out_does_not_fail_a_job():
    async with with_echo(in_memory(blobs=Lossy())) as workspace:
        for number in range(4):
            assert await (await workspace.submit("acme.echo", b"%d!" % number)).get_results(20) == b"%d!" % number


async def test_another_output_in_the_way_is_an_error():
    async with with_echo(in_memory()) as workspace:
        await workspace.host.storage.blobs.put("default/job-mine/outputData", b"not ours")
        job = await (await workspace.submit("acme.echo", b"x", job_id="mine")).wait()
        assert job.details.error_data.code == BlobExists.__name__


class Inspecting(Provider):
    """Refuses what does not begin with `ok`, and needs what the input says."""

    id = "acme"

    def targets(self):
        return [Target(id="acme.inspected", provider_id="acme", inspects=True)]

    async def inspect(self, task):
        content = await task.read_input()
        if not content.startswith(b"ok"):
            raise ProviderError("InvalidInputData", "must begin with ok", target="input[0]")
        return Needs(cores=float(content[2:] or 1))

    async def run(self, task):
        await task.write_output(f"{task.details.needs.cores:g}")


async def test_inspection_refuses_bad_input_while_it_waits():
    async with in_memory(providers=[Inspecting()]) as workspace:
        good = await workspace.submit("acme.inspected", b"ok2")
        bad = await (await workspace.submit("acme.inspected", b"no")).wait()
        huge = await (await workspace.submit("acme.inspected", b"ok99")).wait()
        assert names(await bad.story()) == ["Submitted", "Failed"]
        assert (bad.details.error_data.code, bad.details.error_data.target) == ("InvalidInputData", "input[0]")
        assert bad.details.begin_execution_time is None
        assert huge.details.error_data.code == "InsufficientResources"
        assert await good.get_results() == "2"
        assert names(await good.story()) == ["Submitted", "Inspected", "Began", "Succeeded"]


async def test_a_job_that_no_machine_here_can_hold_fails_at_once():
    async with in_memory() as workspace:

        @workspace.target("acme.huge", needs=Needs(gpus=8))
        async def huge(task):
            return b"x"

        job = await workspace.submit("acme.huge", b"x")
        with pytest.raises(JobFailed, match="8 GPUs"):
            await job.get_results(20)


async def test_the_provider_may_refuse_the_envelope_at_submit():
    class Choosy(Inspecting):
        def accept(self, details):
            if details.timeout_s is not None:
                raise InvalidRequest("params.timeout", "must be below timeout_s")

    async with in_memory(providers=[Choosy()]) as workspace:
        with pytest.raises(InvalidRequest, match=r"params\.timeout"):
            await workspace.submit("acme.inspected", b"ok", timeout_s=5)
        assert await workspace.count_jobs() == 0
