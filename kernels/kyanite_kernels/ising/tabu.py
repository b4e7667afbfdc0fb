"""Tabu search: always the best move that is not forbidden, even uphill; a variable that moved stays put for a while.

Sources: F. Glover, "Tabu search, part I", ORSA Journal on Computing 1 (1989); for this problem J. E. Beasley,
"Heuristic algorithms for the unconstrained binary quadratic programming problem", Imperial College (1998/99): moves of
one flip, cached changes, aspiration by a new best. G. Palubeckis, "Multistart tabu search strategies for the
unconstrained binary quadratic optimization problem", Annals of Operations Research 131 (2004), and "Iterated tabu
search", Informatica 17 (2006): where the search stagnates it goes on from a perturbed best state; restarts are random.

A restart is one walk of `sweeps` moves. After 40 n moves without a new best of its own it returns to that best and
turns between n/10 and n/3 variables of it, chosen at random; weaker or earlier kicks fall back into the same minima.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.search import Round, last
from kyanite_kernels.ising.tabu_run import Leg, TabuRun
from kyanite_kernels.ising.terms import Float64s, Int8s, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kyanite_kernels.control import Control

_TENURE: Final = 20
_TENURE_SHARES: Final = (40, 20, 10)
_FIRST_SWEEPS: Final = 20
"""Moves a variable in a walk of the first round."""
_HITS_MIN: Final = 16
_FRESH_LEGS: Final = 8
_ELITE_LEGS: Final = 2


def tabu(
    terms: Terms,
    *,
    sweeps: int,
    tenure: int,
    restarts: int,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    threads: int = 1,
    target: float = -math.inf,
) -> Result:
    """Minimise `terms` by `restarts` tabu walks of `sweeps` moves each.

    A variable that moved stays put for `tenure` moves (at most n - 1), unless its move leads to a new best. `initial`,
    int8[n], is the start of every restart, with `lanes.UNSET` for variables that start at random. At most `solutions`
    distinct configurations return. `timeout_s` ends the search, best effort, with the best so far. A restart that meets
    a cost of `target` or less ends there. Restart r depends on (seed, r) alone, not on `threads`.

    Raises ValueError where a parameter is out of range.
    """
    parameters: Parameters = {"sweeps": sweeps, "tabu_tenure": tenure, "restarts": restarts}
    if sweeps < 1 or tenure < 1 or restarts < 1:
        msg = f"sweeps, tenure and restarts must be at least 1, not {sweeps}, {tenure} and {restarts}"
        raise ValueError(msg)
    with Crew(control, threads=threads, timeout_s=timeout_s, sweeps_total=sweeps * restarts) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, parameters)
        pool = Pool(solutions)
        run = TabuRun(terms, crew, pool, seed=seed, initial=initial)
        run.repeat(Leg(restarts, sweeps, tenure, run.initial), target)
        return result_of(terms, pool, crew, parameters)


def tabu_parameterfree(
    terms: Terms,
    *,
    timeout_s: float = 5.0,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    threads: int = 1,
) -> Result:
    """Minimise `terms` with parameters found on the way, until `timeout_s` or until the evidence suffices.

    Rounds of ten walks: half of the eight independent ones have the tenure that did best so far, half try 20 and
    shares of n; two more go on from the best state known. Walks grow twice as long whenever that lowered the mean or
    the best. The run converges when independent walks keep meeting the same best (`evidence.Evidence`). `parameters` of
    the result holds the sweeps and the tenure that found the best, and the number of restarts, ready for `tabu`.

    Raises ValueError where a parameter is out of range.
    """
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, {"sweeps": 1, "tabu_tenure": 1, "restarts": 1})
        pool = Pool(solutions)
        settled = last(tabu_rounds(terms, crew, pool, seed=seed, initial=initial))
        return result_of(terms, pool, crew, settled.parameters)


def tenures(n: int) -> list[int]:
    """Return the tenures to try on `n` variables, ascending: 20 and shares of n, within 1 and n - 1."""
    tried = {min(_TENURE, n // 4), *(n // share for share in _TENURE_SHARES)}
    return sorted({max(1, tenure) for tenure in tried})


def tabu_rounds(terms: Terms, crew: Crew, pool: Pool, *, seed: int, initial: Int8s | None) -> Iterator[Round]:
    """Run rounds into `pool` until the clock or the evidence ends them, yielding after each; one at least."""
    run = TabuRun(terms, crew, pool, seed=seed, initial=initial)
    evidence = Evidence(run.form.n, run.equal_cost, _HITS_MIN)
    tried = tenures(run.form.n)
    leader = chosen = min(tried, key=lambda tenure: abs(tenure - _TENURE))
    sweeps = settled = _FIRST_SWEEPS * max(run.form.n, 50)
    best, mean = math.inf, math.inf
    elite = run.initial
    while True:
        legs = _legs(run, sweeps, leader, tried, elite)
        found = run.run(legs)
        costs = np.array([finish.costs[0] for finish in found])
        lowest, average = float(costs.min()), float(costs[:_FRESH_LEGS].mean())
        if lowest < best - run.equal_cost:
            chosen, settled = legs[int(costs.argmin())].tenure, sweeps
        yield Round(min(best, lowest), {"sweeps": settled, "tabu_tenure": chosen, "restarts": run.restarts})
        # A move of a walk counts as one attempt, not as n.
        if not crew.goes_on() or evidence.suffices(costs[:_FRESH_LEGS], sweeps // run.form.n):
            return
        leader = _leader(legs[:_FRESH_LEGS], costs)
        if lowest < best - run.equal_cost or average < mean - run.equal_cost:
            sweeps *= 2
        best, mean = min(best, lowest), min(mean, average)
        elite = run.best[1]


def _legs(run: TabuRun, sweeps: int, leader: int, tried: list[int], elite: Int8s) -> list[Leg]:
    fresh = [tried[k // 2 % len(tried)] if k % 2 else leader for k in range(_FRESH_LEGS)]
    return [
        *(Leg(1, sweeps, tenure, run.initial) for tenure in fresh),
        *(Leg(1, sweeps, leader, elite) for _ in range(_ELITE_LEGS)),
    ]


def _leader(legs: list[Leg], costs: Float64s) -> int:
    """Return the tenure with the lowest mean cost."""
    by_tenure: dict[int, list[float]] = {}
    for leg, cost in zip(legs, costs.tolist(), strict=False):
        by_tenure.setdefault(leg.tenure, []).append(cost)
    return min(by_tenure, key=lambda tenure: math.fsum(by_tenure[tenure]) / len(by_tenure[tenure]))


def warm_tabu() -> None:
    """Compile each entry point: one tiny problem for each type of fields."""
    ends, pair = np.array([0, 2, 3]), np.array([0, 1, 0])
    for linear in (1.0, 1e6, 1 / 3):
        tabu(Terms("ising", 2, np.array([1.0, linear]), ends, pair), sweeps=1, tenure=1, restarts=1)
