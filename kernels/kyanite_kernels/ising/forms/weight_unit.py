"""The largest unit of which all weights are integer multiples: it decides which number types are exact."""

from __future__ import annotations

from typing import Final

import numpy as np

from kyanite_kernels.ising.terms import Float64s

_TOLERANCE: Final = 1e-9
"""How far from an integer a multiple may be: decimal weights, such as 0.1 and 0.3, are rounded multiples of 0.1."""


def weight_unit(values: Float64s, largest: float, multiple_max: int) -> float | None:
    """Return the unit of which every value is an integer multiple, at most `multiple_max` in `largest` (1 of zeros).

    Return None if there is no such unit, or a finer one only. A value is a multiple if it is within 1e-9 units of one.
    """
    sizes = np.unique(np.abs(values[values != 0]))
    if sizes.size == 0:
        return 1.0
    unit = _common_divisor(sizes, 0.5 * largest / multiple_max)
    multiples = np.rint(sizes / unit)
    if not (multiples >= 1).all():
        return None
    unit = float(sizes.sum() / multiples.sum())
    is_exact = bool((np.abs(sizes / unit - multiples) <= _TOLERANCE).all())
    return unit if is_exact and largest / unit < multiple_max + 0.5 else None


def _common_divisor(sizes: Float64s, smallest: float) -> float:
    """Euclid's algorithm on all numbers at once, where remainders below `smallest` are rounding errors."""
    divisor = float(sizes[0])
    while True:
        rest = np.abs(sizes - divisor * np.rint(sizes / divisor))
        rest = rest[rest > 1e-3 * smallest]
        if rest.size == 0 or divisor < smallest:
            return divisor
        sizes = np.unique(np.append(rest, divisor))
        divisor = float(sizes[0])
