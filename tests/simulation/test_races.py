"""Cancels against everything else, and processes that do not know that they have lost the store."""

import asyncio

import pytest

from kyanite.core.job import Status
from kyanite.testing.simulation import Plan, simulate, weather
from tests.reliability import counts, record
from tests.simulation.scenarios import scenario_of

RACES = counts(quick=500, ci=10_000, soak=100_000)
ZOMBIES = counts(quick=25, ci=500, soak=10_000)


@pytest.mark.timeout(counts(quick=60, ci=120, soak=3_600))
def test_a_cancel_is_answered_with_the_end():
    """Each job is cancelled by two callers at once while it waits, begins, executes or ends."""
    ends = {}

    async def raced(client, submission):
        draw = client.world.draw
        job_id = await client.submit(**submission)
        if draw() < 0.7:
            await asyncio.sleep(draw() ** 2 * 0.3)
        row = await client.cancel(job_id)
        last = await client.wait(job_id)
        assert not row.final or row.status is last.status
        ends[last.status] = ends.get(last.status, 0) + 1

    scenario = scenario_of("plain", "inspected", "remote", "retried", lifecycle=raced, subscribers={})
    races, seed = 0, 0
    while races < RACES:
        plan = Plan(seed=seed) if seed % 3 == 0 else weather(seed, takeover=0.0)
        races += simulate(scenario, plan=plan).lifecycles
        seed += 1
    assert ends[Status.CANCELLED] > RACES // 10
    assert ends[Status.SUCCEEDED] > RACES // 100
    record(
        "Cancel wins or loses once",
        f"{races:,} simulated races over {seed} seeds: the answer always equals the final state",
        races=races,
        seeds=seed,
    )


@pytest.mark.timeout(counts(quick=60, ci=120, soak=3_600))
def test_nothing_stale_is_accepted_from_a_zombie():
    """The store is taken over while jobs execute; the process that has lost it goes on and tries to record."""
    scenario = scenario_of("plain", "retried", "timed out", "inspected", jobs=60, subscribers={})
    zombies, seed = 0, 0
    while zombies < ZOMBIES:
        report = simulate(scenario, plan=weather(seed, takeover=0.005))
        zombies += sum(fault.kind == "takeover" for fault in report.faults)
        seed += 1
    assert seed < ZOMBIES
    record(
        "Execution is at-least-once, results are at-most-once",
        f"{zombies:,} simulated zombies over {seed} seeds: 0 stale results accepted",
        zombies=zombies,
        seeds=seed,
    )
