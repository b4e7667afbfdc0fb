"""World lines: one variable's spins along imaginary time, and their caches.

Slices are contiguous: a cold world line turns as a whole, and a flip adds rows of numbers to rows.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.ising.arrays import Landscape, Polynomial, Quadratic
from kyanite_kernels.ising.lanes import Lanes, synchronise
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s
from kyanite_kernels.jit import part

Bools: TypeAlias = NDArray[np.bool_]


class Worldlines(NamedTuple):
    """n world lines of P spins, and for each slice the caches of `lanes.Lanes`. What follows `best_energy` is scratch.

    `gains`, `turns` (2 sigma where the spin became sigma, 0 elsewhere), `cuts`, `whole` and `lone` have the shape [P].
    """

    spins: Int8s
    fields: Float64s
    tally: Int32s
    sums: Float64s
    energy: Float64s
    best_spins: Int8s
    best_energy: Float64s
    gains: Float64s
    turns: Float64s
    cuts: Bools
    whole: Float64s
    lone: Float64s


def worldlines_of(landscape: Landscape, slices: int) -> Worldlines:
    """Allocate; `spread` fills."""
    n = landscape.n
    return Worldlines(
        spins=np.ones((n, slices), dtype=np.int8),
        fields=np.zeros((n, slices), dtype=np.float64),
        tally=np.zeros((landscape.polynomial.weight.size, slices), dtype=np.int32),
        sums=np.zeros((landscape.polynomial.group_scale.size, slices), dtype=np.float64),
        energy=np.full(slices, np.inf),
        best_spins=np.ones((slices, n), dtype=np.int8),
        best_energy=np.full(slices, np.inf),
        gains=np.zeros(slices, dtype=np.float64),
        turns=np.zeros(slices, dtype=np.float64),
        cuts=np.zeros(slices, dtype=np.bool_),
        whole=np.zeros(slices, dtype=np.float64),
        lone=np.zeros(slices, dtype=np.float64),
    )


@part
def spread(lines: Worldlines, lanes: Lanes, k: int) -> None:
    """Make slice `k` the state of lane 0."""
    lines.spins[:, k] = lanes.spins[0]
    lines.fields[:, k] = lanes.fields[0]
    lines.tally[:, k] = lanes.tally[0]
    lines.sums[:, k] = lanes.sums[0]
    lines.energy[k] = lanes.energy[0]


@part
def renew(landscape: Landscape, lines: Worldlines, lanes: Lanes) -> None:
    """Compute all caches afresh by way of lane 0, so that rounding does not pile up."""
    for k in range(lines.energy.size):
        lanes.spins[0, :] = lines.spins[:, k]
        synchronise(landscape, lanes, 0)
        spread(lines, lanes, k)


@part
def keep_best_slices(lines: Worldlines) -> None:
    """Copy each slice that is lower than ever to its best."""
    for k in range(lines.energy.size):
        if lines.energy[k] < lines.best_energy[k]:
            lines.best_energy[k] = lines.energy[k]
            lines.best_spins[k, :] = lines.spins[:, k]


@part
def weigh(landscape: Landscape, lines: Worldlines, i: int) -> None:
    """Note in `gains` by how much each slice's cost falls if its spin of variable `i` flips."""
    spins, gains, sums, polynomial = lines.spins, lines.gains, lines.sums, landscape.polynomial
    for k in range(gains.size):
        gains[k] = spins[i, k] * lines.fields[i, k]
    if landscape.is_quadratic:
        return
    for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
        g, weight = polynomial.share_group[a], -2.0 * polynomial.share_weight[a]
        scale = polynomial.group_scale[g]
        for k in range(gains.size):
            change = weight * spins[i, k]
            gains[k] -= scale * change * (2.0 * sums[g, k] + change)


@part
def turn(landscape: Landscape, lines: Worldlines, i: int) -> None:
    """Flip variable `i` in the slices where `turns` is 1 (elsewhere 0) and whose `gains` are noted."""
    spins, turns = lines.spins, lines.turns
    for k in range(turns.size):
        lines.energy[k] -= turns[k] * lines.gains[k]
        turns[k] *= -2.0 * spins[i, k]
        spins[i, k] += np.int8(turns[k])
    if landscape.is_quadratic:
        _add_rows(landscape.quadratic, lines.fields, turns, i)
        return
    polynomial = landscape.polynomial
    for m in range(polynomial.member_start[i], polynomial.member_start[i + 1]):
        if polynomial.of_spins:
            _turn_in_spin_term(polynomial, lines, i, polynomial.member_term[m])
        else:
            _turn_in_binary_term(polynomial, lines, i, polynomial.member_term[m])
    for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
        g, weight = polynomial.share_group[a], polynomial.share_weight[a]
        for k in range(turns.size):
            lines.sums[g, k] += weight * turns[k]


@part
def _add_rows(quadratic: Quadratic, fields: Float64s, turns: Float64s, i: int) -> None:
    # Indexed in full, here and below: a view of a row would be counted, by atomics, at each neighbour.
    for a in range(quadratic.row_start[i], quadratic.row_start[i + 1]):
        j, weight = quadratic.row_variable[a], quadratic.row_weight[a]
        for k in range(turns.size):
            fields[j, k] += weight * turns[k]


@part
def _turn_in_spin_term(polynomial: Polynomial, lines: Worldlines, i: int, t: int) -> None:
    spins, fields, tally, turns, whole = lines.spins, lines.fields, lines.tally, lines.turns, lines.whole
    weight = 2.0 * polynomial.weight[t]
    for k in range(turns.size):
        whole[k] = 0.0
        if turns[k] != 0.0:
            tally[t, k] = -tally[t, k]
            whole[k] = weight * tally[t, k]
    for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
        j = polynomial.term_variable[a]
        if j != i:
            for k in range(turns.size):
                fields[j, k] += whole[k] * spins[j, k]


@part
def _turn_in_binary_term(polynomial: Polynomial, lines: Worldlines, i: int, t: int) -> None:
    # Zeros among the partners: none, and all their fields see the term; one, and only that partner's does.
    spins, fields, tally, turns = lines.spins, lines.fields, lines.tally, lines.turns
    whole, lone = lines.whole, lines.lone
    for k in range(turns.size):
        turned = np.int32(0.5 * turns[k])
        partners = tally[t, k] - np.int32(turned > 0)
        tally[t, k] -= turned
        change = turned * polynomial.weight[t]
        whole[k] = change if partners == 0 else 0.0
        lone[k] = change if partners == 1 else 0.0
    for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
        j = polynomial.term_variable[a]
        if j != i:
            for k in range(turns.size):
                fields[j, k] += whole[k] + (lone[k] if spins[j, k] < 0 else 0.0)
