"""The census against the store, and what an engine tells of itself."""

from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace

from kyanite import RetryableError, Status
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.backoff import Backoff
from kyanite.core.events import Began, Submitted
from kyanite.core.job import JobDetails, Needs, Target
from kyanite.errors import WorkspaceClosed
from kyanite.ports import Provider
from kyanite.runtime.census import Census
from kyanite.runtime.records import Change
from kyanite.stores.memory import MemoryStore
from kyanite.testing.clocks import FakeClock
from tests.runtime.places import executing, in_memory, settings, with_echo

START = datetime(2026, 1, 2, tzinfo=UTC)
ROW = JobDetails(
    id="j",
    name="n",
    provider_id="acme",
    target="acme.t",
    container_uri="kyanite:///default/job-j",
    input_data_uri="kyanite:///default/job-j/inputData",
    creation_time=START,
)


def with_targets(workspace):
    """Give the workspace targets that hold on, that fail, and that fail at first."""
    with_echo(workspace)

    @workspace.target("acme.held", slots=2)
    async def held(task):
        await task.wait_cancel_requested()

    @workspace.target("acme.broken")
    async def broken(task):
        raise ValueError("broken")

    @workspace.target("acme.busy")
    async def busy(task):
        if task.details.attempt < 3:
            raise RetryableError("Busy", "try again")
        return "at last"

    return workspace


async def stored(workspace, target):
    """How many of the target's jobs are in each status, as the store has it."""
    counts = await workspace.count_jobs(by="status", target=target)
    return {status: counts.get(status.value, 0) for status in Status}


def counted(standing):
    """The same, as the census has it."""
    return {Status.WAITING: standing.waiting, Status.EXECUTING: standing.executing, **standing.ended}


async def check(workspace):
    standings = dict(workspace.host.vitals.standings)
    for (name, target), standing in standings.items():
        assert name == workspace.name
        assert counted(standing) == await stored(workspace, target), target
    return standings


async def test_it_agrees_with_the_store_whatever_happens_to_jobs():
    async with with_targets(in_memory(settings=settings(shutdown_grace_s=0.01))) as workspace:
        for _ in range(3):
            await (await workspace.submit("acme.echo", "x")).wait()
            await (await workspace.submit("acme.broken", "x")).wait()
        busy = await (await workspace.submit("acme.busy", "x", attempts_max=3)).wait()
        assert busy.details.status is Status.SUCCEEDED
        held = [await workspace.submit("acme.held", "x") for _ in range(5)]
        for job in held[:2]:
            await executing(job)
        standings = await check(workspace)
        assert counted(standings["default", "acme.held"])[Status.WAITING] == 3
        await held[4].cancel()
        await held[0].cancel()
        await executing(held[2])
        await workspace.delete_job(held[4])
        await held[3].amend(priority=3)
        again = await workspace.submit("acme.held", "x", job_id=held[3].id)
        assert again.details.version > 1  # the one there is
        await workspace.delete_job(busy)
        standings = dict(workspace.host.vitals.standings)
        held_now, busy_now = standings["default", "acme.held"], standings["default", "acme.busy"]
        assert (held_now.waiting, held_now.executing, held_now.submitted) == (1, 2, 5)
        assert held_now.ended == {Status.SUCCEEDED: 0, Status.FAILED: 0, Status.CANCELLED: 2}
        assert (busy_now.retries, busy_now.interruptions) == (2, 0)
        assert busy_now.ended[Status.SUCCEEDED] == 1  # what has ended stays counted, deleted or not
        assert held_now.durations.wait.count == 3
        assert held_now.durations.run.count == 1
        assert workspace.host.engine.census.unended("default") == 3


async def test_it_begins_with_what_the_store_holds_and_keeps_workspaces_apart():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with with_targets(in_memory(store, blobs, settings(shutdown_grace_s=0.01))) as workspace:
        jobs = [await workspace.submit("acme.held", "x") for _ in range(4)]
        for job in jobs[:2]:
            await executing(job)
        other = await workspace.beside("other")
        await other.submit("acme.held", "x")
        await (await other.submit("acme.echo", "x")).wait()
    async with in_memory(store, blobs, drive=False) as workspace:
        assert {place: counted(standing) for place, standing in workspace.host.vitals.standings} == {
            ("default", "acme.held"): await stored(workspace, "acme.held")
        }
        held = dict(workspace.host.vitals.standings)["default", "acme.held"]
        assert (held.waiting, held.executing, held.submitted) == (2, 2, 0)
        assert workspace.host.engine.census.waiting == 2
        await workspace.beside("other")
        standings = dict(workspace.host.vitals.standings)
        assert standings["other", "acme.held"].waiting == 1
        assert ("other", "acme.echo") not in standings
        assert workspace.host.engine.census.waiting == 3


def test_an_end_without_a_beginning_leaves_the_line():
    census = Census()
    census.recorded(Change(None, ROW, (Submitted(details=ROW),), 1))
    cancelled = replace(ROW, status=Status.CANCELLED, cancellation_time=START + timedelta(seconds=1))
    census.recorded(Change(ROW, cancelled, (), 2))
    ((place, standing),) = census
    assert place == ("default", "acme.t")
    assert (standing.waiting, standing.executing, census.waiting) == (0, 0, 0)
    assert standing.durations.wait.count == standing.durations.run.count == 0


def test_both_steps_in_one_change_count_as_two():
    census = Census()
    census.recorded(Change(None, ROW, (), 1))
    times = {"begin_execution_time": START + timedelta(seconds=2), "end_execution_time": START + timedelta(seconds=5)}
    census.recorded(Change(ROW, replace(ROW, status=Status.FAILED, **times), (Began(attempt=1),), 3))
    ((_, standing),) = census
    assert (standing.waiting, standing.executing) == (0, 0)
    assert (standing.durations.wait.sum_s, standing.durations.run.sum_s) == (2.0, 3.0)


def test_interruptions_are_counted_when_they_are_found():
    census = Census()
    running = replace(ROW, status=Status.EXECUTING, driving=True, begin_execution_time=START)
    census.recorded(Change(running, replace(running, driving=False, interruptions=1), (), 3))
    ((_, standing),) = census
    assert (standing.interruptions, standing.retries) == (1, 0)


class Inspector(Provider):
    """Holds inspections, tells of itself, or fails to."""

    id = "acme"

    def __init__(self, gauges):
        self.go_on = anyio.Event()
        self._gauges = gauges

    def targets(self):
        return [Target(id="acme.looked-at", provider_id="acme", slots=3, inspects=True)]

    def gauges(self):
        return self._gauges()

    async def inspect(self, task):
        await self.go_on.wait()
        return Needs()

    async def run(self, task):
        await task.wait_cancel_requested()


async def test_the_line_is_as_old_as_its_first_job():
    clock = FakeClock()
    async with with_targets(in_memory(clock=clock, providers=[Inspector(dict)])) as workspace:
        jobs = []
        for _ in range(4):
            jobs.append(await workspace.submit("acme.held", "x"))
            clock.advance(10.0)
        await executing(jobs[1])
        await workspace.submit("acme.looked-at", "x")
        clock.advance(5.0)
        vitals = workspace.host.vitals
        queues = {queue.place[1]: (queue.depth, queue.oldest_age_s) for queue in vitals.queues}
        assert queues == {"acme.held": (2, 25.0), "acme.looked-at": (1, 5.0)}
        slots = {slots.target: (slots.busy, slots.all) for slots in vitals.slots}
        assert (slots["acme.held"], slots["acme.looked-at"]) == ((2, 2), (0, 3))
        assert vitals.position == 7
        assert vitals.commits.count >= 1
        for job in reversed(jobs):
            await job.cancel()
        assert {queue.place[1]: queue[1:] for queue in workspace.host.vitals.queues}["acme.held"] == (0, 0.0)


async def test_a_job_between_two_attempts_waits_for_a_slot():
    async with in_memory(settings=replace(settings(), retry=Backoff(first_s=3600.0, most_s=3600.0))) as workspace:

        @workspace.target("acme.busy")
        async def busy(task):
            raise RetryableError("Busy", "try again")

        job = await workspace.submit("acme.busy", "x", attempts_max=2)
        async for event in job.updates():
            if type(event).__name__ == "RetryScheduled":
                break
        engine = workspace.host.engine
        with anyio.fail_after(5):
            while engine.dispatcher.driven:  # nothing tells of it
                await anyio.lowlevel.checkpoint()
        (queue,) = workspace.host.vitals.queues
        assert queue.depth == 1
        await job.cancel()


@pytest.mark.parametrize(
    ("gauges", "expected"), [(dict, {}), (lambda: {"workers": 2.0}, {"acme": {"workers": 2.0}}), (lambda: 1 / 0, {})]
)
async def test_a_provider_tells_of_itself(gauges, expected):
    async with in_memory(providers=[Inspector(gauges)]) as workspace:
        assert workspace.host.vitals.readings == expected


async def test_a_workspace_that_is_not_open_tells_nothing():
    with pytest.raises(WorkspaceClosed):
        _ = in_memory().host.vitals
