"""Simulated annealing: Metropolis sweeps while the temperature falls, in independent restarts.

Source: S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, "Optimization by simulated annealing", Science 220 (1983);
acceptance after N. Metropolis et al., J. Chem. Phys. 21 (1953). Beta is linear in the sweep: on max-cut graphs, sparse
and dense, it beat geometric beta, which beat linear temperature, because it spends most sweeps where the system
freezes. Restarts are lanes of blocks; the best states fall to local minima in the end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.sampling import Plan
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.search import Round, Search, affordable_lanes, last

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Int8s, Terms

ONE_RUNG: Final = np.ones(1)
EQUAL_SHARE: Final = 1e-3
"""Costs count as equal within this share of 1 / beta_stop, which is a quarter of a small change."""

_FIRST_SWEEPS: Final = 32
_ROUND_BLOCKS: Final = 2


def anneal(
    terms: Terms,
    *,
    sweeps: int,
    restarts: int,
    beta_start: float,
    beta_stop: float,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    threads: int = 1,
) -> Result:
    """Minimise `terms` by `restarts` anneals of `sweeps` sweeps, beta linear from `beta_start` to `beta_stop`.

    `initial`, int8[n], is the start of every restart, with `lanes.UNSET` for variables that start at random. At most
    `solutions` distinct configurations return. `timeout_s` ends the search, best effort, with the best so far. More
    restarts than asked for are made where lanes come in groups.

    Raises ValueError where a parameter is out of range.
    """
    parameters = _parameters(sweeps, restarts, beta_start, beta_stop)
    _check(sweeps, restarts, beta_start, beta_stop)
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, parameters)
        pool = Pool(solutions)
        search = Search(terms, crew, pool, seed=seed, initial=initial, lanes=restarts)
        blocks = search.medium.blocks(restarts)
        crew.expect(sweeps * sum(blocks))
        plan = annealing_plan(sweeps, float(beta_start), float(beta_stop))
        search.run([(lanes, plan) for lanes in blocks])
        return result_of(terms, pool, crew, parameters)


def annealing_plan(sweeps: int, beta_start: float, beta_stop: float) -> Plan:
    """Return the plan of one anneal."""
    return Plan(sweeps, RangeSchedule(LINEAR, beta_start, beta_stop).course(sweeps), ONE_RUNG, 0.0)


def anneal_parameterfree(
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

    Betas come from the cost changes met at a random state and in a local minimum. Rounds of two blocks of restarts
    follow, with twice the sweeps as long as that lowers the mean or the best. The run converges when independent
    restarts keep meeting the same best (`evidence.Evidence`). `parameters` of the result holds the sweeps and betas of
    the round that found the best, and the number of restarts made, ready for `anneal`.

    Raises ValueError where a parameter is out of range.
    """
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, _parameters(1, 1, 1.0, 2.0))
        pool = Pool(solutions)
        settled = last(annealing_rounds(terms, crew, pool, seed=seed, initial=initial))
        return result_of(terms, pool, crew, settled.parameters)


def _check(sweeps: int, restarts: int, beta_start: float, beta_stop: float) -> None:
    if sweeps < 1 or restarts < 1:
        msg = f"sweeps and restarts must be at least 1, not {sweeps} and {restarts}"
        raise ValueError(msg)
    if not (0 <= beta_start < math.inf and 0 <= beta_stop < math.inf):
        msg = f"betas must be finite and not negative, not {beta_start} and {beta_stop}"
        raise ValueError(msg)


def annealing_rounds(terms: Terms, crew: Crew, pool: Pool, *, seed: int, initial: Int8s | None) -> Iterator[Round]:
    """Run rounds into `pool` until the clock or the evidence ends them, yielding after each; one at least."""
    lanes = affordable_lanes(terms, crew.left_s)
    search = Search(terms, crew, pool, seed=seed, initial=initial, lanes=lanes)
    beta_start, beta_stop = search.beta_range()
    evidence = Evidence(terms.n, tolerance=EQUAL_SHARE / beta_stop)
    wanted, settled, mean, best = _FIRST_SWEEPS, 1, math.inf, search.best
    block, energies = search.medium.block, np.empty(0)
    while True:
        fresh, sweeps = best, search.affordable_sweeps(wanted, _ROUND_BLOCKS * block)
        if sweeps:
            plan = annealing_plan(sweeps, beta_start, beta_stop)
            energies = np.concatenate([found.energies for found in search.run([(block, plan)] * _ROUND_BLOCKS)])
            best = search.best
        if best < fresh:
            settled = sweeps
        yield Round(best, _parameters(settled, search.lanes, beta_start, beta_stop))
        if sweeps < wanted or evidence.suffices(energies, sweeps):
            return
        average = float(energies.mean())
        if average < mean or best < fresh:
            wanted *= 2
        mean = min(mean, average)


def _parameters(sweeps: int, restarts: int, beta_start: float, beta_stop: float) -> Parameters:
    return {"sweeps": sweeps, "restarts": restarts, "beta_start": beta_start, "beta_stop": beta_stop}
