from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.control import STOP, local_control
from kyanite_kernels.ising.forms import products as form_parts
from kyanite_kernels.ising.forms.product_rows import blocks_of
from kyanite_kernels.ising.forms.products import (
    LANES,
    ProductsForm,
    ProductsState,
    products_of,
    products_of_each_type,
    products_state,
)
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Kind, Terms
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

# Parts are compiled into their callers and never cached; called from here they would compile in every run.
start, synchronise, sweep, measure, spins, copy = (
    numba.njit(cache=True, error_model="numpy")(part.py_func)  # type: ignore[union-attr]
    for part in (
        form_parts.start_products,
        form_parts.synchronise_products,
        form_parts.sweep_products,
        form_parts.measure_products,
        form_parts.spins_products,
        form_parts.copy_products,
    )
)

PROBLEMS = [
    pytest.param("ising", 3, 1.0, id="ising-int8"),
    pytest.param("ising", 6, 40.0, id="ising-degree6-int16"),
    pytest.param("ising", 5, math.pi, id="ising-degree5-int8"),
    pytest.param("ising", 4, None, id="ising-degree4-float32"),
    pytest.param("pubo", 3, 1.0, id="pubo-int8"),
    pytest.param("pubo", 6, 1.0, id="pubo-degree6"),
    pytest.param("pubo", 6, None, id="pubo-degree6-float32"),
]


def problem(kind: Kind, degree: int, factor: float | None, n: int = 7, seed: int = 3) -> Terms:
    """Integer coefficients times `factor` (with an odd one of 1 more, for 40), or real ones for None."""
    terms = twins.random_terms(kind, n, degree, 0, seed)
    if factor is None:
        c = np.random.default_rng(seed).standard_normal(terms.coefficient.size)
    else:
        c = terms.coefficient * factor
        c[-1] += 1.0 if factor == 40.0 else 0.0
    return Terms(kind, n, c, terms.start, terms.variable)


def begin(terms: Terms, lanes: int, seed: int = 0, first: int = 0, initial: np.ndarray | None = None):
    form = products_of(terms)
    assert form is not None
    state = products_state(form, lanes)
    given = np.full(terms.n, UNSET, np.int8) if initial is None else initial
    start(form, state, seed_array(seed), first, given)
    return form, state


def configuration(form: ProductsForm, state: ProductsState, lane: int, kind: Kind) -> np.ndarray:
    out = np.empty(form.base.size, np.int8)
    spins(form, state, lane, out)
    return out if kind == "ising" else (out > 0).astype(np.int8)


def configurations(form: ProductsForm, state: ProductsState, kind: Kind) -> np.ndarray:
    return np.array([configuration(form, state, lane, kind) for lane in range(state.bits.shape[0] * LANES)])


def energies(form: ProductsForm, state: ProductsState) -> np.ndarray:
    out = np.empty(state.bits.shape[0] * LANES)
    measure(form, state, out)
    return out


def waits(state: ProductsState, lane: int, n: int) -> np.ndarray:
    """One sweep's -ln(u) of one lane, by the published generator in Python's integers."""
    full = 2**64 - 1
    a, b = (int(word) for word in state.random[lane // LANES, :, lane % LANES // 2])
    turn = lambda word, k: (word << k | word >> (64 - k)) & full
    out = []
    for _ in range(n):
        drawn = (a + b) & full
        b ^= a
        a, b = turn(a, 24) ^ b ^ (b << 16 & full), turn(b, 37)
        half = drawn >> (32 * (lane % 2)) & 0x7FFFFFFF
        out.append(-math.log((half | 1) / 2**31))
    return np.array(out)


@pytest.mark.parametrize(("kind", "degree", "factor"), PROBLEMS)
def test_sweeps_and_energies_equal_the_twin(kind: Kind, degree: int, factor: float | None):
    terms = problem(kind, degree, factor)
    form, state = begin(terms, LANES, seed=5)
    beta, control = 1.0 / energies(form, state).std(), local_control()
    lanes = [0, 1, 17, 40, 63]
    twin = {lane: configuration(form, state, lane, kind) for lane in lanes}
    for _ in range(12):
        for lane in lanes:
            twin[lane] = twins.sweep(terms, twin[lane], -waits(state, lane, terms.n) / beta)
        assert sweep(form, state, np.full(LANES, beta), control)
        measured = energies(form, state)
        for lane in lanes:
            assert configuration(form, state, lane, kind).tolist() == twin[lane].tolist()
            assert measured[lane] == pytest.approx(twins.cost(terms, twin[lane]), rel=1e-5, abs=1e-4)
    synchronise(form, state)
    assert energies(form, state) == pytest.approx(measured, rel=1e-5, abs=1e-4)


def test_a_sweep_crosses_tiles_and_words():
    terms = problem("ising", 3, 1.0, n=70)
    form, state = begin(terms, 2 * LANES, seed=5)
    twin = {
        lane: twins.sweep(terms, configuration(form, state, lane, "ising"), -waits(state, lane, 70) / 0.05)
        for lane in (3, 100)
    }
    sweep(form, state, np.full(2 * LANES, 0.05), local_control())
    for lane, values in twin.items():
        assert configuration(form, state, lane, "ising").tolist() == values.tolist()
        assert energies(form, state)[lane] == pytest.approx(twins.cost(terms, values))


@pytest.mark.parametrize(
    ("products", "dtype"),
    [
        ([(1.0, (0, 1, 2))] * 3 + [(0.5, (0, 3)), (-2.0, ())], np.int8),
        ([(0.1, (0, 1, 2)), (0.3, (0, 3)), (-0.2, (1,))], np.int8),
        ([(1.0, (0, 1, 2)), (301.0, (0, 3))], np.int16),
        ([(1.0, (0, 1, 2)), (1e6, (0, 3))], np.float32),
        ([(math.pi, (0, 1, 2)), (math.e, (0, 3))], np.float32),
        ([(0.0, (0, 1))], np.int8),
        ([], np.int8),
    ],
)
def test_the_narrowest_exact_type_is_chosen(products: list[tuple[float, tuple[int, ...]]], dtype: type):
    form = products_of(terms_of("ising", 4, products))
    assert form is not None
    assert form.base.dtype == dtype


@pytest.mark.parametrize(("kind", "limit"), [("ising", 253), ("pubo", 126)])
def test_int8_is_used_to_its_very_end(kind: Kind, limit: int):
    for size, dtype in ((limit, np.int8), (limit + 1, np.int16)):
        half = size // 2
        terms = terms_of(kind, 3, [(-half, (0, 1)), (-1.0, (0,)), (half + 1 - size, (0, 2))])
        form, state = begin(terms, LANES)
        assert form.base.dtype == dtype
        for _ in range(5):
            sweep(form, state, np.full(LANES, 0.01), local_control())
            costs = [twins.cost(terms, values) for values in configurations(form, state, kind)]
            assert energies(form, state).tolist() == costs


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(twins.random_terms("ising", 4, 2, 1, 0), id="groups"),
        pytest.param(terms_of("ising", 3, [(1.0, (0, 1)), (2.0**30, (0, 2))]), id="integers-too-wide"),
        pytest.param(terms_of("ising", 3, [(math.pi, (0, 1)), (1e9, (0, 2))]), id="reals-too-wide"),
    ],
)
def test_what_does_not_fit_is_refused(terms: Terms):
    assert products_of(terms) is None


def test_each_number_type_has_an_example():
    assert [form.base.dtype.name for form in products_of_each_type()] == ["int8", "int16", "float32"]


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_terms_merge_at_their_own_degree(kind: Kind):
    terms = twins.random_terms(kind, 5, 4, 0, seed=2)
    constant, blocks = blocks_of(terms)
    assert all(members.shape[1] == degree for degree, (members, _) in blocks.items())
    assert all(len(np.unique(members, axis=0)) == len(members) for members, _ in blocks.values())
    for values in twins.configurations(terms)[::7]:
        total = constant + sum(float(w @ values[members].prod(axis=1)) for members, w in blocks.values())
        assert total == pytest.approx(twins.cost(terms, values), abs=1e-9)


def test_terms_that_cancel_are_gone():
    form = products_of(terms_of("ising", 3, [(1.0, (0, 1, 2)), (0.5, (0, 1)), (-1.0, (2, 1, 0))]))
    assert form is not None
    assert form.whole.member.tolist() == [0, 1]


@pytest.mark.parametrize(("kind", "degree", "factor"), PROBLEMS)
def test_sampled_states_follow_boltzmann(kind: Kind, degree: int, factor: float | None):
    """4,096 independent lanes at fixed beta against enumeration: the mean within 5 standard errors, all states."""
    terms, lanes = problem(kind, degree, factor, n=6, seed=21), 4096
    costs = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    beta = 1.0 / costs.std()
    weights = np.exp(-beta * (costs - costs.min()))
    weights /= weights.sum()
    mean = float(weights @ costs)
    form, state = begin(terms, lanes, seed=6)
    for _ in range(40):
        sweep(form, state, np.full(lanes, beta), local_control())
    spread = math.sqrt(float(weights @ (costs - mean) ** 2))
    assert abs(energies(form, state).mean() - mean) < 5 * spread / math.sqrt(lanes)
    codes = (configurations(form, state, kind) > 0) @ (1 << np.arange(6)[::-1])
    counts = np.bincount(codes, minlength=64)
    # Chi squared with at most 63 degrees of freedom: 63 + 6 * sqrt(126) = 130. Rare states count as one.
    rare = lanes * weights < 4
    seen = np.append(counts[~rare], counts[rare].sum())
    expected = lanes * np.append(weights[~rare], weights[rare].sum())
    assert ((seen - expected) ** 2 / np.maximum(expected, 1)).sum() < 130


@pytest.mark.parametrize("scaled", [1.0, 1 / 3])
def test_acceptance_follows_metropolis(scaled: float):
    """One visit at many temperatures, a lane each block: the share of flips within 5 standard errors."""
    terms = terms_of("ising", 3, [(scaled, (0, 1, 2)), (0.5, ())])
    lanes = 64 * 256
    form, state = begin(terms, lanes, initial=np.array([-1, 1, 1], np.int8))
    betas = np.repeat([0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 1e9, math.inf], lanes // 8)
    sweep(form, state, betas, local_control())
    flipped = (configurations(form, state, "ising")[:, 0] == 1).reshape(8, -1).mean(axis=1)
    with np.errstate(invalid="ignore"):
        expected = np.exp(-2 * scaled * betas.reshape(8, -1)[:, 0])
    assert (np.abs(flipped - expected) <= 5 * np.sqrt(expected * (1 - expected) / (lanes // 8))).all()


def test_at_zero_temperature_the_cost_never_rises():
    terms = problem("ising", 4, 1.0, n=40)
    form, state = begin(terms, LANES)
    before = energies(form, state)
    for _ in range(20):
        sweep(form, state, np.full(LANES, math.inf), control=local_control())
        after = energies(form, state)
        assert (after <= before).all()
        before = after
    for values in configurations(form, state, "ising")[::9]:
        assert max(twins.fall(terms, values, i) for i in range(40)) <= 0


def test_a_lane_depends_on_seed_and_index_only():
    terms = problem("pubo", 3, None, n=30)

    def end(lanes: int, seed: int, first: int) -> np.ndarray:
        form, state = begin(terms, lanes, seed, first)
        for _ in range(5):
            sweep(form, state, np.full(lanes, 0.3), local_control())
        return configurations(form, state, "pubo")

    whole = end(2 * LANES, 9, 0)
    assert (whole[LANES:] == end(LANES, 9, LANES)).all()
    assert (whole != end(2 * LANES, 10, 0)).any()
    # Lanes that share a generator are independent too.
    assert len({row.tobytes() for row in whole}) == 2 * LANES


def test_the_initial_configuration_is_kept_where_given():
    initial = np.array([1, -1, UNSET, 1, -1, UNSET, UNSET], np.int8)
    form, state = begin(problem("ising", 3, 1.0), LANES, initial=initial)
    found = configurations(form, state, "ising")
    assert (found[:, initial != UNSET] == initial[initial != UNSET]).all()
    assert (np.abs(found[:, initial == UNSET].mean(axis=0)) < 0.6).all()


@pytest.mark.parametrize("factor", [1.0, None])
def test_a_copied_lane_takes_its_energy_along_and_keeps_its_random_words(factor: float | None):
    terms = problem("ising", 4, factor, n=20)
    form, state = begin(terms, 2 * LANES)
    _, other = begin(terms, LANES, seed=8)
    expected, words = configurations(form, state, "ising"), state.random.copy()
    copy(form, other, 7, state, 100)
    expected[100] = configuration(form, other, 7, "ising")
    assert (configurations(form, state, "ising") == expected).all()
    assert (state.random == words).all()
    measured = energies(form, state)
    assert measured[100] == energies(form, other)[7]
    synchronise(form, state)
    assert energies(form, state) == pytest.approx(measured, abs=1e-5)


def test_a_stopped_sweep_leaves_a_valid_state():
    terms = problem("ising", 3, 1.0, n=20)
    form, state = begin(terms, LANES)
    before, control = energies(form, state), local_control()
    control[STOP] = 1.0
    assert not sweep(form, state, np.full(LANES, 1.0), control)
    assert (energies(form, state) == before).all()
    assert before[5] == twins.cost(terms, configuration(form, state, 5, "ising"))


def test_drift_of_real_weights_stays_small():
    terms = problem("ising", 3, None, n=30)
    form, state = begin(terms, LANES)
    for _ in range(1000):
        sweep(form, state, np.full(LANES, 0.2), local_control())
    kept = energies(form, state)
    assert state.sweeps[0] == 1000 % 256
    synchronise(form, state)
    assert np.abs(kept - energies(form, state)).max() < 1e-4


def test_many_products_a_variable_make_small_tiles():
    """So that a stop is seen soon: 2^15 products between looks, about 50 us."""
    triples = np.array([(i, j, k) for i in range(45) for j in range(i) for k in range(j)])
    dense = Terms("ising", 45, np.ones(len(triples)), np.arange(0, triples.size + 1, 3), triples.ravel())
    sparse = terms_of("ising", 45, [(1.0, (i, (i + 1) % 45, (i + 5) % 45)) for i in range(45)])
    tiles = [form.tile for form in map(products_of, (dense, sparse)) if form is not None]
    assert tiles == [2**15 * 45 // triples.size, 64]
