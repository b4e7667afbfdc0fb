"""Parallel tempering: replicas at fixed temperatures that exchange their places.

Source: K. Hukushima, K. Nemoto, J. Phys. Soc. Jpn. 65 (1996). Neighbours in beta, even and odd pairs in turn, exchange
with probability min(1, exp((b_i - b_j)(E_i - E_j))). The ladder of the parameter-free form equalises the rejection of
exchanges: S. Syed, A. Bouchard-Cote, G. Deligiannidis, A. Doucet, "Non-reversible parallel tempering", J. R. Stat.
Soc. B 84 (2022).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.configurations import Pool, spins_of
from kyanite_kernels.ising.evidence import Evidence
from kyanite_kernels.ising.lanes import lane_bytes
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.temperature_range import beta_range
from kyanite_kernels.ising.tempering_run import TemperingRun
from kyanite_kernels.ising.watch import Watch
from kyanite_kernels.random_stream import seed_array

if TYPE_CHECKING:
    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Float64s, Int8s, Terms

_FIRST_SWEEPS = 32
_FIRST_REPLICAS = 12
_REPLICAS_MAX = 48
_REPLICAS_MIN = 3
_REPLICAS_BYTES = 1 << 29
_ROUNDS_AGREEING = 4
_PACE_MARGIN = 0.9
_LAST_ROUND_SHARE = 0.1


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
) -> Result:
    """Minimise `terms` with one replica at each of `betas`, float64[R] in any order, for `sweeps` sweeps each.

    `initial`, int8[n], is the start of every replica, with `lanes.UNSET` for variables that start at random. At most
    `solutions` distinct configurations return. `timeout_s` ends the search, best effort, with the best so far.

    Raises ValueError where a parameter is out of range.
    """
    given = np.array(betas, dtype=np.float64)
    _check(sweeps, given)
    parameters: Parameters = {"sweeps": sweeps, "replicas": given.size, "all_betas": given.tolist()}
    watch = Watch(control, timeout_s, sweeps)
    run = _begin(terms, seed, initial, solutions, watch)
    if terms.n == 0:
        return constant_result(terms, watch, parameters)
    run.temper(np.sort(given), sweeps)
    return result_of(terms, run.pool, watch, parameters)


def temper_parameterfree(
    terms: Terms,
    *,
    timeout_s: float = 5.0,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
) -> Result:
    """Minimise `terms` with betas found on the way, until `timeout_s` or until the evidence suffices.

    Rounds start afresh with twice the sweeps of the one before; after each, count and spacing of the betas follow from
    the measured exchange rates. The run converges when independent rounds keep meeting the same best. `parameters` of
    the result holds the sweeps and betas of the round that found the best, ready for `temper`.

    Raises ValueError where a parameter is out of range.
    """
    watch = Watch(control, timeout_s)
    run = _begin(terms, seed, initial, solutions, watch)
    if terms.n == 0:
        return constant_result(terms, watch, {"sweeps": 1, "replicas": 1, "all_betas": [1.0]})
    beta_start, beta_stop = beta_range(run.landscape, run.seed, run.initial)
    replicas_max = max(_REPLICAS_MIN, min(_REPLICAS_MAX, _REPLICAS_BYTES // lane_bytes(run.landscape)))
    betas = np.geomspace(beta_start, beta_stop, min(_FIRST_REPLICAS, replicas_max))
    sweeps, betas = _search(run, betas, replicas_max)
    chosen: Parameters = {"sweeps": sweeps, "replicas": betas.size, "all_betas": betas.tolist()}
    return result_of(terms, run.pool, watch, chosen)


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


def _begin(terms: Terms, seed: int, initial: Int8s | None, solutions: int, watch: Watch) -> TemperingRun:
    return TemperingRun(landscape_of(terms), seed_array(seed), spins_of(terms, initial), Pool(solutions), watch)


def _check(sweeps: int, betas: Float64s) -> None:
    if sweeps < 1:
        msg = f"sweeps must be at least 1, not {sweeps}"
        raise ValueError(msg)
    if betas.ndim != 1 or betas.size == 0 or not (np.isfinite(betas) & (betas >= 0)).all():
        msg = "betas must be a list of at least one finite number, none negative"
        raise ValueError(msg)


def _search(run: TemperingRun, betas: Float64s, replicas_max: int) -> tuple[int, Float64s]:
    """Run rounds until the watch or the evidence ends them; return sweeps and betas of the best round."""
    evidence = Evidence(run.landscape.n, tolerance=1e-9 / betas[0], hits_min=_ROUNDS_AGREEING)
    sweeps, settled, steps = _FIRST_SWEEPS, (_FIRST_SWEEPS, betas), 0
    while sweeps > 0:
        best_before = run.best
        found = run.temper(betas, sweeps, fraction_end=0.0)
        steps += sweeps * betas.size
        if run.best < best_before:
            settled = (sweeps, betas)
        if evidence.suffices(np.array([found]), sweeps * betas.size) or not run.watch.goes_on():
            break
        betas = ladder(betas, run.exchange_rates, replicas_max)
        pace_s = run.watch.elapsed_s / steps * betas.size
        sweeps = _next_sweeps(2 * sweeps, pace_s, run.watch.left_s)
    return settled


def _next_sweeps(wanted: int, pace_s: float, left_s: float) -> int:
    """Return how many of the sweeps wanted fit into the time left at `pace_s` a sweep; 0 when too few do."""
    affordable = _PACE_MARGIN * left_s / pace_s
    if affordable >= wanted:
        return wanted
    return int(affordable) if affordable >= _LAST_ROUND_SHARE * wanted else 0
