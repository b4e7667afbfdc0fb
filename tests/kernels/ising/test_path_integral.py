from __future__ import annotations

import math
import threading
import time
from itertools import product
from typing import Any

import numba
import numpy as np
import pytest

from kyanite_kernels import control, random_stream
from kyanite_kernels.ising import Result, Terms, energy
from kyanite_kernels.ising.arrays import Landscape, landscape_of
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.lanes import lanes_of
from kyanite_kernels.ising.path_integral import anneal_lines, quantum_monte_carlo
from kyanite_kernels.ising.schedule import Course, RangeSchedule
from kyanite_kernels.ising.terms import Kind
from kyanite_kernels.ising.worldlines import worldlines_of
from kyanite_kernels.random_stream import ACCEPTANCE, seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

random_bits = numba.njit(cache=True)(random_stream.random_bits.py_func)  # type: ignore[attr-defined]
stream = numba.njit(cache=True)(random_stream.stream.py_func)  # type: ignore[attr-defined]


def run(terms: Terms, slices: int, beta: float, fields: RangeSchedule, sweeps: int, index: int, initial: Any = None):
    """The world lines after one restart of the solver's kernel."""
    return restarted(landscape_of(terms), spins_of(terms, initial), slices, beta, fields.course(sweeps), index)


def restarted(landscape: Landscape, initial: np.ndarray, slices: int, beta: float, course: Course, index: int):
    lines, block = worldlines_of(landscape, slices), control.local_control()
    anneal_lines(landscape, lines, lanes_of(landscape, 1), beta, course, SEED, index, initial, block, np.zeros(8))
    return lines


SEED = seed_array(5)
PROBLEMS = [
    pytest.param(kind, degree, groups, id=f"{kind}-degree{degree}-groups{groups}")
    for kind in ("ising", "pubo")
    for degree, groups in ((2, 0), (4, 0), (3, 2))
]


def solved(terms: Terms, **options) -> Result:
    defaults: dict[str, Any] = {
        "sweeps": 200,
        "trotter_number": 8,
        "beta_start": 2.0,
        "transverse_field_start": 10.0,
        "transverse_field_stop": 0.1,
        "restarts": 10,
    }
    return quantum_monte_carlo(terms, **{**defaults, **options})


GLASS = twins.glass(2000)


def twin_sweep(terms: Terms, states: np.ndarray, temperature: float, break_chance: float, uniform) -> np.ndarray:
    """One sweep over `states`, [P, n], in the kind's values; `uniform(i, k)` is the draw k < 2 P of variable i."""
    slices = len(states)
    for i in range(terms.n):
        cut = [uniform(i, k) < break_chance or states[k, i] != states[(k + 1) % slices, i] for k in range(slices)]
        # A cluster is named by the slice after which it ends: the next cut, the last slice without any.
        ends = [next((k % slices for k in range(j, j + slices) if cut[k % slices]), slices - 1) for j in range(slices)]
        for end in set(ends):
            members = [k for k in range(slices) if ends[k] == end]
            fall = sum(twins.fall(terms, states[k], i) for k in members)
            if uniform(i, slices + end) < 1 / (1 + math.exp(-fall / temperature)):
                for k in members:
                    states[k] = twins.flipped(terms, states[k], i)
    return states


@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
@pytest.mark.parametrize("slices", [1, 2, 5])
def test_sweeps_equal_the_twin(kind: Kind, degree: int, groups: int, slices: int):
    terms = twins.random_terms(kind, 6, degree, groups, seed=3)
    initial = twins.configurations(terms)[37]
    states = np.array([initial] * slices)
    beta, field = slices / 20.0, 20.0 * math.atanh(0.3)
    offset, gamma = (np.uint64(word) for word in stream(SEED, 2, ACCEPTANCE))
    for number in range(8):

        def uniform(i: int, k: int, number: int = number) -> float:
            return (int(random_bits(offset, gamma, 2 * slices * (number * 6 + i) + k)) >> 11) * 2.0**-53

        states = twin_sweep(terms, states, 20.0, 0.3, uniform)
        lines = run(terms, slices, beta, RangeSchedule("linear", field, field), number + 1, 2, initial)
        assert values_of(kind, lines.spins.T).tolist() == states.tolist()
        assert lines.energy == pytest.approx([twins.cost(terms, state) for state in states], abs=1e-9)
        assert lines.best_energy == pytest.approx(
            [twins.cost(terms, state) for state in values_of(kind, lines.best_spins)], abs=1e-9
        )


def test_drift_stays_small_over_many_sweeps():
    rng = np.random.default_rng(0)
    products = [(float(rng.standard_normal() * 1e3), (i, (i + k) % 40)) for i in range(40) for k in (1, 2, 3)]
    terms = terms_of("ising", 40, products)
    lines = run(terms, 4, 1e-4, RangeSchedule("linear", 1e4, 1e4), 5_000, 0)
    assert lines.energy == pytest.approx([twins.cost(terms, state) for state in lines.spins.T], abs=1e-8)


def samples_of(terms: Terms, slices: int, beta: float, field: float, count: int) -> np.ndarray:
    """`count` independent samples, int8[count, n, P], each after 25 sweeps from a random start."""
    landscape, initial = landscape_of(terms), spins_of(terms, None)
    course = RangeSchedule("linear", field, field).course(25)
    return np.array([restarted(landscape, initial, slices, beta, course, index).spins for index in range(count)])


def assert_distributed(counts: np.ndarray, weights: np.ndarray) -> None:
    """Chi squared within 6 standard deviations, states of fewer than 5 expected samples in one cell."""
    expected = weights / weights.sum() * counts.sum()
    rare = expected < 5
    cells = np.append(expected[~rare], expected[rare].sum())
    found = np.append(counts[~rare], counts[rare].sum())
    squares = ((found - cells) ** 2 / np.maximum(cells, 1e-300))[cells > 0]
    assert squares.sum() < squares.size + 6 * math.sqrt(2 * squares.size)


@pytest.mark.parametrize(("kind", "degree", "groups"), [("ising", 2, 0), ("pubo", 3, 1)])
def test_states_follow_the_enumerated_trotter_system(kind: Kind, degree: int, groups: int):
    """All 4096 states of 3 variables in 4 slices, weighed by costs and kinks."""
    terms = twins.random_terms(kind, 3, degree, groups, seed=21)
    beta, field, slices = 0.08, 10.0, 4
    coupling = -0.5 * math.log(math.tanh(beta * field / slices))
    costs = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    spins = np.array(list(product((-1, 1), repeat=3)))
    overlaps = spins @ spins.T
    picks = np.array(list(product(range(8), repeat=slices)))
    bonds = overlaps[picks, np.roll(picks, -1, axis=1)].sum(axis=1)
    action = -beta / slices * costs[picks].sum(axis=1) + coupling * bonds
    states = samples_of(terms, slices, beta, field, 10_000)
    codes = np.tensordot(states > 0, [4, 2, 1], axes=(1, 0)) @ 8 ** np.arange(slices)[::-1]
    assert_distributed(np.bincount(codes, minlength=4096), np.exp(action - action.max()))


@pytest.mark.parametrize(("slices", "field"), [(4, 0.0), (1, 3.0)])
def test_without_a_field_or_with_one_slice_samples_follow_boltzmann(slices: int, field: float):
    terms = twins.random_terms("ising", 6, 3, 0, seed=22)
    costs = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    states = samples_of(terms, slices, 0.05, field, 4_000)
    assert (states == states[:, :, :1]).all()
    codes = (states[:, :, 0] > 0) @ 2 ** np.arange(6)[::-1]
    assert_distributed(np.bincount(codes, minlength=64), np.exp(-0.05 * (costs - costs.min())))


@pytest.mark.parametrize(("kind", "degree", "groups"), PROBLEMS)
def test_small_problems_reach_their_optimum(kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 8, degree, groups, seed=degree + 10 * groups)
    result = solved(terms, seed=1, solutions=3)
    assert result.costs[0] == twins.optimum(terms)
    assert result.costs.tolist() == sorted(twins.cost(terms, state) for state in result.states)
    assert len({state.tobytes() for state in result.states}) == len(result.states) <= 3
    assert result.sweeps_done == 2000
    assert not result.stopped


def test_results_depend_on_the_seed_and_not_on_threads():
    runs = [solved(GLASS, sweeps=10, restarts=5, solutions=4, seed=s, threads=t) for s, t in ((1, 1), (1, 2), (2, 1))]
    assert runs[0].states.tolist() == runs[1].states.tolist()
    assert runs[0].states.tolist() != runs[2].states.tolist()


def test_a_restart_depends_on_its_index_alone():
    costs = [solved(GLASS, sweeps=5, restarts=k, seed=2).costs[0] for k in (1, 2, 3)]
    pooled = solved(GLASS, sweeps=5, restarts=3, seed=2, solutions=24).costs
    assert costs == [min(costs[: k + 1]) for k in range(3)]
    assert costs[0] in pooled
    assert costs[2] == pooled[0]


def test_the_stop_flag_ends_a_run_from_another_thread():
    block = control.local_control()
    results: list[Result] = []
    solver = threading.Thread(target=lambda: results.append(solved(GLASS, sweeps=10**6, control=block)))
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
    result = solved(GLASS, sweeps=10**6, control=block)
    assert result.stopped
    assert result.costs[0] == energy(GLASS, result.states)[0]


def test_the_timeout_ends_a_run_and_progress_is_told():
    block = control.local_control()
    began_s = time.monotonic()
    result = solved(GLASS, sweeps=10**6, control=block, timeout_s=0.2, threads=2)
    assert time.monotonic() - began_s < 5.0
    assert not result.stopped
    assert block[control.FRACTION] == 1.0
    assert block[control.SWEEP] == result.sweeps_done > 0
    assert [cost for *_, cost in result.trace] == sorted((cost for *_, cost in result.trace), reverse=True) != []


def test_an_initial_configuration_is_never_made_worse():
    best = solved(GLASS, sweeps=50, restarts=1)
    again = solved(GLASS, sweeps=1, restarts=1, transverse_field_start=1e6, initial=best.states[0])
    assert again.costs[0] <= best.costs[0]


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
        ({"sweeps": 0}, "sweeps"),
        ({"restarts": 0}, "restarts"),
        ({"trotter_number": 0}, "trotter_number"),
        ({"beta_start": 0.0}, "beta_start"),
        ({"beta_start": math.inf}, "beta_start"),
        ({"transverse_field_start": -1.0}, "transverse"),
        ({"transverse_field_stop": math.nan}, "transverse"),
        ({"solutions": 0}, "solutions"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"initial": np.zeros(3, np.int8)}, "initial"),
    ],
)
def test_wrong_options_are_named(options: dict, word: str):
    with pytest.raises(ValueError, match=word):
        solved(terms_of("ising", 4, [(1.0, (0, 1))]), **options)
