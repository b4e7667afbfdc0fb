from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.control import STOP, local_control
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.forms import dense as form_parts
from kyanite_kernels.ising.forms import exponentials
from kyanite_kernels.ising.forms.dense_layout import (
    BITS,
    BYTES,
    FLOATS,
    N_MAX,
    WORDS,
    Dense,
    DenseState,
    dense_of,
    dense_state,
)
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Terms
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import quadratic_terms

# Parts are compiled into their callers and never cached; called from here they would compile in every run.
start, sweep, measure, spins, copy, begin_random, fill_extremes, fill_given_extreme = (
    numba.njit(cache=True, error_model="numpy")(part.py_func)  # type: ignore[union-attr]
    for part in (
        form_parts.start_dense,
        form_parts.sweep_dense,
        form_parts.measure_dense,
        form_parts.spins_dense,
        form_parts.copy_dense,
        exponentials.begin_random,
        exponentials.fill_extremes,
        exponentials.fill_given_extreme,
    )
)

LAYOUTS = [
    pytest.param("ising", BITS, id="bits"),
    pytest.param("ising", BYTES, id="bytes"),
    pytest.param("pubo", BYTES, id="bytes-pubo"),
    pytest.param("ising", WORDS, id="words"),
    pytest.param("ising", FLOATS, id="floats"),
    pytest.param("pubo", FLOATS, id="floats-pubo"),
]


def problem(kind: str, layout: int, n: int, seed: int = 3) -> Terms:
    """A problem with linear terms and a constant, whose weights call for `layout`."""
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(n)
    weights = {
        BITS: lambda: 0.25 * rng.choice([-1.0, 1.0], i.size),
        BYTES: lambda: 0.5 * rng.integers(-3, 4, i.size),
        WORDS: lambda: 1.0 * rng.integers(-9000, 9001, i.size),
        FLOATS: lambda: rng.standard_normal(i.size),
    }[layout]()
    return quadratic_terms(kind, n, np.column_stack([i, j]), weights, 1.25)


def begun(terms: Terms, lanes: int = 1, seed: int = 1) -> tuple[Dense, DenseState]:
    form = dense_of(terms)
    assert form is not None
    state = dense_state(form, lanes)
    start(form, state, seed_array(seed), 5, spins_of(terms, None))
    return form, state


def lane_values(terms: Terms, form: Dense, state: DenseState, lane: int = 0) -> np.ndarray:
    out = np.empty(terms.n, np.int8)
    spins(form, state, lane, out)
    return values_of(terms.kind, out)


def energies_of(form: Dense, state: DenseState) -> np.ndarray:
    energies = np.empty(state.spins.shape[0])
    measure(form, state, energies)
    return energies


def beta_of(form: Dense, share: float) -> float:
    """An inverse temperature at which, with `share` about 1, some flips are accepted and some are not."""
    return share * 12 / (float(np.abs(form.all_down).max()) * form.unit)


def falls_of(terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    """The matrix and the vector of a cost in spins: c + h s + s J s / 2."""
    matrix, vector = np.zeros((terms.n, terms.n)), np.zeros(terms.n)
    for t, c in enumerate(terms.coefficient.tolist()):
        members = terms.variable[terms.start[t] : terms.start[t + 1]]
        half = c / 2 ** len(members) if terms.kind == "pubo" else c
        for i in members if terms.kind == "pubo" or len(members) == 1 else ():
            vector[i] += half
        if len(members) == 2:
            matrix[members[0], members[1]] += half
            matrix[members[1], members[0]] += half
    return matrix, vector


def naive_sweep(terms: Terms, sigma: np.ndarray, random: np.ndarray, beta: float) -> np.ndarray:
    """Metropolis attempts one after the other, with draws by blocks of 64 as the form makes them."""
    matrix, vector = falls_of(terms)
    xi, extremes = np.empty(64, np.float32), np.empty((1, 32), np.float32)
    fill_extremes(random, 0, extremes, 0)
    for number, first in enumerate(range(0, terms.n, 64)):
        block = range(first, min(first + 64, terms.n))
        lowest, highest = extremes[0, number], extremes[0, 16 + number]
        if not (2 * (sigma * (vector + matrix @ sigma))[block] >= -float(highest) / beta).any():
            continue
        fill_given_extreme(random, 0, xi, lowest, highest)
        for i in block:
            if 2 * sigma[i] * (vector[i] + matrix[i] @ sigma) >= -float(xi[i - first]) / beta:
                sigma[i] = -sigma[i]
    return sigma


def test_thresholds_are_independent_exponentials():
    """20,000 sets of 64: mean and spread of all, of the highest, and of the others' sum given the highest."""
    random, xi = np.zeros((1, 3), np.uint64), np.empty((20_000, 64), np.float32)
    begin_random(random, 0, seed_array(2), 0)
    extremes = np.empty((1, 32), np.float32)
    for number, row in enumerate(xi):
        if number % 16 == 0:
            fill_extremes(random, 0, extremes, 0)
        fill_given_extreme(random, 0, row, extremes[0, number % 16], extremes[0, 16 + number % 16])
    size = xi.size
    assert abs(xi.mean() - 1) < 5 / math.sqrt(size)
    assert abs(xi.var() - 1) < 5 * math.sqrt(8 / size)
    # The highest of 64: mean H(64), variance about pi^2 / 6; each place is the highest equally often.
    highest = xi.max(axis=1)
    assert abs(highest.mean() - sum(1 / k for k in range(1, 65))) < 5 * math.sqrt(math.pi**2 / 6 / 20_000)
    places = np.bincount(xi.argmax(axis=1), minlength=64)
    assert ((places - 312.5) ** 2 / 312.5).sum() < 63 + 6 * math.sqrt(126)
    # Independent: the first half of a set tells nothing of the second; Kolmogorov's bound for the whole.
    halves = xi[:, :32].sum(axis=1), xi[:, 32:].sum(axis=1)
    assert abs(np.corrcoef(*halves)[0, 1]) < 5 / math.sqrt(20_000)
    shares = np.sort(1 - np.exp(-xi.ravel().astype(float)))
    assert np.abs(shares - np.arange(size) / size).max() < 2.2 / math.sqrt(size)


@pytest.mark.parametrize(("kind", "layout"), LAYOUTS)
def test_each_problem_gets_its_layout(kind: str, layout: int):
    form = dense_of(problem(kind, layout, 150))
    assert form is not None
    assert form.layout == layout


@pytest.mark.parametrize(("kind", "layout"), LAYOUTS)
def test_energies_equal_the_twin_at_the_start_and_after_sweeps(kind: str, layout: int):
    terms = problem(kind, layout, 40)
    form, state = begun(terms, lanes=3)
    for _ in range(4):
        twin = [twins.cost(terms, lane_values(terms, form, state, lane)) for lane in range(3)]
        assert energies_of(form, state) == pytest.approx(twin, rel=1e-5, abs=1e-9)
        assert sweep(form, state, np.full(3, beta_of(form, 0.2)), local_control())


@pytest.mark.parametrize(("kind", "layout"), LAYOUTS)
@pytest.mark.parametrize("share", [0.02, 0.5, math.inf])
def test_sweeps_equal_the_twin(kind: str, layout: int, share: float):
    terms = problem(kind, layout, 150)
    form, state = begun(terms, seed=4)
    beta = beta_of(form, share)
    random = np.zeros_like(state.random)
    begin_random(random, 0, seed_array(4), 5)
    sigma = 2.0 * (lane_values(terms, form, state) > 0) - 1
    for _ in range(8):
        sigma = naive_sweep(terms, sigma, random, beta)
        assert sweep(form, state, np.array([beta]), local_control())
        assert (lane_values(terms, form, state) > 0).tolist() == (sigma > 0).tolist()


@pytest.mark.parametrize("layout", [BITS, BYTES, WORDS, FLOATS])
def test_an_infinite_temperature_flips_all(layout: int):
    terms = problem("ising", layout, 70)
    form, state = begun(terms)
    before = lane_values(terms, form, state)
    sweep(form, state, np.zeros(1), local_control())
    assert (lane_values(terms, form, state) == -before).all()


@pytest.mark.parametrize("layout", [BITS, BYTES, WORDS, FLOATS])
def test_sampled_states_follow_boltzmann(layout: int):
    """2,000 independent lanes at fixed beta against enumeration: mean energy, acceptance, and each state."""
    terms = problem("ising", layout, 6, seed=8)
    states = twins.configurations(terms)
    costs = np.array([twins.cost(terms, one) for one in states])
    beta = 1.0 / costs.std()
    weights = np.exp(-beta * (costs - costs.min()))
    weights /= weights.sum()
    mean = float(weights @ costs)
    spread = math.sqrt(float(weights @ (costs - mean) ** 2))
    count = 2000
    form, state = begun(terms, lanes=count)
    for _ in range(30):
        sweep(form, state, np.full(count, beta), local_control())
    assert abs(energies_of(form, state).mean() - mean) < 5 * spread / math.sqrt(count)
    codes = np.array([lane_values(terms, form, state, lane) > 0 for lane in range(count)]) @ (1 << np.arange(6)[::-1])
    expected = count * weights
    common = expected >= 5
    counts = np.bincount(codes, minlength=64)
    seen = np.append(counts[common], counts[~common].sum())
    wanted = np.append(expected[common], max(expected[~common].sum(), 1.0))
    # Chi squared with at most 64 degrees of freedom: 64 + 6 * sqrt(128) = 132.
    assert ((seen - wanted) ** 2 / wanted).sum() < 132


def test_floats_do_not_drift():
    terms = problem("ising", FLOATS, 40)
    form, state = begun(terms)
    for _ in range(3000):
        sweep(form, state, np.array([0.05]), local_control())
    assert energies_of(form, state)[0] == pytest.approx(twins.cost(terms, lane_values(terms, form, state)), abs=2e-4)


def test_a_lane_is_a_function_of_its_seed_and_index():
    terms = problem("ising", BYTES, 100)
    form, state = begun(terms, lanes=20)
    alone = dense_state(form, 1)
    start(form, alone, seed_array(1), 5 + 17, spins_of(terms, None))
    for _ in range(5):
        sweep(form, state, np.full(20, 0.05), local_control())
        sweep(form, alone, np.full(1, 0.05), local_control())
    assert lane_values(terms, form, state, 17).tolist() == lane_values(terms, form, alone).tolist()
    assert len({lane_values(terms, form, state, lane).tobytes() for lane in range(20)}) == 20


@pytest.mark.parametrize("layout", [BITS, WORDS, FLOATS])
def test_a_copy_goes_on_by_its_own_stream(layout: int):
    terms = problem("ising", layout, 70)
    form, state = begun(terms, lanes=2)
    copy(form, state, 0, state, 1)
    assert lane_values(terms, form, state, 1).tolist() == lane_values(terms, form, state, 0).tolist()
    assert energies_of(form, state)[0] == energies_of(form, state)[1]
    sweep(form, state, np.full(2, beta_of(form, 0.5)), local_control())
    assert lane_values(terms, form, state, 1).tolist() != lane_values(terms, form, state, 0).tolist()


def test_given_spins_are_kept():
    terms = problem("pubo", BYTES, 30)
    form = dense_of(terms)
    assert form is not None
    initial = np.where(np.arange(30) % 3 == 0, UNSET, np.where(np.arange(30) % 3 == 1, 0, 1)).astype(np.int8)
    state = dense_state(form, 1)
    start(form, state, seed_array(1), 0, spins_of(terms, initial))
    given = initial != UNSET
    assert lane_values(terms, form, state)[given].tolist() == initial[given].tolist()


def test_a_stop_leaves_a_valid_state():
    terms = problem("ising", WORDS, 100)
    form, state = begun(terms, lanes=2)
    control = local_control()
    control[STOP] = 1.0
    before = lane_values(terms, form, state)
    assert not sweep(form, state, np.zeros(2), control)
    assert lane_values(terms, form, state).tolist() == before.tolist()
    assert energies_of(form, state)[0] == pytest.approx(twins.cost(terms, before))


def test_what_does_not_fit_is_refused():
    assert dense_of(twins.random_terms("ising", 5, 3, 0, seed=1)) is None
    assert dense_of(twins.random_terms("ising", 5, 2, 1, seed=1)) is None
    assert dense_of(Terms("ising", N_MAX + 1)) is None
    assert dense_of(Terms("ising", 0)) is None


def test_no_coupling_is_a_problem_too():
    terms = Terms("ising", 3, np.array([1.0, -2.0]), np.array([0, 1, 2]), np.array([0, 2]))
    form, state = begun(terms)
    for _ in range(3):
        sweep(form, state, np.array([math.inf]), local_control())
    assert lane_values(terms, form, state)[[0, 2]].tolist() == [-1, 1]
    assert energies_of(form, state)[0] == -3.0
