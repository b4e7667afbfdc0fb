"""Metropolis on the polynomial form: terms of any degree through cached fields, groups through cached sums.

A term costs its degree at each flip and nothing at an attempt. A group is the other way round: its share of the change
is computed at the attempt from the cached sum, so that one group over all variables costs one addition a flip.

`tally[t]` is, for spins, the product of the term's spins; for 0/1 variables, the number of its zeros.
"""

from __future__ import annotations

import numpy as np

from kyanite_kernels.ising.arrays import Polynomial
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s
from kyanite_kernels.jit import part


@part
def fields_of_polynomial(
    polynomial: Polynomial, spins: Int8s, fields: Float64s, tally: Int32s, sums: Float64s
) -> float:
    """Compute `fields`, `tally` and `sums` afresh from `spins` and return the energy, constants included."""
    energy = polynomial.constant
    for i in range(spins.size):
        fields[i] = polynomial.bias[i]
        if polynomial.of_spins:
            energy += 0.5 * polynomial.bias[i] * spins[i]
        elif spins[i] > 0:
            energy += polynomial.bias[i]
    if polynomial.of_spins:
        energy += _spin_terms(polynomial, spins, fields, tally)
    else:
        energy += _binary_terms(polynomial, spins, fields, tally)
    return energy + _group_sums(polynomial, spins, sums)


@part
def _spin_terms(polynomial: Polynomial, spins: Int8s, fields: Float64s, tally: Int32s) -> float:
    energy = 0.0
    for t in range(tally.size):
        product = np.int32(1)
        for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
            product *= np.int32(spins[polynomial.term_variable[a]])
        tally[t] = product
        value = polynomial.weight[t] * product
        for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
            j = polynomial.term_variable[a]
            fields[j] += value * spins[j]
        energy += 0.5 * value
    return energy


@part
def _binary_terms(polynomial: Polynomial, spins: Int8s, fields: Float64s, tally: Int32s) -> float:
    energy = 0.0
    for t in range(tally.size):
        zeros = np.int32(0)
        for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
            zeros += np.int32(spins[polynomial.term_variable[a]] < 0)
        tally[t] = zeros
        if zeros == 0:
            energy += polynomial.weight[t]
        for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
            j = polynomial.term_variable[a]
            if zeros - np.int32(spins[j] < 0) == 0:
                fields[j] += polynomial.weight[t]
    return energy


@part
def _group_sums(polynomial: Polynomial, spins: Int8s, sums: Float64s) -> float:
    sums[:] = polynomial.group_offset
    for i in range(spins.size):
        for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
            sums[polynomial.share_group[a]] += polynomial.share_weight[a] * spins[i]
    energy: float = 0.0
    for g in range(sums.size):
        energy += float(polynomial.group_scale[g] * sums[g] * sums[g])
    return energy


@part
def gain_polynomial(polynomial: Polynomial, spins: Int8s, fields: Float64s, sums: Float64s, i: int) -> float:
    """Return by how much the cost falls when variable `i` flips."""
    gain = spins[i] * fields[i]
    for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
        g = polynomial.share_group[a]
        change = -2.0 * spins[i] * polynomial.share_weight[a]
        gain -= polynomial.group_scale[g] * change * (2.0 * sums[g] + change)
    return float(gain)


@part
def flip_polynomial(
    polynomial: Polynomial, spins: Int8s, fields: Float64s, tally: Int32s, sums: Float64s, i: int
) -> None:
    """Flip variable `i` and bring tallies, its partners' fields and its groups' sums up to date."""
    spins[i] = -spins[i]
    own = fields[i]
    for m in range(polynomial.member_start[i], polynomial.member_start[i + 1]):
        t = polynomial.member_term[m]
        if polynomial.of_spins:
            _flip_in_spin_term(polynomial, spins, fields, tally, t)
        else:
            _flip_in_binary_term(polynomial, spins, fields, tally, t, spins[i])
    # A field does not depend on its own variable: restoring it is cheaper than a test a partner.
    fields[i] = own
    for a in range(polynomial.share_start[i], polynomial.share_start[i + 1]):
        sums[polynomial.share_group[a]] += 2.0 * spins[i] * polynomial.share_weight[a]


@part
def _flip_in_spin_term(polynomial: Polynomial, spins: Int8s, fields: Float64s, tally: Int32s, t: int) -> None:
    tally[t] = -tally[t]
    change = 2.0 * polynomial.weight[t] * tally[t]
    for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
        j = polynomial.term_variable[a]
        fields[j] += change * spins[j]


@part
def _flip_in_binary_term(
    polynomial: Polynomial, spins: Int8s, fields: Float64s, tally: Int32s, t: int, turned: int
) -> None:
    # Zeros among the partners: none, and all their fields see the term; one, and only that partner's does.
    partners = tally[t] - np.int32(turned > 0)
    tally[t] -= np.int32(turned)
    if partners > 1:
        return
    change = turned * polynomial.weight[t]
    for a in range(polynomial.term_start[t], polynomial.term_start[t + 1]):
        j = polynomial.term_variable[a]
        if partners == 0 or spins[j] < 0:
            fields[j] += change


@part
def visit_polynomial(
    polynomial: Polynomial,
    spins: Int8s,
    fields: Float64s,
    tally: Int32s,
    sums: Float64s,
    thresholds: Float64s,
    first: int,
    last: int,
) -> tuple[float, int]:
    """Attempt the variables first..last-1 in order; return (energy gained by falling, number of flips)."""
    fall, flips = 0.0, 0
    for i in range(first, last):
        gain = gain_polynomial(polynomial, spins, fields, sums, i)
        if gain >= thresholds[i - first]:
            fall += gain
            flips += 1
            flip_polynomial(polynomial, spins, fields, tally, sums, i)
    return fall, flips
