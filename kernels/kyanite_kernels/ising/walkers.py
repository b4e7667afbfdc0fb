"""Walkers of substochastic Monte Carlo: random flips, and resampling of the population by cost.

A flip is never refused, so that no field is cached: a walker is its spins, the tally of its terms (as `polynomial` has
it) and its groups' sums, cheap to copy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.crew import TALLY_BEST, TALLY_SWEEPS
from kyanite_kernels.flags import stopped, tell
from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.lanes import Lanes, start, synchronise
from kyanite_kernels.ising.schedule import Course, value_at
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.random_stream import ACCEPTANCE, EXCHANGE, Seed, random_bits, stream

_BISECTIONS = 12
_RENEW_ROUNDS = 1 << 16
_SHIFT_11, _SHIFT_32 = np.uint64(11), np.uint64(32)
_TO_UNIT = 2.0**-53


class Walkers(NamedTuple):
    """A population of N walkers; the best state met by each place. `offspring`, int64[N], is scratch."""

    spins: Int8s
    tally: Int32s
    sums: Float64s
    energy: Float64s
    best_spins: Int8s
    best_energy: Float64s
    offspring: Int64s


def walkers_of(landscape: Landscape, count: int) -> Walkers:
    """Allocate `count` walkers; `walk` starts them."""
    return Walkers(
        spins=np.ones((count, landscape.n), dtype=np.int8),
        tally=np.zeros((count, landscape.polynomial.weight.size), dtype=np.int32),
        sums=np.zeros((count, landscape.polynomial.group_scale.size), dtype=np.float64),
        energy=np.full(count, np.inf),
        best_spins=np.ones((count, landscape.n), dtype=np.int8),
        best_energy=np.full(count, np.inf),
        offspring=np.zeros(count, dtype=np.int64),
    )


class Walk(NamedTuple):
    """What a population does: flips with chance `alpha` a step, resampled every `period` steps with strength `beta`.

    `alpha` has one point a step, `beta` one a resampling.
    """

    alpha: Course
    beta: Course
    period: int


@part
def _fall(landscape: Landscape, walkers: Walkers, w: int, i: np.int64) -> float:
    """Return by how much walker `w`'s cost falls if its variable `i` flips."""
    spins, quadratic, polynomial = walkers.spins, landscape.quadratic, landscape.polynomial
    if landscape.is_quadratic:
        field = quadratic.bias[i]
        for a in range(quadratic.row_start[i], quadratic.row_start[i + 1]):
            field += quadratic.row_weight[a] * spins[w, quadratic.row_variable[a]]
        return float(spins[w, i] * field)
    gain = spins[w, i] * polynomial.bias[i]
    own = np.int32(spins[w, i] < 0)
    for m in range(polynomial.member_start[i], polynomial.member_start[i + 1]):
        t = polynomial.member_term[m]
        if polynomial.of_spins:
            gain += polynomial.weight[t] * walkers.tally[w, t]
        elif walkers.tally[w, t] == own:
            gain += polynomial.weight[t] * spins[w, i]
    for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
        g = polynomial.share_group[a]
        change = -2.0 * spins[w, i] * polynomial.share_weight[a]
        gain -= polynomial.group_scale[g] * change * (2.0 * walkers.sums[w, g] + change)
    return float(gain)


@part
def _step(landscape: Landscape, walkers: Walkers, w: int, i: np.int64) -> None:
    """Flip variable `i` of walker `w`."""
    walkers.energy[w] -= _fall(landscape, walkers, w, i)
    walkers.spins[w, i] = -walkers.spins[w, i]
    if landscape.is_quadratic:
        return
    polynomial, turned = landscape.polynomial, np.int32(walkers.spins[w, i])
    for m in range(polynomial.member_start[i], polynomial.member_start[i + 1]):
        t = polynomial.member_term[m]
        if polynomial.of_spins:
            walkers.tally[w, t] = -walkers.tally[w, t]
        else:
            walkers.tally[w, t] -= turned
    for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
        walkers.sums[w, polynomial.share_group[a]] += 2.0 * walkers.spins[w, i] * polynomial.share_weight[a]


@part
def _copy(walkers: Walkers, source: int, target: int) -> None:
    walkers.spins[target, :] = walkers.spins[source]
    walkers.tally[target, :] = walkers.tally[source]
    walkers.sums[target, :] = walkers.sums[source]
    walkers.energy[target] = walkers.energy[source]


@part
def _level(energy: Float64s, beta: float) -> float:
    """Return the cost at which deaths and births balance: the mean, or where `beta` saturates, the median."""
    low, high = energy.min(), energy.max()
    for _ in range(_BISECTIONS):
        middle = 0.5 * low + 0.5 * high
        excess = 0.0
        for w in range(energy.size):
            excess += min(max(beta * (energy[w] - middle), -1.0), 1.0)
        if excess > 0.0:
            low = middle
        else:
            high = middle
    return float(0.5 * low + 0.5 * high)


@part
def resample(walkers: Walkers, beta: float, u: float) -> None:
    """Let each walker die or double with chance `beta` times its cost above or below the level, at most 1.

    `u`, uniform in [0, 1), decides for all (systematic resampling): the number of walkers stays, and each leaves the
    whole number next below or above its expected offspring.
    """
    energy, offspring, count = walkers.energy, walkers.offspring, walkers.energy.size
    level, total = _level(energy, beta), 0.0
    for w in range(count):
        total += 1.0 - min(max(beta * (energy[w] - level), -1.0), 1.0)
    reached, before = 0.0, np.int64(0)
    for w in range(count):
        reached += 1.0 - min(max(beta * (energy[w] - level), -1.0), 1.0)
        after = np.int64(np.floor(reached / total * count + u)) if w < count - 1 else np.int64(count)
        offspring[w], before = after - before, after
    free = 0
    for w in range(count):
        while offspring[w] > 1:
            while offspring[free] != 0:
                free += 1
            _copy(walkers, w, free)
            offspring[free] = 1
            offspring[w] -= 1


@part
def _keep_best_walkers(walkers: Walkers) -> None:
    for w in range(walkers.energy.size):
        if walkers.energy[w] < walkers.best_energy[w]:
            walkers.best_energy[w] = walkers.energy[w]
            walkers.best_spins[w, :] = walkers.spins[w]


@part
def _put(walkers: Walkers, lanes: Lanes, w: int) -> None:
    walkers.spins[w, :] = lanes.spins[0]
    walkers.tally[w, :] = lanes.tally[0]
    walkers.sums[w, :] = lanes.sums[0]
    walkers.energy[w] = lanes.energy[0]


@part
def _renew(landscape: Landscape, walkers: Walkers, lanes: Lanes, control: Control) -> None:
    """Compute costs, tallies and sums afresh by way of lane 0, so that rounding does not pile up."""
    for w in range(walkers.energy.size):
        if stopped(control):
            return
        lanes.spins[0, :] = walkers.spins[w]
        synchronise(landscape, lanes, 0)
        _put(walkers, lanes, w)


@part
def _advance(
    landscape: Landscape,
    walkers: Walkers,
    chance: float,
    draws: tuple[np.uint64, np.uint64],
    number: int,
    control: Control,
) -> bool:
    """Let every walker make step `number`: a random variable flips with `chance`. False if stopped on the way."""
    offset, gamma = draws
    count, n = walkers.energy.size, np.uint64(landscape.n)
    for w in range(count):
        counter = 2 * (number * count + w)
        if np.float64(random_bits(offset, gamma, counter) >> _SHIFT_11) * _TO_UNIT < chance:
            if stopped(control):
                return False
            pick = ((random_bits(offset, gamma, counter + 1) >> _SHIFT_32) * n) >> _SHIFT_32
            _step(landscape, walkers, w, np.int64(pick))
    return True


@kernel
def walk(
    landscape: Landscape,
    walkers: Walkers,
    lanes: Lanes,
    plan: Walk,
    seed: Seed,
    index: int,
    initial: Int8s,
    control: Control,
    tally: Float64s,
) -> None:
    """Run population `index` from the start; `lanes` is room for one lane."""
    count, steps = walkers.energy.size, plan.alpha.points
    for w in range(count):
        start(landscape, lanes, 0, seed, index * count + w, initial)
        _put(walkers, lanes, w)
    _keep_best_walkers(walkers)
    draws, (offset, gamma) = stream(seed, index, ACCEPTANCE), stream(seed, index, EXCHANGE)
    for number in range(steps):
        if stopped(control) or not _advance(landscape, walkers, value_at(plan.alpha, number), draws, number, control):
            break
        if (number + 1) % plan.period == 0 or number == steps - 1:
            _keep_best_walkers(walkers)
            resampling = number // plan.period
            u = np.float64(random_bits(offset, gamma, resampling) >> _SHIFT_11) * _TO_UNIT
            resample(walkers, value_at(plan.beta, resampling), u)
            tell(tally, TALLY_SWEEPS, number + 1)
            tell(tally, TALLY_BEST, walkers.best_energy.min())
            if (resampling + 1) % _RENEW_ROUNDS == 0:
                _renew(landscape, walkers, lanes, control)
    _keep_best_walkers(walkers)
    tell(tally, TALLY_BEST, walkers.best_energy.min())
