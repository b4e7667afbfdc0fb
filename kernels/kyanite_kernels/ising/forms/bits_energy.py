"""Energies of the bit-sliced form, by carry-save counting over the couplings.

With y and c_i of `bits_rows`, over the neighbours with a higher number, s_i (h_i - A_i + 2 c_i) is twice a count less
a constant: the count itself where s_i is +1, its complement where it is -1. Their sum over i is one number a lane.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kyanite_kernels.ising.forms.bits_layout import FLUSH, LANES, Bits, BitsState
from kyanite_kernels.ising.forms.bits_logic import PLANES, WIDTH, Uint64s, add_matching, add_rows, add_to, bare
from kyanite_kernels.ising.forms.bits_rows import count_row
from kyanite_kernels.ising.terms import Float64s
from kyanite_kernels.simd import add, both, broadcast, load, mask_of, mul, select, store, sub

_EIGHT: Final = 8
_NONE = np.uint64(0)


@bare
def measure_bits(form: Bits, state: BitsState, energies: Float64s) -> None:
    """Write the energy of each lane into `energies`, float64[B]."""
    digits = PLANES
    while form.n >> (digits - PLANES):
        digits += 1
    for chunk in range(state.spins.shape[0]):
        _sum_up(form, state, chunk, digits)
        for word in range(WIDTH):
            first = (chunk * WIDTH + word) * LANES
            if first < energies.size:
                _read_out(form, state.sums, digits, word, energies, first)


@bare
def _sum_up(form: Bits, state: BitsState, chunk: int, digits: int) -> None:
    """Add the counts of all rows: the low digits in registers, what they carry in `sums`, a batch at a time."""
    spins, later = state.spins, form.later
    origin = chunk * form.size * WIDTH
    state.sums[:] = _NONE
    zero = broadcast(_NONE, np.uint64, WIDTH)
    low = (zero, zero, zero, zero, zero, zero, zero, zero)
    for begin in range(0, form.n, FLUSH):
        end = min(begin + FLUSH, form.n)
        state.carries[end - begin :] = _NONE
        for i in range(begin, end):
            spin = load(spins, origin + i * WIDTH, WIDTH)
            count = count_row(later, form.places, spins, origin, i)
            flag = broadcast(later.constant[later.constant_of[i], PLANES], np.uint64, WIDTH)
            low, carry = add_matching(low, count, spin, both(flag, spin))
            store(state.carries, (i - begin) * WIDTH, carry)
        number = (zero, zero, zero, zero, zero, zero, zero, zero)
        for group in range(FLUSH // _EIGHT):
            number = add_rows(number, 0, state.carries, 0, form.steps, group * _EIGHT, _EIGHT)
        add_to(state.sums, PLANES, digits, number)
    for k, vector in enumerate(low):
        store(state.sums, k * WIDTH, vector)


@bare
def _read_out(form: Bits, sums: Uint64s, digits: int, word: int, energies: Float64s, first: int) -> None:
    """Write the energies of one word's lanes, from the digits of their sums, into `energies` from `first` on."""
    zero = broadcast(0.0, np.float64, _EIGHT)
    unit, base = broadcast(form.unit, np.float64, _EIGHT), broadcast(form.base, np.float64, _EIGHT)
    constant = broadcast(form.constant, np.float64, _EIGHT)
    for lane in range(0, LANES, _EIGHT):
        total = zero
        for digit in range(digits):
            is_set = mask_of(sums[digit, word] >> np.uint64(lane), _EIGHT)
            worth = broadcast(np.int64(1) << digit, np.float64, _EIGHT)
            total = add(total, select(is_set, worth, zero))
        store(energies, first + lane, add(constant, mul(unit, sub(total, base))))
