"""What the solvers that sample lanes promise, and the automatic choice, told of each of them."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np
import pytest

from kyanite_kernels import control
from kyanite_kernels.ising import (
    UNSET,
    RangeSchedule,
    Result,
    Terms,
    anneal,
    anneal_parameterfree,
    anneal_population,
    anneal_population_parameterfree,
    auto,
    energy,
    temper,
    temper_parameterfree,
)
from kyanite_kernels.ising.terms import Kind
from tests.kernels import twins
from tests.kernels.instances import terms_of


def annealed(terms: Terms, **options) -> Result:
    return anneal(terms, **{"sweeps": 100, "restarts": 10, "beta_start": 0.02, "beta_stop": 2.0, **options})


def tempered(terms: Terms, **options) -> Result:
    return temper(terms, **{"sweeps": 300, "betas": np.geomspace(0.02, 2.0, 8), **options})


def populated(terms: Terms, **options) -> Result:
    beta = RangeSchedule("linear", 0.0, 2.0)
    return anneal_population(terms, **{"sweeps": 200, "population": 70, "beta": beta, **options})


PARAMETRISED = [annealed, tempered, populated]
FREE = [anneal_parameterfree, temper_parameterfree, anneal_population_parameterfree, auto]
SOLVERS = [*PARAMETRISED, *FREE]
each = pytest.mark.parametrize("solve", SOLVERS)


GLASS = twins.glass(2000)
LONG: dict[Any, dict[str, Any]] = {
    annealed: {"sweeps": 10**6, "restarts": 100},
    anneal_parameterfree: {"timeout_s": 60.0},
    tempered: {"sweeps": 10**6},
    temper_parameterfree: {"timeout_s": 60.0},
    populated: {"sweeps": 10**6},
    anneal_population_parameterfree: {"timeout_s": 60.0},
    auto: {"timeout_s": 60.0},
}


@each
@pytest.mark.parametrize("kind", ["ising", "pubo"])
@pytest.mark.parametrize(("degree", "groups"), [(2, 0), (4, 0), (2, 2)])
def test_small_problems_reach_their_optimum(solve, kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 8, degree, groups, seed=degree + 10 * groups)
    result = solve(terms, seed=1)
    assert result.costs[0] == twins.optimum(terms)
    assert result.costs.tolist() == [twins.cost(terms, state) for state in result.states]
    assert set(np.unique(result.states)) <= set(twins.values(kind))
    assert not result.stopped


@each
def test_solutions_are_distinct_and_best_first(solve):
    # An odd ring of unlike neighbours: 14 configurations break one bond each.
    ring = terms_of("ising", 7, [(1.0, (i, (i + 1) % 7)) for i in range(7)])
    result = solve(ring, solutions=5, seed=3)
    assert len(result.states) == 5
    assert result.costs.tolist() == [-5.0] * 5
    assert len({state.tobytes() for state in result.states}) == len(result.states)
    assert (np.diff(result.costs) >= 0).all()


@each
def test_the_same_seed_gives_the_same_result(solve):
    terms = twins.random_terms("ising", 12, 3, 0, seed=5)
    first, again = solve(terms, solutions=4, seed=9), solve(terms, solutions=4, seed=9)
    assert first.states.tolist() == again.states.tolist()
    assert first.parameters == again.parameters


def test_other_seeds_give_other_runs():
    finals = {annealed(GLASS, sweeps=3, restarts=1, seed=s).states.tobytes() for s in (0, 1, 2, -1, 2**64)}
    assert len(finals) == 4


def test_a_restart_depends_on_its_index_alone():
    """The best of restarts 0..k is the minimum over the restarts, whatever ran beside them."""
    costs = [annealed(GLASS, sweeps=5, restarts=k, seed=2).costs[0] for k in (1, 2, 3, 4)]
    pooled = annealed(GLASS, sweeps=5, restarts=4, seed=2, solutions=4).costs
    assert costs == [min(costs[: k + 1]) for k in range(4)]
    assert costs[0] in pooled
    assert costs[3] == pooled[0]


@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_a_chain_is_no_harder_for_being_numbered_from_end_to_end(kind: Kind):
    n = 400
    pairs = [(-1.0, (i, i + 1)) for i in range(n - 1)]
    ends = [(1.0, (i,)) for i in range(1, n - 1)] + [(0.5, (i,)) for i in (0, n - 1)]
    # Equal neighbours cost -1, or 0 and 1 do: either way, a start at random is full of domain walls.
    chain = terms_of(
        kind, n, pairs if kind == "ising" else [(2 * c, v) for c, v in pairs] + [(2 * c, v) for c, v in ends]
    )
    result = annealed(chain, sweeps=1_000, restarts=64, seed=1)
    lowest = -(n - 1.0) if kind == "ising" else 0.0
    assert result.costs[0] <= lowest + 12


@each
def test_the_stop_flag_ends_a_run_from_another_thread(solve):
    block = control.local_control()
    results: list[Result] = []
    solver = threading.Thread(target=lambda: results.append(solve(GLASS, control=block, **LONG[solve])))
    solver.start()
    deadline_s = time.monotonic() + 20
    while block[control.BEAT] < 5 and time.monotonic() < deadline_s:
        threading.Event().wait(0.001)
    assert math.isfinite(block[control.BEST_COST])
    block[control.STOP] = 1.0
    asked_s = time.monotonic()
    solver.join(20)
    # About 20 ms on an idle core; the bound leaves room for a busy one.
    assert time.monotonic() - asked_s < 0.5
    assert results[0].stopped
    assert results[0].costs[0] == energy(GLASS, results[0].states)[0] == block[control.BEST_COST]
    assert block[control.FRACTION] < 1.0


@each
def test_a_flag_that_is_up_already_still_gives_a_solution(solve):
    block = control.local_control()
    block[control.STOP] = 1.0
    result = solve(GLASS, control=block, **LONG[solve])
    assert result.stopped
    assert len(result.states) == 1
    assert math.isfinite(result.costs[0])


@each
def test_the_timeout_ends_a_run(solve):
    began_s = time.monotonic()
    result = solve(GLASS, **{**LONG[solve], "timeout_s": 0.1})
    assert time.monotonic() - began_s < 1.0
    assert not result.stopped
    assert result.costs[0] == energy(GLASS, result.states)[0]


@each
def test_progress_reaches_the_block_and_the_trace(solve):
    block = control.local_control()
    result = solve(GLASS, control=block, **{**LONG[solve], "timeout_s": 0.2})
    assert block[control.FRACTION] == 1.0
    assert block[control.BEAT] >= 1
    assert block[control.SWEEP] == result.sweeps_done > 0
    assert 0 < len(result.trace) <= 1000
    assert [cost for *_, cost in result.trace] == sorted((cost for *_, cost in result.trace), reverse=True)


@each
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_no_variables_leave_one_empty_solution(solve, kind: Kind):
    result = solve(terms_of(kind, 0, [(2.0, ()), (0.5, ())]))
    assert (result.states.shape, result.costs.tolist()) == ((1, 0), [2.5])


@each
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_one_variable(solve, kind: Kind):
    result = solve(terms_of(kind, 1, [(3.0, (0,)), (1.0, ())]))
    assert result.costs[0] == (-2.0 if kind == "ising" else 1.0)


@each
def test_variables_without_terms_and_zero_coefficients(solve):
    result = solve(terms_of("ising", 5, [(0.0, (0, 1)), (0.0, (0, 1, 2)), (1.0, (3,))]))
    assert result.states.shape == (1, 5)
    assert result.costs[0] == -1.0


@each
def test_a_constant_cost(solve):
    assert solve(terms_of("pubo", 6, [(4.0, ()), (0.0, (1, 2))])).costs[0] == 4.0


@each
@pytest.mark.parametrize("kind", ["ising", "pubo"])
@pytest.mark.parametrize("scale", [1e300, 1e-300])
@pytest.mark.parametrize("cubic", [False, True])
def test_extreme_coefficients_neither_overflow_nor_vanish(solve, kind: Kind, scale: float, cubic: bool):
    products = [(scale, (0, 1)), (-scale, (1, 2)), (scale, (2, 3)), (scale * cubic, (0, 1, 2)), (-scale / 2, (3,))]
    terms = terms_of(kind, 4, products, [(scale, 1.0, [(1.0, 0), (-1.0, 3)])] if cubic else ())
    result = solve(terms)
    assert np.isfinite(result.costs).all()
    if solve in FREE:
        assert result.costs[0] == pytest.approx(twins.optimum(terms), rel=1e-12)


@each
def test_an_initial_configuration_is_never_made_worse(solve):
    best = solve(GLASS, **{**LONG[solve], "timeout_s": 0.2})
    again = solve(GLASS, initial=best.states[0], **{**LONG[solve], "timeout_s": 0.05})
    assert again.costs[0] <= best.costs[0]


def test_given_variables_start_where_told_and_others_at_random():
    free = Terms("pubo", 64)
    initial = np.full(64, UNSET, dtype=np.int8)
    initial[:32] = 0
    # Without terms every attempt flips: one sweep inverts the start.
    states = annealed(free, sweeps=1, restarts=8, solutions=8, initial=initial).states
    assert states[:, :32].all()
    assert len({state.tobytes() for state in states}) == len(states) == 8


@each
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"solutions": 0}, "solutions"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": math.nan}, "timeout_s"),
        ({"initial": np.zeros(3, np.int8)}, "initial"),
        ({"initial": np.full(4, 2, np.int8)}, "initial"),
    ],
)
def test_wrong_options_are_named(solve, options: dict, word: str):
    with pytest.raises(ValueError, match=word):
        solve(terms_of("ising", 4, [(1.0, (0, 1))]), **options)


@pytest.mark.parametrize(
    ("solve", "options", "word"),
    [
        (annealed, {"sweeps": 0}, "sweeps"),
        (annealed, {"restarts": 0}, "restarts"),
        (annealed, {"beta_start": -1.0}, "betas"),
        (annealed, {"beta_stop": math.inf}, "betas"),
        (tempered, {"sweeps": 0}, "sweeps"),
        (tempered, {"betas": np.array([])}, "betas"),
        (tempered, {"betas": np.array([1.0, math.nan])}, "betas"),
        (populated, {"population": 0}, "population"),
        (populated, {"alpha": 1.0}, "alpha"),
        (populated, {"culling_fraction": 0.0}, "culling_fraction"),
        (populated, {"beta": RangeSchedule("linear", 2.0, 1.0)}, "beta"),
        (populated, {"beta": RangeSchedule("cubic", 1.0, 2.0)}, "schedule"),
    ],
)
def test_wrong_parameters_are_named(solve, options: dict, word: str):
    with pytest.raises(ValueError, match=word):
        solve(terms_of("ising", 4, [(1.0, (0, 1))]), **options)


@pytest.mark.parametrize("solve", PARAMETRISED)
def test_one_sweep_is_enough_to_run(solve):
    result = solve(GLASS, sweeps=1)
    assert result.costs[0] == energy(GLASS, result.states)[0]


def given_back(solve, terms: Terms, parameters: dict[str, Any]) -> Result:
    if solve is anneal_parameterfree:
        return anneal(terms, **parameters)
    if solve is temper_parameterfree:
        return temper(terms, sweeps=parameters["sweeps"], betas=parameters["all_betas"])
    beta = parameters.pop("beta")
    return anneal_population(terms, beta=RangeSchedule(**beta), **parameters)


@pytest.mark.parametrize("solve", [anneal_parameterfree, temper_parameterfree, anneal_population_parameterfree])
def test_parameters_that_were_found_can_be_given_back(solve):
    terms = twins.random_terms("ising", 10, 2, 0, seed=8)
    result = solve(terms, seed=2)
    assert given_back(solve, terms, result.parameters).costs[0] == result.costs[0]


@pytest.mark.parametrize("solve", PARAMETRISED)
def test_the_number_of_threads_changes_nothing(solve):
    alone, together = (solve(GLASS, seed=3, solutions=5, threads=threads) for threads in (1, 3))
    assert alone.states.tolist() == together.states.tolist()
    assert alone.sweeps_done == together.sweeps_done


def test_the_automatic_choice_says_what_it_saw_and_tried():
    result = auto(twins.random_terms("pubo", 9, 3, 0, seed=4), seed=1, timeout_s=2.0)
    chosen = result.parameters
    assert chosen["seen"]["degree"] == 3
    assert chosen["seen"]["variables"] == 9
    assert chosen["algorithm"] in chosen["tried"]
    assert len(chosen["tried"]) > 1
    assert min(each["best_cost"] for each in chosen["tried"].values()) == pytest.approx(result.costs[0])
    assert chosen["form"] == "products"
    assert chosen["parameters"]
