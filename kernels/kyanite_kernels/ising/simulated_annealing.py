"""Simulated annealing: Metropolis sweeps while the temperature falls, in independent restarts.

Source: S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, "Optimization by simulated annealing", Science 220 (1983);
acceptance after N. Metropolis et al., J. Chem. Phys. 21 (1953). Beta is linear in the sweep: on max-cut graphs, sparse
and dense, it beat geometric beta, which beat linear temperature, because it spends most sweeps where the system
freezes. Each restart ends with a fall from its best state to a local minimum.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kyanite_kernels.ising.annealing_run import AnnealingRun, Schedule
from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.configurations import Pool, spins_of
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.temperature_range import beta_range
from kyanite_kernels.ising.watch import Watch
from kyanite_kernels.random_stream import seed_array

if TYPE_CHECKING:
    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Int8s, Terms

_FIRST_SWEEPS = 64
_ROUND_RESTARTS = 8
_LAST_ROUND_SHARE = 0.1
_PACE_MARGIN = 0.9


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
) -> Result:
    """Minimise `terms` by `restarts` anneals of `sweeps` sweeps, beta linear from `beta_start` to `beta_stop`.

    `initial`, int8[n], is the start of every restart, with `lanes.UNSET` for variables that start at random. At most
    `solutions` distinct configurations return. `timeout_s` ends the search, best effort, with the best so far.

    Raises ValueError where a parameter is out of range.
    """
    parameters: Parameters = {
        "sweeps": sweeps,
        "restarts": restarts,
        "beta_start": beta_start,
        "beta_stop": beta_stop,
    }
    _check(sweeps, restarts, beta_start, beta_stop)
    watch = Watch(control, timeout_s, sweeps * restarts)
    run = _begin(terms, seed, initial, solutions, watch)
    if terms.n == 0:
        return constant_result(terms, watch, parameters)
    run.anneal(Schedule(sweeps, float(beta_start), float(beta_stop)), restarts)
    return result_of(terms, run.pool, watch, parameters)


def anneal_parameterfree(
    terms: Terms,
    *,
    timeout_s: float = 5.0,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
) -> Result:
    """Minimise `terms` with parameters found on the way, until `timeout_s` or until the evidence suffices.

    Betas come from the cost changes met at random states and in a local minimum. Rounds of 8 restarts follow, with
    twice the sweeps as long as that lowers the mean or the best. The run converges when independent restarts keep
    meeting the same best (`evidence.Evidence`). `parameters` of the result holds the sweeps and betas of the round that
    found the best, and the number of restarts made, ready for `anneal`.

    Raises ValueError where a parameter is out of range.
    """
    watch = Watch(control, timeout_s)
    run = _begin(terms, seed, initial, solutions, watch)
    if terms.n == 0:
        return constant_result(terms, watch, {"sweeps": 1, "restarts": 1, "beta_start": 1.0, "beta_stop": 2.0})
    beta_start, beta_stop = beta_range(run.landscape, run.seed, run.initial)
    sweeps = _search(run, beta_start, beta_stop)
    restarts = max(run.restarts, 1)
    chosen: Parameters = {
        "sweeps": sweeps,
        "restarts": restarts,
        "beta_start": beta_start,
        "beta_stop": beta_stop,
    }
    return result_of(terms, run.pool, watch, chosen)


def _begin(terms: Terms, seed: int, initial: Int8s | None, solutions: int, watch: Watch) -> AnnealingRun:
    return AnnealingRun(landscape_of(terms), seed_array(seed), spins_of(terms, initial), Pool(solutions), watch)


def _check(sweeps: int, restarts: int, beta_start: float, beta_stop: float) -> None:
    if sweeps < 1 or restarts < 1:
        msg = f"sweeps and restarts must be at least 1, not {sweeps} and {restarts}"
        raise ValueError(msg)
    if not (0 <= beta_start < math.inf and 0 <= beta_stop < math.inf):
        msg = f"betas must be finite and not negative, not {beta_start} and {beta_stop}"
        raise ValueError(msg)


def _search(run: AnnealingRun, beta_start: float, beta_stop: float) -> int:
    """Run rounds until the watch or the evidence ends them; return the sweeps of the round that found the best."""
    evidence = Evidence(run.landscape.n, tolerance=1e-9 / beta_start)
    sweeps, settled, mean = _FIRST_SWEEPS, _FIRST_SWEEPS, math.inf
    # The first round is one restart: it measures the pace.
    restarts = 1
    while restarts > 0:
        best_before = run.best
        energies = run.anneal(Schedule(sweeps, beta_start, beta_stop), restarts, fraction_end=0.0)
        if run.best < best_before:
            settled = sweeps
        if evidence.suffices(energies, sweeps) or not run.watch.goes_on():
            break
        round_mean = float(energies.mean())
        if round_mean < mean or run.best < best_before:
            sweeps *= 2
        mean = min(mean, round_mean)
        sweeps, restarts = _next_round(sweeps, run.watch.elapsed_s / run.sweeps_done, run.watch.left_s)
    return settled


def _next_round(sweeps: int, pace_s: float, left_s: float) -> tuple[int, int]:
    """Return sweeps and restarts that fit into the time left at `pace_s` a sweep; (_, 0) when none is worth it."""
    affordable = _PACE_MARGIN * left_s / pace_s
    if affordable >= sweeps:
        return sweeps, int(min(_ROUND_RESTARTS, affordable // sweeps))
    return max(int(affordable), 1), int(affordable >= _LAST_ROUND_SHARE * sweeps)
