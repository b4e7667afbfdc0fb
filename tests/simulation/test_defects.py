"""What the simulator has found in the runtime, each with the workload that shows it most often."""

import pytest

from kyanite.testing.simulation import Plan, simulate
from tests.simulation.scenarios import scenario_of

SEEDS = range(10)


async def cancel_and_delete(client, submission):
    job_id = await client.submit(**submission)
    await client.cancel(job_id)
    await client.delete(job_id)


async def cancel(client, submission):
    await client.cancel(await client.submit(**submission))


def holds(scenario, **rates):
    """The scenario holds with each seed."""
    rates = {kind.replace("_", "-"): rate for kind, rate in rates.items()}
    return sum(simulate(scenario, plan=Plan(seed=seed, rates=rates)).lifecycles for seed in SEEDS)


def test_a_job_deleted_on_its_way_to_a_slot_does_not_end_the_process():
    scenario = scenario_of("plain", "inspected", lifecycle=cancel_and_delete, subscribers={})
    assert holds(scenario) == 100 * len(SEEDS)


@pytest.mark.parametrize("kind", ["error", "lost", "hang"])
def test_a_store_that_is_out_does_not_end_the_process(kind):
    assert holds(scenario_of("plain", "retried", "inspected", jobs=20), **{kind: 0.15}) >= 20 * len(SEEDS)


def test_a_refill_does_not_bring_back_what_has_ended_meanwhile():
    scenario = scenario_of("plain", "urgent", lifecycle=cancel, clients=16, subscribers={})
    assert holds(scenario, slow=0.2) == 100 * len(SEEDS)


def test_a_cancel_while_interrupted_jobs_are_taken_up_leaves_none_behind():
    scenario = scenario_of("remote", "plain", lifecycle=cancel, subscribers={})
    assert holds(scenario, restart=0.02, slow=0.1) == 100 * len(SEEDS)


def test_a_job_deleted_before_it_is_taken_up_does_not_end_the_process():
    scenario = scenario_of("remote", "retried", lifecycle=cancel_and_delete, subscribers={})
    assert holds(scenario, restart=0.02, slow=0.2) == 100 * len(SEEDS)
