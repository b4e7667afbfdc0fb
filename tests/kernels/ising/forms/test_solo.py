from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.control import STOP, local_control
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.forms import solo as form_parts
from kyanite_kernels.ising.forms.solo import BLOCK, Solo, SoloState, solo_of, solo_state, warm_solo
from kyanite_kernels.ising.terms import Kind, Terms
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

# Parts are compiled into their callers and never cached; called from here they would compile in every run.
start, sweep, measure, spins, copy = (
    numba.njit(cache=True, error_model="numpy")(part.py_func)  # type: ignore[union-attr]
    for part in (
        form_parts.start_solo,
        form_parts.sweep_solo,
        form_parts.measure_solo,
        form_parts.spins_solo,
        form_parts.copy_solo,
    )
)
warm_solo()


def lattice(n: int, seed: int = 2, kind: Kind = "ising") -> Terms:
    """A ring with chords and linear terms, integer coefficients."""
    rng = np.random.default_rng(seed)
    pairs = [(i, (i + k) % n) for i in range(n) for k in (1, 7)]
    products = [(float(rng.integers(-4, 5)), pair) for pair in pairs]
    return terms_of(kind, n, [*products, *((float(rng.integers(-2, 3)), (i,)) for i in range(n)), (2.5, ())])


def begun(terms: Terms, lanes: int = 1, seed: int = 1) -> tuple[Solo, SoloState]:
    form = solo_of(terms)
    assert form is not None
    state = solo_state(form, lanes)
    start(form, state, seed_array(seed), 5, spins_of(terms, None))
    return form, state


def lane_values(terms: Terms, form: Solo, state: SoloState, lane: int = 0) -> np.ndarray:
    out = np.empty(terms.n, np.int8)
    spins(form, state, lane, out)
    return values_of(terms.kind, out)


def energies_of(form: Solo, state: SoloState) -> np.ndarray:
    energies = np.empty(state.spins.shape[0])
    measure(form, state, energies)
    return energies


@pytest.mark.parametrize("n", [30, 300])
def test_blocks_keep_the_order_of_neighbours(n: int):
    terms = lattice(n)
    form = solo_of(terms)
    assert form is not None
    assert sorted(form.variable.tolist()) == list(range(n))
    sizes = np.diff(form.block_start)
    assert sizes.sum() == n
    assert sizes.min() >= 1
    assert sizes.max() <= BLOCK
    block = np.empty(n, int)
    block[form.variable] = np.repeat(np.arange(sizes.size), sizes)
    for t in range(2 * n):
        i, j = sorted(terms.variable[terms.start[t] : terms.start[t + 1]].tolist())
        if terms.coefficient[t]:
            assert block[i] < block[j]


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_sweeps_at_zero_temperature_equal_the_twin(kind: Kind):
    """No draw counts there, so that the very path is that of attempts on variables 0, 1, 2, ..."""
    terms = lattice(60, kind=kind)
    form, state = begun(terms)
    twin = lane_values(terms, form, state)
    for _ in range(3):
        twin = twins.sweep(terms, twin, np.zeros(60))
        assert sweep(form, state, np.array([math.inf]), local_control())
        assert lane_values(terms, form, state).tolist() == twin.tolist()


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_energies_equal_the_twin(kind: Kind):
    terms = twins.random_terms(kind, 25, 2, 0, seed=5)
    form, state = begun(terms, lanes=3)
    for _ in range(4):
        twin = [twins.cost(terms, lane_values(terms, form, state, lane)) for lane in range(3)]
        assert energies_of(form, state) == pytest.approx(twin, abs=1e-9)
        sweep(form, state, np.full(3, 0.1), local_control())


def test_an_infinite_temperature_flips_all():
    terms = lattice(300)
    form, state = begun(terms)
    before = lane_values(terms, form, state)
    sweep(form, state, np.zeros(1), local_control())
    assert (lane_values(terms, form, state) == -before).all()


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_sampled_states_follow_boltzmann(kind: Kind):
    """2,000 independent lanes at fixed beta against enumeration: mean energy, acceptance, and each state."""
    terms = twins.random_terms(kind, 6, 2, 0, seed=21)
    beta, count = 0.06, 2000
    costs = np.array([twins.cost(terms, one) for one in twins.configurations(terms)])
    weights = np.exp(-beta * (costs - costs.min()))
    weights /= weights.sum()
    mean = float(weights @ costs)
    spread = math.sqrt(float(weights @ (costs - mean) ** 2))
    form, state = begun(terms, lanes=count)
    for _ in range(30):
        sweep(form, state, np.full(count, beta), local_control())
    assert abs(energies_of(form, state).mean() - mean) < 5 * spread / math.sqrt(count)
    codes = np.array([lane_values(terms, form, state, lane) > 0 for lane in range(count)]) @ (1 << np.arange(6)[::-1])
    counts = np.bincount(codes, minlength=64)
    # Chi squared with 63 degrees of freedom: 63 + 6 * sqrt(126) = 130.
    assert ((counts - count * weights) ** 2 / (count * weights)).sum() < 130


def test_acceptance_at_fixed_temperature_equals_the_twin():
    """Blocks of several variables, refilled draws: the mean energy of many sweeps, against naive sweeps."""
    terms, beta, sweeps = lattice(300), 0.3, 400
    form, state = begun(terms, lanes=4)
    matrix, vector = np.zeros((300, 300)), np.zeros(300)
    for t in range(600):
        i, j = terms.variable[terms.start[t] : terms.start[t + 1]]
        matrix[i, j] += terms.coefficient[t]
        matrix[j, i] += terms.coefficient[t]
    vector[:] = terms.coefficient[600:900]
    rng, sigma = np.random.default_rng(0), np.ones(300)
    ours, naive = [], []
    for number in range(sweeps):
        sweep(form, state, np.full(4, beta), local_control())
        for i, xi in enumerate(rng.exponential(size=300) if number % 4 == 0 else ()):
            if 2 * sigma[i] * (vector[i] + matrix[i] @ sigma) >= -xi / beta:
                sigma[i] = -sigma[i]
        if number >= 100:
            ours.append(energies_of(form, state).mean())
            naive.append(2.5 + vector @ sigma + sigma @ matrix @ sigma / 2)
    error = np.std(naive) / math.sqrt(len(naive) / 4 / 4)
    assert abs(np.mean(ours) - np.mean(naive)) < 5 * error


def test_rounding_does_not_drift():
    rng = np.random.default_rng(0)
    terms = terms_of("ising", 40, [(float(rng.standard_normal() * 1e3), (i, (i + 1) % 40)) for i in range(40)])
    form, state = begun(terms)
    for _ in range(3000):
        sweep(form, state, np.array([1e-4]), local_control())
    assert energies_of(form, state)[0] == pytest.approx(twins.cost(terms, lane_values(terms, form, state)), abs=1e-8)


def test_a_lane_is_a_function_of_its_seed_and_index():
    terms = lattice(100)
    form, state = begun(terms, lanes=4)
    alone = solo_state(form, 1)
    start(form, alone, seed_array(1), 5 + 2, spins_of(terms, None))
    for _ in range(5):
        sweep(form, state, np.full(4, 0.2), local_control())
        sweep(form, alone, np.full(1, 0.2), local_control())
    assert lane_values(terms, form, state, 2).tolist() == lane_values(terms, form, alone).tolist()
    assert len({lane_values(terms, form, state, lane).tobytes() for lane in range(4)}) == 4


def test_a_copy_goes_on_by_its_own_stream():
    terms = lattice(100)
    form, state = begun(terms, lanes=2)
    copy(form, state, 0, state, 1)
    assert lane_values(terms, form, state, 1).tolist() == lane_values(terms, form, state, 0).tolist()
    sweep(form, state, np.full(2, 0.1), local_control())
    assert lane_values(terms, form, state, 1).tolist() != lane_values(terms, form, state, 0).tolist()


def test_a_stop_leaves_a_valid_state():
    terms = lattice(50)
    form, state = begun(terms)
    control = local_control()
    control[STOP] = 1.0
    before = lane_values(terms, form, state)
    assert not sweep(form, state, np.zeros(1), control)
    assert lane_values(terms, form, state).tolist() == before.tolist()


def test_what_does_not_fit_is_refused():
    assert solo_of(twins.random_terms("ising", 5, 3, 0, seed=1)) is None
    assert solo_of(twins.random_terms("ising", 5, 2, 1, seed=1)) is None


def test_no_coupling_is_a_problem_too():
    terms = terms_of("ising", 3, [(1.0, (0,)), (-2.0, (2,))])
    form, state = begun(terms)
    for _ in range(3):
        sweep(form, state, np.array([math.inf]), local_control())
    assert lane_values(terms, form, state)[[0, 2]].tolist() == [-1, 1]
    assert energies_of(form, state)[0] == -3.0
