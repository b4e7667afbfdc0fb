"""The layouts in which tabu search keeps a cost function, and the flip of a variable in each.

All keep one cached field a variable, as everywhere here: a flip of i changes the cost by `-sigma_i * field_i`. Fields
are whole multiples of a unit where the weights allow it: then int16 or int32, by an exact bound, else float64. Fields
and weights of a form have one type, and `unit` is what 1 means.

Every walk begins at the state of all variables down, whose fields and cost belong to the form, and flips from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.ising.arrays import polynomial_of, quadratic_of
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.tabu_scan import WORD
from kyanite_kernels.ising.terms import Float64s, Int32s, Int64s, Terms

if TYPE_CHECKING:
    from kyanite_kernels.ising.arrays import Polynomial, Quadratic

Numbers: TypeAlias = NDArray[Any]
"""int16, int32 or float64: the type of one form's fields and weights."""
UInt64s: TypeAlias = NDArray[np.uint64]

DENSE: Final = 0
SPARSE: Final = 1
INCIDENCE: Final = 2
BLOCKS_MAX: Final = 64

_QUADRATIC_DEGREE: Final = 2
_DENSITY_MIN: Final = 0.08
_DENSE_BYTES_MAX: Final = 1 << 28
_BLOCK_WORDS_MIN: Final = 8
_DIGITS: Final = 53
_TOLERANCE: Final = 1e-12


class Form(NamedTuple):
    """A cost function of n variables, in `words` words of 64 and blocks of `block_words` words: one of three layouts.

    `base` holds the fields of the state of all down, shape [64 * words], beyond n the highest number there is; `cost`
    is that state's cost in the units of the terms. Changes of the cost within `tolerance` (in units) are rounding, not
    progress; 0 for whole numbers. Bit b of `touched[i]` tells that a flip of i changes fields of block b.

    The step of a row, i to j, is by how much the field of j rises when i goes up. `dense`: `row_step` has all rows in
    full, one after another. `sparse`: rows name their variables. Else by incidence: terms of any degree, never reduced,
    and squared groups, never expanded. A term's tally is, for spins, the product of its spins; for 0/1 variables, the
    number of its zeros. A group's step from i to j is `share_up_i * group_step_j`.
    """

    n: int
    words: int
    block_words: int
    cost: float
    unit: float
    tolerance: float
    layout: int
    of_spins: bool
    base: Numbers
    touched: UInt64s
    row_start: Int64s
    row_variable: Int32s
    row_step: Numbers
    term_start: Int64s
    term_variable: Int32s
    term_step: Numbers
    term_tally: Int32s
    member_start: Int64s
    member_term: Int32s
    group_start: Int64s
    group_variable: Int32s
    group_step: Numbers
    share_start: Int64s
    share_group: Int32s
    share_up: Numbers


def form_of(terms: Terms) -> Form:
    """Choose the layout for `terms` (of at least one variable): dense or sparse where quadratic, else by incidence."""
    if terms.group_scale.size or terms.degree > _QUADRATIC_DEGREE:
        return incidence_of(terms)
    return quadratic_form_of(terms, quadratic_of(terms))


def quadratic_form_of(terms: Terms, quadratic: Quadratic) -> Form:
    """Lay out `quadratic`, which is that of `terms`, densely where that is the faster way, else sparsely."""
    n, degree = terms.n, np.diff(quadratic.row_start)
    owner = np.repeat(np.arange(n), degree)
    base = quadratic.bias - _totals(owner, quadratic.row_weight, n)
    reach = np.abs(quadratic.bias) + _totals(owner, np.abs(quadratic.row_weight), n)
    step = 2 * quadratic.row_weight
    scale = _scale_of(np.concatenate([base, step]), max(reach.max(), np.abs(step).max(initial=0.0)))
    step = scale.apply(step)
    is_dense = owner.size >= _DENSITY_MIN * n * n and n * n * step.itemsize <= _DENSE_BYTES_MAX
    form = _empty_form(terms, base, scale, n if is_dense else int(degree.max()))
    if is_dense:
        rows = np.zeros((n, WORD * form.words), dtype=step.dtype)
        rows[owner, quadratic.row_variable] = step
        return form._replace(layout=DENSE, row_step=rows.ravel())
    touched = np.zeros(n, dtype=np.uint64)
    np.bitwise_or.at(touched, owner, _block_bits(form, quadratic.row_variable))
    return form._replace(
        layout=SPARSE,
        touched=touched,
        row_start=quadratic.row_start,
        row_variable=quadratic.row_variable,
        row_step=step,
    )


def incidence_of(terms: Terms) -> Form:
    """Lay out `terms` of any kind by incidence; with groups, in float64."""
    polynomial, n = polynomial_of(terms), terms.n
    degree = np.diff(polynomial.term_start)
    term, variable = np.repeat(np.arange(degree.size), degree), polynomial.term_variable
    groups = _groups_of(polynomial)
    step = (2.0 if polynomial.of_spins else 1.0) * polynomial.weight
    base, reach = polynomial.bias + groups.base, np.abs(polynomial.bias) + groups.reach
    reach += _totals(variable, np.abs(polynomial.weight)[term], n)
    if polynomial.of_spins:
        base += _totals(variable, ((1 - 2 * ((degree - 1) % 2)) * polynomial.weight)[term], n)
    rank_one = unit_of(groups.step) * unit_of(2 * groups.weight)
    values = np.concatenate([base, step, np.full(min(groups.owner.size, 1), rank_one)])
    scale = _scale_of(values, max(reach.max(), np.abs(step).max(initial=0.0)), whole=groups.owner.size > 0)
    partners = n if groups.owner.size else int(np.diff(polynomial.member_start).max())
    form = _empty_form(terms, base, scale, partners)
    return form._replace(
        layout=INCIDENCE,
        of_spins=polynomial.of_spins,
        touched=_touched(form, polynomial, term, groups),
        term_start=polynomial.term_start,
        term_variable=variable,
        term_step=scale.apply(step),
        term_tally=(1 - 2 * (degree % 2) if polynomial.of_spins else degree).astype(np.int32),
        member_start=polynomial.member_start,
        member_term=polynomial.member_term,
        group_start=groups.start,
        group_variable=groups.variable,
        group_step=groups.step.astype(scale.dtype),
        share_start=polynomial.share_start,
        share_group=polynomial.share_group,
        share_up=(2 * polynomial.share_weight).astype(scale.dtype),
    )


class _Scale(NamedTuple):
    """How numbers of the terms become numbers of a form; `exact` if sums of them do not round."""

    unit: float
    dtype: np.dtype[Any]
    tolerance: float

    def apply(self, values: Float64s) -> Numbers:
        return (values / self.unit).astype(self.dtype)


def _scale_of(values: Float64s, reach: float, *, whole: bool = False) -> _Scale:
    """Choose unit and type for `values` whose sums stay within `reach`; with `whole`, float64 in units of the terms."""
    unit = unit_of(values)
    if unit == 0 or reach >= unit * 2.0**_DIGITS:
        return _Scale(1.0, np.dtype(np.float64), _TOLERANCE * reach)
    if whole:
        return _Scale(1.0, np.dtype(np.float64), 0.0)
    fitting = (np.dtype(each) for each in (np.int16, np.int32) if reach < unit * np.iinfo(each).max)
    return _Scale(unit, next(fitting, np.dtype(np.float64)), 0.0)


def unit_of(values: Float64s) -> float:
    """Return the greatest unit of which all `values` are whole multiples below 2^53; 0.0 if there is none."""
    nonzero = values[values != 0]
    if nonzero.size == 0:
        return 1.0
    if np.abs(nonzero).max() < 2.0**_DIGITS and (nonzero == np.rint(nonzero)).all():
        return float(np.gcd.reduce(nonzero.astype(np.int64)))
    mantissa, exponent = np.frexp(nonzero)
    whole = np.ldexp(mantissa, _DIGITS).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    lowest = int((exponent - _DIGITS + zeros).min())
    if int(exponent.max()) - lowest > _DIGITS:
        return 0.0
    return float(np.ldexp(float(np.gcd.reduce(np.ldexp(nonzero, -lowest).astype(np.int64))), lowest))


class _Groups(NamedTuple):
    """The shares of a polynomial's groups, by group, and what they add to fields and bounds, by variable."""

    owner: Int64s
    start: Int64s
    variable: Int32s
    weight: Float64s
    step: Float64s
    base: Float64s
    reach: Float64s


def _groups_of(polynomial: Polynomial) -> _Groups:
    n, count = polynomial.bias.size, polynomial.group_scale.size
    order = np.argsort(polynomial.share_group, kind="stable")
    owner, weight = polynomial.share_group[order].astype(np.int64), polynomial.share_weight[order]
    variable = np.repeat(np.arange(n, dtype=np.int32), np.diff(polynomial.share_start))[order]
    start = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=count), out=start[1:])
    step = 4 * polynomial.group_scale[owner] * weight
    # The field of a member is its step times the sum over the others.
    sums = polynomial.group_offset - _totals(owner, weight, count)
    widest = np.abs(polynomial.group_offset) + _totals(owner, np.abs(weight), count)
    base = _totals(variable, step * (sums[owner] + weight), n)
    return _Groups(owner, start, variable, weight, step, base, _totals(variable, np.abs(step) * widest[owner], n))


def _totals(index: Int32s | Int64s, values: Float64s, size: int) -> Float64s:
    # Of nothing, numpy's weighted bincount is int64.
    return np.bincount(index, values, minlength=size).astype(np.float64, copy=False)


def _empty_form(terms: Terms, base: Float64s, scale: _Scale, partners: int) -> Form:
    """Make the form of no steps, for flips that touch at most `partners` others."""
    n, words = terms.n, -(-terms.n // WORD)
    numbers, whole, places = np.zeros(0, dtype=scale.dtype), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32)
    fields = np.full(words * WORD, np.inf if scale.dtype.kind == "f" else np.iinfo(scale.dtype).max, dtype=scale.dtype)
    fields[:n] = scale.apply(base)
    down = np.full((1, n), -1 if terms.kind == "ising" else 0, dtype=np.int8)
    blocks = min(BLOCKS_MAX, words // _BLOCK_WORDS_MIN)
    # A block that most flips touch costs more than it spares.
    blocks = blocks if blocks > 2 * (partners + 1) else 1
    return Form(
        n=n,
        words=words,
        block_words=-(-words // blocks),
        cost=float(energy(terms, down)[0]),
        unit=scale.unit,
        tolerance=scale.tolerance,
        layout=SPARSE,
        of_spins=True,
        base=fields,
        touched=np.ones(n, dtype=np.uint64),
        row_start=whole,
        row_variable=places,
        row_step=numbers,
        term_start=whole,
        term_variable=places,
        term_step=numbers,
        term_tally=places,
        member_start=whole,
        member_term=places,
        group_start=whole,
        group_variable=places,
        group_step=numbers,
        share_start=whole,
        share_group=places,
        share_up=numbers,
    )


def _block_bits(form: Form, variable: Int32s) -> UInt64s:
    block = variable.astype(np.uint64) // np.uint64(WORD * form.block_words)
    bits: UInt64s = np.left_shift(np.uint64(1), block)
    return bits


def _touched(form: Form, polynomial: Polynomial, term: Int64s, groups: _Groups) -> UInt64s:
    touched = np.zeros(form.n, dtype=np.uint64)
    of_term = np.zeros(polynomial.weight.size, dtype=np.uint64)
    np.bitwise_or.at(of_term, term, _block_bits(form, polynomial.term_variable))
    np.bitwise_or.at(touched, polynomial.term_variable, of_term[term])
    of_group = np.zeros(polynomial.group_scale.size, dtype=np.uint64)
    np.bitwise_or.at(of_group, groups.owner, _block_bits(form, groups.variable))
    np.bitwise_or.at(touched, groups.variable, of_group[groups.owner])
    return touched
