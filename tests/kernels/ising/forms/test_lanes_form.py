from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.control import STOP, local_control
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.forms import lanes as form_parts
from kyanite_kernels.ising.forms.lanes import LANES, LanesForm, LanesState, lanes_form_of, lanes_state
from kyanite_kernels.ising.forms.lanes_layout import TILE, lanes_examples
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Kind, Terms
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import quadratic_terms, terms_of

# Parts are compiled into their callers and never cached; called from here they would compile in every run.
start, sweep, measure, spins_out, copy, swap, draw = (
    numba.njit(cache=True, error_model="numpy")(part.py_func)  # type: ignore[union-attr]
    for part in (
        form_parts.start_lanes,
        form_parts.sweep_lanes,
        form_parts.measure_lanes,
        form_parts.spins_lanes,
        form_parts.copy_lanes,
        form_parts.swap_lanes,
        form_parts._draw,
    )
)

SCALES = [
    pytest.param(np.int8, 1.0, id="int8"),
    pytest.param(np.int16, 17.0, id="int16"),
    pytest.param(np.float32, math.pi, id="float32"),
]
"""By which the integer weights of a problem are multiplied so that it takes a number type."""


def problem(kind: Kind, n: int, scale: float, seed: int) -> Terms:
    """Fields, couplings and a constant: integers up to 10 times `scale`, all but one, so that 1 stays the unit."""
    terms = twins.random_terms(kind, n, 2, 0, seed)
    coefficient = terms.coefficient * scale
    if scale == math.pi:
        coefficient = coefficient + 1e-3 * np.arange(coefficient.size) / math.e
    elif scale > 1:
        coefficient[np.diff(terms.start) == 2] += 4.0
    return Terms(kind, n, coefficient, terms.start, terms.variable)


def started(
    terms: Terms, lanes: int, *, seed: int = 0, first: int = 0, initial: np.ndarray | None = None
) -> tuple[LanesForm, LanesState]:
    form = lanes_form_of(terms)
    assert form is not None
    state = lanes_state(form, lanes)
    start(form, state, seed_array(seed), first, spins_of(terms, initial))
    return form, state


def energies_of(form: LanesForm, state: LanesState) -> np.ndarray:
    energies = np.empty(state.energies.size)
    measure(form, state, energies)
    return energies


def states_of(terms: Terms, form: LanesForm, state: LanesState) -> np.ndarray:
    spins = np.empty((state.energies.size, terms.n), np.int8)
    for lane, row in enumerate(spins):
        spins_out(form, state, lane, row)
    return values_of(terms.kind, spins)


def chain(*weights: float) -> Terms:
    return terms_of("ising", len(weights) + 1, [(w, (i, i + 1)) for i, w in enumerate(weights)])


@pytest.mark.parametrize(
    ("terms", "dtype"),
    [
        (chain(1, -1, 1), np.int8),
        (chain(0.1, 0.3, 0.7), np.int8),
        (terms_of("ising", 2, [(1, (0,)), (126.5, (0, 1))]), np.int8),  # 2 (1 + 126.5) in units of 1: 255
        (terms_of("ising", 2, [(1, (0,)), (127, (0, 1))]), np.int8),  # in units of 2: 128
        (terms_of("ising", 2, [(0.5, (0,)), (127.5, (0, 1))]), np.int16),
        (terms_of("ising", 2, [(0.5, (0,)), (32767, (0, 1))]), np.int16),
        (terms_of("ising", 2, [(0.5, (0,)), (32767.5, (0, 1))]), np.float32),
        (chain(1, math.pi), np.float32),
        (terms_of("ising", 3, []), np.int8),
        (terms_of("ising", 0, []), np.int8),
    ],
)
def test_the_smallest_exact_number_type_is_taken(terms: Terms, dtype: type[np.generic]):
    form = lanes_form_of(terms)
    assert form is not None
    assert form.base.dtype == dtype


def test_each_example_takes_a_number_type():
    assert [lanes_form_of(terms).base.dtype for terms in lanes_examples()] == [np.int8, np.int16, np.float32]


def test_other_problems_are_refused():
    assert lanes_form_of(terms_of("ising", 3, [(1, (0, 1, 2))])) is None
    assert lanes_form_of(terms_of("ising", 2, [], [(1.0, 0.5, [(1.0, 0), (2.0, 1)])])) is None
    assert lanes_form_of(chain(1e9 * math.pi, 1, math.e, 2.7)) is None


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_every_state_has_the_twins_cost(kind: Kind, _dtype: type[np.generic], scale: float):
    terms = problem(kind, 5, scale, seed=7)
    for given in twins.configurations(terms)[::3]:
        form, state = started(terms, LANES, initial=given)
        assert form.base.dtype == _dtype
        assert (states_of(terms, form, state) == given).all()
        assert energies_of(form, state) == pytest.approx(np.full(LANES, twins.cost(terms, given)), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_sweeps_equal_the_twin(kind: Kind, _dtype: type[np.generic], scale: float):
    terms = problem(kind, 6, scale, seed=3)
    form, state = started(terms, LANES, seed=5)
    before = states_of(terms, form, state)
    for _ in range(4):
        assert sweep(form, state, np.full(LANES, 0.05 / scale), local_control())
        # In cost: the least fall at which a flip is taken.
        thresholds = form.unit * (2.0 * state.thresholds[: terms.n] + form.odd[:, None])
        slack = 0 if form.is_whole else 1e-6 * np.abs(terms.coefficient).sum()
        for lane in range(0, LANES, 7):
            before[lane] = twins.sweep(terms, before[lane], thresholds[:, lane] - slack)
        after = states_of(terms, form, state)
        assert (after[::7] == before[::7]).all()
        before = after
    exact = [twins.cost(terms, row) for row in before]
    assert energies_of(form, state) == pytest.approx(np.array(exact), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
def test_rows_beyond_a_tile_and_lanes_beyond_a_word(_dtype: type[np.generic], scale: float):
    n = 2 * TILE + 5
    rng = np.random.default_rng(1)
    edges = np.array([(i, (i + k) % n) for i in range(n) for k in (0, 1, 2, 7)], np.int32)
    weights = rng.integers(-9, 10, len(edges)) * (2 * scale if scale > 1 else scale) + (scale > 1)
    terms = quadratic_terms("ising", n, edges, weights, 2.0)
    form, state = started(terms, 3 * LANES)
    assert form.base.dtype == _dtype
    for _ in range(10):
        assert sweep(form, state, np.full(3 * LANES, 0.1 / scale), local_control())
    states = states_of(terms, form, state)
    assert energies_of(form, state) == pytest.approx(energy(terms, states), rel=1e-6, abs=1e-3)
    assert len({row.tobytes() for row in states}) == 3 * LANES


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_sampled_states_follow_boltzmann(kind: Kind, _dtype: type[np.generic], scale: float):
    """Two temperatures in turn in 4,096 lanes against enumeration: mean energy, and chi squared over all states."""
    terms = problem(kind, 6, scale, seed=21)
    energies = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    betas = np.tile([0.03 / scale, 0.06 / scale], 2048)
    form, state = started(terms, betas.size, seed=6)
    for _ in range(40):
        sweep(form, state, betas, local_control())
    codes = values_of("pubo", np.where(states_of(terms, form, state) > 0, 1, -1)) @ (1 << np.arange(6)[::-1])
    for phase, beta in enumerate(betas[:2]):
        weights = np.exp(-beta * (energies - energies.min()))
        weights /= weights.sum()
        mean = float(weights @ energies)
        spread = math.sqrt(float(weights @ (energies - mean) ** 2))
        assert abs(energies_of(form, state)[phase::2].mean() - mean) < 5 * spread / math.sqrt(2048)
        counts, expected = np.bincount(codes[phase::2], minlength=64), 2048 * weights
        # Chi squared with at most 63 degrees of freedom: 63 + 6 * sqrt(126) = 130; rare states are put together.
        rare = expected < 5
        rest = (counts[rare].sum() - expected[rare].sum()) ** 2 / max(expected[rare].sum(), 5.0)
        assert ((counts - expected)[~rare] ** 2 / expected[~rare]).sum() + rest < 130


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
def test_acceptance_chances_follow_metropolis(_dtype: type[np.generic], scale: float):
    """Thresholds alone, 16 million of them: the chance that a rise of d is accepted is exp(-beta d), rare ones too."""
    terms = problem("ising", TILE, scale, seed=2)
    form, state = started(terms, 2 * LANES, seed=8)
    step = 1.0 if form.is_whole else 0.5
    state.scales[:] = step
    rises = np.arange(0, 14)
    counts = np.zeros((2, rises.size))
    trials = np.array([(form.odd == 0).sum(), (form.odd == 1).sum()]) * 2 * LANES * 500
    for _ in range(500):
        for word in range(2):
            draw(form, state, word, 0, TILE)
            for odd in range(2):
                rows = state.thresholds[form.odd == odd].astype(np.float64)
                # A rise of 2 k, or of 2 k - 1, in units is a gain of -k in halves.
                counts[odd] += [(rows <= -k).sum() for k in rises]
    for odd in range(2):
        # log2(u) * step <= odd / 2 - k
        chances = np.minimum(1.0, 2.0 ** ((odd / 2 - rises) / step))
        error = np.sqrt(trials[odd] * chances * (1 - chances)) + 2e-4 * trials[odd] * chances
        assert (np.abs(counts[odd] - trials[odd] * chances) <= 5 * error + 1e-9).all()


def test_lanes_and_rows_are_independent():
    terms = chain(*np.linspace(1, math.pi, TILE - 1))
    form, state = started(terms, LANES, seed=3)
    state.scales[:] = 1.0
    draws = []
    for _ in range(200):
        draw(form, state, 0, 0, TILE)
        draws.append(2.0 ** state.thresholds.astype(np.float64))
    shares = np.array(draws)
    assert abs(shares.mean() - 0.5) < 5 * math.sqrt(1 / 12 / shares.size)
    centred = shares - 0.5
    for other in (np.roll(centred, 1, axis=2), np.roll(centred, 1, axis=1), np.roll(centred, 1, axis=0)):
        assert abs((centred * other).mean() * 12) < 5 / math.sqrt(shares.size)


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
def test_no_cost_rises_at_temperature_zero(_dtype: type[np.generic], scale: float):
    terms = problem("ising", 60, scale, seed=9)
    form, state = started(terms, LANES, seed=1)
    assert form.base.dtype == _dtype
    costs = [energy(terms, states_of(terms, form, state))]
    for _ in range(30):
        sweep(form, state, np.full(LANES, np.inf), local_control())
        costs.append(energy(terms, states_of(terms, form, state)))
    assert (np.diff(costs, axis=0) <= 1e-6 * np.abs(terms.coefficient).sum()).all()
    assert (costs[-1] < costs[0]).all()


@pytest.mark.parametrize(("_dtype", "scale"), SCALES)
def test_everything_is_taken_at_temperature_infinity(_dtype: type[np.generic], scale: float):
    terms = problem("ising", 20, scale, seed=9)
    form, state = started(terms, LANES)
    before = states_of(terms, form, state)
    sweep(form, state, np.zeros(LANES), local_control())
    # A share of exactly 1, one in 2^31, would still be refused.
    assert (states_of(terms, form, state) == -before).all()


def test_results_depend_on_the_stream_index_alone():
    terms = problem("ising", 30, 1.0, seed=4)
    whole = started(terms, 2 * LANES, seed=11, first=100)
    second = started(terms, LANES, seed=11, first=100 + LANES)
    other = started(terms, LANES, seed=12, first=100 + LANES)
    for form, state in (whole, second, other):
        for _ in range(20):
            sweep(form, state, np.full(state.energies.size, 0.1), local_control())
    assert (states_of(terms, *whole)[LANES:] == states_of(terms, *second)).all()
    assert (states_of(terms, *other) != states_of(terms, *second)).any()


def test_a_lane_is_copied_and_lanes_are_exchanged():
    terms = problem("pubo", 30, 1.0, seed=4)
    form, state = started(terms, 2 * LANES, seed=1)
    _, target = started(terms, LANES, seed=2)
    before, kept, streams = states_of(terms, form, state), states_of(terms, form, target), target.random.copy()
    copy(form, state, LANES + 5, target, 9)
    after = states_of(terms, form, target)
    assert (after[9] == before[LANES + 5]).all()
    assert (np.delete(after, 9, axis=0) == np.delete(kept, 9, axis=0)).all()
    assert (target.random == streams).all()
    assert energies_of(form, target) == pytest.approx(energy(terms, after))
    lanes_a, lanes_b = np.array([0, 70, 3, 8]), np.array([1, 2, 127, 9])
    swap(form, state, lanes_a, lanes_b, 3)
    order = np.arange(2 * LANES)
    order[lanes_a[:3]], order[lanes_b[:3]] = lanes_b[:3], lanes_a[:3]
    assert (states_of(terms, form, state) == before[order]).all()
    assert energies_of(form, state) == pytest.approx(energy(terms, before[order]))


def test_a_stopped_sweep_leaves_a_valid_state():
    terms = problem("ising", 30, 1.0, seed=4)
    form, state = started(terms, LANES, seed=1)
    control = local_control()
    control[STOP] = 1.0
    assert not sweep(form, state, np.full(LANES, 0.1), control)
    assert energies_of(form, state) == pytest.approx(energy(terms, states_of(terms, form, state)))


def test_float_energies_do_not_drift():
    terms = problem("ising", 40, math.pi, seed=5)
    form, state = started(terms, LANES)
    for _ in range(3000):
        sweep(form, state, np.full(LANES, 0.01), local_control())
    assert state.sweeps[0] == 3000
    exact = energy(terms, states_of(terms, form, state))
    assert energies_of(form, state) == pytest.approx(exact, abs=1e-5 * np.abs(terms.coefficient).sum())


def test_unset_variables_start_at_random_and_given_ones_as_given():
    terms = problem("ising", 30, 1.0, seed=4)
    initial = np.full(30, UNSET, np.int8)
    initial[::3] = np.tile([-1, 1], 5)
    form, state = started(terms, 4 * LANES, initial=initial)
    states = states_of(terms, form, state)
    assert (states[:, ::3] == initial[::3]).all()
    free = np.delete(states, np.s_[::3], axis=1)
    assert abs(free.mean()) < 5 / math.sqrt(free.size)
