"""The retired SDK solves against the daemon: each class of solver, and each way to hand over a problem."""

import pytest

from tests.acceptance.daemons import answers
from tests.acceptance.scripts.problems import BITS, SPINS, SQUARE, best_cost, cost

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

SOLVERS = {
    "annealing": "microsoft.simulatedannealing.cpu",
    "tempering": "microsoft.paralleltempering.cpu",
    "tabu": "microsoft.tabu.cpu",
    "quantum": "microsoft.qmc.cpu",
    "population": "microsoft.populationannealing.cpu",
    "substochastic": "microsoft.substochasticmontecarlo.cpu",
}
WITHOUT_PARAMETERS = {
    "SimulatedAnnealing": "microsoft.simulatedannealing-parameterfree.cpu",
    "ParallelTempering": "microsoft.paralleltempering-parameterfree.cpu",
    "Tabu": "microsoft.tabu-parameterfree.cpu",
    "PopulationAnnealing": "microsoft.populationannealing-parameterfree.cpu",
    "SubstochasticMonteCarlo": "microsoft.substochasticmontecarlo-parameterfree.cpu",
}
BEST = {"ising": best_cost("ising", SPINS), "pubo": best_cost("pubo", BITS)}


@pytest.fixture(scope="module")
def seen(qio_sdk, daemon):
    """What the script saw."""
    return answers(qio_sdk, "qio_solvers.py", daemon.folder, AZURE_QUANTUM_BASEURL=daemon.address)


def values(results):
    return {int(name): value for name, value in results["configuration"].items()}


@pytest.mark.parametrize("kind", ["ising", "pubo"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_each_solver_finds_the_best(seen, solver, kind):
    job = seen["with parameters"][f"{solver} {kind}"]
    assert (job["status"], job["target"], job["provider"]) == ("Succeeded", SOLVERS[solver], "Microsoft")
    assert job["results"]["cost"] == BEST[kind]
    assert cost(SPINS if kind == "ising" else BITS, values(job["results"])) == BEST[kind]
    assert job["results"]["solutions"][0]["cost"] == BEST[kind]


@pytest.mark.parametrize("solver", WITHOUT_PARAMETERS)
def test_each_solver_finds_the_best_without_parameters(seen, solver):
    job = seen["without parameters"][solver]
    assert (job["status"], job["target"]) == ("Succeeded", WITHOUT_PARAMETERS[solver])
    assert job["results"]["cost"] == BEST["ising"]
    assert job["results"]["parameters"]


@pytest.mark.parametrize(
    ("shape", "best"),
    [
        ("protobuf", -1000),
        ("protobuf pubo", BEST["pubo"]),
        ("grouped", best_cost("pubo", BITS, SQUARE)),
        ("started", BEST["ising"]),
        ("several", -9),
        ("streamed", -1200),
        ("toshiba", BEST["ising"]),
    ],
)
def test_each_shape_of_a_problem_is_solved(seen, shape, best):
    job = seen["shapes"][shape]
    assert job["status"] == "Succeeded", job["error"]
    assert job["results"]["cost"] == best


def test_several_solutions_come_best_first(seen):
    solutions = seen["shapes"]["several"]["results"]["solutions"]
    costs = [solution["cost"] for solution in solutions]
    assert 1 < len(costs) <= 3
    assert costs == sorted(costs)
    assert len({str(solution["configuration"]) for solution in solutions}) == len(solutions)


def test_a_streamed_problem_can_be_downloaded(seen):
    assert seen["download"] == {"terms": 1200, "last": {"c": -1.0, "ids": [1199]}}


def test_an_uploaded_problem_is_solved_by_its_url(seen):
    uploaded = seen["uploaded"]
    assert "qio-problems" in uploaded["url"]
    assert "?" not in uploaded["url"]
    for way in ("by url", "online", "by value"):
        assert uploaded[way]["results"]["cost"] == BEST["ising"]


def test_a_name_that_is_taken_is_not_overwritten(seen):
    assert "ResourceExistsError" in seen["uploaded"]["again"]["classes"]
    assert "BlobAlreadyExists" in seen["uploaded"]["again"]["message"]


def test_plain_json_and_metadata_are_taken(seen):
    assert seen["raw"]["plain"]["results"]["cost"] == pytest.approx(BEST["ising"])
    assert seen["details"]["metadata"] == {"owner": "me"}
    assert seen["details"]["input_params"] == {"params": {"sweeps": 100, "seed": 7}}


def test_details_are_complete_and_the_links_work_in_a_browser(seen):
    details = seen["details"]
    assert details["provider_id"] == "Microsoft"
    assert details["status"] == "Succeeded"
    assert details["creation_time"] <= details["begin_execution_time"] <= details["end_execution_time"]
    assert details["output"] == seen["raw"]["plain"]["results"]
    assert details["input"]["metadata"]["name"] == "raw"


def test_what_can_not_be_read_fails_with_a_code(seen):
    for name, code in {"unreadable": "AZQ105", "wrong": "AZQ104", "negative": "AZQ107"}.items():
        assert seen["raw"][name]["status"] == "Failed"
        assert code in seen["raw"][name]["error"]["message"]
    assert "RuntimeError" in seen["failure"]["classes"]
    assert "AZQ105" in seen["failure"]["message"]


def test_optimize_is_submit_and_results(seen):
    assert seen["optimized"]["cost"] == BEST["ising"]


@pytest.mark.parametrize("name", ["tabu", "pticm", "pathrelinking"])
def test_a_class_whose_target_is_not_here_is_told_so(seen, name):
    told = seen["unknown"][name]
    assert seen["http error"] in told["classes"]
    assert 400 <= told["status"] < 500
    assert f"1qbit.{name}" in told["message"]
