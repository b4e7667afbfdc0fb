import json
import warnings

import anyio
import numpy as np
import pytest

from kyanite import JobFailed, ProviderError
from kyanite.errors import UnknownTarget
from kyanite.optimization import (
    OnlineProblem,
    ParallelTempering,
    PopulationAnnealing,
    Problem,
    SimulatedAnnealing,
    SlcTerm,
    Solver,
    Tabu,
    Term,
)
from kyanite.optimization.toshiba import SimulatedBifurcationMachine
from tests.optimization.examples import three_spins
from tests.runtime.places import in_memory, settings, with_echo


def test_a_submission_is_all_that_a_workspace_needs():
    problem = three_spins()
    submission = SimulatedAnnealing(None, sweeps=10, seed=7).submission(problem)
    assert json.loads(submission.pop("input")) == json.loads(problem.serialize())
    assert submission == {
        "target": "microsoft.simulatedannealing.cpu",
        "name": "three spins",
        "input_data_format": "microsoft.qio.v2",
        "output_data_format": "microsoft.qio-results.v2",
        "input_params": {"params": {"sweeps": 10, "seed": 7}},
    }


def test_parameters_changed_later_are_not_those_submitted():
    solver = SimulatedAnnealing(None)
    before = solver.submission(three_spins())
    solver.set_number_of_solutions(5)
    assert before["input_params"] == {"params": {}}
    assert solver.submission(three_spins())["input_params"] == {"params": {"number_of_solutions": 5}}


def test_numpy_parameters_are_sent_as_numbers():
    solver = ParallelTempering(None, all_betas=np.array([0.5, 1.0]), seed=np.int64(3))
    params = solver.submission(three_spins())["input_params"]["params"]
    assert json.dumps(params) == '{"replicas": 2, "all_betas": [0.5, 1.0], "seed": 3}'


def test_a_large_problem_is_submitted_as_a_stream():
    problem = Problem("x", [Term([i], None, 1) for i in range(20_000)])
    content = Solver(None, "a.b").submission(problem)["input"]
    assert hasattr(content, "__aiter__")
    assert bytes(content).decode() == problem.serialize()


@pytest.mark.parametrize("stored", ["kyanite:///w/c/n", OnlineProblem("Optimization problem", "kyanite:///w/c/n")])
def test_what_is_stored_is_submitted_by_its_address(stored):
    submission = Solver(None, "a.b").submission(stored)
    assert submission["input_data_uri"] == "kyanite:///w/c/n"
    assert submission["name"] == "Optimization problem"
    assert "input" not in submission


@pytest.mark.parametrize("problem", [3, None, [], b"bytes"])
def test_what_is_no_problem_is_refused(problem):
    with pytest.raises(ValueError, match="problem must be a Problem"):
        Solver(None, "a.b").submission(problem)


def test_groups_need_a_solver_that_takes_them():
    grouped = Problem("x", [SlcTerm([Term([0], c=1)])])
    with pytest.raises(ValueError, match=r"ising_grouped is nothing that toshiba.sbm.ising takes"):
        SimulatedBifurcationMachine(None).submission(grouped)
    assert SimulatedAnnealing(None).submission(grouped)["name"] == "x"


def test_a_solver_shows_itself():
    assert repr(Tabu(None, sweeps=5)) == "<Tabu on microsoft.tabu.cpu: sweeps=5>"
    assert repr(Tabu(None)) == "<Tabu on microsoft.tabu-parameterfree.cpu: no parameters>"


async def test_a_problem_goes_from_submit_to_results():
    async with with_echo(in_memory()) as workspace:
        job = await Solver(workspace, "acme.echo", params={"x": 1}).submit(three_spins())
        assert await (await workspace.get_job(job.id)).get_results() == json.loads(three_spins().serialize())
        assert job.details.name == "three spins"
        assert job.details.input_params == {"params": {"x": 1}}
        assert job.details.input_data_format == "microsoft.qio.v2"
        assert job.details.output_data_format == "microsoft.qio-results.v2"


async def test_a_large_problem_arrives_whole():
    async with with_echo(in_memory()) as workspace:
        problem = Problem("x", [Term([i], None, i / 8) for i in range(20_000)])
        job = await Solver(workspace, "acme.echo").submit(problem)
        assert await job.get_results() == json.loads(problem.serialize())


async def test_an_uploaded_problem_is_solved_by_its_address():
    async with with_echo(in_memory()) as workspace:
        uri = await three_spins().upload(workspace)
        solver = Solver(workspace, "acme.echo")
        for problem in (uri, OnlineProblem("online", uri)):
            assert await solver.optimize(problem) == json.loads(three_spins().serialize())


async def test_optimize_returns_the_results_or_says_why_there_are_none():
    async with in_memory(settings=settings(shutdown_grace_s=0.05)) as workspace:

        @workspace.target("acme.slow")
        async def slow(task):
            await task.wait_cancel_requested()

        @workspace.target("acme.broken")
        async def broken(task):
            raise ProviderError("Broken", "out of order")

        with pytest.raises(JobFailed, match="out of order"):
            await Solver(workspace, "acme.broken").optimize(three_spins())
        with pytest.raises(TimeoutError):
            await Solver(workspace, "acme.slow").optimize(three_spins(), timeout_secs=0.05)


async def test_a_solver_without_its_target_says_what_there_is():
    async with in_memory() as workspace:

        @workspace.target("microsoft.simulatedannealing.cpu")
        async def anneal(task):
            return {}

        with pytest.raises(UnknownTarget) as refused:
            await Tabu(workspace).submit(three_spins())
        assert str(refused.value) == (
            "No such target is registered: 'microsoft.tabu-parameterfree.cpu', which Tabu needs; this workspace serves "
            "microsoft.simulatedannealing.cpu, for SimulatedAnnealing"
        )
        with pytest.raises(UnknownTarget, match=r"'toshiba.sbm.ising', which SimulatedBifurcationMachine needs"):
            await SimulatedBifurcationMachine(workspace).optimize(three_spins())
        assert await workspace.count_jobs() == 0


async def test_a_workspace_without_targets_is_named_as_such():
    async with in_memory() as workspace:
        with pytest.raises(UnknownTarget, match=r"serves none$"):
            await Tabu(workspace).submit(three_spins())


# Warnings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solver", "large", "said"),
    [
        (SimulatedAnnealing(None, sweeps=10_000), True, ["10000 sweeps over a large problem may take long"]),
        (SimulatedAnnealing(None, sweeps=10_000), False, []),
        (SimulatedAnnealing(None, sweeps=9_999), True, []),
        (SimulatedAnnealing(None, sweeps="many"), True, []),
        (PopulationAnnealing(None, timeout=600), False, ["timeout is 600 seconds"]),
        (PopulationAnnealing(None, timeout=599), True, []),
        (SimulatedBifurcationMachine(None, timeout=1000), True, []),
        (Solver(None, "a.b", params={"timeout": 700}, force_str_params=True), False, ["timeout is 700 seconds"]),
    ],
)
def test_what_may_take_long_is_warned_of(solver, large, said, monkeypatch):
    monkeypatch.setattr(Problem, "NUM_TERMS_LARGE", 3 if large else 4)
    monkeypatch.setattr(Problem, "NUM_VARIABLES_LARGE", 3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solver.check_submission_warnings(three_spins())
    assert len(caught) == len(said)
    assert all(str(warning.message).startswith(text) for warning, text in zip(caught, said, strict=True))


async def test_a_warning_points_to_whoever_called():
    async with with_echo(in_memory()) as workspace:
        solver = Solver(workspace, "acme.echo", params={"timeout": 600})
        with pytest.warns(UserWarning, match="timeout is 600 seconds") as caught:
            await solver.optimize(three_spins())
        assert caught[0].filename == __file__


# The real thing -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(180)  # the first may compile
async def test_the_example_is_solved_by_the_installed_solvers(tmp_path):
    from kyanite import Workspace

    async with Workspace.open(data_dir=tmp_path) as workspace:
        problem = Problem("MyOptimizationJob")
        problem.add_term(c=-9, indices=[0])
        problem.add_terms([Term(c=-3, indices=[1, 0]), Term(c=5, indices=[2, 0])])
        solver = SimulatedAnnealing(workspace, timeout=1, seed=7)
        solver.set_number_of_solutions(2)
        job = await solver.submit(problem)
        results = await (await workspace.get_job(job.id)).get_results()
        assert results["solutions"][0] == {"configuration": {"0": 1, "1": 1, "2": -1}, "cost": -17.0}
        assert problem.evaluate(results["configuration"]) == results["cost"]

        fixed = problem.set_fixed_variables({"0": 1})
        tempered = ParallelTempering(workspace, sweeps=20, all_betas=[0.5, 1.0, 2.0], seed=7)
        results = await tempered.optimize(fixed, timeout_secs=60)
        assert (results["configuration"], results["cost"]) == ({"1": 1, "2": -1}, -17.0)

        grouped = Problem("grouped")
        grouped.add_slc_term([(3, 0), (-2, 1), (-1, None)])
        annealed = SimulatedAnnealing(workspace, sweeps=20, restarts=2, seed=7)
        with anyio.fail_after(60):
            results = await annealed.optimize(await grouped.upload(workspace))
        assert results["cost"] == grouped.evaluate(results["configuration"]) == 0
