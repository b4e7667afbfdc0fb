import math

import pytest

from kyanite.errors import ProviderError
from kyanite_providers.local.input_params import read_parameters
from kyanite_providers.local.parameters import (
    BIFURCATION_S,
    SEARCH_S,
    TARGETS,
    Annealing,
    Bifurcation,
    PopulationAnnealing,
    Range,
    Tempering,
    search_s,
)
from tests.providers.local.faketask import PT, PT_FREE, SA, SA_FREE

PA, SSMC = "microsoft.populationannealing.cpu", "microsoft.substochasticmontecarlo.cpu"
QMC, SBM = "microsoft.qmc.cpu", "toshiba.sbm.ising"

FAULTS = {
    "a typing error": (SA, {"sweps": 10}, "params.sweps", "did you mean sweeps?"),
    "another solver's": (SA_FREE, {"restarts": 1}, "params.restarts", "this target takes number_of_solutions"),
    "a boolean": (SA, {"sweeps": True}, "params.sweeps", "got bool"),
    "a string": (SA, {"sweeps": "10"}, "params.sweeps", "got str"),
    "a fraction": (SA, {"sweeps": 10.5}, "params.sweeps", "got float"),
    "zero": (SA, {"sweeps": 0}, "params.sweeps", ">= 1"),
    "far too many": (SA, {"sweeps": 10**30}, "params.sweeps", "<= 1000000000"),
    "negative": (SA, {"restarts": -1}, "params.restarts", ">= 1"),
    "no time": (SA_FREE, {"timeout": 0}, "params.timeout", ">= 1"),
    "part of a second": (PT_FREE, {"timeout": 0.5}, "params.timeout", "got float"),
    "no solution": (PT_FREE, {"number_of_solutions": 0}, "params.number_of_solutions", ">= 1"),
    "all solutions": (SA, {"number_of_solutions": 10_001}, "params.number_of_solutions", "<= 10000"),
    "seed a string": (SA, {"seed": "7"}, "params.seed", "got str"),
    "seed beyond int64": (SA, {"seed": 2**63}, "params.seed", "<= 9223372036854775807"),
    "beta zero": (SA, {"beta_start": 0}, "params.beta_start", "> 0"),
    "beta a string": (SA, {"beta_stop": "2"}, "params.beta_stop", "got str"),
    "beta NaN": (SA, {"beta_start": math.nan}, "params.beta_start", "> 0"),
    "beta infinite": (SA, {"beta_stop": math.inf}, "params.beta_stop", "finite"),
    "betas reversed": (SA, {"beta_start": 2, "beta_stop": 1}, "params.beta_stop", "more than beta_start (2)"),
    "betas equal": (SA, {"beta_start": 2, "beta_stop": 2}, "params.beta_stop", "more than beta_start (2)"),
    "no betas": (PT, {"all_betas": []}, "params.all_betas", "length >= 1"),
    "one beta negative": (PT, {"all_betas": [1, -2]}, "params.all_betas[1]", "> 0"),
    "one beta true": (PT, {"all_betas": [True]}, "params.all_betas[0]", "got bool"),
    "one beta infinite": (PT, {"all_betas": [1, math.inf]}, "params.all_betas[1]", "finite"),
    "another count": (PT, {"all_betas": [1, 2], "replicas": 3}, "params.replicas", "length of all_betas (2)"),
    "a schedule's type": (PA, {"beta": {"type": "cubic", "initial": 0, "final": 1}}, "params.beta.type", "cubic"),
    "half a schedule": (PA, {"beta": {"type": "linear", "initial": 0}}, "params.beta", "final"),
    "a schedule that falls": (PA, {"beta": {"type": "linear", "initial": 2, "final": 1}}, "params.beta", "rise"),
    "a geometric zero": (PA, {"beta": {"type": "geometric", "initial": 0, "final": 1}}, "params.beta", "geometric"),
    "chances that rise": (SSMC, {"alpha": {"type": "linear", "initial": 0, "final": 1}}, "params.alpha", "fall"),
    "chances above 1": (SSMC, {"alpha": {"type": "linear", "initial": 2, "final": 0}}, "params.alpha", "at most 1"),
    "alpha 1": (PA, {"alpha": 1}, "params.alpha", "> 1"),
    "seven walkers": (SSMC, {"target_population": 7}, "params.target_population", ">= 8"),
    "no slices": (QMC, {"trotter_number": 0}, "params.trotter_number", ">= 1"),
    "a third algorithm": (SBM, {"algo": "3.0"}, "params.algo", "3.0"),
    "no number": (SBM, {"dt": "fast"}, "params.dt", "float"),
    "no replicas": (PT, {"replicas": 0}, "params.replicas", ">= 1"),
}


@pytest.mark.parametrize(("target", "params", "field", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_refused_by_name(target, params, field, words):
    with pytest.raises(ProviderError) as caught:
        read_parameters(target, {"params": params})
    error = caught.value.error
    assert (error.code, error.target) == ("InvalidInputParams", field)
    assert error.message.startswith(f"AZQ107: {field}: ")
    assert words in error.message


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "input_params"),
        ("sweeps", "input_params"),
        ({"params": []}, "params"),
        ({"params": {}, "sweeps": 1}, "input_params.sweeps"),
        ({"sweps": 1}, "input_params.sweps"),
        ({7: 1}, "input_params"),
    ],
)
def test_envelope_is_checked(given, field):
    with pytest.raises(ProviderError) as caught:
        read_parameters(SA, given)
    assert caught.value.error.target == field


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("given", [None, {}, {"params": {}}, {"params": None}, {"params": {"seed": None}}])
def test_nothing_given_means_defaults(target, given):
    assert read_parameters(target, given) == TARGETS[target].parameters()


def test_parameters_nested_and_flat_mean_the_same():
    given = {"sweeps": 10, "restarts": 2, "beta_start": 1, "beta_stop": 2.5, "seed": -3, "timeout": 9}
    expected = Annealing(sweeps=10, restarts=2, beta_start=1.0, beta_stop=2.5, seed=-3, timeout=9)
    assert read_parameters(SA, {"params": given}) == read_parameters(SA, given) == expected


def test_replicas_may_repeat_the_length_of_the_betas():
    expected = Tempering(all_betas=[0.5, 1.0], replicas=2)
    assert read_parameters(PT, {"params": {"all_betas": [0.5, 1], "replicas": 2}}) == expected


@pytest.mark.parametrize("timeout_s", [3, 2.5])
def test_search_must_fit_into_the_time_limit_of_the_job(timeout_s):
    with pytest.raises(ProviderError) as caught:
        read_parameters(SA, {"params": {"timeout": 3}}, timeout_s)
    assert caught.value.error.target == "params.timeout"
    assert "time limit" in caught.value.error.message
    assert read_parameters(SA, {"params": {"timeout": 3}}, 3.5).timeout == 3


def test_how_long_a_search_goes_on():
    free, plain = read_parameters(SA_FREE, None), read_parameters(SA, None)
    assert search_s(free, None) == SEARCH_S
    assert 0 < (search_s(free, 2.0) or 0) < 2.0
    assert search_s(plain, 2.0) is None
    assert search_s(read_parameters(PT_FREE, {"timeout": 60}), None) == 60


def test_bifurcation_takes_numbers_as_text():
    given = {"steps": "100", "loops": "0", "timeout": "2", "C": "0.5", "dt": "0.25", "algo": "1.5", "auto": "true"}
    expected = Bifurcation(steps=100, loops=0, timeout=2.0, coupling=0.5, dt=0.25, algo="1.5", auto=True)
    assert read_parameters(SBM, given) == expected
    assert search_s(expected, None) == 2.0
    assert search_s(Bifurcation(), None) == BIFURCATION_S


def test_schedules_are_read():
    given = {"beta": {"type": "geometric", "initial": 0.1, "final": 3}, "population": 20, "sweeps": 50}
    expected = PopulationAnnealing(beta=Range("geometric", 0.1, 3.0), population=20, sweeps=50)
    assert read_parameters(PA, {"params": given}) == expected
    assert search_s(expected, None) is None
