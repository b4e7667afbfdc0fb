from __future__ import annotations

import math
import threading
import time
from typing import Any

import numba
import numpy as np
import pytest

from kyanite_kernels import control, random_stream
from kyanite_kernels.ising import Result, Terms, energy
from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.bifurcation import AUTO, BALLISTIC, DISCRETE, bifurcate
from kyanite_kernels.ising.oscillators import TRAJECTORIES, network_of, oscillate, oscillators_of
from kyanite_kernels.ising.terms import Kind
from kyanite_kernels.random_stream import START, seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

random_bits = numba.njit(cache=True)(random_stream.random_bits.py_func)  # type: ignore[attr-defined]
stream = numba.njit(cache=True)(random_stream.stream.py_func)  # type: ignore[attr-defined]

SEED = seed_array(5)
PROBLEMS = [
    pytest.param(kind, degree, groups, id=f"{kind}-degree{degree}-groups{groups}")
    for kind in ("ising", "pubo")
    for degree, groups in ((2, 0), (4, 0), (3, 2))
]


GLASS = twins.glass(2000)


def solved(terms: Terms, **options) -> Result:
    return bifurcate(terms, **{"loops": 64, **options})


def gradient(terms: Terms, x: np.ndarray) -> np.ndarray:
    """The derivatives of the cost by the positions, in which 0/1 variables are (1 + x) / 2."""
    of_spins = terms.kind == "ising"
    factor = x if of_spins else (1 + x) / 2
    slope = 1.0 if of_spins else 0.5
    out = np.zeros(terms.n)
    for t, c in enumerate(terms.coefficient):
        members = terms.variable[terms.start[t] : terms.start[t + 1]]
        for i in members:
            out[i] += slope * c * np.prod([factor[j] for j in members if j != i])
    for g, scale in enumerate(terms.group_scale):
        shares = range(terms.group_start[g], terms.group_start[g + 1])
        total = terms.group_offset[g] + sum(terms.group_weight[k] * factor[terms.group_variable[k]] for k in shares)
        for k in shares:
            out[terms.group_variable[k]] += 2 * slope * scale * total * terms.group_weight[k]
    return out


def twin_loop(terms: Terms, index: int, steps: int, dt: float, coupling: float, *, discrete: bool):
    """The positions and momenta of one loop at its end, in doubles."""
    offset, gamma = (np.uint64(word) for word in stream(SEED, index, START))
    draws = [(int(random_bits(offset, gamma, k)) >> 40) * 2.0**-24 for k in range(2 * terms.n)]
    x, y = 0.1 * (2 * np.array(draws[::2]) - 1), 0.1 * (2 * np.array(draws[1::2]) - 1)
    for step in range(steps):
        at = np.where(x >= 0, 1.0, -1.0) if discrete else x
        y = y + dt * (-(1 - step / steps) * x - coupling * gradient(terms, at))
        x = x + dt * y
        y = np.where(np.abs(x) > 1, 0.0, y)
        x = np.clip(x, -1, 1)
    return x, y


@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
@pytest.mark.parametrize("discrete", [False, True])
def test_trajectories_equal_the_twin(kind: Kind, degree: int, groups: int, discrete: bool):
    terms = twins.random_terms(kind, 7, degree, groups, seed=3)
    network = network_of(landscape_of(terms), 0.013)._replace(discrete=discrete)
    oscillators, spins = oscillators_of(network), np.empty((TRAJECTORIES, 7), dtype=np.int8)
    for steps in (1, 12):
        oscillate(network, oscillators, steps, 0.3, SEED, 2, spins, control.local_control(), np.zeros(8))
        for place in (0, 5, 15):
            x, y = twin_loop(terms, 2 + place, steps, 0.3, 0.013, discrete=discrete)
            assert oscillators.position[:, place] == pytest.approx(x, abs=1e-4)
            assert oscillators.momentum[:, place] == pytest.approx(y, abs=1e-4)
            assert spins[place].tolist() == np.where(x >= 0, 1, -1).tolist()


def test_rows_of_many_neighbours_equal_the_twin():
    rng = np.random.default_rng(4)
    products = [(float(rng.standard_normal()), (i, j)) for i in range(11) for j in range(i)] + [(0.5, (3,))]
    terms = terms_of("ising", 11, products)
    network = network_of(landscape_of(terms), 0.1)
    oscillators, spins = oscillators_of(network), np.empty((TRAJECTORIES, 11), dtype=np.int8)
    oscillate(network, oscillators, 20, 0.25, SEED, 0, spins, control.local_control(), np.zeros(8))
    x, _ = twin_loop(terms, 9, 20, 0.25, 0.1, discrete=False)
    assert oscillators.position[:, 9] == pytest.approx(x, abs=1e-4)


@pytest.mark.parametrize("algorithm", [BALLISTIC, DISCRETE])
@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
def test_small_problems_reach_their_optimum(algorithm: str, kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 8, degree, groups, seed=degree + 10 * groups)
    result = solved(terms, algorithm=algorithm, seed=1, solutions=3)
    assert result.costs[0] == twins.optimum(terms)
    assert result.costs.tolist() == sorted(twins.cost(terms, state) for state in result.states)
    assert len({state.tobytes() for state in result.states}) == len(result.states) <= 3
    assert not result.stopped


def test_the_automatic_coupling_is_that_of_random_couplings():
    """0.5 / (sigma sqrt(n)) for couplings of spread sigma between all pairs, within sampling of the force."""
    rng = np.random.default_rng(2)
    n, sigma = 120, 3.0
    products = [(float(rng.normal(0, sigma)), (i, j)) for i in range(n) for j in range(i)]
    parameters = solved(terms_of("ising", n, products), loops=1, steps=1).parameters
    assert parameters["coupling"] == pytest.approx(0.5 / (sigma * math.sqrt(n)), rel=0.1)


def test_parameters_that_were_chosen_can_be_given_back():
    first = bifurcate(GLASS, loops=20, seed=3)
    parameters: dict[str, Any] = dict(first.parameters)
    assert set(parameters) == {"steps", "loops", "dt", "coupling", "algorithm"}
    assert parameters["loops"] == 20
    assert bifurcate(GLASS, **parameters, seed=3).states.tolist() == first.states.tolist()


def test_results_depend_on_the_seed_and_not_on_threads():
    runs = [solved(GLASS, steps=100, solutions=4, seed=s, threads=t) for s, t in ((1, 1), (1, 2), (2, 1))]
    assert runs[0].states.tolist() == runs[1].states.tolist()
    assert runs[0].states.tolist() != runs[2].states.tolist()
    assert runs[0].sweeps_done == 4 * 100


def test_a_loop_depends_on_its_index_alone():
    costs = [bifurcate(GLASS, loops=k, steps=50, seed=2).costs[0] for k in (1, 2, 17)]
    pooled = bifurcate(GLASS, loops=17, steps=50, seed=2, solutions=17).costs
    assert costs[0] in pooled
    assert costs[0] >= costs[1] >= costs[2] == pooled[0]


def test_a_target_ends_the_search():
    reached = bifurcate(GLASS, loops=0, steps=20, timeout_s=60.0, target_cost=-10.0)
    assert reached.costs[0] <= -10.0
    assert reached.parameters["loops"] == 64


def test_auto_tries_both_algorithms_and_goes_on_with_one():
    began_s = time.monotonic()
    result = bifurcate(GLASS, algorithm=AUTO, timeout_s=0.5, threads=2)
    assert time.monotonic() - began_s < 5.0
    parameters: dict[str, Any] = dict(result.parameters)
    assert parameters["algorithm"] in {BALLISTIC, DISCRETE}
    assert 0 < parameters["dt"] <= 1


def test_the_stop_flag_ends_a_run_from_another_thread():
    block = control.local_control()
    results: list[Result] = []
    solver = threading.Thread(target=lambda: results.append(solved(GLASS, steps=10**8, control=block)))
    solver.start()
    deadline_s = time.monotonic() + 20
    while block[control.BEAT] < 3 and time.monotonic() < deadline_s:
        threading.Event().wait(0.001)
    block[control.STOP] = 1.0
    solver.join(20)
    assert results[0].stopped
    assert results[0].costs[0] == energy(GLASS, results[0].states)[0] == block[control.BEST_COST]
    assert block[control.FRACTION] < 1.0


def test_a_flag_that_is_up_already_still_gives_a_solution():
    block = control.local_control()
    block[control.STOP] = 1.0
    for options in ({"steps": 10**8}, {"algorithm": AUTO, "timeout_s": 60.0}):
        result = solved(GLASS, control=block, **options)
        assert result.stopped
        assert result.costs[0] == energy(GLASS, result.states)[0]


def test_the_timeout_ends_a_run_and_progress_is_told():
    block = control.local_control()
    began_s = time.monotonic()
    result = bifurcate(GLASS, loops=0, control=block, timeout_s=0.3, threads=2)
    assert time.monotonic() - began_s < 5.0
    assert not result.stopped
    assert block[control.FRACTION] == 1.0
    assert block[control.SWEEP] == result.sweeps_done > 0
    assert [cost for *_, cost in result.trace] == sorted((cost for *_, cost in result.trace), reverse=True) != []


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_extreme_coefficients_neither_overflow_nor_vanish(scale: float):
    terms = terms_of("ising", 3, [(scale, (0, 1)), (-scale, (1, 2)), (scale, (0, 1, 2))], [(scale, 1.0, [(1.0, 0)])])
    assert solved(terms).costs[0] == pytest.approx(twins.optimum(terms), rel=1e-12)


def test_few_variables():
    assert solved(terms_of("pubo", 0, [(2.0, ()), (0.5, ())])).costs.tolist() == [2.5]
    assert solved(terms_of("pubo", 1, [(3.0, (0,)), (1.0, ())])).costs[0] == 1.0
    assert solved(Terms("ising", 5)).states.shape == (1, 5)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"steps": -1}, "steps"),
        ({"loops": -1}, "loops"),
        ({"loops": 0}, "timeout_s"),
        ({"algorithm": AUTO}, "timeout_s"),
        ({"algorithm": "3.0"}, "algorithm"),
        ({"dt": 1.5}, "dt"),
        ({"dt": math.nan}, "dt"),
        ({"coupling": -1.0}, "coupling"),
        ({"solutions": 0}, "solutions"),
        ({"timeout_s": 0.0}, "timeout_s"),
    ],
)
def test_wrong_options_are_named(options: dict, word: str):
    with pytest.raises(ValueError, match=word):
        solved(terms_of("ising", 4, [(1.0, (0, 1))]), **options)
