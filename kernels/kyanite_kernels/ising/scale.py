"""The scale of a cost function: what a flip typically changes."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from kyanite_kernels.ising.changes import changes
from kyanite_kernels.ising.configurations import values_of
from kyanite_kernels.ising.terms import Terms

_PROBES: Final = 8
_SCALE_MIN: Final = 1e-300


def typical_change(terms: Terms) -> float:
    """Return the root mean square cost change of single flips, over a few random states; 1 if all are 0.

    The states are the same at every call. At least 1e-300, so that the inverse exists.
    """
    drawn = np.random.default_rng(0).integers(0, 2, (_PROBES, terms.n), dtype=np.int8)
    found = np.array([changes(terms, values_of(terms.kind, 2 * spins - 1)) for spins in drawn])
    largest = float(np.abs(found).max(initial=0.0))
    if largest == 0.0:
        return 1.0
    return max(math.sqrt(float(np.mean((found / largest) ** 2))) * largest, _SCALE_MIN)
