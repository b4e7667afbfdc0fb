"""The range of inverse temperatures a cost function calls for, from the cost changes it shows."""

from __future__ import annotations

import math

import numpy as np

from kyanite_kernels.ising.terms import Float64s

_HOT = 0.2
_COLD = math.log(100)
_SMALL_QUANTILE = 0.05
_BETA_MIN, _BETA_MAX = 1e-300, 1e300


def range_of(free: Float64s, bound: Float64s) -> tuple[float, float]:
    """Return (beta_start, beta_stop): from nearly free flips to nearly none.

    `free` and `bound`, float64[n], are the cost changes of single flips at a random state and at a local minimum. At
    `beta_start` a typical free change (root mean square) is accepted with probability exp(-0.2); at `beta_stop` a small
    bound change (5 % quantile of the nonzero ones) with probability 1/100. The smallest coefficient would not do: with
    continuous weights it is far below every change that matters.
    """
    free, bound = (np.abs(changes[changes != 0]) for changes in (free, bound))
    if free.size == 0 and bound.size == 0:
        return 1.0, 2.0
    largest = float(max(free.max(initial=0.0), bound.max(initial=0.0)))
    typical = float(np.sqrt(np.mean((free / largest) ** 2))) * largest if free.size else largest
    # Changes below rounding noise are zeros in disguise.
    felt = bound[bound > 1e-12 * largest]
    small = float(np.quantile(felt, _SMALL_QUANTILE)) if felt.size else largest
    beta_start = min(max(_HOT / typical, _BETA_MIN), _BETA_MAX / 2)
    return beta_start, min(max(_COLD / small, 2 * beta_start), _BETA_MAX)
