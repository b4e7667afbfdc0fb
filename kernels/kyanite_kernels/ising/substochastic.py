"""Substochastic Monte Carlo: a population walks at random and is resampled by cost.

Source: M. Jarret, S. P. Jordan, B. Lackey, "Adiabatic optimization versus diffusion Monte Carlo methods", Phys. Rev. A
94, 042318 (2016). Walkers flip random variables with a chance that falls, and die or double by their cost with a
strength that rises; the cost at which deaths and births balance follows the population, so that its size stays. `beta`
is that strength and no inverse temperature: costs are not rescaled.

A large population is several smaller ones that never meet: they run on several threads, and each descends from one
walker in the end anyway.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.arrays import Landscape, landscape_of
from kyanite_kernels.ising.configurations import Pool, spins_of
from kyanite_kernels.ising.descent import descend
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.lanes import lanes_of
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.scale import typical_change
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.terms import Float64s, Int8s, Terms
from kyanite_kernels.ising.walkers import Walk, walk, walkers_of
from kyanite_kernels.random_stream import Seed, seed_array

if TYPE_CHECKING:
    from kyanite_kernels.control import Control

ALPHA: Final = RangeSchedule(LINEAR, 1.0, 0.0)
"""The schedule of the chance of a flip unless told."""
BETA: Final = RangeSchedule(LINEAR, 0.0, 5.0)
"""The schedule of the resampling strength unless told."""

_POPULATION_MIN: Final = 8
_ISLAND: Final = 32
_ISLANDS_MAX: Final = 16
_FREE_POPULATION: Final = 128
_FREE_STRENGTH: Final = 3.0
_FIRST_SWEEPS: Final = 4
_PACE_MARGIN: Final = 0.9
_LAST_ROUND_SHARE: Final = 0.2


def substochastic(
    terms: Terms,
    *,
    step_limit: int = 10_000,
    target_population: int = 64,
    alpha: RangeSchedule = ALPHA,
    beta: RangeSchedule = BETA,
    steps_per_walker: int = 1,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    threads: int = 1,
) -> Result:
    """Minimise `terms` by `target_population` walkers that make `step_limit` steps each.

    In a step a walker flips one random variable with the chance `alpha`, or stays. After every `steps_per_walker` steps
    the population is resampled with the strength `beta`, in 1 / cost. `initial`, int8[n], is the start of every walker,
    with `lanes.UNSET` for variables that start at random. At most `solutions` distinct configurations return.
    `timeout_s` ends the search, best effort, with the best so far. From 64 walkers on they are populations of 32 and
    more that never meet; those depend on the seed and on `target_population`, not on `threads`. `sweeps_done` of the
    result counts steps, over those populations.

    Raises ValueError where a parameter is out of range.
    """
    parameters = _parameters(step_limit, target_population, alpha, beta, steps_per_walker)
    _check(step_limit, target_population, alpha, beta, steps_per_walker)
    sizes = _islands(target_population)
    with Crew(control, threads=threads, timeout_s=timeout_s, sweeps_total=step_limit * len(sizes)) as crew:
        search = _Search(terms, crew, seed, initial, solutions)
        if terms.n == 0:
            return constant_result(terms, crew, parameters)
        search.run(sizes, step_limit, alpha, beta, steps_per_walker)
        return result_of(terms, search.pool, crew, parameters)


def substochastic_parameterfree(
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

    The strength of resampling follows from the cost changes of single flips at random states. Rounds of fresh
    populations make twice the steps of the round before. The run converges when independent populations keep meeting
    the same best (`evidence.Evidence`). `parameters` of the result holds those of the round that found the best, ready
    for `substochastic` (its schedules as mappings of the fields of `RangeSchedule`).

    Raises ValueError where a parameter is out of range.
    """
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        search = _Search(terms, crew, seed, initial, solutions)
        if terms.n == 0:
            return constant_result(terms, crew, _parameters(1, _FREE_POPULATION, ALPHA, BETA, 1))
        typical = typical_change(terms)
        beta = RangeSchedule(LINEAR, 0.0, _FREE_STRENGTH / typical)
        steps = _search(search, beta, tolerance=1e-9 * typical)
        return result_of(terms, search.pool, crew, _parameters(steps, _FREE_POPULATION, ALPHA, beta, 1))


def _parameters(
    step_limit: int, target_population: int, alpha: RangeSchedule, beta: RangeSchedule, steps_per_walker: int
) -> Parameters:
    return {
        "step_limit": step_limit,
        "target_population": target_population,
        "alpha": alpha.parameter(),
        "beta": beta.parameter(),
        "steps_per_walker": steps_per_walker,
    }


def _check(
    step_limit: int, target_population: int, alpha: RangeSchedule, beta: RangeSchedule, steps_per_walker: int
) -> None:
    if step_limit < 1 or steps_per_walker < 1:
        msg = f"step_limit and steps_per_walker must be at least 1, not {step_limit} and {steps_per_walker}"
        raise ValueError(msg)
    if target_population < _POPULATION_MIN:
        msg = f"target_population must be at least {_POPULATION_MIN}, not {target_population}"
        raise ValueError(msg)
    alpha.check()
    beta.check()
    if not 1 >= alpha.initial >= alpha.final >= 0:
        msg = f"alpha falls within 1 to 0, unlike {alpha.initial} to {alpha.final}"
        raise ValueError(msg)
    if not 0 <= beta.initial <= beta.final:
        msg = f"beta rises from 0 or more, unlike {beta.initial} to {beta.final}"
        raise ValueError(msg)


def _islands(target_population: int) -> list[int]:
    """Return the sizes of the populations that so many walkers make."""
    count = max(1, min(_ISLANDS_MAX, target_population // _ISLAND))
    size, rest = divmod(target_population, count)
    return [size + (number < rest) for number in range(count)]


class _Search:
    """Populations of one problem, numbered all through, and the best distinct states of all of them."""

    def __init__(self, terms: Terms, crew: Crew, seed: int, initial: Int8s | None, solutions: int) -> None:
        self.terms = terms
        self.crew = crew
        self.pool = Pool(solutions)
        self.populations = 0
        self._landscape = landscape_of(terms)
        self._seed = seed_array(seed)
        self._initial = spins_of(terms, initial)
        self._solutions = solutions

    def run(
        self, sizes: list[int], steps: int, alpha: RangeSchedule, beta: RangeSchedule, steps_per_walker: int
    ) -> Float64s:
        """Run a population of each size; return their best energies, float64[k] of those that began."""
        resamplings = -(-steps // steps_per_walker)
        plan = Walk(alpha.course(steps), beta.course(resamplings), steps_per_walker)
        explore = partial(_population, self.crew, self._landscape, plan, self._seed, self._initial, self._solutions)
        found = self.crew.run([partial(explore, size, self.populations + k) for k, size in enumerate(sizes)])
        self.populations += len(sizes)
        for spins, energies in found:
            self.pool.add(spins, energies)
        return np.array([energies[0] for _, energies in found])


def _population(
    crew: Crew,
    landscape: Landscape,
    plan: Walk,
    seed: Seed,
    initial: Int8s,
    solutions: int,
    size: int,
    index: int,
    tally: Float64s,
) -> tuple[Int8s, Float64s]:
    """Run one population; return its best distinct states, settled, with their running energies."""
    walkers = walkers_of(landscape, size)
    walk(landscape, walkers, lanes_of(landscape, 1), plan, seed, index, initial, crew.control, tally)
    return descend(landscape, walkers.best_spins, walkers.best_energy, solutions, crew.control)


def _search(search: _Search, beta: RangeSchedule, tolerance: float) -> int:
    """Run rounds until the crew or the evidence ends them; return the steps of the round that found the best."""
    crew, n = search.crew, search.terms.n
    evidence = Evidence(n, tolerance)
    sizes = _islands(_FREE_POPULATION)
    steps, settled, best = _FIRST_SWEEPS * n, _FIRST_SWEEPS * n, math.inf
    while steps > 0:
        began_s = crew.elapsed_s
        energies = search.run(sizes, steps, ALPHA, beta, 1)
        if energies.min() < best:
            best, settled = float(energies.min()), steps
        if evidence.suffices(energies, steps * sizes[0] // n) or not crew.goes_on():
            break
        steps = _next_steps(2 * steps, (crew.elapsed_s - began_s) / steps, crew.left_s)
    return settled


def _next_steps(wanted: int, pace_s: float, left_s: float) -> int:
    """Return how many of the steps wanted fit into the time left at `pace_s` a step; 0 when too few do."""
    affordable = _PACE_MARGIN * left_s / pace_s
    if affordable >= wanted:
        return wanted
    return int(affordable) if affordable >= _LAST_ROUND_SHARE * wanted else 0


def warm_substochastic() -> None:
    """Compile what both solvers call, or load it from the cache."""
    substochastic(Terms("ising", 2, np.ones(1), np.array([0, 2]), np.array([0, 1])), step_limit=1, target_population=8)
