"""Path-integral Monte Carlo (simulated quantum annealing): a transverse field falls at a fixed temperature.

Source: G. E. Santoro, R. Martonak, E. Tosatti, R. Car, "Theory of quantum annealing of an Ising spin glass", Science
295 (2002), for the annealing; the moves are those of `clusters`. The field is linear in the sweep. Each restart
begins with equal slices and ends with a fall from every slice's best state to a local minimum.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kyanite_kernels.crew import TALLY_BEST, TALLY_SWEEPS, Crew
from kyanite_kernels.flags import tell
from kyanite_kernels.ising.arrays import Landscape, landscape_of
from kyanite_kernels.ising.clusters import sweep_lines
from kyanite_kernels.ising.configurations import Pool, spins_of
from kyanite_kernels.ising.descent import descend
from kyanite_kernels.ising.lanes import Lanes, lanes_of, start
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.schedule import Course, RangeSchedule, value_at
from kyanite_kernels.ising.terms import Float64s, Int8s, Terms
from kyanite_kernels.ising.worldlines import Worldlines, keep_best_slices, renew, spread, worldlines_of
from kyanite_kernels.jit import kernel
from kyanite_kernels.random_stream import ACCEPTANCE, Seed, seed_array, stream

if TYPE_CHECKING:
    from kyanite_kernels.control import Control

_RENEW_SWEEPS = 512


def quantum_monte_carlo(
    terms: Terms,
    *,
    sweeps: int,
    trotter_number: int,
    beta_start: float,
    transverse_field_start: float,
    transverse_field_stop: float,
    restarts: int,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    threads: int = 1,
) -> Result:
    """Minimise `terms` by `restarts` anneals of `trotter_number` coupled slices over `sweeps` sweeps each.

    `beta_start` is the inverse temperature of the whole run. The transverse field goes from `transverse_field_start`
    to `transverse_field_stop`, in units of the cost. A sweep attempts clusters of every variable in turn. `initial`,
    int8[n], is the start of every slice of every restart, with `lanes.UNSET` for variables that start at random. At
    most `solutions` distinct configurations return. `timeout_s` ends the search, best effort, with the best so far.
    Restart r depends on (seed, r) alone, not on `threads`.

    Raises ValueError where a parameter is out of range.
    """
    parameters: Parameters = {
        "sweeps": sweeps,
        "trotter_number": trotter_number,
        "beta_start": beta_start,
        "transverse_field_start": transverse_field_start,
        "transverse_field_stop": transverse_field_stop,
        "restarts": restarts,
    }
    fields = RangeSchedule("linear", transverse_field_start, transverse_field_stop)
    _check(sweeps, trotter_number, beta_start, fields, restarts)
    pool, spins = Pool(solutions), spins_of(terms, initial)
    with Crew(control, threads=threads, timeout_s=timeout_s, sweeps_total=sweeps * restarts) as crew:
        if terms.n == 0:
            return constant_result(terms, crew, parameters)
        anneal = partial(
            _restart,
            crew=crew,
            landscape=landscape_of(terms),
            slices=trotter_number,
            beta=float(beta_start),
            fields=fields.course(sweeps),
            seed=seed_array(seed),
            initial=spins,
            solutions=solutions,
        )
        for found, energies in crew.run([partial(anneal, index=index) for index in range(restarts)]):
            pool.add(found, energies)
        return result_of(terms, pool, crew, parameters)


def _check(sweeps: int, trotter_number: int, beta: float, fields: RangeSchedule, restarts: int) -> None:
    if sweeps < 1 or restarts < 1 or trotter_number < 1:
        msg = f"sweeps, restarts and trotter_number must be at least 1, not {sweeps}, {restarts} and {trotter_number}"
        raise ValueError(msg)
    if not 0 < beta < math.inf:
        msg = f"beta_start must be finite and above 0, not {beta}"
        raise ValueError(msg)
    if not (0 <= fields.initial < math.inf and 0 <= fields.final < math.inf):
        msg = f"transverse fields must be finite and not negative, not {fields.initial} and {fields.final}"
        raise ValueError(msg)


def _restart(
    tally: Float64s,
    *,
    crew: Crew,
    landscape: Landscape,
    slices: int,
    beta: float,
    fields: Course,
    seed: Seed,
    initial: Int8s,
    solutions: int,
    index: int,
) -> tuple[Int8s, Float64s]:
    """Run one restart; return its best distinct states, settled, with their running energies."""
    lines = worldlines_of(landscape, slices)
    anneal_lines(landscape, lines, lanes_of(landscape, 1), beta, fields, seed, index, initial, crew.control, tally)
    return descend(landscape, lines.best_spins, lines.best_energy, solutions, crew.control)


@kernel
def anneal_lines(
    landscape: Landscape,
    lines: Worldlines,
    lanes: Lanes,
    beta: float,
    fields: Course,
    seed: Seed,
    index: int,
    initial: Int8s,
    control: Control,
    tally: Float64s,
) -> None:
    """Run restart `index` in `lines`, one sweep at each of `fields`; `lanes` is room for one lane."""
    start(landscape, lanes, 0, seed, index, initial)
    for k in range(lines.energy.size):
        spread(lines, lanes, k)
    keep_best_slices(lines)
    draws, slices = stream(seed, index, ACCEPTANCE), lines.energy.size
    for number in range(fields.points):
        break_chance = np.tanh(beta / slices * value_at(fields, number))
        done = sweep_lines(landscape, lines, slices / beta, break_chance, draws, number, control)
        keep_best_slices(lines)
        tell(tally, TALLY_BEST, lines.best_energy.min())
        if not done:
            return
        tell(tally, TALLY_SWEEPS, number + 1)
        if (number + 1) % _RENEW_SWEEPS == 0:
            renew(landscape, lines, lanes)


def warm_path_integral() -> None:
    """Compile what `quantum_monte_carlo` calls, or load it from the cache."""
    pair = Terms("ising", 2, np.ones(1), np.array([0, 2]), np.array([0, 1]))
    quantum_monte_carlo(
        pair,
        sweeps=1,
        trotter_number=2,
        beta_start=1.0,
        transverse_field_start=1.0,
        transverse_field_stop=0.1,
        restarts=1,
    )
