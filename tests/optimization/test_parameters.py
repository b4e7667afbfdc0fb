import pytest

from kyanite.optimization import HardwarePlatform, PopulationAnnealing, RangeSchedule, SimulatedAnnealing
from kyanite.optimization import SubstochasticMonteCarlo as Substochastic


@pytest.mark.parametrize(
    ("solver", "arguments", "message"),
    [
        (PopulationAnnealing, {"alpha": 1}, "alpha must be above 1, and is 1"),
        (PopulationAnnealing, {"alpha": "2"}, "alpha must be a number, not str"),
        (PopulationAnnealing, {"population": 0}, "population must be above 0, not 0"),
        (PopulationAnnealing, {"sweeps": 1.5}, "sweeps must be an int, not float"),
        (PopulationAnnealing, {"timeout": -1}, "timeout must be above 0"),
        (PopulationAnnealing, {"beta": 3}, "beta must be a RangeSchedule, not int"),
        (PopulationAnnealing, {"beta": RangeSchedule("linear", 0, 5)}, "beta.initial must be above 0"),
        (PopulationAnnealing, {"beta": RangeSchedule("linear", 2, 1)}, "beta must not fall"),
        (Substochastic, {"alpha": RangeSchedule("linear", 0, 1)}, "alpha must not rise"),
        (Substochastic, {"alpha": RangeSchedule("linear", 1, -1)}, "alpha.final must not be below 0"),
        (Substochastic, {"step_limit": "9"}, "step_limit must be an int"),
        (Substochastic, {"target_population": 0}, "target_population must be above 0"),
        (Substochastic, {"steps_per_walker": 0}, "steps_per_walker must be above 0"),
        (SimulatedAnnealing, {"platform": HardwarePlatform.FPGA}, "platform can not be FPGA"),
    ],
)
def test_a_refusal_names_the_parameter(solver, arguments, message):
    with pytest.raises(ValueError, match=message):
        solver(None, **arguments)


def test_a_schedule_shows_itself_and_goes_on_the_wire():
    schedule = RangeSchedule("geometric", 0.1, 5)
    assert repr(schedule) == "RangeSchedule('geometric', 0.1, 5)"
    assert schedule.to_wire() == {"type": "geometric", "initial": 0.1, "final": 5}
    with pytest.raises(ValueError, match="'cubic'"):
        RangeSchedule("cubic", 0, 1)
