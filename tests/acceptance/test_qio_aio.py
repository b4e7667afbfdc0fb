"""The retired SDK's asynchronous classes against the daemon."""

import pytest

from tests.acceptance.daemons import answers
from tests.acceptance.scripts.problems import BITS, SPINS, SQUARE, best_cost

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

BEST = best_cost("ising", SPINS)
SOLVERS = {
    "annealing": "microsoft.simulatedannealing.cpu",
    "annealing without parameters": "microsoft.simulatedannealing-parameterfree.cpu",
    "tempering": "microsoft.paralleltempering.cpu",
    "tabu": "microsoft.tabu.cpu",
    "quantum": "microsoft.qmc.cpu",
    "population": "microsoft.populationannealing.cpu",
    "substochastic": "microsoft.substochasticmontecarlo.cpu",
    "toshiba": "toshiba.sbm.ising",
}


@pytest.fixture(scope="module")
def seen(qio_sdk, daemon):
    """What the script saw."""
    return answers(qio_sdk, "qio_aio.py", daemon.folder, AZURE_QUANTUM_BASEURL=daemon.address)


@pytest.mark.parametrize("solver", SOLVERS)
def test_each_solver_finds_the_best(seen, solver):
    job = seen["solvers"][solver]
    assert (job["status"], job["target"]) == ("Succeeded", SOLVERS[solver])
    assert job["results"]["cost"] == BEST


@pytest.mark.parametrize(
    ("shape", "best"),
    [
        ("protobuf", -1000),
        ("grouped", best_cost("pubo", BITS, SQUARE)),
        ("started", BEST),
        ("url", BEST),
        ("online", BEST),
        ("streamed", -400),
    ],
)
def test_each_shape_of_a_problem_is_solved(seen, shape, best):
    job = seen["shapes"][shape]
    assert job["status"] == "Succeeded"
    assert job["results"]["cost"] == best


def test_uploaded_problems_can_be_downloaded(seen):
    assert seen["download"]["terms"] == [len(SPINS), 400]


def test_optimize_is_submit_and_results(seen):
    assert seen["optimized"]["cost"] == pytest.approx(BEST)


def test_targets_quotas_and_jobs_are_listed(seen):
    listed = seen["listed"]
    assert {"microsoft.tabu.cpu", "microsoft.tabu-parameterfree.cpu"} <= set(listed["targets"])
    assert listed["target"][1] == "Available"
    assert isinstance(listed["quotas"], list)
    assert set(listed["succeeded"]) == {
        seen["submitted"]["annealing"],
        seen["submitted"]["annealing without parameters"],
    }
    assert listed["job"] == [seen["submitted"]["annealing"], "async annealing"]


def test_a_failed_job_has_no_results(seen):
    failed = seen["failed"]
    assert failed["status"] == "Failed"
    assert "RuntimeError" in failed["results"]["classes"]
    assert "AZQ105" in str(failed["error"])


def test_files_are_attached(seen):
    assert seen["attached"] == "what I thought"


def test_jobs_are_cancelled(seen):
    assert seen["cancelled"]["statuses"] == ["Cancelled", "Cancelled"]
    assert "RuntimeError" in seen["cancelled"]["results"]["classes"]


def test_what_is_not_known_is_told_so(seen):
    assert "ResourceNotFoundError" in seen["unknown job"]["classes"]
    assert seen["http error"] in seen["unknown target"]["classes"]
    assert 400 <= seen["unknown target"]["status"] < 500
    assert "1qbit.pathrelinking" in seen["unknown target"]["message"]
