"""What target each of Microsoft's solvers chooses, and what it sends; test_against_the_sdk has the rest."""

import pytest

from kyanite.optimization import (
    ParallelTempering,
    PopulationAnnealing,
    QuantumMonteCarlo,
    RangeSchedule,
    SimulatedAnnealing,
    Solver,
    SubstochasticMonteCarlo,
    Tabu,
)

SOLVERS = [SimulatedAnnealing, ParallelTempering, Tabu, QuantumMonteCarlo, PopulationAnnealing, SubstochasticMonteCarlo]


@pytest.mark.parametrize(
    ("solver", "target"),
    [
        (SimulatedAnnealing(None), "microsoft.simulatedannealing-parameterfree.cpu"),
        (SimulatedAnnealing(None, timeout=5, seed=1), "microsoft.simulatedannealing-parameterfree.cpu"),
        (SimulatedAnnealing(None, beta_start=0), "microsoft.simulatedannealing.cpu"),
        (ParallelTempering(None, timeout=5), "microsoft.paralleltempering-parameterfree.cpu"),
        (ParallelTempering(None, all_betas=[]), "microsoft.paralleltempering.cpu"),
        (Tabu(None, seed=0), "microsoft.tabu-parameterfree.cpu"),
        (Tabu(None, tabu_tenure=20), "microsoft.tabu.cpu"),
        (QuantumMonteCarlo(None), "microsoft.qmc.cpu"),
        (PopulationAnnealing(None), "microsoft.populationannealing.cpu"),
        (PopulationAnnealing(None, timeout=5, sweeps=9), "microsoft.populationannealing-parameterfree.cpu"),
        (SubstochasticMonteCarlo(None, step_limit=9), "microsoft.substochasticmontecarlo.cpu"),
        (SubstochasticMonteCarlo(None, timeout=5), "microsoft.substochasticmontecarlo-parameterfree.cpu"),
    ],
)
def test_what_is_given_chooses_the_target(solver, target):
    assert solver.name == target
    assert target in solver.target_names


@pytest.mark.parametrize("kind", SOLVERS)
def test_nothing_is_sent_that_was_not_given(kind):
    solver = kind(None)
    assert solver.params == {"params": {}}
    assert solver.provider_id == "Microsoft"
    assert solver.supports_grouped_terms()
    assert isinstance(solver, Solver)


def test_schedules_are_sent_as_objects():
    solver = SubstochasticMonteCarlo(
        None, alpha=RangeSchedule("linear", 1, 0), beta=RangeSchedule("geometric", 1, 5), step_limit=100
    )
    assert solver.params["params"] == {
        "step_limit": 100,
        "alpha": {"type": "linear", "initial": 1, "final": 0},
        "beta": {"type": "geometric", "initial": 1, "final": 5},
    }


def test_replicas_are_counted_and_must_be_right():
    assert ParallelTempering(None, all_betas=[1, 2]).params["params"]["replicas"] == 2
    with pytest.raises(ValueError, match="replicas must be the length of all_betas, 2, and is 3"):
        ParallelTempering(None, all_betas=[1, 2], replicas=3)
