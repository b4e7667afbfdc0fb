from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.control import STOP, local_control
from kyanite_kernels.ising.configurations import values_of
from kyanite_kernels.ising.forms import bits, bits_thresholds
from kyanite_kernels.ising.forms.bits import Bits, BitsState, bits_of, bits_state
from kyanite_kernels.ising.forms.bits_thresholds import DIGITS, HALF, SLOTS
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Kind, Terms
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

# Parts are compiled into their callers and never cached; called from here they would compile in every run.
start, sweep, measure, read_spins, copy, swap, tabulate, draw = (
    numba.njit(cache=True, error_model="numpy")(part.py_func)  # type: ignore[union-attr]
    for part in (
        bits.start_bits,
        bits.sweep_bits,
        bits.measure_bits,
        bits.spins_bits,
        bits.copy_bits,
        bits.swap_bits,
        bits_thresholds.tabulate,
        bits_thresholds.draw,
    )
)

PROBLEMS = [pytest.param(kind, size, id=f"{kind}-to{size}") for kind, size in (("ising", 1), ("ising", 3), ("pubo", 7))]


def random_terms(kind: Kind, n: int, size: int, scale: float = 0.25, fields: int = 2) -> Terms:
    """Two thirds of all pairs with couplings -size..size, and fields, times `scale`; rows of several lengths."""
    rng = np.random.default_rng(n + size)
    pairs = [(i, j) for i in range(n) for j in range(i) if rng.random() < 2 / 3]
    products = [(scale * int(rng.integers(1, size + 1)) * rng.choice([-1, 1]), pair) for pair in pairs]
    singles = [(scale * int(rng.integers(-fields, fields + 1)), (i,)) for i in range(n)]
    return terms_of(kind, n, [*products, *singles, (0.75, ())])


def started(terms: Terms, lanes: int, *, seed: int = 3, first: int = 0) -> tuple[Bits, BitsState]:
    form = bits_of(terms)
    assert form is not None
    state = bits_state(form, lanes)
    start(form, state, seed_array(seed), first, np.full(terms.n, UNSET, np.int8))
    return form, state


def spins_of(form: Bits, state: BitsState, lanes: int) -> np.ndarray:
    out = np.empty((lanes, form.n), dtype=np.int8)
    for lane in range(lanes):
        read_spins(form, state, lane, out[lane])
    return out


def energies_of(form: Bits, state: BitsState, lanes: int) -> np.ndarray:
    energies = np.empty(lanes)
    measure(form, state, energies)
    return energies


def swept(terms: Terms, lanes: int, betas: list[float], count: int, **keys: int) -> tuple[Bits, BitsState]:
    form, state = started(terms, lanes, **keys)
    for _ in range(count):
        assert sweep(form, state, np.array(betas), local_control())
    return form, state


@pytest.mark.parametrize(("kind", "size"), PROBLEMS)
def test_energies_equal_the_twin_in_every_lane(kind: Kind, size: int):
    terms = random_terms(kind, 37, size)
    form, state = swept(terms, 576, [0.3] * 9, 2)
    values = values_of(kind, spins_of(form, state, 576))
    expected = [twins.cost(terms, row) for row in values[::5]]
    assert energies_of(form, state, 576)[::5].tolist() == pytest.approx(expected, abs=1e-12)


def thresholds_of(state: BitsState, i: int, depth: int) -> np.ndarray:
    """The thresholds t of variable i as the planes in work have them, infinite where beyond the digits."""
    words = state.thresholds.planes[i]
    columns = ((words[:, :, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).reshape(len(words), -1).astype(int)
    t = columns[HALF] + sum(columns[1 + digit] << (1 + digit) for digit in range(depth))
    return np.where(columns[1 + DIGITS] == 1, np.inf, t)


@pytest.mark.parametrize(("kind", "size"), PROBLEMS)
@pytest.mark.parametrize("n", [3, 12])
def test_sweeps_equal_the_twin(kind: Kind, size: int, n: int):
    """With the thresholds that were drawn: flip where the cost rises by no more units than them.

    A variable whose changes are even has no digit of odd units drawn; whatever is left there makes no difference.
    """
    terms = random_terms(kind, n, size)
    form, state = started(terms, 512)
    _, same_state = started(terms, 512)
    betas = np.linspace(0.1, 1.5, 8)
    for _ in range(3):
        before = values_of(kind, spins_of(form, state, 512))
        assert sweep(form, state, betas, local_control())
        tabulate(same_state.thresholds, 0, form.unit, betas)
        odd, depth = form.odd_slot, int(form.depth[0])
        draw(same_state.thresholds, 0, depth, form.slots, n, odd, odd.size)
        drawn = [thresholds_of(same_state, i, depth) for i in range(n)]
        after = values_of(kind, spins_of(form, state, 512))
        for lane in range(0, 512, 23):
            row = before[lane]
            for i in range(n):
                steps = round(-twins.fall(terms, row, i) / form.unit)
                if steps <= drawn[i][lane]:
                    row = twins.flipped(terms, row, i)
            assert row.tolist() == after[lane].tolist()


def test_thresholds_are_geometric_and_independent():
    """Chi squared of t against q^m, a beta a word, and correlations of bits, words and successive draws."""
    terms = random_terms("ising", SLOTS, 1)
    form, state = started(terms, 512)
    # At 3.2 a digit is rarer than 2^-DRAWS: corrections alone make it.
    betas = np.array([0.0, 0.001, 0.05, 0.2, 0.6, 1.0, 3.2, np.inf])
    tabulate(state.thresholds, 0, form.unit, betas)
    rounds, depth = 100, 3
    drawn = np.empty((rounds, SLOTS, 8, 64))
    for k in range(rounds):
        draw(state.thresholds, 0, depth, form.slots, SLOTS, form.slots, SLOTS)
        for i in range(SLOTS):
            drawn[k, i] = np.minimum(thresholds_of(state, i, depth), 16).reshape(8, 64)
    count = rounds * SLOTS * 64
    for word, beta in enumerate(betas):
        survival = np.exp(-beta * form.unit) ** np.arange(17) if np.isfinite(beta) else np.eye(1, 17)[0]
        expected = count * (survival - np.append(survival[1:], 0.0))
        observed = np.bincount(drawn[:, :, word].astype(int).ravel(), minlength=17)
        assert observed[expected == 0].sum() == 0
        # Rare values together; 16 degrees of freedom at most: 16 + 6 * sqrt(32) = 50.
        rare = expected < 10
        pairs = [*zip(observed[~rare], expected[~rare], strict=True), (observed[rare].sum(), expected[rare].sum())]
        assert sum((o - e) ** 2 / e for o, e in pairs if e > 0) < 50
    odd = (drawn[:, :, 4] % 2 == 1) - (drawn[:, :, 4] % 2 == 1).mean()
    warmer = (drawn[:, :, 3] % 2 == 1) - (drawn[:, :, 3] % 2 == 1).mean()
    for a, b in (
        (odd[:, :, 1:], odd[:, :, :-1]),
        (odd[:, 1:], odd[:, :-1]),
        (odd[1:], odd[:-1]),
        (odd, warmer),
        (odd[:, 1:, 1:], odd[:, :-1, :-1]),
    ):
        assert abs((a * b).mean() / (a.std() * b.std())) < 5 / math.sqrt(a.size)


@pytest.mark.parametrize(("kind", "size"), [("ising", 1), ("ising", 3), ("pubo", 2)])
def test_sampled_states_follow_boltzmann(kind: Kind, size: int):
    """2,048 independent lanes a sweep block, a beta a word, against enumeration: mean energies, and chi squared."""
    terms, lanes = random_terms(kind, 5, size, scale=1.0), 2048
    betas = [0.1, 0.25, 0.4, 0.25] * 8
    form, state = started(terms, lanes)
    energies = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    counts, sums, rounds = np.zeros((32, 32)), np.zeros(32), 6
    for _ in range(rounds):
        for _ in range(25):
            sweep(form, state, np.array(betas), local_control())
        codes = values_of("pubo", spins_of(form, state, lanes)) @ (1 << np.arange(5)[::-1])
        sums += energies_of(form, state, lanes).reshape(32, 64).sum(axis=1)
        for word in range(32):
            counts[word] += np.bincount(codes[64 * word : 64 * (word + 1)], minlength=32)
    for beta in set(betas):
        weights = np.exp(-beta * (energies - energies.min()))
        weights /= weights.sum()
        chosen = np.array(betas) == beta
        count = counts[chosen].sum()
        mean = weights @ energies
        spread = math.sqrt(weights @ (energies - mean) ** 2)
        assert abs(sums[chosen].sum() / count - mean) < 5 * spread / math.sqrt(count)
        # Chi squared with 31 degrees of freedom at most: 31 + 6 * sqrt(62) = 78. Rare states go together.
        rare = count * weights < 10
        observed = np.append(counts[chosen].sum(axis=0)[~rare], counts[chosen][:, rare].sum())
        expected = np.append(count * weights[~rare], count * weights[rare].sum() + 1e-9)
        assert ((observed - expected) ** 2 / expected).sum() < 78


def test_zero_temperature_never_raises_the_cost():
    form, state = started(random_terms("ising", 50, 3), 128)
    before = energies_of(form, state, 128)
    for _ in range(5):
        sweep(form, state, np.array([np.inf, np.inf]), local_control())
        after = energies_of(form, state, 128)
        assert (after <= before).all()
        before = after


def test_infinite_temperature_accepts_everything():
    form, state = started(random_terms("ising", 20, 3), 64)
    before = spins_of(form, state, 64)
    sweep(form, state, np.array([0.0]), local_control())
    assert (spins_of(form, state, 64) == -before).all()


def test_lanes_do_not_depend_on_the_block_they_are_in():
    terms = random_terms("ising", 40, 3)
    form, whole = swept(terms, 1024, [0.2] * 8 + [0.4] * 8, 3)
    _, second = swept(terms, 512, [0.4] * 8, 3, first=512)
    spins = spins_of(form, whole, 1024)
    assert (spins[512:] == spins_of(form, second, 512)).all()
    assert (spins[:512] != spins[512:]).any()
    _, other = swept(terms, 512, [0.4] * 8, 3, seed=4)
    assert (spins_of(form, other, 512) != spins[512:]).any()


def test_given_spins_are_taken_and_the_rest_drawn():
    form, state = started(random_terms("ising", 30, 1), 64)
    initial = np.full(30, UNSET, np.int8)
    initial[:10], initial[10:20] = 1, -1
    start(form, state, seed_array(1), 0, initial)
    spins = spins_of(form, state, 64)
    assert (spins[:, :10] == 1).all()
    assert (spins[:, 10:20] == -1).all()
    assert 0.3 < (spins[:, 20:] == 1).mean() < 0.7


def test_a_wish_to_stop_ends_a_sweep_and_leaves_a_valid_state():
    terms = random_terms("ising", 40, 3)
    form, state = started(terms, 64)
    control = local_control()
    control[STOP] = 1.0
    before = spins_of(form, state, 64)
    assert not sweep(form, state, np.array([0.1]), control)
    assert (spins_of(form, state, 64) == before).all()
    assert energies_of(form, state, 64)[7] == pytest.approx(twins.cost(terms, before[7]))


def test_copies_and_swaps_move_whole_lanes():
    terms = random_terms("ising", 40, 3)
    form, state = swept(terms, 1024, [0.1] * 16, 2)
    before = spins_of(form, state, 1024)
    lanes_a, lanes_b = np.array([3, 5, 70, 40]), np.array([67, 69, 838, 40 + 64 * 9])
    swap(form, state, lanes_a, lanes_b, 4)
    copy(form, state, 900, state, 200)
    after = before.copy()
    after[lanes_a], after[lanes_b], after[200] = before[lanes_b], before[lanes_a], before[900]
    assert (spins_of(form, state, 1024) == after).all()
    # Kept opposites move along: the next sweeps and energies need them.
    expected = [twins.cost(terms, row) for row in after[[3, 67, 200]]]
    assert energies_of(form, state, 1024)[[3, 67, 200]].tolist() == pytest.approx(expected)


def star(degree: int, weight: float = 1.0) -> Terms:
    return terms_of("ising", degree + 1, [(weight, (0, i + 1)) for i in range(degree)])


def test_the_longest_rows_are_exact():
    """A centre of degree 255 feels up to 255 units: thresholds beyond all digits count as infinite."""
    terms = star(255)
    form, state = swept(terms, 512, [0.004] * 8, 30)
    energies = energies_of(form, state, 512)
    assert energies[:9].tolist() == [twins.cost(terms, row) for row in spins_of(form, state, 9)]
    mean = -255 * math.tanh(0.004)
    assert abs(energies.mean() - mean) < 5 * math.sqrt(255 / 512)


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(terms_of("ising", 3, [(1.0, (0, 1, 2))]), id="cubic"),
        pytest.param(terms_of("ising", 2, [(1.0, (0, 1))], [(1.0, 0.0, [(1.0, 0)])]), id="grouped"),
        pytest.param(star(256), id="degree 256"),
        pytest.param(terms_of("ising", 3, [(1.0, (0, 1)), (33.0, (1, 2))]), id="large coupling"),
        pytest.param(terms_of("ising", 2, [(1.0, (0, 1)), (300.0, (0,))]), id="large field"),
        pytest.param(terms_of("ising", 3, [(1.0, (0, 1)), (math.pi, (1, 2))]), id="not whole"),
        pytest.param(terms_of("ising", 3, [(1e-200, (0, 1)), (1.0, (1, 2))]), id="far apart"),
    ],
)
def test_what_does_not_fit_is_refused(terms: Terms):
    assert bits_of(terms) is None


def test_units_are_the_greatest_common_divisor():
    form = bits_of(terms_of("ising", 3, [(-0.75, (0, 1)), (1.25, (1, 2)), (0.5, (0,))]))
    assert form is not None
    assert form.unit == 0.5
    free = bits_of(Terms("ising", 4))
    assert free is not None
    assert energies_of(*started(Terms("ising", 4), 64), 64).tolist() == [0.0] * 64
