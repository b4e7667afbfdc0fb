"""A `kill -9` before and after each durable step, for every kind of job: enumerated, not sampled."""

import asyncio

import pytest

from kyanite.core.job import Status
from kyanite.testing.simulation import Fault, LocalProvider, Plan, RemoteProvider, RemoteService, Scenario, simulate
from tests.reliability import record
from tests.simulation.scenarios import SUBMISSIONS, nothing_held, reversed_input

DURABLE = (
    *("store.commit", "store.cursors", "store.purge", "blobs.put", "blobs.delete"),
    *("provider.inspect", "provider.begin", "provider.end", "subscriber", "service"),
)
SUCCEEDED, FAILED, CANCELLED = Status.SUCCEEDED, Status.FAILED, Status.CANCELLED
LONG = {"target": "local.plain", "input": b"long one"}


async def waited(client, submission):
    return await client.wait(await client.submit(**submission))


async def cancelled_while_waiting(client, submission):
    job_id = await client.submit(**submission)
    await client.cancel(job_id)
    return await client.wait(job_id)


async def cancelled_while_executing(client, submission):
    job_id = await client.submit(**submission)
    while client.world.witness.rows["default", job_id].status is Status.WAITING:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await client.cancel(job_id)
    return await client.wait(job_id)


async def amended(client, submission):
    job_id = await client.submit(**submission)
    await client.amend(job_id, name="another name", priority=5)
    row = await client.wait(job_id)
    await client.amend(job_id, tags=["late"])
    assert client.jobs[job_id].tags == ("late",)
    return row


async def deleted(client, submission):
    row = await waited(client, submission)
    await client.delete(row.id)
    await client.repeat(row.id)
    return row


KINDS = {
    "success": (waited, SUBMISSIONS["plain"], {SUCCEEDED}),
    "failure": (waited, SUBMISSIONS["refused"], {FAILED}),
    "retry": (waited, SUBMISSIONS["retried"], {SUCCEEDED}),
    "time-out": (waited, SUBMISSIONS["timed out"], {FAILED, SUCCEEDED}),
    "inspected": (waited, SUBMISSIONS["inspected"], {SUCCEEDED}),
    "refused by inspection": (waited, SUBMISSIONS["found wanting"], {FAILED}),
    "large blobs": (waited, SUBMISSIONS["large"], {SUCCEEDED}),
    "remote": (waited, SUBMISSIONS["remote"], {SUCCEEDED}),
    "cancel while waiting": (cancelled_while_waiting, LONG, {CANCELLED, SUCCEEDED}),
    "cancel while executing": (cancelled_while_executing, LONG, {CANCELLED, SUCCEEDED}),
    "remote cancel": (cancelled_while_executing, SUBMISSIONS["remote"], {CANCELLED, SUCCEEDED}),
    "amend": (amended, LONG, {SUCCEEDED}),
    "delete": (deleted, SUBMISSIONS["plain"], {SUCCEEDED}),
}


def one_job(lifecycle, submission, allowed):
    """A scenario of one client with one job, which must end in one of the allowed ways."""

    async def checked(client, submission):
        row = await lifecycle(client, submission)
        assert row.status in allowed

    def scenario(world):
        service = RemoteService(world)
        return Scenario(
            providers=lambda: [LocalProvider(world), RemoteProvider(service)],
            submissions=[submission],
            jobs=1,
            clients=1,
            lifecycle=checked,
            check=reversed_input,
            at_rest=nothing_held,
        )

    return scenario


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_every_durable_step(kind):
    scenario = one_job(*KINDS[kind])
    calm = simulate(scenario, plan=Plan(), places=True)
    steps = [step for step, place in enumerate(calm.places, start=1) if place in DURABLE]
    assert len(steps) >= 8
    for step in steps:
        for when in ("kill-before", "kill-after"):
            report = simulate(scenario, plan=Plan(faults=(Fault(step, when),)))
            assert [fault.kind for fault in report.faults] == [when]
            assert report.lives == 2 or step == steps[-1]
            assert report.lifecycles == 1
    record(
        "Exactly one final state and one final event per job, at every crash point",
        f"{kind}: killed before and after each of {len(steps)} durable steps: 0 lost, 0 doubled, 0 changed",
        kind=kind,
        crash_points=2 * len(steps),
    )
