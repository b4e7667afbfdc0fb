"""Killed before and after every step of deliveries to a webhook: every event is heard, in order, and hardly one twice.

The steps are counted in one run of each scenario: each statement that stores how far a delivery is, each file in which
the webhooks are, each call, and each reading of log and letters. Then there is one run, one death, one life that goes
on, and one look at what was heard and at what is left for each.
"""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.crashes.hook_scenarios import SCENARIOS
from tests.crashes.test_points import PointsProcess, answers
from tests.reliability import counts, record

STRIDE = counts(quick=41, ci=6, soak=1)
"""Every so-manieth point is tried."""
PROCESSES = 2


def receiver(stack, folder):
    """A receiver that outlives whoever sends; return its URL."""
    command = [sys.executable, "-m", "tests.crashes.receiver_process", str(folder)]
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    return process.stdout.readline().strip()


@pytest.mark.timeout(counts(quick=60, ci=600, soak=600))
async def test_killed_before_and_after_every_step_of_a_delivery_nothing_is_lost(tmp_path):
    with ExitStack() as stack:
        url = receiver(stack, tmp_path)
        processes = [PointsProcess(stack, tmp_path, url, module="hook_points_process") for _ in range(PROCESSES)]
        counted = await answers(processes, [(name, None) for name in SCENARIOS])
        steps = {scenario: taken for (scenario, _), taken in counted}
        points = [(name, (*step, when)) for name in SCENARIOS for step in steps[name] for when in ("before", "after")]
        found = await answers(processes, points[::STRIDE])
    wrong = {str(question): answer["wrong"] for question, answer in found if answer["wrong"]}
    assert wrong == {}
    reached = sum(answer["reached"] for _, answer in found)
    assert reached >= 0.9 * len(found), "who stores together what, differs from run to run, but not by so much"
    assert all(len(taken) > 20 for taken in steps.values()), steps
    record(
        "Every final event reaches every receiver at least once, or is a dead letter after all attempts",
        f"{reached:,} of {len(points):,} crash points of deliveries to webhooks in {len(SCENARIOS)} kinds of places: "
        "0 lost, 0 out of order",
        points=len(points),
        tried=len(found),
        reached=reached,
    )


@pytest.mark.parametrize(("plant", "scenario"), [("read_on", "well"), ("forget_letters", "stubborn")])
async def test_a_planted_fault_is_found(tmp_path, plant, scenario):
    with ExitStack() as stack:
        process = PointsProcess(stack, tmp_path, receiver(stack, tmp_path), plant, module="hook_points_process")
        await answers([process], [(scenario, None)])
        ((_, answer),) = await answers([process], [(scenario, ["call settle end", 2, "after"])])
    assert answer["reached"]
    assert any("not heard" in wrong for wrong in answer["wrong"]), answer
