"""The two forms in which a cost function is annealed, as named tuples of plain arrays.

Both speak of spins sigma = -1/+1 (for pubo, x = (1 + sigma) / 2) and keep one cached field a variable, scaled so that
flipping variable i changes the cost by `-sigma_i * field_i`, whatever the kind: acceptance is one comparison.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.rows import rows_of
from kyanite_kernels.ising.terms import Float64s, Int32s, Int64s, Terms

_QUADRATIC_DEGREE: Final = 2


class Quadratic(NamedTuple):
    """Degree at most 2 without groups, as Ising: rows of neighbours, merged, symmetric, sorted by variable.

    `field_i = bias_i + sum_j weight_ij sigma_j`, hence bias = 2 h and weight = 2 J. A pubo cost is mapped exactly.
    """

    constant: float
    bias: Float64s
    row_start: Int64s
    row_variable: Int32s
    row_weight: Float64s


class Polynomial(NamedTuple):
    """Any degree, never reduced; squared groups stay groups, never expanded.

    Terms of degree 2 and more are listed both by term and by variable. `weight` is 2 c for spins, c for 0/1 variables,
    and `bias` likewise. Groups are written for spins in both kinds: `scale * (sum_i share_weight_i sigma_i + offset)^2`
    with the scale brought to [2, 8) by powers of four, so that no product overflows before the cost does.
    """

    constant: float
    of_spins: bool
    bias: Float64s
    weight: Float64s
    term_start: Int64s
    term_variable: Int32s
    member_start: Int64s
    member_term: Int32s
    group_scale: Float64s
    group_offset: Float64s
    share_start: Int64s
    share_group: Int32s
    share_weight: Float64s


class Landscape(NamedTuple):
    """What a kernel anneals: n variables in one of the two forms (the other one is empty).

    The seam for further forms: a new form adds its tuple here and its branch in `lanes`.
    """

    n: int
    is_quadratic: bool
    quadratic: Quadratic
    polynomial: Polynomial


def landscape_of(terms: Terms) -> Landscape:
    """Build the form that fits `terms`: quadratic where it can be, else polynomial."""
    if terms.group_scale.size == 0 and terms.degree <= _QUADRATIC_DEGREE:
        return Landscape(terms.n, True, quadratic_of(terms), polynomial_of(Terms(terms.kind, 0)))
    return Landscape(terms.n, False, quadratic_of(Terms(terms.kind, 0)), polynomial_of(terms))


def quadratic_of(terms: Terms) -> Quadratic:
    """Build rows from `terms`. Raises ValueError for groups or a degree above 2."""
    if terms.group_scale.size or terms.degree > _QUADRATIC_DEGREE:
        msg = "only terms of degree 2 and less, without groups, are quadratic"
        raise ValueError(msg)
    degree = np.diff(terms.start)
    first = terms.start[:-1]
    single, double = degree == 1, degree == _QUADRATIC_DEGREE
    h = _totals(terms.variable[first[single]], terms.coefficient[single], terms.n)
    constant = float(terms.coefficient[degree == 0].sum())
    if terms.kind == "pubo":
        i, j = terms.variable[first[double]], terms.variable[first[double] + 1]
        coupling = terms.coefficient[double] / 4
        constant += float(h.sum() / 2 + coupling.sum())
        h = h / 2 + _totals(i, coupling, terms.n) + _totals(j, coupling, terms.n)
    row_start, row_variable, row_weight = rows_of(terms, 0.5 if terms.kind == "pubo" else 2.0)
    return Quadratic(constant, 2 * h, row_start, row_variable, row_weight)


def _totals(index: Int32s, values: Float64s, size: int) -> Float64s:
    # Of nothing, numpy's weighted bincount is int64: another type to numba.
    return np.bincount(index, values, minlength=size).astype(np.float64, copy=False)


def polynomial_of(terms: Terms) -> Polynomial:
    """Build the incidence lists of `terms` at their own degree."""
    of_spins = terms.kind == "ising"
    factor = 2.0 if of_spins else 1.0
    degree = np.diff(terms.start)
    single = degree == 1
    h = _totals(terms.variable[terms.start[:-1][single]], terms.coefficient[single], terms.n)
    kept = (degree >= _QUADRATIC_DEGREE) & (terms.coefficient != 0)
    term_start = np.zeros(int(kept.sum()) + 1, dtype=np.int64)
    np.cumsum(degree[kept], out=term_start[1:])
    term_variable = np.ascontiguousarray(terms.variable[np.repeat(kept, degree)])
    member_start, order = _by_variable(terms.n, term_variable)
    owner = np.repeat(np.arange(term_start.size - 1, dtype=np.int32), np.diff(term_start))
    constant = float(terms.coefficient[degree == 0].sum())
    weight = factor * terms.coefficient[kept]
    scale, offset, share_start, share_group, share_weight = _groups(terms, of_spins=of_spins)
    return Polynomial(
        constant=constant,
        of_spins=of_spins,
        bias=factor * h,
        weight=weight,
        term_start=term_start,
        term_variable=term_variable,
        member_start=member_start,
        member_term=owner[order],
        group_scale=scale,
        group_offset=offset,
        share_start=share_start,
        share_group=share_group,
        share_weight=share_weight,
    )


def _by_variable(n: int, variable: Int32s) -> tuple[Int64s, Int64s]:
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(variable, minlength=n), out=start[1:])
    return start, np.argsort(variable, kind="stable")


def _groups(terms: Terms, *, of_spins: bool) -> tuple[Float64s, Float64s, Int64s, Int32s, Float64s]:
    groups = terms.group_scale.size
    owner = np.repeat(np.arange(groups, dtype=np.int32), np.diff(terms.group_start))
    weight, offset = terms.group_weight, terms.group_offset
    if not of_spins:
        weight = weight / 2
        offset = offset + _totals(owner, weight, groups)
    # frexp gives [0.5, 1) * 2^e; an even exponent moves into the square without rounding.
    half = np.frexp(terms.group_scale)[1] // 2 - 1
    scale = np.ldexp(terms.group_scale, -2 * half)
    share_start, order = _by_variable(terms.n, terms.group_variable)
    share_weight = np.ldexp(weight, half[owner])[order]
    return scale, np.ldexp(offset, half), share_start, owner[order], share_weight
