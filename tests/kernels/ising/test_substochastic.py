from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from kyanite_kernels import control, random_stream
from kyanite_kernels.ising import Result, Terms, energy, walkers
from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.lanes import lanes_of
from kyanite_kernels.ising.schedule import RangeSchedule
from kyanite_kernels.ising.substochastic import substochastic, substochastic_parameterfree
from kyanite_kernels.ising.terms import Kind
from kyanite_kernels.ising.walkers import Walk, walk, walkers_of
from kyanite_kernels.random_stream import ACCEPTANCE, EXCHANGE, seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

resample = numba.njit(cache=True, error_model="numpy")(walkers.resample.py_func)  # type: ignore[attr-defined]
random_bits = numba.njit(cache=True)(random_stream.random_bits.py_func)  # type: ignore[attr-defined]
stream = numba.njit(cache=True)(random_stream.stream.py_func)  # type: ignore[attr-defined]

SEED = seed_array(5)
FREE = Terms("ising", 3)
PROBLEMS = [
    pytest.param(kind, degree, groups, id=f"{kind}-degree{degree}-groups{groups}")
    for kind in ("ising", "pubo")
    for degree, groups in ((2, 0), (4, 0), (3, 2))
]


GLASS = twins.glass(2000)


def solved(terms: Terms, **options) -> Result:
    beta = RangeSchedule("linear", 0.0, 0.5)
    return substochastic(terms, **{"step_limit": 3000, "target_population": 64, "beta": beta, **options})


each = pytest.mark.parametrize("solve", [solved, substochastic_parameterfree])
LONG: dict[Any, dict[str, Any]] = {
    solved: {"step_limit": 10**8},
    substochastic_parameterfree: {"timeout_s": 60.0},
}


def run(terms: Terms, count: int, plan: Walk, initial: np.ndarray | None = None):
    """The population after its walk."""
    landscape = landscape_of(terms)
    population, spins = walkers_of(landscape, count), spins_of(terms, initial)
    block, tally = control.local_control(), np.zeros(8)
    walk(landscape, population, lanes_of(landscape, 1), plan, SEED, 2, spins, block, tally)
    return population


def uniforms(purpose: int) -> Callable[[int], float]:
    offset, gamma = (np.uint64(word) for word in stream(SEED, 2, purpose))
    return lambda counter: (int(random_bits(offset, gamma, counter)) >> 11) * 2.0**-53


def expected_offspring(costs: np.ndarray, beta: float) -> np.ndarray:
    """Death and birth by cost, about the level at which they balance."""
    low, high = costs.min(), costs.max()
    for _ in range(12):
        middle = 0.5 * low + 0.5 * high
        low, high = (middle, high) if np.clip(beta * (costs - middle), -1, 1).sum() > 0 else (low, middle)
    return 1 - np.clip(beta * (costs - (0.5 * low + 0.5 * high)), -1, 1)


def twin_resample(states: np.ndarray, costs: np.ndarray, beta: float, u: float) -> np.ndarray:
    shares = expected_offspring(costs, beta)
    reached = np.cumsum(shares) / shares.sum() * len(costs)
    ends = [0, *(math.floor(end + u) for end in reached[:-1]), len(costs)]
    offspring = np.diff(ends)
    places = [w for w, born in enumerate(offspring) if born == 0]
    for w, born in enumerate(offspring):
        for _ in range(born - 1):
            states[places.pop(0)] = states[w]
    return states


@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
def test_a_population_equals_the_twin(kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 6, degree, groups, seed=3)
    initial = twins.configurations(terms)[37]
    alpha, beta = RangeSchedule("linear", 1.0, 0.3), RangeSchedule("linear", 0.0, 0.1)
    chance, fate = uniforms(ACCEPTANCE), uniforms(EXCHANGE)
    offset, gamma = (np.uint64(word) for word in stream(SEED, 2, ACCEPTANCE))
    states = np.array([initial] * 9)
    lowest = np.array([twins.cost(terms, initial)] * 9)
    for step, flips in enumerate(alpha.values(11)):
        for w in range(9):
            if chance(2 * (step * 9 + w)) < flips:
                pick = (int(random_bits(offset, gamma, 2 * (step * 9 + w) + 1)) >> 32) * 6 >> 32
                states[w] = twins.flipped(terms, states[w], pick)
        if step % 2 == 1 or step == 10:
            costs = np.array([twins.cost(terms, state) for state in states])
            lowest = np.minimum(lowest, costs)
            states = twin_resample(states, costs, beta.values(6)[step // 2], fate(step // 2))
    lowest = np.minimum(lowest, [twins.cost(terms, state) for state in states])
    found = run(terms, 9, Walk(alpha.course(11), beta.course(6), 2), initial)
    assert values_of(kind, found.spins).tolist() == states.tolist()
    assert found.energy == pytest.approx([twins.cost(terms, state) for state in states], abs=1e-9)
    assert found.best_energy == pytest.approx(lowest, abs=1e-9)


def test_the_population_settles_where_deaths_and_births_balance_the_walk():
    """8,000 walkers against the distribution that resampling after a random flip leaves as it is."""
    terms = twins.random_terms("ising", 3, 3, 0, seed=21)
    alpha, beta = 0.4, 0.03
    costs = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    share = np.full(8, 1 / 8)
    flips = np.array([[(a ^ b).bit_count() == 1 for a in range(8)] for b in range(8)]) / 3
    for _ in range(500):
        share = (1 - alpha) * share + alpha * flips @ share
        low, high = costs.min(), costs.max()
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if share @ np.clip(beta * (costs - middle), -1, 1) > 0 else (low, middle)
        share *= 1 - np.clip(beta * (costs - low), -1, 1)
        share /= share.sum()
    fixed = RangeSchedule("linear", alpha, alpha).course(200), RangeSchedule("linear", beta, beta).course(200)
    found = run(terms, 8_000, Walk(*fixed, 1))
    counts = np.bincount((found.spins > 0) @ [4, 2, 1], minlength=8)
    assert np.abs(share - 1 / 8).max() > 0.1
    assert counts / 8_000 == pytest.approx(share, abs=0.03)


def test_without_resampling_walkers_spread_evenly():
    still = RangeSchedule("linear", 0.0, 0.0)
    found = run(
        FREE, 8000, Walk(RangeSchedule("linear", 0.5, 0.5).course(40), still.course(40), 1), np.ones(3, np.int8)
    )
    counts = np.bincount((found.spins > 0) @ [4, 2, 1], minlength=8)
    # Chi squared with 7 degrees of freedom.
    assert ((counts - 1000) ** 2 / 1000).sum() < 7 + 6 * math.sqrt(14)


@pytest.mark.parametrize("beta", [0.0, 0.2, 5.0, 1e300])
def test_offspring_average_to_their_expectation_and_never_exceed_two(beta: float):
    costs = np.random.default_rng(1).standard_normal(40) * 3
    expected = expected_offspring(costs, beta)
    totals = np.zeros(40)
    for u in (np.arange(400) + 0.5) / 400:
        population = walkers_of(landscape_of(Terms("ising", 1)), 40)
        population.energy[:] = costs
        resample(population, beta, u)
        born = (population.energy[:, None] == costs).sum(axis=0)
        assert born.sum() == 40
        assert born.max() <= 3
        totals += born
    assert totals / 400 == pytest.approx(expected / expected.sum() * 40, abs=0.01)
    assert expected.sum() == pytest.approx(40, abs=1.5)


@each
@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
def test_small_problems_reach_their_optimum(solve, kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 8, degree, groups, seed=degree + 10 * groups)
    result = solve(terms, seed=1, solutions=3)
    assert result.costs[0] == twins.optimum(terms)
    assert result.costs.tolist() == sorted(twins.cost(terms, state) for state in result.states)
    assert len({state.tobytes() for state in result.states}) == len(result.states) <= 3
    assert not result.stopped


def test_results_depend_on_the_seed_and_not_on_threads():
    runs = [solved(GLASS, step_limit=300, solutions=4, seed=s, threads=t) for s, t in ((1, 1), (1, 2), (2, 1))]
    assert runs[0].states.tolist() == runs[1].states.tolist()
    assert runs[0].states.tolist() != runs[2].states.tolist()
    assert runs[0].sweeps_done == 2 * 300


@each
def test_the_stop_flag_ends_a_run_from_another_thread(solve):
    block = control.local_control()
    results: list[Result] = []
    solver = threading.Thread(target=lambda: results.append(solve(GLASS, control=block, **LONG[solve])))
    solver.start()
    deadline_s = time.monotonic() + 20
    while block[control.BEAT] < 3 and time.monotonic() < deadline_s:
        threading.Event().wait(0.001)
    block[control.STOP] = 1.0
    solver.join(20)
    assert results[0].stopped
    assert results[0].costs[0] == energy(GLASS, results[0].states)[0] == block[control.BEST_COST]
    assert block[control.FRACTION] < 1.0


@each
def test_a_flag_that_is_up_already_still_gives_a_solution(solve):
    block = control.local_control()
    block[control.STOP] = 1.0
    result = solve(GLASS, control=block, **LONG[solve])
    assert result.stopped
    assert result.costs[0] == energy(GLASS, result.states)[0]


@each
def test_the_timeout_ends_a_run_and_progress_is_told(solve):
    block = control.local_control()
    began_s = time.monotonic()
    result = solve(GLASS, **{**LONG[solve], "timeout_s": 0.3}, control=block, threads=2)
    assert time.monotonic() - began_s < 5.0
    assert not result.stopped
    assert block[control.FRACTION] == 1.0
    assert block[control.SWEEP] == result.sweeps_done > 0
    assert [cost for *_, cost in result.trace] == sorted((cost for *_, cost in result.trace), reverse=True) != []


def test_an_initial_configuration_is_never_made_worse():
    best = solved(GLASS, step_limit=2000)
    again = solved(GLASS, step_limit=1, initial=best.states[0])
    assert again.costs[0] <= best.costs[0]


@each
@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_extreme_coefficients_neither_overflow_nor_vanish(solve, scale: float):
    terms = terms_of("ising", 3, [(scale, (0, 1)), (-scale, (1, 2)), (scale, (0, 1, 2))], [(scale, 1.0, [(1.0, 0)])])
    assert solve(terms).costs[0] == pytest.approx(twins.optimum(terms), rel=1e-12)


@each
def test_few_variables(solve):
    assert solve(terms_of("pubo", 0, [(2.0, ()), (0.5, ())])).costs.tolist() == [2.5]
    assert solve(terms_of("pubo", 1, [(3.0, (0,)), (1.0, ())])).costs[0] == 1.0
    assert solve(FREE).states.shape == (1, 3)


def test_parameters_that_were_found_can_be_given_back():
    terms = twins.random_terms("ising", 10, 2, 0, seed=8)
    result = substochastic_parameterfree(terms, seed=2)
    assert set(result.parameters) == {"step_limit", "target_population", "alpha", "beta", "steps_per_walker"}
    parameters: dict[str, Any] = dict(result.parameters)
    for name in ("alpha", "beta"):
        parameters[name] = RangeSchedule(**parameters[name])
    assert substochastic(terms, **parameters, seed=2).costs[0] == result.costs[0]


@pytest.mark.parametrize(("n", "limit_s"), [(1, 0.5), (12, 1.0), (20, 3.0)])
def test_small_problems_converge_early(n: int, limit_s: float):
    began_s = time.monotonic()
    substochastic_parameterfree(twins.random_terms("ising", n, 2, 0, seed=n), timeout_s=30.0)
    assert time.monotonic() - began_s < limit_s


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"step_limit": 0}, "step_limit"),
        ({"steps_per_walker": 0}, "steps_per_walker"),
        ({"target_population": 7}, "target_population"),
        ({"alpha": RangeSchedule("linear", 0.0, 1.0)}, "alpha"),
        ({"alpha": RangeSchedule("linear", 2.0, 0.0)}, "alpha"),
        ({"beta": RangeSchedule("linear", 5.0, 0.0)}, "beta"),
        ({"beta": RangeSchedule("geometric", 0.0, 5.0)}, "geometric"),
        ({"solutions": 0}, "solutions"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"initial": np.zeros(3, np.int8)}, "initial"),
    ],
)
def test_wrong_options_are_named(options: dict, word: str):
    with pytest.raises(ValueError, match=word):
        solved(terms_of("ising", 4, [(1.0, (0, 1))]), **options)
