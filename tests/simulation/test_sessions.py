"""Sessions among all that can go wrong: every call is repeated until it is answered, and takes effect once."""

import pytest

from kyanite.core.job import Target
from kyanite.errors import ProviderError, SessionClosed
from kyanite.ports import Provider
from kyanite.testing.simulation import Scenario, simulate


class Echo(Provider):
    """Returns its input, unless there is none."""

    id = "acme"

    def targets(self):
        return [Target(id="acme.echo", provider_id="acme", slots=3)]

    async def run(self, task):
        content = await task.read_input()
        if not content:
            raise ProviderError("EmptyInput", "there is nothing to return")
        await task.write_output(content)


async def in_a_session(client, submission):
    """Two jobs in a session of their own, which is closed before they have ended or after."""
    policy = "Abort" if client.world.draw() < 0.5 else "Continue"
    name = f"session-{client.number}-{len(client.jobs)}"
    opening = lambda workspace: workspace.open_session("acme.echo", session_id=name, job_failure_policy=policy)
    opened = await client.again(opening)
    jobs = [await client.submit(**submission, session_id=name)]
    try:
        jobs.append(await client.submit(**submission, session_id=name))
    except SessionClosed:
        if policy == "Continue":
            client.world.fail(f"{name} can not have failed")
    if client.world.draw() < 0.5:
        await client.again(lambda workspace: workspace.close_session(name))
    ends = [(await client.wait(job)).status for job in jobs]
    closed = await client.again(lambda workspace: workspace.close_session(name))
    expected = "Failed" if policy == "Abort" and "Failed" in ends else "Succeeded"
    if closed.status != expected or closed.creation_time != opened.creation_time:
        client.world.fail(f"{name} stands as {closed}, with jobs that have {ends}")
    for job in jobs:
        await client.repeat(job)
    if closed != await client.again(lambda workspace: workspace.get_session(name)):
        client.world.fail(f"{name} has changed after its end")


def sessions(_world):
    return Scenario(
        providers=lambda: [Echo()],
        submissions=[{"target": "acme.echo", "input": "1"}, {"target": "acme.echo", "input": ""}],
        lifecycle=in_a_session,
        jobs=16,
    )


@pytest.mark.parametrize("seed", range(8))
def test_sessions_hold_whatever_fails(seed):
    assert simulate(sessions, seed=seed).lifecycles >= 16
