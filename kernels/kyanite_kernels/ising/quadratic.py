"""Metropolis on the quadratic form: one lane, cached fields, one comparison an attempt."""

from __future__ import annotations

from kyanite_kernels.ising.arrays import Quadratic
from kyanite_kernels.ising.terms import Float64s, Int8s
from kyanite_kernels.jit import part


@part
def fields_of_quadratic(quadratic: Quadratic, spins: Int8s, fields: Float64s) -> float:
    """Compute `fields` afresh from `spins` and return the energy, constants included."""
    quadruple = 0.0
    for i in range(spins.size):
        field = quadratic.bias[i]
        for a in range(quadratic.row_start[i], quadratic.row_start[i + 1]):
            field += quadratic.row_weight[a] * spins[quadratic.row_variable[a]]
        fields[i] = field
        # Each pair is met from both its ends, with a doubled weight.
        quadruple += spins[i] * (0.25 * field + 0.25 * quadratic.bias[i])
    return quadratic.constant + quadruple


@part
def flip_quadratic(quadratic: Quadratic, spins: Int8s, fields: Float64s, i: int) -> None:
    """Flip variable `i` and bring its neighbours' fields up to date."""
    spins[i] = -spins[i]
    change = 2.0 * spins[i]
    for a in range(quadratic.row_start[i], quadratic.row_start[i + 1]):
        fields[quadratic.row_variable[a]] += change * quadratic.row_weight[a]


@part
def visit_quadratic(
    quadratic: Quadratic, spins: Int8s, fields: Float64s, thresholds: Float64s, first: int, last: int
) -> tuple[float, int]:
    """Attempt the variables first..last-1 in order; return (energy gained by falling, number of flips)."""
    fall, flips = 0.0, 0
    for i in range(first, last):
        gain = spins[i] * fields[i]
        if gain >= thresholds[i - first]:
            fall += gain
            flips += 1
            flip_quadratic(quadratic, spins, fields, i)
    return fall, flips
