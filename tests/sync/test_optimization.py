import pytest

import kyanite
from kyanite import optimization
from kyanite.errors import JobFailed, UnknownTarget
from kyanite.sync import Workspace
from kyanite.sync.optimization import (
    OnlineProblem,
    ParallelTempering,
    PopulationAnnealing,
    Problem,
    ProblemType,
    QuantumMonteCarlo,
    SimulatedAnnealing,
    Solver,
    StreamingProblem,
    SubstochasticMonteCarlo,
    Tabu,
    Term,
)
from kyanite.sync.optimization.toshiba import SimulatedBifurcationMachine
from tests.sync.places import start, workspace_in

BOUND_S = 60

# A script as it was written for the service: two problems, several solvers, and what was usual around them.
SCRIPT = '''
import logging
from datetime import datetime, timedelta

from azure.quantum import JobStatus, Workspace
from azure.quantum.optimization import (
    OnlineProblem, ParallelTempering, Problem, ProblemType, SimulatedAnnealing, SlcTerm, Term
)

logging.basicConfig(level=logging.WARNING)
workspace = Workspace(
    resource_id="/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ports"
    "/providers/Microsoft.Quantum/Workspaces/harbour",
    location="West Europe",
)
workspace.login()

WEIGHTS = [1, 5, 9, 21, 35, 5, 3, 5, 10, 11]


def loading(weights):
    """Containers onto two ships, so that both carry the same."""
    terms = []
    for i in range(len(weights)):
        for j in range(i + 1, len(weights)):
            terms.append(Term(c=2 * weights[i] * weights[j], indices=[i, j]))
    return Problem(name="Ship loading", problem_type=ProblemType.ising, terms=terms)


def loads(config):
    ships = {1: 0, -1: 0}
    for number, ship in config.items():
        ships[ship] += WEIGHTS[int(number)]
    return sorted(ships.values())


problem = loading(WEIGHTS)
solver = SimulatedAnnealing(workspace, timeout=1, seed=22)
solver.set_number_of_solutions(2)
result = solver.optimize(problem)
print("loads", loads(result["configuration"]), "cost", result["cost"], "of", len(result["solutions"]))

parameters = {name: result["parameters"][name] for name in ("beta_start", "beta_stop", "sweeps", "restarts")}
again = SimulatedAnnealing(workspace, seed=22, **{**parameters, "sweeps": 200, "restarts": 8}).submit(problem)
again.wait_until_completed(max_poll_wait_secs=5, print_progress=False)
print(again.details.status, again.details.target, again.details.error_data)
print("loads", loads(again.get_results()["configuration"]))

# The same as one squared sum, in variables 0 and 1: the difference of both ships, and a constant.
grouped = Problem(name="Ship loading, grouped", problem_type=ProblemType.pubo)
grouped.add_slc_term(terms=[(2 * weight, number) for number, weight in enumerate(WEIGHTS)] + [(-sum(WEIGHTS), None)])
uri = grouped.upload(workspace, blob_name="grouped")
job = ParallelTempering(workspace, sweeps=200, all_betas=[0.001, 0.01, 0.1, 1.0], seed=5).submit(uri)
job.refresh()
config = job.get_results(timeout_secs=60)["solutions"][0]["configuration"]
print("difference", abs(sum((2 * value - 1) * WEIGHTS[int(number)] for number, value in config.items())))
print(grouped.evaluate(config), OnlineProblem("grouped", uri).download(workspace).evaluate(config))

fixed = problem.set_fixed_variables({"0": 1})
print(len(fixed.terms), "terms are left of", len(problem.terms))

try:
    broken = workspace.get_targets("microsoft.simulatedannealing.cpu").submit(
        Problem("broken", [Term(c=1, indices=[0, 1])], {"0": 3}, ProblemType.ising)
    )
    broken.get_results()
except RuntimeError as error:
    print(broken.details.status, broken.details.error_data.code, "broken" in str(error))

for job in workspace.list_jobs(name_match="^Ship", status=JobStatus.SUCCEEDED, created_after=datetime.now()):
    print(job.details.name, job.matches_filter(created_after=datetime.now() - timedelta(days=1)))
print(workspace.get_job(again.id).has_completed(), [t.name for t in workspace.get_targets(provider_id="Microsoft")][:2])
'''
PRINTED = """\
loads [52, 53] cost -2052.0 of 2
Succeeded microsoft.simulatedannealing.cpu None
loads [52, 53]
difference 1
1.0 1.0
45 terms are left of 45
Failed InvalidInputData True
Ship loading True
Ship loading True
True ['microsoft.paralleltempering-parameterfree.cpu', 'microsoft.populationannealing.cpu']
"""

SPINS = [Term(c=-9, indices=[0]), Term(c=-3, indices=[1, 0]), Term(c=5, indices=[2, 0])]


def test_a_script_of_2022_runs_with_only_its_imports_changed(tmp_path):
    child = start(SCRIPT.replace("azure.quantum", "kyanite.sync"), tmp_path)
    out, err = child.communicate(timeout=BOUND_S)
    assert child.returncode == 0, err
    assert "".join(line for line in out.splitlines(keepends=True) if line.strip(".\n")) == PRINTED
    assert err == ""


def test_the_example_of_the_issue(tmp_path):
    with Workspace(data_dir=tmp_path) as workspace:
        problem = Problem(name="MyOptimizationJob", problem_type=ProblemType.ising, terms=SPINS)
        job_id = SimulatedAnnealing(workspace, seed=7).submit(problem).id
        results = workspace.get_job(job_id).get_results()
        assert results["solutions"] == [{"configuration": {"0": 1, "1": 1, "2": -1}, "cost": -17.0}]
        assert problem.evaluate(results["solutions"][0]["configuration"]) == -17


async def test_the_example_of_the_issue_awaited(tmp_path):
    async with kyanite.Workspace.open(data_dir=tmp_path) as workspace:
        problem = optimization.Problem("MyOptimizationJob", SPINS, problem_type=ProblemType.ising)
        job = await optimization.SimulatedAnnealing(workspace, seed=7).submit(problem)
        results = await (await workspace.get_job(job.id)).get_results()
        assert results["solutions"] == [{"configuration": {"0": 1, "1": 1, "2": -1}, "cost": -17.0}]


def test_a_problem_goes_to_storage_and_back(tmp_path):
    with workspace_in(tmp_path) as workspace:
        problem = Problem("spins", SPINS)
        uri = problem.upload(workspace)
        assert problem.upload(workspace) == uri
        for again in (problem.download(workspace), OnlineProblem("spins", uri).download(workspace)):
            assert isinstance(again, Problem)
            assert again.serialize() == problem.serialize()
        with pytest.raises(RuntimeError, match="before it is uploaded"):
            Problem("never").download(workspace)
        assert isinstance(problem.set_fixed_variables({0: 1}), Problem)


def test_a_problem_is_streamed_to_storage_and_back(tmp_path):
    with workspace_in(tmp_path) as workspace:
        problem = StreamingProblem.create(workspace, "spins", SPINS[:1])
        problem.add_term(c=-3, indices=[1, 0])
        problem.add_terms(SPINS[2:])
        with pytest.raises(RuntimeError, match="another workspace"):
            problem.upload(workspace_in(tmp_path))
        with pytest.raises(RuntimeError, match="before it is uploaded"):
            problem.download()
        uri = problem.upload(workspace)
        assert problem.upload() == uri == problem.uploaded_blob_uri
        assert [term.to_dict() for term in problem.download().terms] == [term.to_dict() for term in SPINS]
        with pytest.raises(RuntimeError, match="is uploaded"):
            problem.add_term(1, [0])
        assert Solver(workspace, "acme.echo").submit(problem).details.input_data_uri == uri


def test_a_class_whose_target_is_not_there_is_refused_by_name(tmp_path):
    with workspace_in(tmp_path) as workspace:
        solver = Solver(workspace, "contoso.annealer")
        with pytest.raises(UnknownTarget, match=r"contoso\.annealer.*Solver"):
            solver.submit(Problem("spins", SPINS))
        with pytest.raises(ValueError, match=r"contoso\.annealer"):
            solver.refresh()
        assert workspace.count_jobs() == 0


def test_optimize_waits_and_warns(tmp_path):
    with workspace_in(tmp_path) as workspace:
        solver = Solver(workspace, "acme.fail", params={"timeout": 1000})
        with pytest.warns(UserWarning, match="timeout is 1000") as warned, pytest.raises(JobFailed):
            solver.optimize(Problem("hopeless", SPINS))
        assert warned[0].filename == __file__
        with pytest.raises(TimeoutError):
            Solver(workspace, "acme.endless").optimize(Problem("endless", SPINS), timeout_secs=0.01)


def test_targets_are_objects_of_their_solvers(tmp_path):
    with workspace_in(tmp_path) as workspace:
        solver = workspace.get_targets("microsoft.paralleltempering.cpu")
        assert isinstance(solver, ParallelTempering)
        assert solver.name == "microsoft.paralleltempering-parameterfree.cpu"
        assert (solver.provider_id, solver.current_availability, solver.average_queue_time) == (
            "Microsoft",
            "Available",
            0.0,
        )
        solver.refresh()
        found = workspace.get_targets(provider_id="microsoft")
        assert {type(solver) for solver in found} >= {ParallelTempering, SimulatedAnnealing}
        assert all(isinstance(solver, Solver) for solver in found)


def test_every_solver_class_solves(tmp_path):
    with workspace_in(tmp_path) as workspace:
        solvers = [
            SimulatedAnnealing(workspace, sweeps=20, restarts=2, beta_start=0.1, beta_stop=2.0),
            ParallelTempering(workspace, sweeps=20, all_betas=[0.1, 1.0]),
            Tabu(workspace, sweeps=100, tabu_tenure=1, restarts=2),
            QuantumMonteCarlo(workspace, sweeps=50, trotter_number=4, restarts=2),
            PopulationAnnealing(workspace, sweeps=50, population=64),
            SubstochasticMonteCarlo(workspace, step_limit=500, target_population=64),
            SimulatedBifurcationMachine(workspace, loops=10),
        ]
        jobs = [solver.submit(Problem("spins", SPINS)) for solver in solvers]
        for job in jobs:
            assert job.get_results()["cost"] == -17, job.details.target
