"""The layout of the bit-sliced form: what fits, and the arrays that its parts work on."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.arrays import quadratic_of
from kyanite_kernels.ising.forms.bits_logic import PLANES, WIDTH, Uint64s
from kyanite_kernels.ising.forms.bits_rows import Digits, Rows, digits_of, reach_of, rows_of
from kyanite_kernels.ising.forms.bits_thresholds import DIGITS, SLOTS, Thresholds, thresholds_of
from kyanite_kernels.ising.terms import Float64s, Int32s, Int64s, Terms

LANES: Final = 64
"""A block holds a multiple of this many lanes; 512 use the machine fully."""
SHARED: Final = 64
"""So many neighbouring lanes share one beta: those of a word."""
FLUSH: Final = 32
"""Rows whose carries are added up together when energies are measured."""

_QUADRATIC: Final = 2
_COUNT_MAX: Final = (1 << PLANES) - 1
_SUM_DIGITS: Final = PLANES + 32
_WORDS_MAX: Final = 2**31
_MANTISSA_BITS: Final = 53
_EXACT_BITS: Final = 62


class Bits(NamedTuple):
    """Couplings and fields as integers, in units of their greatest common divisor."""

    n: int
    unit: float
    """Cost of one step of a threshold: twice the greatest common divisor."""
    constant: float
    places: int
    """Binary places of the largest coupling."""
    opposites: bool
    """Whether a chunk keeps the opposite of each spin too, for negative digits."""
    size: int
    """Rows of a chunk: the spins, their opposites if kept, and one that is 0."""
    rows: Rows
    """All neighbours: counts of a visit. The flag says that a field is odd."""
    later: Rows
    """Neighbours with a higher number: counts of the energy. The flag says that a count is to go up by one."""
    base: float
    """An energy is `constant + unit * (sum of the later counts - base)`."""
    block: Int64s
    """[blocks + 1]: first variable of each block of visits."""
    depth: Int64s
    """[blocks]: thresholds of 2^depth accept whatever the fields of the block are."""
    odd_start: Int64s
    """[blocks + 1]: where a block begins in `odd_slot`."""
    odd_slot: Int64s
    """Places within their blocks of the variables whose fields are odd."""
    slots: Int64s
    """0, 1, ... SLOTS - 1: all places in a block."""
    steps: Int32s
    """0, 8, ... 8 (FLUSH - 1): entries of all carries."""


class BitsState(NamedTuple):
    """B lanes in chunks of 512: lane r is bit r % 64 of word (r // 64) % 8 of chunk r // 512."""

    spins: Uint64s
    """[chunks, size, 8]"""
    thresholds: Thresholds
    betas: Float64s
    """[8]: scratch of `sweep_bits`."""
    sums: Uint64s
    """[digits, 8]: scratch of `measure_bits`."""
    carries: Uint64s
    """[FLUSH, 8]: scratch of `measure_bits`."""


def bits_of(terms: Terms) -> Bits | None:
    """Lay out `terms`, None where they do not fit.

    They fit if they are quadratic without groups, their couplings and fields as spins are whole multiples, exactly in
    double, of one number g, couplings at most 32 g, and each variable's sum of couplings and field at most about 127 g
    (at most 255 g without a field, if all couplings are powers of two).
    """
    if terms.group_scale.size or terms.degree > _QUADRATIC:
        return None
    quadratic = quadratic_of(terms)
    numbers = _whole(np.concatenate([quadratic.row_weight, quadratic.bias]) / 2)
    if numbers is None or (2 * terms.n + 1) * WIDTH >= _WORDS_MAX:
        return None
    divisor, whole = numbers
    i = np.repeat(np.arange(terms.n), np.diff(quadratic.row_start))
    digits = digits_of(i, quadratic.row_variable.astype(np.int64), whole[: i.size])
    if digits is None:
        return None
    field, reach = whole[i.size :], reach_of(terms.n, digits)
    start = (field - reach) >> 1
    highest = max((-start).max(initial=0), (start + reach).max(initial=0) + 1)
    if highest > 1 << DIGITS or (np.abs(field) + reach).max(initial=0) > _COUNT_MAX:
        return None
    return _laid_out(terms.n, divisor, quadratic.constant, digits, field)


def _whole(values: Float64s) -> tuple[float, Int64s] | None:
    """Return the greatest common divisor of doubles and their multiples of it, None if those need over 62 bits."""
    given = values[values != 0]
    if given.size == 0:
        return 1.0, np.zeros(values.size, dtype=np.int64)
    mantissa, exponent = np.frexp(given)
    mantissa = np.ldexp(mantissa, _MANTISSA_BITS).astype(np.int64)
    lowest = int((exponent - _MANTISSA_BITS + np.log2(mantissa & -mantissa).astype(np.int64)).min())
    if exponent.max() - lowest > _EXACT_BITS:
        return None
    whole = np.ldexp(values, -lowest).astype(np.int64)
    divisor = np.gcd.reduce(whole)
    return float(np.ldexp(float(divisor), lowest)), whole // divisor


def _laid_out(n: int, divisor: float, constant: float, digits: Digits, field: Int64s) -> Bits:
    opposites = bool((digits.sign < 0).any())
    size = (2 * n if opposites else n) + 1
    later = Digits(*(column[digits.j > digits.i] for column in digits))
    excess = field - reach_of(n, digits)
    excess_later = field - reach_of(n, later)
    odd, odd_later = (excess & 1) == 1, (excess_later & 1) == 1
    block = np.append(np.arange(0, n, SLOTS), n)
    low = -(excess >> 1)
    # An odd field below zero is rounded down, away from zero.
    need = np.maximum(low, reach_of(n, digits) - low + odd)
    depth = np.ceil(np.log2(np.maximum(np.maximum.reduceat(need, block[:-1]) if n else need, 2))).astype(np.int64)
    odd_variable = np.flatnonzero(odd)
    return Bits(
        n=n,
        unit=2 * divisor,
        constant=constant,
        places=int(digits.place.max(initial=0)) + 1,
        opposites=opposites,
        size=size,
        rows=rows_of(n, digits, excess >> 1, odd, size - 1),
        later=rows_of(n, later, (excess_later + _COUNT_MAX) >> 1, ~odd_later, size - 1),
        base=float(np.where(odd_later, _COUNT_MAX, _COUNT_MAX + 1).sum() / 2),
        block=block,
        depth=depth,
        odd_start=np.searchsorted(odd_variable, block).astype(np.int64),
        odd_slot=odd_variable % SLOTS,
        slots=np.arange(SLOTS),
        steps=np.arange(0, FLUSH * WIDTH, WIDTH, dtype=np.int32),
    )


def bits_state(form: Bits, lanes: int) -> BitsState:
    """Allocate `lanes` lanes, a multiple of `LANES`; `start_bits` fills them."""
    chunks = -(-lanes // (LANES * WIDTH))
    return BitsState(
        spins=_aligned((chunks, form.size, WIDTH)),
        thresholds=thresholds_of(chunks),
        betas=np.zeros(WIDTH, dtype=np.float64),
        sums=_aligned((_SUM_DIGITS, WIDTH)),
        carries=_aligned((FLUSH, WIDTH)),
    )


def _aligned(shape: tuple[int, ...]) -> Uint64s:
    # A vector that crosses a cache line is read twice.
    words = np.zeros(int(np.prod(shape)) + WIDTH - 1, dtype=np.uint64)
    skip = -(words.ctypes.data // words.itemsize) % WIDTH
    return words[skip : skip + int(np.prod(shape))].reshape(shape)
