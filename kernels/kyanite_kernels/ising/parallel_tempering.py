"""Parallel tempering: replicas at fixed temperatures that exchange their places.

Source: K. Hukushima, K. Nemoto, J. Phys. Soc. Jpn. 65 (1996). Neighbours in beta, even and odd pairs in turn, exchange
with probability min(1, exp((b_i - b_j)(E_i - E_j))). The ladder of the parameter-free form equalises the rejection of
exchanges: S. Syed, A. Bouchard-Cote, G. Deligiannidis, A. Doucet, "Non-reversible parallel tempering", J. R. Stat.
Soc. B 84 (2022).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.blocks import Found, Medium
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.sampling import Plan
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.search import Round, Search, affordable_lanes, last
from kyanite_kernels.ising.simulated_annealing import EQUAL_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Float64s, Int8s, Terms

CONSTANT: Final = RangeSchedule(LINEAR, 1.0, 1.0).course(1)
_FIRST_SWEEPS: Final = 32
_FIRST_REPLICAS: Final = 16
_REPLICAS_MAX: Final = 32
_REPLICAS_MIN: Final = 3
_ROUND_BLOCKS: Final = 2
_ROUNDS_AGREEING: Final = 4
_HOTTEST: Final = 5.0
_COLDEST: Final = 1.6
"""The ladder's ends, times those of an anneal: what exchanges needs no free flips, and its coldest may freeze."""


def temper(
    terms: Terms,
    *,
    sweeps: int,
    betas: Float64s,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    threads: int = 1,
) -> Result:
    """Minimise `terms` with a replica at each of `betas`, float64[R] in any order, for `sweeps` sweeps each.

    `initial`, int8[n], is the start of every replica, with `lanes.UNSET` for variables that start at random. At most
    `solutions` distinct configurations return. `timeout_s` ends the search, best effort, with the best so far. Several
    ladders run side by side where lanes come in groups, two blocks of them at least.

    Raises ValueError where a parameter is out of range.
    """
    given = np.array(betas, dtype=np.float64)
    _check(sweeps, given)
    parameters = _parameters(sweeps, given)
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, parameters)
        pool = Pool(solutions)
        search = Search(terms, crew, pool, seed=seed, initial=initial, lanes=_ROUND_BLOCKS * given.size)
        lanes = ladder_lanes(search.medium, given.size)
        crew.expect(sweeps * lanes * _ROUND_BLOCKS)
        search.run([(lanes, tempering_plan(sweeps, np.sort(given)))] * _ROUND_BLOCKS)
        return result_of(terms, pool, crew, parameters)


def tempering_plan(sweeps: int, ladder: Float64s) -> Plan:
    """Return the plan of one block."""
    return Plan(sweeps, CONSTANT, ladder, 0.0)


def ladder_lanes(medium: Medium, rungs: int) -> int:
    """Return the lanes of a block that holds at least one ladder of so many rungs."""
    if medium.kind.shared > 1:
        return rungs * medium.kind.shared
    return medium.whole(rungs)


def temper_parameterfree(
    terms: Terms,
    *,
    timeout_s: float = 5.0,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    threads: int = 1,
) -> Result:
    """Minimise `terms` with betas found on the way, until `timeout_s` or until the evidence suffices.

    Rounds start afresh with twice the sweeps of the one before; after each, count and spacing of the betas follow from
    the measured exchange rates. The run converges when independent ladders keep meeting the same best. `parameters` of
    the result holds the sweeps and betas of the round that found the best, ready for `temper`.

    Raises ValueError where a parameter is out of range.
    """
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, _parameters(1, np.ones(1)))
        pool = Pool(solutions)
        settled = last(tempering_rounds(terms, crew, pool, seed=seed, initial=initial))
        return result_of(terms, pool, crew, settled.parameters)


def ladder(betas: Float64s, exchange_rates: Float64s, replicas_max: int) -> Float64s:
    """Return betas over the same range at which exchanges would be rejected equally often.

    With rates a_k measured between rising `betas`, the barrier is the sum of 1 - a_k; the number of replicas follows as
    twice the barrier plus one, the optimum of the even-odd scheme, and the spacing by inverting the barrier.
    """
    # Pairs that always exchange keep a little barrier, so that the inverse exists.
    rejections = np.maximum(1.0 - exchange_rates, 1e-3)
    barrier = np.concatenate([[0.0], np.cumsum(rejections)])
    count = min(max(math.ceil(2 * barrier[-1]) + 1, _REPLICAS_MIN), replicas_max)
    levels = np.linspace(0.0, barrier[-1], count)
    found: Float64s = np.exp(np.interp(levels, barrier, np.log(betas)))
    return found


def _check(sweeps: int, betas: Float64s) -> None:
    if sweeps < 1:
        msg = f"sweeps must be at least 1, not {sweeps}"
        raise ValueError(msg)
    if betas.ndim != 1 or betas.size == 0 or not (np.isfinite(betas) & (betas >= 0)).all():
        msg = "betas must be a list of at least one finite number, none negative"
        raise ValueError(msg)


def tempering_rounds(terms: Terms, crew: Crew, pool: Pool, *, seed: int, initial: Int8s | None) -> Iterator[Round]:
    """Run rounds into `pool` until the clock or the evidence ends them, yielding after each; one at least."""
    search = Search(terms, crew, pool, seed=seed, initial=initial, lanes=affordable_lanes(terms, crew.left_s))
    beta_start, beta_stop = search.beta_range()
    evidence = Evidence(terms.n, tolerance=EQUAL_SHARE / beta_stop, hits_min=_ROUNDS_AGREEING)
    coldest = _COLDEST * beta_stop
    betas = np.geomspace(min(_HOTTEST * beta_start, 0.5 * coldest), coldest, _FIRST_REPLICAS)
    wanted, settled, best = _FIRST_SWEEPS, (1, betas), search.best
    found: list[Found] = []
    while True:
        lanes = ladder_lanes(search.medium, betas.size)
        fresh, sweeps = best, search.affordable_sweeps(wanted, _ROUND_BLOCKS * lanes)
        if sweeps:
            found = search.run([(lanes, tempering_plan(sweeps, betas))] * _ROUND_BLOCKS)
            best = search.best
        if best < fresh:
            settled = (sweeps, betas)
        yield Round(best, _parameters(*settled))
        if sweeps < wanted:
            return
        runs = np.concatenate([block.slot_best for block in found])
        if evidence.suffices(runs, sweeps * _ROUND_BLOCKS * lanes // runs.size):
            return
        betas = ladder(betas, exchange_rates(found), _REPLICAS_MAX)
        wanted *= 2


def _parameters(sweeps: int, betas: Float64s) -> Parameters:
    return {"sweeps": sweeps, "replicas": betas.size, "all_betas": betas.tolist()}


def exchange_rates(found: list[Found]) -> Float64s:
    """Return how often neighbouring rungs exchanged when they could, float64[T - 1]."""
    tries = sum(block.tries for block in found)
    swaps = sum(block.swaps for block in found)
    return np.asarray(swaps / np.maximum(tries, 1), dtype=np.float64)
