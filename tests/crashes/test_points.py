"""Killed before and after every step that changes what lies on the disk, for every kind of job: none is special.

The steps are counted in one run of each scenario, so that none is left out when the code changes; then there is one
run, one death and one look at what is left for each. Between two steps a process can only compute.
"""

import json
import subprocess
import sys
from contextlib import ExitStack

import anyio
import pytest

from tests.crashes.scenarios import SCENARIOS
from tests.reliability import counts, record

STRIDE = counts(quick=97, ci=1, soak=1)
"""Every so-manieth point is tried."""
PROCESSES = 2


class PointsProcess:
    """One that imports once, and forks for each question."""

    def __init__(self, stack, *arguments, module="points_process"):
        command = [sys.executable, "-m", f"tests.crashes.{module}", *map(str, arguments)]
        self._process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )

    def ask(self, *question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer is not None, question
        return answer


async def answers(processes, questions):
    """Ask all, each process one at a time; return (question, answer) in any order."""
    waiting, found = iter(questions), []

    async def work(process):
        for question in waiting:
            found.append((question, await anyio.to_thread.run_sync(process.ask, *question)))

    async with anyio.create_task_group() as group:
        for process in processes:
            group.start_soon(work, process)
    return found


def moments(step):
    """Before and after each step; what the scenario itself writes down changes nothing, and counts once it is said."""
    return ("after",) if step[0] == "write history" else ("before", "after")


@pytest.mark.timeout(counts(quick=60, ci=300, soak=300))
async def test_killed_before_and_after_every_durable_step_nothing_is_lost_doubled_or_changed(tmp_path):
    with ExitStack() as stack:
        processes = [PointsProcess(stack, tmp_path) for _ in range(PROCESSES)]
        counted = await answers(processes, [(name, None) for name in SCENARIOS])
        steps = {scenario: taken for (scenario, _), taken in counted}
        points = [(name, (*step, when)) for name in SCENARIOS for step in steps[name] for when in moments(step)]
        tried = points[::STRIDE]
        found = await answers(processes, tried)
    wrong = {str(question): answer["wrong"] for question, answer in found if answer["wrong"]}
    assert wrong == {}
    unreached = [question for question, answer in found if not answer["reached"]]
    assert len(unreached) <= len(found) // 200, unreached
    assert all(len(taken) > 3 for taken in steps.values()), steps
    record(
        "Exactly one final state and one final event, and it never changes",
        f"{len(found) - len(unreached):,} of {len(points):,} crash points in {len(SCENARIOS)} kinds of jobs, "
        "0 lost, 0 doubled, 0 changed, nothing half-visible",
        points=len(points),
        tried=len(found),
        unreached=len(unreached),
    )


@pytest.mark.parametrize(
    ("plant", "scenario", "step", "found"),
    [
        ("forget_the_notes", "large", ["link data/blobs/tmp/1", 1, "after"], "without a blob"),
        ("answer_before_the_commit", "small", ["write history", 2, "after"], "lost"),
    ],
)
async def test_a_planted_fault_is_found(tmp_path, plant, scenario, step, found):
    with ExitStack() as stack:
        process = PointsProcess(stack, tmp_path, plant)
        await answers([process], [(scenario, None)])
        ((_, answer),) = await answers([process], [(scenario, step)])
    assert answer["reached"]
    assert any(found in wrong for wrong in answer["wrong"]), answer
