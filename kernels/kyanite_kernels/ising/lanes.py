"""Lanes: independent copies of the state, and what every algorithm does with one of them.

A lane is a row of each array. One job uses one core today; lanes share nothing but the landscape, and their random
streams are keyed by restart or replica, so blocks of lanes can go to threads, or a bit-sliced form can take 64 at once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.polynomial import fields_of_polynomial, gain_polynomial, visit_polynomial
from kyanite_kernels.ising.quadratic import fields_of_quadratic, visit_quadratic
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s
from kyanite_kernels.jit import part
from kyanite_kernels.random_stream import ACCEPTANCE, START, Seed, fill_thresholds, random_bits, stream

UNSET: Final = -128
"""In an initial configuration: this variable is not given and starts at random."""

_BLOCK = 256
_RESYNC_SWEEPS = 512
_SETTLE_ATTEMPTS = 1_000_000
_LOWEST_BIT = np.uint64(1)


class Lanes(NamedTuple):
    """State of L lanes. `tally` and `sums` belong to the polynomial form; `thresholds` is scratch, shared."""

    spins: Int8s
    fields: Float64s
    tally: Int32s
    sums: Float64s
    energy: Float64s
    best_spins: Int8s
    best_energy: Float64s
    thresholds: Float64s


def lanes_of(landscape: Landscape, count: int) -> Lanes:
    """Allocate `count` lanes; `start` fills one."""
    n = landscape.n
    return Lanes(
        spins=np.ones((count, n), dtype=np.int8),
        fields=np.zeros((count, n), dtype=np.float64),
        tally=np.zeros((count, landscape.polynomial.weight.size), dtype=np.int32),
        sums=np.zeros((count, landscape.polynomial.group_scale.size), dtype=np.float64),
        energy=np.full(count, np.inf),
        best_spins=np.ones((count, n), dtype=np.int8),
        best_energy=np.full(count, np.inf),
        thresholds=np.empty(_BLOCK, dtype=np.float64),
    )


@part
def synchronise(landscape: Landscape, lanes: Lanes, lane: int) -> None:
    """Compute a lane's cached fields and energy afresh, so that rounding does not pile up."""
    spins, fields = lanes.spins[lane], lanes.fields[lane]
    if landscape.is_quadratic:
        lanes.energy[lane] = fields_of_quadratic(landscape.quadratic, spins, fields)
    else:
        lanes.energy[lane] = fields_of_polynomial(
            landscape.polynomial, spins, fields, lanes.tally[lane], lanes.sums[lane]
        )


@part
def start(landscape: Landscape, lanes: Lanes, lane: int, seed: Seed, index: int, initial: Int8s) -> None:
    """Set a lane to `initial` (spins, or UNSET), at random where unset, as restart or replica `index`."""
    offset, gamma = stream(seed, index, START)
    for i in range(landscape.n):
        if initial[i] != UNSET:
            lanes.spins[lane, i] = initial[i]
        elif random_bits(offset, gamma, i) & _LOWEST_BIT:
            lanes.spins[lane, i] = 1
        else:
            lanes.spins[lane, i] = -1
    synchronise(landscape, lanes, lane)
    lanes.best_energy[lane] = np.inf
    keep_best(lanes, lane)


@part
def keep_best(lanes: Lanes, lane: int) -> None:
    """Copy a lane's state to its best state if it is lower."""
    if lanes.energy[lane] < lanes.best_energy[lane]:
        lanes.best_energy[lane] = lanes.energy[lane]
        lanes.best_spins[lane, :] = lanes.spins[lane]


@part
def _visit(landscape: Landscape, lanes: Lanes, lane: int, first: int, last: int) -> int:
    spins, fields = lanes.spins[lane], lanes.fields[lane]
    if landscape.is_quadratic:
        fall, flips = visit_quadratic(landscape.quadratic, spins, fields, lanes.thresholds, first, last)
    else:
        fall, flips = visit_polynomial(
            landscape.polynomial, spins, fields, lanes.tally[lane], lanes.sums[lane], lanes.thresholds, first, last
        )
    lanes.energy[lane] -= fall
    return flips


@part
def sweep(
    landscape: Landscape,
    lanes: Lanes,
    lane: int,
    beta: float,
    seed: Seed,
    index: int,
    attempt: int,
    attempts: int,
) -> int:
    """Make at most `attempts` Metropolis attempts from `attempt` on, within its sweep; return the next attempt.

    Attempt a visits variable a mod n in sweep a // n and uses draw a of the lane's stream, wherever slices cut.
    At the end of a sweep the best state is kept, and now and then the caches are computed afresh.
    """
    n = landscape.n
    offset, gamma = stream(seed, index, ACCEPTANCE)
    first = attempt % n
    last = min(n, first + attempts)
    temperature = 1.0 / beta
    for begin in range(first, last, _BLOCK):
        end = min(begin + _BLOCK, last)
        fill_thresholds(lanes.thresholds, end - begin, offset, gamma, attempt - first + begin, temperature)
        _visit(landscape, lanes, lane, begin, end)
    attempt += last - first
    if last == n:
        if (attempt // n) % _RESYNC_SWEEPS == 0:
            synchronise(landscape, lanes, lane)
        keep_best(lanes, lane)
    return attempt


@part
def settle(landscape: Landscape, lanes: Lanes, lane: int) -> None:
    """Return a lane to its best state and let it fall to a local minimum (bounded: about 10 ms)."""
    lanes.spins[lane, :] = lanes.best_spins[lane]
    synchronise(landscape, lanes, lane)
    # Rounding noise must not count as a gain, or two equal states could alternate.
    lanes.thresholds[:] = 1e-12 * np.abs(lanes.fields[lane]).max() + np.finfo(np.float64).tiny
    attempts, flips = 0, 1
    while flips > 0 and attempts < _SETTLE_ATTEMPTS:
        flips = 0
        for begin in range(0, landscape.n, _BLOCK):
            flips += _visit(landscape, lanes, lane, begin, min(begin + _BLOCK, landscape.n))
        attempts += landscape.n
    keep_best(lanes, lane)


@part
def gains(landscape: Landscape, lanes: Lanes, lane: int, out: Float64s) -> None:
    """Write to `out`, shape [n], by how much the cost falls if one variable flips."""
    spins, fields, sums = lanes.spins[lane], lanes.fields[lane], lanes.sums[lane]
    for i in range(landscape.n):
        if landscape.is_quadratic:
            out[i] = spins[i] * fields[i]
        else:
            out[i] = gain_polynomial(landscape.polynomial, spins, fields, sums, i)
