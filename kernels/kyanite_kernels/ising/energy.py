"""The reported cost: recomputed from the terms as they were given, never from a solver's running value."""

from __future__ import annotations

import numpy as np

from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s, Terms
from kyanite_kernels.jit import kernel, part


def energy(terms: Terms, states: Int8s) -> Float64s:
    """Return the cost of each of `states`, int8[R, n] with the values of `terms.kind`, as float64[R].

    Sums are carried in double-double arithmetic (twice 53 bits; T. J. Dekker, Numer. Math. 18, 1971, with D. E.
    Knuth's TwoSum), so that the rounded result does not depend on the order of the terms.
    """
    states = np.require(states, dtype=np.int8, requirements=["C", "A", "W"])
    if states.ndim != 2 or states.shape[1] != terms.n:
        msg = f"states must have the shape [R, {terms.n}], not {list(states.shape)}"
        raise ValueError(msg)
    costs = np.empty(states.shape[0], dtype=np.float64)
    _add_terms(terms.coefficient, terms.start, terms.variable, states, costs, _groups(terms))
    return costs


def _groups(terms: Terms) -> tuple[Float64s, Float64s, Int64s, Int32s, Float64s]:
    return terms.group_scale, terms.group_offset, terms.group_start, terms.group_variable, terms.group_weight


@part
def _add(high: float, low: float, value: float) -> tuple[float, float]:
    total = high + value
    shadow = total - high
    low += (high - (total - shadow)) + (value - shadow)
    renormalised = total + low
    return renormalised, low - (renormalised - total)


@kernel
def _add_terms(
    coefficient: Float64s,
    start: Int64s,
    variable: Int32s,
    states: Int8s,
    costs: Float64s,
    groups: tuple[Float64s, Float64s, Int64s, Int32s, Float64s],
) -> None:
    scale, offset, group_start, group_variable, group_weight = groups
    for r in range(states.shape[0]):
        high, low = 0.0, 0.0
        for t in range(coefficient.size):
            product = np.int64(1)
            for k in range(start[t], start[t + 1]):
                product *= np.int64(states[r, variable[k]])
            high, low = _add(high, low, coefficient[t] * product)
        for g in range(scale.size):
            inner, rest = offset[g], 0.0
            for k in range(group_start[g], group_start[g + 1]):
                inner, rest = _add(inner, rest, group_weight[k] * states[r, group_variable[k]])
            # This order overflows only if the product itself does.
            high, low = _add(high, low, scale[g] * inner * inner)
        costs[r] = high
