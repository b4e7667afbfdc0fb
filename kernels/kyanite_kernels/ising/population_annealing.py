"""Population annealing: a population of walkers cools together, and resampling keeps it in equilibrium.

Sources: K. Hukushima, Y. Iba, AIP Conf. Proc. 690 (2003); J. Machta, Phys. Rev. E 82 (2010); W. Wang, J. Machta, H. G.
Katzgraber, Phys. Rev. E 92 (2015) for ground states. Walkers are lanes; each block of them is a population of its own,
so that a run can use several cores and does not depend on how many. Where variety was lost (fewer than 1 / alpha of the
first members have descendants) and time is left, one of twice the size follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.blocks import Found
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.sampling import Plan
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.search import Round, Search, affordable_lanes, last
from kyanite_kernels.ising.simulated_annealing import EQUAL_SHARE, ONE_RUNG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Int8s, Terms

ALPHA: Final = 2.0
CULLING_FRACTION: Final = 0.2
_FREE_CULLING: Final = 0.1
_FIRST_SWEEPS: Final = 32
_POPULATIONS: Final = 2
_ROUNDS_AGREEING: Final = 4
_WALKERS_MAX: Final = 1 << 16


def anneal_population(
    terms: Terms,
    *,
    sweeps: int,
    population: int,
    beta: RangeSchedule,
    alpha: float = ALPHA,
    culling_fraction: float = CULLING_FRACTION,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    threads: int = 1,
) -> Result:
    """Minimise `terms` with `population` walkers, `sweeps` sweeps each, while beta follows its schedule.

    Walkers are resampled whenever that would replace the share `culling_fraction` of them. `initial`, int8[n], is the
    start of every walker, with `lanes.UNSET` for variables that start at random; at most `solutions` distinct
    configurations return; `timeout_s` ends the search, best effort, with the best so far. A few more walkers than asked
    for are there where lanes come in groups.

    Raises ValueError where a parameter is out of range.
    """
    _check(sweeps, population, beta, alpha, culling_fraction)
    parameters: Parameters = {
        "sweeps": sweeps,
        "population": population,
        "beta": beta.parameter(),
        "alpha": alpha,
        "culling_fraction": culling_fraction,
    }
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, parameters)
        pool = Pool(solutions)
        search = Search(terms, crew, pool, seed=seed, initial=initial, lanes=population)
        crew.expect(sweeps * sum(search.medium.blocks(population)))
        walkers = population
        while True:
            found = search.run(
                [(lanes, population_plan(sweeps, beta, culling_fraction)) for lanes in search.medium.blocks(walkers)]
            )
            families = sum(block.families for block in found)
            if timeout_s is None or not crew.goes_on() or alpha * families >= walkers or walkers > _WALKERS_MAX:
                return result_of(terms, pool, crew, parameters)
            walkers *= 2


def population_plan(sweeps: int, beta: RangeSchedule, culling: float) -> Plan:
    """Return the plan of one population."""
    return Plan(sweeps, beta.course(sweeps), ONE_RUNG, culling)


def anneal_population_parameterfree(
    terms: Terms,
    *,
    timeout_s: float = 5.0,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    threads: int = 1,
) -> Result:
    """Minimise `terms` with a schedule found on the way, until `timeout_s` or until the evidence suffices.

    Beta rises from 0 to where a local minimum's small changes are frozen out. Rounds of two populations follow, with
    twice the sweeps of the one before; the run converges when independent walkers keep meeting the same best.
    `parameters` of the result hold what the round that found the best had, ready for `anneal_population`.

    Raises ValueError where a parameter is out of range.
    """
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, _parameters(1, 1, 1.0))
        pool = Pool(solutions)
        settled = last(population_rounds(terms, crew, pool, seed=seed, initial=initial))
        return result_of(terms, pool, crew, settled.parameters)


def population_rounds(terms: Terms, crew: Crew, pool: Pool, *, seed: int, initial: Int8s | None) -> Iterator[Round]:
    """Run rounds into `pool` until the clock or the evidence ends them, yielding after each; one at least."""
    search = Search(terms, crew, pool, seed=seed, initial=initial, lanes=affordable_lanes(terms, crew.left_s))
    beta_stop = search.beta_range()[1]
    evidence = Evidence(terms.n, tolerance=EQUAL_SHARE / beta_stop, hits_min=_ROUNDS_AGREEING)
    beta = RangeSchedule(LINEAR, 0.0, beta_stop)
    wanted, settled, best = _FIRST_SWEEPS, 1, search.best
    walkers = search.medium.block
    found: list[Found] = []
    while True:
        fresh, sweeps = best, search.affordable_sweeps(wanted, _POPULATIONS * walkers)
        if sweeps:
            found = search.run([(walkers, population_plan(sweeps, beta, _FREE_CULLING))] * _POPULATIONS)
            best = search.best
        if best < fresh:
            settled = sweeps
        yield Round(best, _parameters(settled, _POPULATIONS * walkers, beta_stop))
        if sweeps < wanted:
            return
        # Walkers of one family are not independent of each other: one best a population counts.
        runs = np.array([block.slot_best.min() for block in found])
        if evidence.suffices(runs, sweeps * walkers):
            return
        wanted *= 2


def _parameters(sweeps: int, population: int, beta_stop: float) -> Parameters:
    return {
        "sweeps": sweeps,
        "population": population,
        "beta": RangeSchedule(LINEAR, 0.0, beta_stop).parameter(),
        "alpha": ALPHA,
        "culling_fraction": _FREE_CULLING,
    }


def _check(sweeps: int, population: int, beta: RangeSchedule, alpha: float, culling_fraction: float) -> None:
    if sweeps < 1 or population < 1:
        msg = f"sweeps and population must be at least 1, not {sweeps} and {population}"
        raise ValueError(msg)
    beta.check()
    if not 0 <= beta.initial <= beta.final:
        msg = f"beta must rise from at least 0, not from {beta.initial} to {beta.final}"
        raise ValueError(msg)
    if not alpha > 1:
        msg = f"alpha must be above 1, not {alpha}"
        raise ValueError(msg)
    if not 0 < culling_fraction <= 1:
        msg = f"culling_fraction must be above 0 and at most 1, not {culling_fraction}"
        raise ValueError(msg)
