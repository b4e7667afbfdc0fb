"""The range of inverse temperatures a cost function calls for, from the cost changes it shows."""

from __future__ import annotations

import math

import numpy as np

from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.lanes import Lanes, gains, lanes_of, settle, start
from kyanite_kernels.ising.terms import Float64s, Int8s
from kyanite_kernels.jit import kernel
from kyanite_kernels.random_stream import Seed

_HOT = 0.2
_COLD = math.log(100)
_SMALL_QUANTILE = 0.05
_BETA_MIN, _BETA_MAX = 1e-300, 1e300


@kernel
def _survey(landscape: Landscape, lanes: Lanes, seed: Seed, initial: Int8s, out: Float64s) -> None:
    start(landscape, lanes, 0, seed, 0, initial)
    gains(landscape, lanes, 0, out[0])
    settle(landscape, lanes, 0)
    gains(landscape, lanes, 0, out[1])


def beta_range(landscape: Landscape, seed: Seed, initial: Int8s) -> tuple[float, float]:
    """Return (beta_start, beta_stop): from nearly free flips to nearly none.

    At `beta_start` a typical change at a random state (root mean square) is accepted with probability exp(-0.2); at
    `beta_stop` a small change at a local minimum (5 % quantile of the nonzero ones) with probability 1/100. The
    smallest coefficient would not do: with continuous weights it is far below every change that matters.
    """
    changes = np.zeros((2, landscape.n), dtype=np.float64)
    _survey(landscape, lanes_of(landscape, 1), seed, initial, changes)
    free, bound = (np.abs(row[row != 0]) for row in changes)
    if free.size == 0 and bound.size == 0:
        return 1.0, 2.0
    largest = float(max(free.max(initial=0.0), bound.max(initial=0.0)))
    typical = float(np.sqrt(np.mean((free / largest) ** 2))) * largest if free.size else largest
    # Changes below rounding noise are zeros in disguise.
    felt = bound[bound > 1e-12 * largest]
    small = float(np.quantile(felt, _SMALL_QUANTILE)) if felt.size else largest
    beta_start = min(max(_HOT / typical, _BETA_MIN), _BETA_MAX / 2)
    return beta_start, min(max(_COLD / small, 2 * beta_start), _BETA_MAX)
