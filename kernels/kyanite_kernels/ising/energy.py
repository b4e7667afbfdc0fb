"""The reported cost: recomputed from the terms as they were given, never from a solver's running value."""

from __future__ import annotations

import numpy as np

from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s, Terms
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.simd import add, broadcast, convert, load, mul, store, sub

_TOGETHER = 8


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
    # Several states at a time: each sum waits for itself at every step, and the terms are read once for all of them.
    columns = np.ones((max(states.shape[1], 1), _TOGETHER), dtype=np.int8)
    highs, lows = np.empty(_TOGETHER), np.empty(_TOGETHER)
    zero = broadcast(0.0, np.float64, _TOGETHER)
    for first in range(0, states.shape[0], _TOGETHER):
        count = min(_TOGETHER, states.shape[0] - first)
        for r in range(count):
            for i in range(states.shape[1]):
                columns[i, r] = states[first + r, i]
        high, low = zero, zero
        for t in range(coefficient.size):
            value = broadcast(coefficient[t], np.float64, _TOGETHER)
            for k in range(start[t], start[t + 1]):
                factor = load(columns, np.int64(variable[k]) * _TOGETHER, _TOGETHER)
                value = mul(value, convert(factor, np.float64))
            # As `_add`.
            total = add(high, value)
            shadow = sub(total, high)
            low = add(low, add(sub(high, sub(total, shadow)), sub(value, shadow)))
            high = add(total, low)
            low = sub(low, sub(high, total))
        store(highs, 0, high)
        store(lows, 0, low)
        for r in range(count):
            costs[first + r] = _with_groups(highs[r], lows[r], states[first + r], groups)


@part
def _with_groups(
    high: float, low: float, state: Int8s, groups: tuple[Float64s, Float64s, Int64s, Int32s, Float64s]
) -> float:
    scale, offset, start, variable, weight = groups
    for g in range(scale.size):
        inner, rest = offset[g], 0.0
        for k in range(start[g], start[g + 1]):
            inner, rest = _add(inner, rest, weight[k] * state[variable[k]])
        # This order overflows only if the product itself does.
        high, low = _add(high, low, scale[g] * inner * inner)
    return high
