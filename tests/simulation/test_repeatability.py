"""The same seed gives the same run, callback by callback."""

import os
import subprocess
import sys

from kyanite.testing.simulation import Plan, simulate, weather
from tests.simulation.scenarios import EVERYTHING, scenario_of

TRACES = """
from kyanite.testing.simulation import simulate, weather
from tests.simulation.scenarios import scenario_of
print([simulate(scenario_of(jobs=30), plan=weather(seed, kill_after=0.01)).trace for seed in range(5)])
"""


def test_a_seed_repeats_itself():
    plan = weather(7, takeover=0.005)
    assert simulate(EVERYTHING, plan=plan) == simulate(EVERYTHING, plan=plan)


def test_seeds_differ():
    assert len({simulate(scenario_of(jobs=10), seed=seed).trace for seed in range(10)}) == 10


def test_hash_seeds_make_no_difference():
    printed = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", TRACES],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(["", *sys.path])},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "2")
    }
    assert len(printed) == 1
    assert printed.pop().count(",") == 4


def test_the_faults_that_struck_repeat_the_run_as_a_list():
    plan = weather(3, kill_after=0.005)
    report = simulate(EVERYTHING, plan=plan)
    assert report.faults
    listed = Plan(seed=3, faults=report.faults)
    assert simulate(EVERYTHING, plan=listed) == report
    assert simulate(EVERYTHING, plan=Plan.read(str(listed))) == report
