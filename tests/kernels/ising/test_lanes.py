from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.ising import lanes as lane_parts
from kyanite_kernels.ising.arrays import Landscape, landscape_of, polynomial_of, quadratic_of
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.lanes import UNSET, Lanes, lanes_of
from kyanite_kernels.ising.terms import Kind, Terms
from kyanite_kernels.random_stream import ACCEPTANCE, fill_thresholds, seed_array, stream
from tests.kernels import twins
from tests.kernels.instances import terms_of

# Parts are compiled into their callers and never cached; called from here they would compile in every run.
start, sweep, gains, synchronise = (
    numba.njit(cache=True, error_model="numpy")(part.py_func)  # type: ignore[union-attr]
    for part in (lane_parts.start, lane_parts.sweep, lane_parts.gains, lane_parts.synchronise)
)

PROBLEMS = [
    pytest.param(kind, degree, groups, id=f"{kind}-degree{degree}-groups{groups}")
    for kind in ("ising", "pubo")
    for degree, groups in ((2, 0), (5, 0), (2, 3), (3, 2))
]


def lane_at(terms: Terms, state: np.ndarray) -> tuple[Landscape, Lanes]:
    landscape = landscape_of(terms)
    lanes = lanes_of(landscape, 1)
    start(landscape, lanes, 0, seed_array(0), 0, spins_of(terms, state))
    return landscape, lanes


@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
def test_cost_changes_equal_the_twin(kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 5, degree, groups, seed=7)
    out = np.empty(5)
    for state in twins.configurations(terms)[::3]:
        landscape, lanes = lane_at(terms, state)
        gains(landscape, lanes, 0, out)
        assert lanes.energy[0] == pytest.approx(twins.cost(terms, state), abs=1e-9)
        assert out == pytest.approx([twins.fall(terms, state, i) for i in range(5)], abs=1e-9)


@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
def test_sweeps_equal_the_twin_and_leave_exact_caches(kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 7, degree, groups, seed=3)
    seed, thresholds = seed_array(5), np.empty(7)
    offset, gamma = map(np.uint64, stream(seed, 2, ACCEPTANCE))
    state = twins.configurations(terms)[37]
    landscape, lanes = lane_at(terms, state)
    for number in range(12):
        fill_thresholds(thresholds, 7, offset, gamma, number * 7, 1 / 0.05)
        state = twins.sweep(terms, state, thresholds)
        sweep(landscape, lanes, 0, 0.05, seed, 2, number * 7, 7)
        assert values_of(terms.kind, lanes.spins[0]).tolist() == state.tolist()
        assert lanes.energy[0] == pytest.approx(twins.cost(terms, state), abs=1e-9)
    kept = [array.copy() for array in lanes[:4]]
    synchronise(landscape, lanes, 0)
    for before, after in zip(kept, lanes[:4], strict=True):
        assert before == pytest.approx(after, abs=1e-9)


def test_slices_cut_anywhere_change_nothing():
    terms = twins.random_terms("ising", 600, 2, 0, seed=1)
    finals = []
    for attempts in (600, 7, 300, 599):
        landscape, lanes = lane_at(terms, np.ones(600, np.int8))
        attempt = 0
        while attempt < 600 * 3:
            attempt = sweep(landscape, lanes, 0, 0.1, seed_array(1), 0, attempt, attempts)
        finals.append(lanes.spins[0].tobytes())
    assert len(set(finals)) == 1


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_both_forms_see_the_same_changes(kind: Kind):
    terms = twins.random_terms(kind, 6, 2, 0, seed=11)
    quadratic = landscape_of(terms)
    both = quadratic._replace(
        is_quadratic=False, quadratic=quadratic_of(Terms(kind, 0)), polynomial=polynomial_of(terms)
    )
    out = np.empty((2, 6))
    for row, landscape in enumerate((quadratic, both)):
        lanes = lanes_of(landscape, 1)
        start(landscape, lanes, 0, seed_array(4), 0, np.full(6, UNSET, np.int8))
        gains(landscape, lanes, 0, out[row])
    assert out[0] == pytest.approx(out[1])


def test_drift_stays_small_over_many_sweeps():
    rng = np.random.default_rng(0)
    products = [(float(rng.standard_normal() * 1e3), (i, (i + k) % 40)) for i in range(40) for k in (1, 2, 3)]
    terms = terms_of("ising", 40, products)
    landscape, lanes = lane_at(terms, np.ones(40, np.int8))
    attempt = 0
    while attempt < 40 * 20_001:
        attempt = sweep(landscape, lanes, 0, 1e-4, seed_array(9), 0, attempt, 40)
    exact = twins.cost(terms, lanes.spins[0])
    assert lanes.energy[0] == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(("kind", "degree", "groups"), [("ising", 2, 0), ("ising", 3, 1), ("pubo", 3, 1)])
def test_sampled_energies_follow_boltzmann(kind: Kind, degree: int, groups: int):
    """2,000 independent lanes at fixed beta against enumeration: the mean within 5 standard errors, and acceptance."""
    terms = twins.random_terms(kind, 6, degree, groups, seed=21)
    beta = 0.04
    energies = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    weights = np.exp(-beta * (energies - energies.min()))
    weights /= weights.sum()
    mean = float(weights @ energies)
    spread = math.sqrt(float(weights @ (energies - mean) ** 2))
    landscape, count = landscape_of(terms), 2000
    lanes = lanes_of(landscape, count)
    for lane in range(count):
        start(landscape, lanes, lane, seed_array(6), lane, np.full(6, UNSET, np.int8))
        for attempt in range(0, 6 * 30, 6):
            sweep(landscape, lanes, lane, beta, seed_array(6), lane, attempt, 6)
    assert abs(lanes.energy.mean() - mean) < 5 * spread / math.sqrt(count)
    codes = values_of("pubo", lanes.spins) @ (1 << np.arange(6)[::-1])
    counts = np.bincount(codes, minlength=64)
    # Chi squared with 63 degrees of freedom: 63 + 6 * sqrt(126) = 130.
    assert ((counts - count * weights) ** 2 / (count * weights)).sum() < 130
