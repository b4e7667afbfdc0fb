"""What single flips would do, computed from the terms alone: for looking at a problem, not for searching it."""

from __future__ import annotations

import numpy as np

from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s, Terms
from kyanite_kernels.jit import kernel


def changes(terms: Terms, state: Int8s) -> Float64s:
    """Return by how much the cost would change if one variable alone flipped, float64[n].

    `state`, int8[n], holds values of `terms.kind`. Takes one pass over the terms and no incidence lists.
    """
    out = np.zeros(terms.n, dtype=np.float64)
    groups = (terms.group_scale, terms.group_offset, terms.group_start, terms.group_variable, terms.group_weight)
    _changes(terms.coefficient, terms.start, terms.variable, groups, terms.kind == "ising", state, out)
    return out


@kernel
def _changes(
    coefficient: Float64s,
    start: Int64s,
    variable: Int32s,
    groups: tuple[Float64s, Float64s, Int64s, Int32s, Float64s],
    of_spins: bool,  # noqa: FBT001  (kernels take no keywords)
    state: Int8s,
    out: Float64s,
) -> None:
    for t in range(coefficient.size):
        product, zeros = np.int64(1), np.int64(0)
        for a in range(start[t], start[t + 1]):
            product *= np.int64(state[variable[a]])
            zeros += np.int64(state[variable[a]] == 0)
        for a in range(start[t], start[t + 1]):
            i = variable[a]
            if of_spins:
                out[i] -= 2.0 * coefficient[t] * product
            elif zeros == 0:
                out[i] -= coefficient[t]
            elif zeros == 1 and state[i] == 0:
                out[i] += coefficient[t]
    scale, offset, group_start, group_variable, group_weight = groups
    for g in range(scale.size):
        inner = offset[g]
        for a in range(group_start[g], group_start[g + 1]):
            inner += group_weight[a] * state[group_variable[a]]
        for a in range(group_start[g], group_start[g + 1]):
            i = group_variable[a]
            step = group_weight[a] * (-2.0 * state[i] if of_spins else 1.0 - 2.0 * state[i])
            out[i] += scale[g] * step * (2.0 * inner + step)
