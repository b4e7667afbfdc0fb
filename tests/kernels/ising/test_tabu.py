from __future__ import annotations

import math
import threading
import time

import numba
import numpy as np
import pytest

from kyanite_kernels import control
from kyanite_kernels.ising import UNSET, Result, Terms, energy
from kyanite_kernels.ising import tabu_scan as scan_parts
from kyanite_kernels.ising.configurations import spins_of, values_of
from kyanite_kernels.ising.tabu import tabu, tabu_parameterfree, tenures
from kyanite_kernels.ising.tabu_forms import DENSE, INCIDENCE, SPARSE, Form, form_of, unit_of
from kyanite_kernels.ising.tabu_search import SEARCHES, Found, Plan
from kyanite_kernels.ising.tabu_walk import Walk, walk_of
from kyanite_kernels.ising.terms import Kind
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import terms_of

WORDS = 3


@numba.njit(cache=True)
def minima_of(fields, up, free, words):
    return scan_parts.minima(fields, up, free, 0, words)


@numba.njit(cache=True)
def minima_after_row(fields, rows, row, sign, up, free, words):
    return scan_parts.add_row_minima(fields, rows, row, sign, up, free, words)


@numba.njit(cache=True)
def matches_of(fields, up, word, change):
    return scan_parts.word_matches(fields, up, word, change)


def bits_of(words: np.ndarray) -> np.ndarray:
    places = np.arange(64, dtype=np.uint64)
    return ((words[:, None] >> places) & np.uint64(1)).ravel().astype(bool)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float64])
def test_vector_scans_equal_numpy(dtype):
    rng = np.random.default_rng(1)
    rows = rng.integers(-200, 200, (2, 64 * WORDS)).astype(dtype)
    for sign in (1, -1):
        fields = rng.integers(-300, 300, 64 * WORDS).astype(dtype)
        up, free = rng.integers(0, 2**64, (2, WORDS), dtype=np.uint64)
        changes = np.where(bits_of(up), -fields, fields)
        assert minima_of(fields, up, free, WORDS) == (changes[bits_of(free)].min(), changes.min())
        expected = fields + sign * rows[1]
        lowest = minima_after_row(fields, rows.ravel(), 1, sign, up, free, WORDS)
        assert fields.tolist() == expected.tolist()
        changes = np.where(bits_of(up), -fields, fields)
        assert lowest == (changes[bits_of(free)].min(), changes.min())
        found = matches_of(fields, up, 2, changes[150])
        assert bits_of(np.array([found], np.uint64)).tolist() == (changes[128:] == changes[150]).tolist()


def graph(n: int, pairs: int, weight: float, seed: int = 0, kind: Kind = "ising") -> Terms:
    """Random pairs and biases, with weights up to `weight` that are whole numbers if it is one."""
    rng = np.random.default_rng(seed)
    edges = {tuple(sorted(rng.choice(n, 2, replace=False).tolist())) for _ in range(pairs)}
    weights = rng.uniform(-weight, weight, len(edges) + n)
    if weight == int(weight):
        weights = np.rint(weights)
    return terms_of(kind, n, [(2.5, ()), *zip(weights.tolist(), [*edges, *((i,) for i in range(n))], strict=True)])


def sampled(terms: Terms) -> Terms:
    """The same problem with irrational coefficients: no ties, and no whole numbers."""
    rng = np.random.default_rng(9)
    factor = rng.uniform(0.5, 1.5, terms.coefficient.size)
    return Terms(
        terms.kind,
        terms.n,
        terms.coefficient * factor,
        terms.start,
        terms.variable,
        terms.group_scale,
        terms.group_offset + 0.1,
        terms.group_start,
        terms.group_variable,
        terms.group_weight * 1.1,
    )


def walked(
    terms: Terms, state: np.ndarray, moves: int, tenure: int, seed: int = 0, patience: int = 10**9
) -> tuple[Form, Walk, Found]:
    """One restart from `state` without kicks, and where its walk stands in the end."""
    form = form_of(terms)
    walk, found = walk_of(form, tenure), Found(np.empty((1, terms.n), np.int8), np.empty(1))
    plan = Plan(moves, patience, 1, max(1, terms.n // 3), 16, -math.inf)
    tally = np.array([0.0, math.inf, 0, 0, 0, 0, 0, 0])
    start = spins_of(terms, state)
    SEARCHES[form.base.dtype](form, walk, plan, found, seed_array(seed), 0, start, control.local_control(), tally)
    return form, walk, found


def twin_walk(terms: Terms, state: np.ndarray, moves: int, tenure: int) -> tuple[np.ndarray, float]:
    """Tabu search as one says it: the state after `moves` moves, and the lowest cost met."""
    free_at = np.zeros(terms.n)
    best = twins.cost(terms, state)
    for move in range(moves):
        costs = [twins.cost(terms, twins.flipped(terms, state, i)) for i in range(terms.n)]
        allowed = [i for i in range(terms.n) if free_at[i] <= move or costs[i] < best - 1e-9]
        i = min(allowed, key=lambda i: costs[i])
        state, free_at[i] = twins.flipped(terms, state, i), move + tenure + 1
        best = min(best, costs[i])
    return state, best


DISTINCT = [
    pytest.param(graph(9, 40, 1000.0), DENSE, np.int16, id="dense-int16"),
    pytest.param(graph(9, 40, 10_000_000.0, kind="pubo"), DENSE, np.int32, id="dense-int32-pubo"),
    pytest.param(graph(9, 40, 0.7), DENSE, np.float64, id="dense-float64"),
    pytest.param(graph(40, 40, 1000.0), SPARSE, np.int16, id="sparse-int16"),
    pytest.param(graph(40, 40, 10_000_000.0, kind="pubo"), SPARSE, np.int32, id="sparse-int32-pubo"),
    pytest.param(graph(40, 40, 0.7), SPARSE, np.float64, id="sparse-float64"),
    pytest.param(sampled(twins.random_terms("ising", 7, 4, 0, 5)), INCIDENCE, np.float64, id="quartic-ising"),
    pytest.param(sampled(twins.random_terms("pubo", 7, 4, 0, 5)), INCIDENCE, np.float64, id="quartic-pubo"),
    pytest.param(sampled(twins.random_terms("ising", 7, 2, 3, 6)), INCIDENCE, np.float64, id="groups-ising"),
    pytest.param(sampled(twins.random_terms("pubo", 7, 3, 3, 6)), INCIDENCE, np.float64, id="groups-pubo"),
]


@pytest.mark.parametrize(("terms", "layout", "dtype"), DISTINCT)
@pytest.mark.parametrize("tenure", [1, 5])
def test_walks_equal_the_twin(terms: Terms, layout: int, dtype, tenure: int):
    state = np.random.default_rng(3).choice(twins.values(terms.kind), terms.n).astype(np.int8)
    for moves in (1, 2, 17):
        form, walk, found = walked(terms, state, moves, tenure)
        expected, best = twin_walk(terms, state, moves, tenure)
        assert (form.layout, form.base.dtype) == (layout, dtype)
        assert values_of(terms.kind, walk.spins).tolist() == expected.tolist()
        assert found.costs[0] == pytest.approx(best, rel=1e-12)
        assert twins.cost(terms, values_of(terms.kind, found.spins[0])) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("groups", [0, 2])
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_caches_stay_exact_over_kicks(kind: Kind, groups: int):
    terms = twins.random_terms(kind, 9, 4, groups, seed=2)
    form, walk, _ = walked(terms, np.full(9, UNSET), 500, 3, patience=20)
    state = values_of(kind, walk.spins)
    falls = [twins.fall(terms, state, i) for i in range(9)]
    assert (form.unit * walk.spins * walk.fields[:9]).tolist() == pytest.approx(falls, abs=1e-9)
    assert bits_of(walk.up)[:9].tolist() == (walk.spins > 0).tolist()


def test_many_blocks_walk_as_one():
    # A ring of 20,000 with distinct weights: 39 blocks, of which a move touches at most four.
    n, moves, tenure = 20_000, 300, 40
    weights = np.random.default_rng(4).permutation(n) + 1.0
    terms = terms_of("ising", n, [(weights[i] * (-1) ** (i % 3), (i, (i + 1) % n)) for i in range(n)])
    start = np.ones(n, np.int8)
    form, walk, _ = walked(terms, start, moves, tenure)
    assert form.words // form.block_words > 30
    signed = np.array([weights[i] * (-1) ** (i % 3) for i in range(n)])
    spins, free_at, cost, best = start.copy(), np.zeros(n), 0.0, 0.0
    for move in range(moves):
        changes = -2 * spins * (signed * np.roll(spins, -1) + np.roll(signed, 1) * np.roll(spins, 1))
        allowed = (free_at <= move) | (cost + changes < best)
        i = int(np.argmin(np.where(allowed, changes, np.inf)))
        spins[i], free_at[i], cost = -spins[i], move + tenure + 1, cost + changes[i]
        best = min(best, cost)
    assert walk.spins.tolist() == spins.tolist()


def test_ties_fall_on_every_variable():
    """One move among 130 equal ones, 2,600 times: chi squared with 129 degrees of freedom stays below 129 + 6 sd."""
    terms = terms_of("ising", 130, [(1.0, (i,)) for i in range(130)])
    moved = [int(np.argmin(walked(terms, np.ones(130, np.int8), 1, 5, seed)[1].spins)) for seed in range(2600)]
    # Two variables are alone in their word: words are drawn first, so only those of full words are compared.
    counts = np.bincount(moved, minlength=130)[:128]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 127 + 6 * math.sqrt(2 * 127)
    assert np.bincount(moved, minlength=130)[128:].min() > 0


@pytest.mark.parametrize("kind", ["ising", "pubo"])
@pytest.mark.parametrize(("degree", "groups"), [(2, 0), (4, 0), (2, 2)])
def test_small_problems_reach_their_optimum(kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 8, degree, groups, seed=degree + 10 * groups)
    for result in (tabu(terms, sweeps=300, tenure=3, restarts=5, seed=1), tabu_parameterfree(terms, seed=1)):
        assert result.costs[0] == twins.optimum(terms)
        assert result.costs.tolist() == [twins.cost(terms, state) for state in result.states]
        assert set(np.unique(result.states)) <= set(twins.values(kind))
        assert not result.stopped


def test_solutions_are_distinct_and_best_first():
    # An odd ring of unlike neighbours: 14 configurations break one bond each.
    ring = terms_of("ising", 7, [(1.0, (i, (i + 1) % 7)) for i in range(7)])
    result = tabu(ring, sweeps=50, tenure=2, restarts=40, solutions=5, seed=3)
    assert result.costs.tolist() == [-5.0] * 5
    assert len({state.tobytes() for state in result.states}) == 5


GLASS = graph(500, 1500, 100.0)


def same(a: Result, b: Result) -> bool:
    return a.states.tolist() == b.states.tolist() and a.costs.tolist() == b.costs.tolist()


def test_results_depend_on_the_seed_and_not_on_threads():
    runs = [
        tabu(GLASS, sweeps=2000, tenure=10, restarts=9, solutions=4, seed=seed, threads=threads)
        for seed, threads in ((5, 1), (5, 1), (5, 3), (6, 1))
    ]
    assert same(runs[0], runs[1])
    assert same(runs[0], runs[2])
    assert not same(runs[0], runs[3])
    assert runs[0].sweeps_done == runs[2].sweeps_done == 2000 * 9


def test_rounds_depend_on_the_seed_and_not_on_threads():
    terms = twins.random_terms("ising", 30, 2, 0, seed=3)
    runs = [tabu_parameterfree(terms, timeout_s=60.0, seed=2, threads=threads) for threads in (1, 2)]
    assert same(*runs)
    assert runs[0].parameters == runs[1].parameters


def test_a_restart_is_the_same_whatever_its_company():
    alone = tabu(GLASS, sweeps=500, tenure=10, restarts=1, seed=8)
    among = tabu(GLASS, sweeps=500, tenure=10, restarts=100, solutions=100, seed=8)
    assert alone.states[0].tolist() in among.states.tolist()


def test_the_start_is_that_of_every_restart():
    state = np.random.default_rng(2).choice([-1, 1], 500).astype(np.int8)
    flipped = np.where(np.eye(500, dtype=bool), -state, state)
    result = tabu(GLASS, sweeps=1, tenure=10, restarts=3, initial=state, solutions=3)
    assert result.costs.tolist() == [energy(GLASS, flipped).min()]


def test_parameters_found_can_be_given_back():
    found = tabu_parameterfree(GLASS, timeout_s=0.3, seed=4).parameters
    result = tabu(
        GLASS, sweeps=int(found["sweeps"]), tenure=int(found["tabu_tenure"]), restarts=2, seed=1, timeout_s=5.0
    )
    assert set(result.parameters) == set(found) == {"sweeps", "tabu_tenure", "restarts"}


def test_a_target_ends_a_restart():
    result = tabu(GLASS, sweeps=10**9, tenure=10, restarts=1, target=-1000.0)
    assert result.costs[0] <= -1000.0
    assert result.sweeps_done < 10**6


@pytest.mark.parametrize("name", ["sweeps", "tenure", "restarts"])
def test_parameters_below_one_are_refused(name: str):
    with pytest.raises(ValueError, match="at least 1"):
        tabu(GLASS, **{"sweeps": 1, "tenure": 1, "restarts": 1, name: 0})


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_problems_of_no_and_of_one_variable(kind: Kind):
    nothing = terms_of(kind, 0, [(2.0, ())])
    single = terms_of(kind, 1, [(2.0, ()), (3.0, (0,))])
    for terms, cost in ((nothing, 2.0), (single, -1.0 if kind == "ising" else 2.0)):
        assert tabu(terms, sweeps=5, tenure=20, restarts=2).costs.tolist() == [cost]
        assert tabu_parameterfree(terms).costs.tolist() == [cost]


def test_variables_in_no_term_and_long_tenures():
    terms = terms_of("pubo", 6, [(-1.0, (0, 1)), (2.0, (1, 2))])
    assert tabu(terms, sweeps=50, tenure=100, restarts=1).costs.tolist() == [-1.0]


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([], 1.0),
        ([0.0], 1.0),
        ([6.0, -4.0], 2.0),
        ([0.75, 1.5, 0.0], 0.75),
        ([2.0**70, 2.0**71], 2.0**70),
        ([1, 1e-30], 0),
    ],
)
def test_unit_is_the_greatest_common_one(values: list[float], unit: float):
    assert unit_of(np.array(values, dtype=np.float64)) == unit


def test_tenures_lie_within_the_variables():
    for n in (1, 2, 5, 30, 1000, 10**6):
        assert tenures(n) == sorted(set(tenures(n)))
        assert tenures(n)[0] >= 1
        assert tenures(n)[-1] <= max(20, n // 10)


@pytest.mark.parametrize("free", [False, True], ids=["parametrised", "parameterfree"])
def test_a_stop_ends_the_run_with_the_best_so_far(free: bool):
    terms, block, out = graph(3000, 9000, 0.7), control.local_control(), []

    def run() -> None:
        if free:
            out.append(tabu_parameterfree(terms, timeout_s=300.0, control=block))
        else:
            out.append(tabu(terms, sweeps=10**9, tenure=20, restarts=100, control=block))

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 30
    while not block[control.SWEEP] > 0 and time.monotonic() < deadline:
        threading.Event().wait(0.002)
    assert block[control.BEST_COST] < math.inf
    began = time.monotonic()
    block[control.STOP] = 1.0
    thread.join(20)
    assert time.monotonic() - began < 2.0
    assert out[0].stopped
    assert out[0].costs[0] == energy(terms, out[0].states)[0]
    assert 0 < block[control.FRACTION] < 1 or free


def test_a_stop_before_the_start_still_has_a_best():
    block = control.local_control()
    block[control.STOP] = 1.0
    for result in (
        tabu(GLASS, sweeps=10**9, tenure=5, restarts=5, control=block),
        tabu_parameterfree(GLASS, control=block),
    ):
        assert result.stopped
        assert result.costs[0] == energy(GLASS, result.states)[0]


def test_time_ends_the_run():
    began = time.monotonic()
    result = tabu(GLASS, sweeps=10**9, tenure=20, restarts=2, timeout_s=0.1)
    assert 0.1 <= time.monotonic() - began < 3.0
    assert not result.stopped
    assert result.trace[-1][2] == pytest.approx(result.costs[0])
